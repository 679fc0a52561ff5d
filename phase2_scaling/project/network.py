"""Measure what a message costs between ranks of this machine, and predict the collectives from it.

    python -m phase2_scaling.project.network

First come messages from rank to rank around a ring, of growing length, all ranks sending at once;
alpha and beta are fitted to them, and to nothing else. Then each collective of
`solution/collectives.py` is run with the same lengths, and `solution/cost_model.py` says what it
should have taken. `torch` is the all-reduce of torch.distributed beside ours. It prints a table and
writes results.json and network.png to runs/phase2/network/.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import Tensor

from phase2_scaling.solution import collectives, cost_model
from phase2_scaling.solution.cost_model import Link
from shared import cli, ranks, runs
from shared.drawing import BLUE, GREY, ORANGE, write_figure
from shared.files import write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALLEST_BYTES = 256
WARM_UP = 3  # turns that do not count: connections are made, pages are touched
Seconds = dict[str, list[float]]  # by operation, then by length


@dataclass(frozen=True)
class Config:
    """How many ranks, how long messages, how often."""

    ranks: int = 2
    """processes on this machine"""
    largest_mib: float = 4.0
    """length of the longest tensor; the others are shorter by factors of 4, down to 256 bytes"""
    turns: int = 30
    """times that each operation is measured; the median counts"""

    def __post_init__(self) -> None:
        if self.ranks < 2:
            raise ValueError(f"a message needs two ranks, got --ranks {self.ranks}")
        if self.turns < 1:
            raise ValueError(f"turns must be positive, got {self.turns}")
        if self.largest_mib * 2**20 < 4 * SMALLEST_BYTES:
            raise ValueError(f"largest_mib must be 0.001 at least, got {self.largest_mib}")


@dataclass(frozen=True)
class Collective:
    """What is measured, and what predicts it.

    Args:
        run: takes a tensor and the chunk of this rank.
        predict: seconds from (bytes, ranks, link).
    """

    run: Callable[[Tensor, Tensor], object]
    predict: Callable[[float, int, Link], float]


MESSAGE, TORCH = "message", "torch"
COLLECTIVES = {
    "broadcast": Collective(lambda x, _: collectives.broadcast(x), cost_model.broadcast_s),
    "reduce": Collective(lambda x, _: collectives.reduce(x), cost_model.reduce_s),
    "reduce-scatter": Collective(
        lambda x, _: collectives.reduce_scatter(x), cost_model.reduce_scatter_s
    ),
    "all-gather": Collective(
        lambda x, chunk: collectives.all_gather(chunk, x.numel()), cost_model.all_gather_s
    ),
    "all-reduce": Collective(
        lambda x, _: collectives.ring_all_reduce(x), cost_model.ring_all_reduce_s
    ),
    TORCH: Collective(lambda x, _: dist.all_reduce(x), cost_model.ring_all_reduce_s),
}


def main(config: Config, root: Path = runs.RUNS) -> None:
    """Measure, fit, compare, draw."""
    sizes = lengths(int(config.largest_mib * 2**20))
    seconds = ranks.run(config.ranks, measure, sizes, config.turns, timeout_s=600)[0]
    link = cost_model.fit(sizes, seconds[MESSAGE])
    print(table(sizes, config.ranks, seconds, link))
    with runs.start("phase2", "network", config, root) as run:
        found = {"bytes": sizes, "link": asdict(link), "seconds": seconds}
        write_text(run.path / "results.json", json.dumps(found, indent=2))
        draw(run.path / "network.png", sizes, config.ranks, seconds, link)
    print(f"\nfigure: {run.path / 'network.png'}")


def lengths(largest: int) -> list[int]:
    """Bytes, from `SMALLEST_BYTES` up to `largest` by factors of 4."""
    sizes = [SMALLEST_BYTES]
    while sizes[-1] * 4 <= largest:
        sizes.append(sizes[-1] * 4)
    return sizes


# -- on a rank --------------------------------------------------------------------------------


def measure(sizes: list[int], turns: int) -> Seconds:
    """Time every operation at every length; they take turns, so that a slow minute hits all."""
    seconds = {name: [] for name in (MESSAGE, *COLLECTIVES)}
    for n_bytes in sizes:
        x = torch.zeros(n_bytes // 4)
        chunk = x.tensor_split(dist.get_world_size())[dist.get_rank()].clone()
        came = torch.empty_like(x)
        operations = {MESSAGE: lambda x=x, came=came: collectives.exchange(x, came)}
        for name, collective in COLLECTIVES.items():
            operations[name] = lambda run=collective.run, x=x, chunk=chunk: run(x, chunk)
        samples = [
            {name: timed(run) for name, run in operations.items()} for _ in range(WARM_UP + turns)
        ]
        for name in operations:
            seconds[name].append(statistics.median(turn[name] for turn in samples[WARM_UP:]))
    return seconds


def timed(run: Callable[[], object]) -> float:
    """Seconds from when all ranks are ready until the last of them is done."""
    dist.barrier()
    began = time.perf_counter()
    run()
    longest = torch.tensor(time.perf_counter() - began, dtype=torch.float64)
    dist.all_reduce(longest, dist.ReduceOp.MAX)
    return longest.item()


# -- what is shown ----------------------------------------------------------------------------


def table(sizes: list[int], n: int, seconds: Seconds, link: Link) -> str:
    """Write the link, then milliseconds predicted and measured by operation and length."""
    lines = [
        f"{n} ranks: alpha {link.alpha_s * 1e6:.0f} us a message, "
        f"beta {link.beta_s_per_byte * 1e9:.2f} ns a byte ({1e-9 / link.beta_s_per_byte:.2f} GB/s)",
        "",
        "milliseconds, predicted / measured",
        f"{'bytes':>10}" + "".join(f"{name:>18}" for name in (MESSAGE, *COLLECTIVES)),
    ]
    for i, size in enumerate(sizes):
        pairs = [(predicted(name, size, n, link), seconds[name][i]) for name in seconds]
        cells = [f"{p * 1e3:9.3f} /{m * 1e3:7.3f}" for p, m in pairs]
        lines.append(f"{size:>10,}" + "".join(cells))
    return "\n".join(lines)


def predicted(name: str, n_bytes: int, n: int, link: Link) -> float:
    """Seconds of an operation by the model."""
    return (
        link.message_s(n_bytes) if name == MESSAGE else COLLECTIVES[name].predict(n_bytes, n, link)
    )


def draw(path: Path, sizes: list[int], n: int, seconds: Seconds, link: Link) -> None:
    """Measured points and predicted lines, milliseconds against bytes, a panel for each."""

    def fill(figure: Figure) -> None:
        names = [name for name in seconds if name != TORCH]
        panels = figure.subplots(2, 3, sharex=True, sharey=True).flat
        for name, axes in zip(names, panels, strict=True):
            line = [predicted(name, size, n, link) * 1e3 for size in sizes]
            axes.plot(sizes, line, color=GREY, lw=1, label="predicted")
            axes.plot(sizes, [s * 1e3 for s in seconds[name]], "o", color=BLUE, label="measured")
            if name == "all-reduce":
                axes.plot(sizes, [s * 1e3 for s in seconds[TORCH]], "x", color=ORANGE, label=TORCH)
            axes.set(xscale="log", yscale="log", title=name)
            axes.legend()
        figure.supxlabel("tensor (bytes)")
        figure.supylabel(f"time on {n} ranks (ms)")

    write_figure(path, (10, 6), fill)


if __name__ == "__main__":
    cli.run(__spec__.name)
