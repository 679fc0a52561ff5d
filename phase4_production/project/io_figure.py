"""Draw what attention moves between slow and fast memory, over the size of its tiles.

    python -m phase4_production.project.io_figure
    python -m phase4_production.project.io_figure --length 16384 --head 128

counts with `solution/io_count.py`, prints a table and writes io.png to runs/phase4/io_figure/.
Dao et al. 2022 (arXiv:2205.14135), theorem 2 and figure 2 (middle).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from phase4_production.solution import io_count
from phase4_production.solution.tile_bounds import Tiling
from shared import cli, runs
from shared.drawing import BLUE, GREEN, GREY, ORANGE, write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZES = (16, 32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True)
class Config:
    """One head of one sequence."""

    length: int = 4096
    """queries, and keys"""
    head: int = 64
    """numbers of a query, D"""
    fast_kib: int = 192
    """fast memory of one worker; 192 KiB is that of a multiprocessor of an A100"""
    name: str = "io_figure"
    """the run's folder under runs/phase4"""

    def __post_init__(self) -> None:
        if min(self.length, self.head, self.fast_kib) < 1:
            raise ValueError(f"length, head and fast-kib must be at least 1: {self}")
        self.fits  # noqa: B018 - raises if no tile fits

    @property
    def fits(self) -> int:
        """Rows of the largest tiles for which four of them fit, two bytes a number."""
        return io_count.blocks(self.fast_kib * 1024 // 2, self.head)[0]


@dataclass(frozen=True)
class Point:
    """Megabytes that are moved with tiles of `size` rows outside."""

    size: int
    queries_outside: float
    keys_outside: float
    theorem: float


def count(config: Config, size: int) -> Point:
    """Count both orders with outer tiles of `size` rows, and inner ones of at most D.

    The theorem's M is what four outer tiles take, and its constant the 8 of the queries' order:
    T / size passes over 2 T D numbers, with size = M / (4 D).
    """
    T, D, inner = config.length, config.head, min(size, config.head)
    queries = io_count.queries_outside(Tiling(T, T, block_q=size, block_k=inner), D)
    keys = io_count.keys_outside(Tiling(T, T, block_q=inner, block_k=size), D)
    theorem = 8 * io_count.theorem(T, D, M=4 * size * D) * 2
    return Point(size, queries.bytes() / 1e6, keys.bytes() / 1e6, theorem / 1e6)


def naive(config: Config) -> float:
    """Megabytes of the three kernels."""
    return io_count.naive(config.length, config.length, config.head).bytes() / 1e6


def table(config: Config, points: list[Point]) -> str:
    """Return the counts as text."""
    lines = [f"{'rows':>6}{'queries outside':>18}{'keys outside':>15}{'8 T^2 D^2 / M':>16}   MB"]
    for p in points:
        fits = "" if p.size <= config.fits else "   too large"
        lines.append(
            f"{p.size:6}{p.queries_outside:18.1f}{p.keys_outside:15.1f}{p.theorem:16.1f}{fits}"
        )
    return "\n".join([*lines, f"{'naive':>6}{naive(config):18.1f}"])


def draw(config: Config, points: list[Point], path: Path) -> Path:
    """Draw the counts as a PNG."""

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        sizes = [p.size for p in points]
        axes.axhline(naive(config), color=GREY, label="naive: the matrix goes out and in")
        axes.plot(sizes, [p.keys_outside for p in points], color=ORANGE, marker="s", ms=4,
                  label="keys outside (FlashAttention)")  # fmt: skip
        axes.plot(sizes, [p.queries_outside for p in points], color=BLUE, marker="o", ms=4,
                  label="queries outside (FlashAttention-2)")  # fmt: skip
        axes.plot(sizes, [p.theorem for p in points], color="black", ls=":",
                  label=r"$8\,T^2 D^2 / M$")  # fmt: skip
        axes.axvspan(config.fits, max(SIZES), color=GREEN, alpha=0.12, lw=0,
                     label=f"does not fit into {config.fast_kib} KiB")  # fmt: skip
        axes.set_xscale("log", base=2)
        axes.set_xticks(SIZES, [str(size) for size in SIZES])
        axes.set(
            title=f"{config.length} queries and keys, D = {config.head}, two bytes a number",
            xlabel="rows of the outer tile",
            ylabel="moved between slow and fast memory (MB)",
            yscale="log",
            xlim=(min(SIZES), max(SIZES)),
        )
        axes.legend()

    return write_figure(path, (6.5, 4.2), fill)


def main(config: Config) -> None:
    """Count, print and draw."""
    points = [count(config, size) for size in SIZES]
    print(table(config, points))
    with runs.start("phase4", config.name, config) as kept:
        print(f"the figure: {draw(config, points, kept.path / 'io.png')}")


if __name__ == "__main__":
    cli.run(__spec__.name)
