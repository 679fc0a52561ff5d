"""What a policy has gained for what it has moved: the score over the root of the KL.

The axes of Gao et al. 2022 (arXiv:2210.10760, figure 1). Beside every look at the policy stands
what costs no training at all: the best of n of the base's responses, at its price in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from torch import Tensor

from phase3_alignment.solution import best_of_n
from shared.drawing import BLUE, GREY, write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Points = Sequence[tuple[float, float]]


def root(kl: float) -> float:
    """Return the root of a KL; an estimate of one near 0 may be below it."""
    return math.sqrt(max(0.0, kl))


def sizes(n: int) -> list[int]:
    """Return 1, 2, 4, ... and last n."""
    return [2**k for k in range(n.bit_length()) if 2**k < n] + [n]


def best_of_points(scores: Tensor) -> Points:
    """Return (root of the KL, mean best score) of the best of 1, 2, 4, ... up to n.

    Args:
        scores: (P, n) of n responses of the base to each of P prompts.
    """
    return [
        (root(best_of_n.kl(n)), fmean(best_of_n.expected_best(row, n) for row in scores))
        for n in sizes(scores.shape[1])
    ]


def policy_points(metrics: Sequence[Mapping[str, Any]]) -> Points:
    """Return (root of the KL, score) of every look."""
    return [
        (root(record["val_kl"]), record["val_score"]) for record in metrics if "val_score" in record
    ]


def draw(metrics: Sequence[Mapping[str, Any]], scores: Tensor, name: str, path: Path) -> Path:
    """Draw the looks of a run and the best of n as a PNG.

    Args:
        metrics: of the run, as `runs.read_metrics` gives them.
        scores: (P, n) of the base's responses.
        name: of the method.
        path: of the picture.
    """

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        best = best_of_points(scores)
        axes.plot(*zip(*best), color=GREY, marker=".", label=f"best of 1 to {scores.shape[1]}")
        axes.plot(*zip(*policy_points(metrics)), color=BLUE, marker="s", ms=4, label=name)
        axes.set(
            xlabel=r"$\sqrt{\mathrm{KL}}$ from the base (root of nats per response)",
            ylabel="mean score of held-out responses",
        )
        axes.legend()

    return write_figure(path, (6, 4), fill)
