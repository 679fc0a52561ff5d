"""The steps of a merge as a page that works offline, and as a picture.

Both are grids with one column for each byte, so that a byte stays where it is while the tokens
around it grow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from phase1_transformers.project.merge_steps import Step, spell
from shared import pages
from shared.files import write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMN, ROW, NAMES = 0.165, 0.25, 2.2  # inches of the picture: a byte, a step, ranks and pairs
QUIET, LINE, MERGED, NEW = "#5c6670", "#c9d0d6", "#d9eaf4", "#0072b2"
FONT = "DejaVu Sans Mono"  # comes with matplotlib


@dataclass(frozen=True)
class Cell:
    """A token in the grid.

    Attributes:
        column: of its first byte, from 0.
        data: its bytes.
        kind: "byte", "merged", or "new" for what this step made.
        starts_word: whether the pattern cuts before it.
    """

    column: int
    data: bytes
    kind: str
    starts_word: bool

    @property
    def text(self) -> str:
        """What it says: characters, or two hexadecimal digits a byte where there are none."""
        text = spell(self.data)
        return text if len(text) <= len(self.data) else self.data.hex()  # longer is an escape

    @property
    def is_raw(self) -> bool:
        """Whether the text is in hexadecimal."""
        return len(self.text) > len(self.data)


def cells(step: Step) -> Iterator[Cell]:
    """Lay the tokens of a step out."""
    column = 0
    for word in step.words:
        for i, token in enumerate(word):
            kind = "new" if token.is_new else "merged" if len(token.data) > 1 else "byte"
            yield Cell(column, token.data, kind, starts_word=i == 0)
            column += len(token.data)


def name(step: Step) -> str:
    """Say what a step merged."""
    return " + ".join(map(spell, step.pair)) or "bytes"


def write_page(path: Path, steps: Sequence[Step], source: str) -> Path:
    """Write the steps as one HTML page.

    Args:
        path: of the page.
        steps: from `merge_steps.steps`.
        source: where the tokenizer comes from.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folders = [Path(__file__).parent, Path(pages.__file__).with_name("templates")]
    templates = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = templates.get_template("merges.html.j2")
    values = {"steps": steps, "source": source, "cells": cells, "name": name, "spell": spell}
    write_text(path, page.render(values))
    return path


def draw(path: Path, steps: Sequence[Step]) -> Path:
    """Draw the steps as a PNG, for pages that hold pictures only.

    A bare Figure draws with Agg, whatever backend is set: no window, no display, nothing global.
    """
    from matplotlib.figure import Figure

    n_bytes, n_rows = len(steps[0].tokens), len(steps)
    width = NAMES + COLUMN * n_bytes + 0.1
    figure = Figure(figsize=(width, ROW * (n_rows + 0.5)))
    axes = figure.add_axes((NAMES / width, 0, 1 - (NAMES + 0.1) / width, 1))
    axes.set(xlim=(0, n_bytes), ylim=(n_rows - 0.25, -0.75))
    axes.axis("off")
    for row, step in enumerate(steps):
        _draw_row(axes, row, step)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    return path


def _draw_row(axes: Axes, row: int, step: Step) -> None:
    style = {"va": "center_baseline", "family": FONT, "fontsize": 8}
    rank = f"{step.rank:,}" if step.rank else ""
    axes.text(-1.4 / COLUMN, row, rank, color=QUIET, ha="right", **style)
    axes.text(-1.3 / COLUMN, row, _drawable(name(step), "..."), ha="left", **style)
    for cell in cells(step):
        _draw_cell(axes, row, cell)


def _draw_cell(axes: Axes, row: int, cell: Cell) -> None:
    from matplotlib.patches import FancyBboxPatch

    left = cell.column + (0.3 if cell.starts_word else 0.08)
    width = cell.column + len(cell.data) - 0.08 - left
    is_new = cell.kind == "new"
    box = FancyBboxPatch(
        (left, row - 0.38),
        width,
        0.76,
        boxstyle="round,pad=0,rounding_size=0.15",
        facecolor={"byte": "white", "merged": MERGED, "new": NEW}[cell.kind],
        edgecolor=NEW if is_new else LINE,
        linewidth=0.6,
    )
    axes.add_patch(box)
    text = _drawable(cell.text, cell.data.hex())
    is_raw = len(text) > len(cell.data)
    axes.text(
        left + width / 2,
        row,
        text,
        color="white" if is_new else QUIET if is_raw else "black",
        ha="center",
        va="center_baseline",
        family=FONT,
        fontsize=5 if is_raw else 8,
    )


def _drawable(text: str, otherwise: str) -> str:
    """Return the text if the font has all of its characters."""
    from matplotlib.font_manager import findfont, get_font

    font = get_font(findfont(FONT))
    return text if all(font.get_char_index(ord(c)) for c in text) else otherwise
