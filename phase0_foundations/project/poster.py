"""The picture at the top of the repository's README, from a finished run on MNIST.

    COURSE_DATA=... python -m phase0_foundations.project.train --name mnist
    python -m phase0_foundations.project.poster --name mnist

writes phase0_foundations/figures/digits.png: the loss, the first layer, the worst mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from phase0_foundations.project import draw
from phase0_foundations.project.figures import write_figure
from phase0_foundations.project.record import Record, read_record
from shared import cli
from shared.runs import RUNS, RunError

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

POSTER = Path(__file__).resolve().parents[1] / "figures" / "digits.png"
TILES = 5  # along each side of the two mosaics


@dataclass(frozen=True)
class Config:
    """Which run to show."""

    name: str = "mlp"
    """the run's folder under runs/phase0"""


def draw_poster(figure: Figure, record: Record) -> None:
    """Three panels side by side."""
    left, middle, right = figure.subfigures(1, 3, width_ratios=(1.25, 1, 1), wspace=0.04)
    axes = left.subplots()
    draw.draw_loss(axes, record)
    axes.set_title("")
    accuracy = record.results["test_accuracy"]
    left.suptitle(f"{accuracy:.1%} of the MNIST test images right", fontsize=11)
    draw.draw_units(middle.subplots(TILES, TILES).ravel(), record)
    middle.suptitle("What first-layer units look for", fontsize=11)
    draw_worst(right, record)


def draw_worst(figure: SubFigure, record: Record) -> None:
    """The worst mistakes, each with its true digit and what was read."""
    for axes, index in zip(figure.subplots(TILES, TILES).ravel(), record.hardest):
        draw.draw_image(axes, record, index)
        label, read = record.digits.test_y[index], record.test_probabilities[index].argmax()
        axes.set_title(f"{label} → {read}", fontsize=8, loc="center", pad=1.5)
    figure.suptitle("The worst mistakes: true → read", fontsize=11)


def main(config: Config) -> None:
    """Draw the poster."""
    record = read_record(RUNS / "phase0" / config.name)
    if not record.results["source"].startswith("MNIST"):
        raise RunError(f"the picture shows MNIST, not {record.results['source']}")
    POSTER.parent.mkdir(exist_ok=True)
    write_figure(POSTER, (11, 3.7), lambda figure: draw_poster(figure, record), dpi=100)
    print(f"{POSTER}, {POSTER.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    cli.run(__spec__.name)
