"""What a training of a reward model shows people: its curves and its table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phase3_alignment.project.calibration import Report
from shared.drawing import BLUE, GREY, ORANGE, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Z = 1.96  # standard deviations to either side, which hold 95 %
EVEN_LOSS = math.log(2)  # nats, of a model without an opinion


def describe(positive: str | None, n_train: int, n_validation: int, n_test: int) -> str:
    """Say what the score will mean, and how many records it is learnt from."""
    meaning = "how much better an answer is" if positive is None else f"log-odds of {positive!r}"
    return (
        f"score: {meaning}; {n_train:,} to learn from, {n_validation:,} to choose settings by, "
        f"{n_test:,} to test on"
    )


def interval(share: float, n: int) -> tuple[float, float]:
    """Say between which shares the true one lies, in 95 of 100 tests of this size.

    Wilson 1927 ("Probable inference, the law of succession, and statistical inference"), which
    stays between 0 and 1.

    Args:
        share: of n, 0 to 1.
        n: independent trials.
    """
    middle = share + Z**2 / (2 * n)
    spread = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return (middle - spread) / (1 + Z**2 / n), (middle + spread) / (1 + Z**2 / n)


def table(reports: Mapping[str, Report]) -> str:
    """Compare reports on one test part, a line each.

    "off by" is the calibration error; the last two columns are the accuracy where the longer side
    is the better one, and where it is the worse one.
    """
    n = next(iter(reports.values())).n
    rows = [
        (f"{n:,} test comparisons", "accuracy", "95 %", "off by", "longer right", "shorter right"),
        *((name, *_cells(found)) for name, found in reports.items()),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{row[0]:{widths[0]}}  "
        + "  ".join(f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )


def _cells(found: Report) -> tuple[str, ...]:
    low, high = interval(found.accuracy, found.n)
    bias = found.length_bias
    return (
        f"{found.accuracy:.1%}",
        f"{low:.1%} to {high:.1%}",
        f"{found.calibration_error:.1%}",
        _share(bias.longer_is_better),
        _share(bias.longer_is_worse),
    )


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def draw_curves(metrics: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Draw loss and accuracy against the steps, of batches and of the validation part. A PNG."""

    def fill(figure: Figure) -> None:
        loss, accuracy = figure.subplots(1, 2)
        _draw(loss, metrics, "loss", EVEN_LOSS)
        _draw(accuracy, metrics, "accuracy", 0.5)
        loss.set(ylabel="loss (nats per comparison)", ylim=(0, None))
        accuracy.set(ylabel="share ranked right", ylim=(None, 1))
        loss.legend()

    return write_figure(path, (9, 3.6), fill)


def _draw(axes: Axes, metrics: Sequence[Mapping[str, Any]], name: str, even: float) -> None:
    """One quantity: faint for each batch, bold for the validation part, grey without an opinion."""
    for key, colour, style in (
        (name, BLUE, {"alpha": 0.3}),
        (f"val_{name}", ORANGE, {"marker": "s"}),
    ):
        points = [(record["step"], record[key]) for record in metrics if key in record]
        label = "validation" if key.startswith("val") else "batch"
        axes.plot(*zip(*points, strict=True), color=colour, label=label, **style)
    axes.axhline(even, color=GREY, linestyle="--", linewidth=1)
    axes.set_xlabel("training step")
