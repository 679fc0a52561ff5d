"""Measure what attention costs as the sequence grows: naive, in tiles, and PyTorch's own.

    python -m phase4_production.project.attention_memory
    python -m phase4_production.project.attention_memory --device cuda --lengths 1024 4096 16384

Each case runs in a process of its own, forward and backward under a causal mask in float32: first
the most memory that it adds to its inputs, then the shortest of three times. Prints a table and
writes results.json and memory.png to runs/phase4/attention_memory/. On the CPU it needs Linux.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from phase4_production.solution import flash
from shared import cli, runs
from shared.drawing import BLUE, GREEN, ORANGE, write_figure
from shared.files import write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODULE = "phase4_production.project.attention_memory"
ROOT = Path(__file__).resolve().parents[2]
STATUS = Path("/proc/self/status")
TIMES = 3


@dataclass(frozen=True)
class Config:
    """What is measured."""

    lengths: tuple[int, ...] = (512, 1024, 2048, 4096)
    """tokens"""
    heads: int = 4
    """heads"""
    head: int = 64
    """numbers of a query, D"""
    device: str = "cpu"
    """cpu or cuda"""
    name: str = "attention_memory"
    """the run's folder under runs/phase4"""

    def __post_init__(self) -> None:
        if not self.lengths or min(*self.lengths, self.heads, self.head) < 1:
            raise ValueError(f"lengths, heads and head must be at least 1: {self}")
        if self.device == "cpu" and not STATUS.exists():
            raise ValueError("memory on the CPU is read from Linux's /proc; try --device cuda")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("there is no CUDA device here; try --device cpu")


@dataclass(frozen=True)
class Cost:
    """One way at one length.

    Attributes:
        way: a key of WAYS.
        length: tokens.
        extra_mib: the most memory beyond the inputs.
        seconds: forward and backward.
    """

    way: str
    length: int
    extra_mib: float
    seconds: float


# -- the three ways -----------------------------------------------------------------------------


def naive(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Make the whole matrix."""
    T = q.shape[2]
    future = torch.ones(T, T, dtype=torch.bool, device=q.device).triu(1)
    scores = (q @ k.mT / math.sqrt(q.shape[3])).masked_fill(future, -torch.inf)
    return scores.softmax(-1) @ v


def tiled(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Go tile by tile in plain PyTorch."""
    return flash.attention(q, k, v, causal=True, block_q=128, block_k=128)


def fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Call PyTorch's kernel."""
    return scaled_dot_product_attention(q, k, v, is_causal=True)


WAYS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "naive": naive,
    "tiled": tiled,
    "sdpa": fused,
}


# -- measuring, in a process of its own ---------------------------------------------------------


def print_cost(way: str, length: int, heads: int, head: int, device: str) -> None:
    """Measure one case and print its MiB and seconds as JSON."""

    def inputs(T: int) -> list[Tensor]:
        shape = (1, heads, T, head)
        return [torch.randn(shape, device=device, requires_grad=True) for _ in range(3)]

    def step(tensors: list[Tensor]) -> None:
        torch.autograd.grad(WAYS[way](*tensors).sum(), tensors)

    step(inputs(64))  # whatever is loaded at the first call
    tensors = inputs(length)
    extra = memory_of(lambda: step(tensors), device)
    print(json.dumps([extra, min(seconds_of(lambda: step(tensors), device) for _ in range(TIMES))]))


def memory_of(call: Callable[[], None], device: str) -> float:
    """Return the most MiB that a call adds to what this process holds."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew: proc(5)
    before = status("VmRSS")
    call()
    return status("VmHWM") - before


def status(name: str) -> float:
    """Return a line of /proc/self/status in MiB."""
    found = re.search(rf"{name}:\s+(\d+) kB", STATUS.read_text())
    return int(found[1]) / 1024 if found else math.nan


def seconds_of(call: Callable[[], None], device: str) -> float:
    """Time one call, to the end of what it has started."""
    began = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def measure(config: Config, way: str, length: int) -> Cost:
    """Measure one case in a new process.

    Raises:
        ValueError: if that process fails, for instance for want of memory.
    """
    case = (way, length, config.heads, config.head, config.device)
    command = [sys.executable, "-c", f"from {MODULE} import print_cost; print_cost(*{case!r})"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]
        raise ValueError(f"{way} attention failed at {length} tokens: {last[0]}")
    return Cost(way, length, *json.loads(done.stdout))


# -- showing ------------------------------------------------------------------------------------


def table(costs: Sequence[Cost]) -> str:
    """Return a line for each length."""
    lines = [f"{'tokens':>7}" + "".join(f"{way + ' MiB':>12}{way + ' s':>10}" for way in WAYS)]
    for length in sorted({cost.length for cost in costs}):
        row = [cost for cost in costs if cost.length == length]
        cells = (f"{cost.extra_mib:12.1f}{cost.seconds:10.3f}" for cost in row)
        lines.append(f"{length:7}" + "".join(cells))
    return "\n".join(lines)


def draw(costs: Sequence[Cost], path: Path) -> Path:
    """Draw memory and time over the length as a PNG."""

    def fill(figure: Figure) -> None:
        panels = figure.subplots(1, 2)
        for way, colour in zip(WAYS, (ORANGE, BLUE, GREEN), strict=True):
            own = [cost for cost in costs if cost.way == way]
            x = [cost.length for cost in own]
            # A page is the least that a process can be seen to take.
            panels[0].plot(x, [max(c.extra_mib, 1 / 256) for c in own], "o-", color=colour)
            panels[1].plot(x, [c.seconds for c in own], "o-", color=colour, label=way)
        for panel, what in zip(panels, ("memory beyond the inputs (MiB)", "time (s)"), strict=True):
            panel.set_xscale("log", base=2)
            panel.set_xticks(x, [str(length) for length in x])
            panel.set(xlabel="tokens", ylabel=what, yscale="log")
        panels[1].legend()

    return write_figure(path, (9, 4), fill)


def main(config: Config) -> None:
    """Measure all cases, print them and draw them."""
    costs = [measure(config, way, length) for length in config.lengths for way in WAYS]
    print(table(costs))
    results = {"config": asdict(config), "costs": [asdict(cost) for cost in costs]}
    with runs.start("phase4", config.name, config) as kept:
        write_text(kept.path / "results.json", json.dumps(results, indent=2) + "\n")
        print(f"the figure: {draw(costs, kept.path / 'memory.png')}")


if __name__ == "__main__":
    cli.run(__spec__.name)
