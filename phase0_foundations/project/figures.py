"""The pictures of a run: how it learned, what it learned, what it still gets wrong.

    python -m phase0_foundations.project.figures --name mlp

draws them anew from the run's folder, without training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from phase0_foundations.project import draw
from phase0_foundations.project.record import Record, read_record
from shared import cli, drawing
from shared.runs import RUNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PALETTE = 128  # colours of a file: hard to see, and half of the bytes are saved


@dataclass(frozen=True)
class Config:
    """Which run to draw."""

    name: str = "mlp"
    """the run's folder under runs/phase0"""


def draw_all(record: Record, folder: Path) -> dict[str, Path]:
    """Write every figure of a run into a folder; return their paths by name."""
    figures: dict[str, tuple[tuple[float, float], Callable[[Figure, Record], None]]] = {
        "curves": ((9, 3.6), draw.draw_curves),
        "confusion": ((5.6, 5.4), draw.draw_confusion),
        "mistakes": ((9, 4.4), draw.draw_mistakes),
        "weights": ((9, 3.5), draw.draw_weights),
        "anatomy": ((9, 4), draw.draw_anatomy),
    }
    for name, (size, fill) in figures.items():
        write_figure(folder / f"{name}.png", size, lambda figure, fill=fill: fill(figure, record))
    return {name: folder / f"{name}.png" for name in figures}


def write_figure(
    path: Path, size: tuple[float, float], fill: Callable[[Figure], None], dpi: int = 130
) -> None:
    """Do what `drawing.write_figure` does, and make the file small."""
    from PIL import Image

    drawing.write_figure(path, size, fill, dpi)
    with Image.open(path) as image:
        # The default method makes rare strong colours grey, and those are the ones that matter.
        small = image.convert("RGB").quantize(
            PALETTE, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
    small.save(path, optimize=True)


def main(config: Config) -> None:
    """Draw a run's figures anew."""
    folder = RUNS / "phase0" / config.name
    for path in draw_all(read_record(folder), folder).values():
        print(path)


if __name__ == "__main__":
    cli.run(__spec__.name)
