"""How every figure of the course looks, and how it gets into its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito 2008: told apart by everybody.
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#777777"
COLOURS = (BLUE, ORANGE, GREEN, "#cc79a7", "#56b4e9", "#e69f00")
STYLE = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "font.size": 10,
    "legend.frameon": False,
}


def write_figure(
    path: Path, size: tuple[float, float], fill: Callable[[Figure], None], dpi: int = 130
) -> Path:
    """Make a figure of `size` inches, let `fill` fill it, write it as PNG.

    A bare Figure draws with Agg, whatever backend is set: no window, no display, nothing global.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        fill(figure)
        figure.savefig(path, dpi=dpi)
    return path
