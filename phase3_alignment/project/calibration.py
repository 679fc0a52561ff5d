"""How good is a reward model? Its accuracy, whether it knows how sure to be, and what it likes.

Three checks on pairs that it was not trained on. `report(model, ...)` scores them and makes all
three; each also works on plain scores. `draw` makes a picture of the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from phase3_alignment.solution import padding
from phase3_alignment.solution.reward_model import RewardModel
from shared.drawing import BLUE, GREY, write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N_BINS = 10


@dataclass(frozen=True)
class Bin:
    """The pairs in which the model was about equally sure of its favourite.

    Attributes:
        n: how many.
        confidence: mean probability that it gave its favourite, 0.5 to 1.
        accuracy: share of them in which people preferred that one.
    """

    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class LengthBias:
    """Whether a longer answer scores higher because it is longer.

    Within pairs, so that a prompt with long and highly scored answers does not count. A
    correlation is between -1 and 1, and 0 where all lengths or all scores of a pair agree.

    Attributes:
        scores: correlation of score and length.
        labels: correlation of being preferred and length: what the people themselves do.
        longer_is_better: accuracy on the pairs whose longer answer was preferred; None without any.
        longer_is_worse: accuracy on those whose shorter one was. A model that counts words is wrong
            on all of these.
        n_better, n_worse: how many pairs those are.
    """

    scores: float
    labels: float
    longer_is_better: float | None
    longer_is_worse: float | None
    n_better: int
    n_worse: int


@dataclass(frozen=True)
class Report:
    """What is known about a reward model after one pass over held-out pairs.

    Attributes:
        n: pairs.
        accuracy: share of the pairs that it ranks as people did; an equal score counts a half.
        calibration_error: expected calibration error, 0 to 0.5.
        bins: what that is made of.
        length_bias: see there.
    """

    n: int
    accuracy: float
    calibration_error: float
    bins: tuple[Bin, ...]
    length_bias: LengthBias


def right(chosen: Tensor, rejected: Tensor) -> Tensor:
    """Tell which pairs are ranked as people did: (N,) of 1, 0, and 0.5 for equal scores."""
    return ((chosen > rejected).double() + (chosen >= rejected).double()) / 2


def reliability(chosen: Tensor, rejected: Tensor, n_bins: int = N_BINS) -> tuple[Bin, ...]:
    """Sort pairs by how sure the model is, into bins of equal width from 0.5 to 1.

    Args:
        chosen, rejected: (N,) scores in log-odds, as the Bradley-Terry loss makes them; see
            `RewardModel.normalise`.
        n_bins: bins; those without any pair are left out.
    """
    confidence = (chosen.double() - rejected.double()).abs().sigmoid()
    hits = right(chosen, rejected)
    number = ((confidence - 0.5) * 2 * n_bins).long().clamp(max=n_bins - 1)
    found = [number == i for i in range(n_bins)]
    return tuple(
        Bin(int(members.sum()), confidence[members].mean().item(), hits[members].mean().item())
        for members in found
        if members.any()
    )


def calibration_error(bins: Sequence[Bin]) -> float:
    """Mean distance of confidence and accuracy over the pairs, taken bin by bin.

    Guo et al. 2017 (arXiv:1706.04599), equation 3. It is 0 if of all pairs of which the model is
    80 % sure it ranks 80 % right, and so on. A few pairs in many bins make it large by chance.
    """
    return sum(b.n * abs(b.accuracy - b.confidence) for b in bins) / sum(b.n for b in bins)


def length_bias(
    chosen: Tensor, rejected: Tensor, chosen_lengths: Tensor, rejected_lengths: Tensor
) -> LengthBias:
    """Compare scores with lengths, within pairs: (N,) each, lengths of the answers alone."""
    longer = (chosen_lengths - rejected_lengths).double()
    hits = right(chosen, rejected)
    better, worse = hits[longer > 0], hits[longer < 0]
    return LengthBias(
        scores=_correlation(chosen.double() - rejected.double(), longer),
        labels=_correlation(torch.ones_like(longer), longer),
        longer_is_better=better.mean().item() if len(better) else None,
        longer_is_worse=worse.mean().item() if len(worse) else None,
        n_better=len(better),
        n_worse=len(worse),
    )


def _correlation(one: Tensor, other: Tensor) -> float:
    """Correlate two quantities from their differences within pairs.

    It is Pearson's over all answers after each pair's mean is taken off, so it does not matter
    which answer of a pair is called the first.
    """
    spread = one.norm() * other.norm()
    return (one @ other / spread).item() if spread > 0 else 0.0


@torch.no_grad()
def score(model: RewardModel, texts: Sequence[Tensor], batch_size: int = 32) -> Tensor:
    """Score texts, (T,) ids each, in batches of about equal length; (N,) float32, in their order.

    Dropout is off meanwhile: it would be noise in every score.
    """
    training = model.training
    model.eval()
    device = model.head.weight.device
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    scores = torch.empty(len(texts))
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        ids, mask = padding.right([texts[i] for i in batch], value=0)
        scores[batch] = model(ids.to(device), mask.to(device)).float().cpu()
    model.train(training)
    return scores


def report(
    model: RewardModel,
    chosen: Sequence[Tensor],
    rejected: Sequence[Tensor],
    chosen_lengths: Tensor,
    rejected_lengths: Tensor,
    batch_size: int = 32,
) -> Report:
    """Check a reward model on held-out pairs.

    Args:
        model: normalised or not.
        chosen, rejected: (T,) ids of each whole text, prompt and answer, pair by pair.
        chosen_lengths, rejected_lengths: (N,) lengths of the answers alone.
        batch_size: texts that are scored at a time.

    Raises:
        ValueError: if there is no pair, or an answer has no other to be compared with.
    """
    if not chosen or len(chosen) != len(rejected):
        raise ValueError(f"{len(chosen)} chosen and {len(rejected)} rejected texts are no pairs")
    scores = score(model, [*chosen, *rejected], batch_size) / model.gain.cpu()  # log-odds again
    better, worse = scores.view(2, -1)
    bins = reliability(better, worse)
    return Report(
        n=len(chosen),
        accuracy=right(better, worse).mean().item(),
        calibration_error=calibration_error(bins),
        bins=bins,
        length_bias=length_bias(better, worse, chosen_lengths, rejected_lengths),
    )


def draw(found: Report, path: Path) -> Path:
    """Draw accuracy over confidence: on the line the model is as sure as it may be. A PNG."""

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0.5, 1], [0.5, 1], color=GREY, linestyle="--", linewidth=1)
        sizes = [400 * b.n / found.n for b in found.bins]
        points = [(b.confidence, b.accuracy) for b in found.bins]
        axes.plot(*zip(*points, strict=True), color=BLUE, linewidth=1)
        axes.scatter(*zip(*points, strict=True), s=sizes, color=BLUE, alpha=0.6)
        axes.set_xlabel("how sure the model is of its favourite")
        axes.set_ylabel("share of pairs in which people agree")
        axes.set_title(
            f"{found.n} pairs: accuracy {found.accuracy:.1%}, "
            f"calibration error {found.calibration_error:.1%}"
        )

    return write_figure(path, (5.4, 4.2), fill)
