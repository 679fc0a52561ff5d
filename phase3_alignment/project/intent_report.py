"""What a trained classifier is worth: accuracy, honesty, silence, and where it goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from phase3_alignment.project import confidence
from phase3_alignment.project.calibration import calibration_error
from phase3_alignment.project.classifier import About

N_WORST = 8  # intents that are named
HEADING = f"{'':10}{'test accuracy':>15}{'95 % interval':>18}{'trained':>13}{'file':>10}"


@dataclass(frozen=True)
class Worst:
    """A class that is often missed.

    Attributes:
        name: of the class.
        recall: share of its test texts that are recognised.
        taken_for: the class that it is most often mistaken for.
        n: how often.
    """

    name: str
    recall: float
    taken_for: str
    n: int


@dataclass(frozen=True)
class Outcome:
    """What one run came to, on the test part unless said otherwise.

    Attributes:
        label: the method.
        accuracy: share of right answers.
        interval: 95 % interval of it, for the chance of which texts were drawn.
        n_trained: parameters that trained, the head's too.
        n_bytes: of the files that hold them.
        seconds: of training.
        temperature: fitted on the validation part.
        raw_error, error: expected calibration error without and with the temperature.
        asked: precision that the threshold was chosen for.
        threshold: least confidence at which an answer is given; None if none is given.
        coverage: share of the texts that get an answer.
        precision: share of the answers that are right; None without an answer.
        worst: the classes with the lowest recall, the lowest first.
    """

    label: str
    accuracy: float
    interval: tuple[float, float]
    n_trained: int
    n_bytes: int
    seconds: float
    temperature: float
    raw_error: float
    error: float
    asked: float
    threshold: float | None
    coverage: float
    precision: float | None
    worst: tuple[Worst, ...]

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Outcome:
        """Read what `dataclasses.asdict` and JSON have made of one."""
        worst = tuple(Worst(**one) for one in fields["worst"])
        return cls(**dict(fields) | {"worst": worst, "interval": tuple(fields["interval"])})

    def __str__(self) -> str:
        """A line of the table."""
        low, high = self.interval
        between = f"{low:.1%} to {high:.1%}"
        return (
            f"{self.label:10}{self.accuracy:>15.2%}{between:>18}{self.n_trained:>13,}"
            f"{self.n_bytes / 1e6:>7.2f} MB"
        )

    @property
    def story(self) -> str:
        """Time, calibration, silence and the worst classes, in a few lines."""
        lines = [
            f"trained for {self.seconds:.0f} s",
            f"temperature {self.temperature:.2f}: calibration error "
            f"{self.raw_error:.1%} -> {self.error:.1%}",
            self._silence(),
            "least often recognised:",
        ]
        for one in self.worst:
            lines.append(f"  {one.name} {one.recall:.0%}, {one.n} times taken for {one.taken_for}")
        return "\n".join(lines)

    def _silence(self) -> str:
        if self.threshold is None:
            return f"no threshold makes {self.asked:.0%} of the answers right: it never answers"
        if self.precision is None:
            return f"asked for {self.asked:.0%} right: no text reaches {self.threshold:.0%}"
        return (
            f"asked for {self.asked:.0%} right: answers {self.coverage:.1%} of the texts, those at "
            f"{self.threshold:.0%} or more, and {self.precision:.1%} of the answers are right"
        )


def measure(
    label: str,
    logits: Tensor,
    labels: Tensor,
    about: About,
    *,
    n_trained: int,
    n_bytes: int,
    seconds: float,
) -> Outcome:
    """Judge a classifier by its logits (N, V) and the labels (N,) of texts it has not seen."""
    raw, _ = logits.softmax(-1).max(-1)
    sure, answers = (logits / about.temperature).softmax(-1).max(-1)
    right = answers == labels
    given = sure >= (float("inf") if about.threshold is None else about.threshold)
    return Outcome(
        label=label,
        accuracy=right.double().mean().item(),
        interval=confidence.wilson(int(right.sum()), len(right)),
        n_trained=n_trained,
        n_bytes=n_bytes,
        seconds=seconds,
        temperature=about.temperature,
        raw_error=calibration_error(confidence.reliability(raw, right)),
        error=calibration_error(confidence.reliability(sure, right)),
        asked=about.precision,
        threshold=about.threshold,
        coverage=given.double().mean().item(),
        precision=right[given].double().mean().item() if given.any() else None,
        worst=worst(confusion(answers, labels, len(about.names)), about.names),
    )


def confusion(answers: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """Count (n_classes, n_classes): row i, column j is how many texts of class i got answer j."""
    pairs = labels * n_classes + answers
    return pairs.bincount(minlength=n_classes**2).view(n_classes, n_classes)


def recalls(counts: Tensor) -> Tensor:
    """Share of each class that is recognised, (n_classes,) float64; 1 for a class without texts."""
    of_class = counts.sum(1)
    return torch.where(of_class > 0, counts.diag() / of_class.clamp(min=1).double(), 1.0)


def worst(counts: Tensor, names: tuple[str, ...], n: int = N_WORST) -> tuple[Worst, ...]:
    """Name the classes that are recognised least often, of those that are missed at all."""
    recall = recalls(counts)
    mistakes = counts - counts.diag().diag()
    order = [i for i in recall.argsort(stable=True).tolist() if recall[i] < 1]
    return tuple(
        Worst(names[i], recall[i].item(), names[int(mistakes[i].argmax())], int(mistakes[i].max()))
        for i in order[:n]
    )
