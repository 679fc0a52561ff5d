"""The curves of a run: loss, learning rate, length of the gradient, on one page.

    python -m phase1_transformers.project.curves --name tiny

draws them anew from the run's folder, without training.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from phase1_transformers.project.record import FOLDER, Record, read_record
from shared import cli
from shared.drawing import BLUE, GREEN, ORANGE, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMOOTHED_SHARE = 0.02  # of the steps, in the running mean


@dataclass(frozen=True)
class Config:
    """Which run to draw."""

    name: str = "tiny"
    """the run's folder under runs/phase1"""


def draw_curves(record: Record, path: Path) -> Path:
    """Write loss, learning rate and gradient norm against the steps as a PNG."""

    def fill(figure: Figure) -> None:
        axes = figure.subplot_mosaic([["loss", "loss"], ["lr", "norm"]], height_ratios=(2, 1))
        draw_loss(axes["loss"], record)
        draw_line(axes["lr"], record, "lr", "learning rate (AdamW)")
        draw_line(axes["norm"], record, "grad_norm", "gradient norm")
        axes["norm"].set(yscale="log")

    return write_figure(path, (9, 5.2), fill)


def draw_loss(axes: Axes, record: Record) -> None:
    """The loss of each batch, its running mean, and that of the whole validation text."""
    steps, losses = column(record.steps, "step"), column(record.steps, "loss")
    width = max(1, round(SMOOTHED_SHARE * len(losses)))
    mean = np.convolve(losses, np.full(width, 1 / width), mode="valid")
    axes.plot(steps, losses, color=BLUE, alpha=0.2, linewidth=0.5)
    axes.plot(steps[width - 1 :], mean, color=BLUE, label=f"training, mean of {width} steps")
    looks = column(record.looks, "step"), column(record.looks, "val_loss")
    axes.plot(*looks, color=ORANGE, marker="s", markersize=4, label="validation, the whole text")
    bits = record.looks[-1]["val_bits_per_byte"]
    axes.set(
        ylabel="loss (nats per token)",
        ylim=(0.95 * min(looks[1].min(), mean.min()), None),
        title=f"Validation loss {looks[1][-1]:.3f} nats per token, {bits:.2f} bits per byte",
    )
    axes.legend()


def draw_line(axes: Axes, record: Record, key: str, label: str) -> None:
    """One number of each step."""
    axes.plot(column(record.steps, "step"), column(record.steps, key), color=GREEN, linewidth=0.8)
    axes.set(xlabel="training step", ylabel=label)


def column(records: list[dict[str, float]], key: str) -> np.ndarray:
    """One number of each record, (n,) float64."""
    return np.array([record[key] for record in records])


def main(config: Config) -> None:
    """Draw a run's curves anew."""
    path = FOLDER / config.name
    print(draw_curves(read_record(path), path / "curves.png"))


if __name__ == "__main__":
    cli.run(__spec__.name)
