"""The roofline of this machine, and where the kernels of an engine stand under it.

    python -m phase4_production.project.roofline

Williams, Waterman and Patterson 2009 (doi:10.1145/1498765.1498785). A kernel that does F operations
and must move Q bytes takes at least as long as its operations at the machine's best rate, and at
least as long as its bytes at its best bandwidth. Over F / Q, its arithmetic intensity, that is a
slope and then a flat roof. Left of the corner only fewer bytes help, right of it only faster
arithmetic.

The roof is measured here, not read from a datasheet: the bandwidth by a sum over an array that no
cache holds, the rate by one large matrix product. The bytes of a kernel are those that it must
move: each input once, each output once, and for naive attention its matrices too, since it writes
them down.

A kernel above the slope found its bytes in a cache: take a larger `--width` or `--length`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from shared import cli, machine
from shared.bench import Contender, interleave
from shared.drawing import BLUE, GREY, ORANGE, write_figure
from shared.files import write_text
from shared.runs import RUNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CALLS = {"cpu": 1, "cuda": 20}  # in one timing: a GPU is asked ahead, so that it never waits


@dataclass(frozen=True)
class Config:
    """Where and how to measure."""

    device: str = ""
    """cpu or cuda; by default a GPU if there is one"""
    width: int = 0
    """of the square matrices; by default 4096 on a CPU and 8192 on a GPU"""
    length: int = 0
    """tokens of attention; by default 2048 on a CPU and 16384 on a GPU"""
    turns: int = 5
    """timings of each kernel, of which the median counts"""
    out: Path = RUNS / "phase4" / "roofline"
    """folder of roofline.json and roofline.png"""

    def __post_init__(self) -> None:
        """Check the values, and fill in what the device decides.

        Raises:
            ValueError: for a device that is not there, or a size below 64.
        """
        has_gpu = torch.cuda.is_available()
        device = self.device or ("cuda" if has_gpu else "cpu")
        if device not in ("cpu", "cuda") or (device == "cuda" and not has_gpu):
            raise ValueError(f"device must be cpu, or cuda with a GPU; got {device!r}")
        width = self.width or {"cpu": 4096, "cuda": 8192}[device]
        length = self.length or {"cpu": 2048, "cuda": 16_384}[device]
        if min(width, length) < 64 or self.turns < 1:
            raise ValueError("width and length must be at least 64, and turns at least 1")
        for name, value in {"device": device, "width": width, "length": length}.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Kernel:
    """Work whose operations and bytes are known."""

    name: str
    flops: float
    nbytes: float
    run: Callable[[], object]

    @property
    def intensity(self) -> float:
        """Operations a byte."""
        return self.flops / self.nbytes


@dataclass(frozen=True)
class Roof:
    """The best that a machine does."""

    bytes_per_s: float
    flops_per_s: float

    @property
    def corner(self) -> float:
        """Intensity, in operations a byte, from which arithmetic is the limit."""
        return self.flops_per_s / self.bytes_per_s

    def at(self, intensity: float) -> float:
        """Operations a second that are possible."""
        return min(self.flops_per_s, intensity * self.bytes_per_s)


@dataclass(frozen=True)
class Place:
    """A kernel under the roof."""

    name: str
    intensity: float
    flops_per_s: float
    share: float
    """of what the roof allows there"""


# -- kernels ----------------------------------------------------------------------------------


def kernels(width: int, length: int, device: str) -> list[Kernel]:
    """Make what an engine spends its time on, in bfloat16 on a GPU and float32 on a CPU."""
    dtype = torch.bfloat16 if device == "cuda" else torch.float32

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, device=device, dtype=dtype)

    weight = draw(width, width)
    products = [_product(weight, draw(rows, width)) for rows in (1, 8, 64, width)]
    H, D = 16, 64
    q, k, v = (draw(1, H, length, D) for _ in range(3))
    return [*products, _norm(draw(8 * width, width)), *_attention(q, k, v), _decode(q, k, v)]


def _product(weight: Tensor, x: Tensor) -> Kernel:
    rows, width = x.shape
    nbytes = weight.nbytes + 2 * x.nbytes
    name = f"linear, {rows} token{'s' * (rows > 1)}"
    return Kernel(name, 2 * rows * width**2, nbytes, partial(F.linear, x, weight))


def _norm(x: Tensor) -> Kernel:
    # Square, add, multiply by the root, multiply by the gain: 4 operations a number.
    gain = x[0].clone()
    return Kernel("RMSNorm", 4 * x.numel(), 2 * x.nbytes, partial(F.rms_norm, x, gain.shape, gain))


def _attention(q: Tensor, k: Tensor, v: Tensor) -> list[Kernel]:
    """Without a mask, so that both do the same operations."""
    _, H, T, D = q.shape
    flops, outside = 4 * H * T * T * D, 4 * q.nbytes
    matrix = H * T * T * q.element_size()  # written and read as scores, and again as weights
    tiled = partial(F.scaled_dot_product_attention, q, k, v)
    return [
        Kernel("attention, naive", flops, outside + 4 * matrix, partial(naive, q, k, v)),
        Kernel("attention, tiled", flops, outside, tiled),
    ]


def naive(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attend with the matrix written down."""
    return (q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1) @ v


def _decode(q: Tensor, k: Tensor, v: Tensor) -> Kernel:
    one = q[:, :, -1:]
    run = partial(F.scaled_dot_product_attention, one, k, v)
    return Kernel("attention, one token", 4 * k.numel(), k.nbytes + v.nbytes, run)


# -- measuring --------------------------------------------------------------------------------


def measure(config: Config) -> tuple[Roof, list[Place]]:
    """Time all kernels in turns, the two that make the roof among them."""
    found = kernels(config.width, config.length, config.device)
    array = torch.ones(_beyond_caches(config.device), device=config.device)
    read = Kernel("read", array.numel(), array.nbytes, array.sum)

    calls = CALLS[config.device]

    def contender(kernel: Kernel) -> Contender:
        def run() -> None:
            for _ in range(calls):
                kernel.run()
            if config.device == "cuda":
                torch.cuda.synchronize()

        return Contender(kernel.name, run)

    sides = [contender(kernel) for kernel in (read, *found)]
    with torch.inference_mode():
        timings = interleave(sides, turns=config.turns)
    times = {name: timing.median / calls for name, timing in timings.items()}
    product = found[3]  # as many tokens as features
    roof = Roof(read.nbytes / times["read"], product.flops / times[product.name])
    return roof, [place(kernel, times[kernel.name], roof) for kernel in found]


def _beyond_caches(device: str) -> int:
    """Numbers of float32: 512 MB on a CPU, 4 GB on a GPU."""
    return 2**30 if device == "cuda" else 2**27


def place(kernel: Kernel, seconds: float, roof: Roof) -> Place:
    """Put a measured kernel under the roof."""
    rate = kernel.flops / seconds
    return Place(kernel.name, kernel.intensity, rate, rate / roof.at(kernel.intensity))


# -- showing ----------------------------------------------------------------------------------


def draw(roof: Roof, places: list[Place], path: Path, title: str) -> Path:
    """Draw the roof and the kernels as a PNG."""

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        ends = [min(p.intensity for p in places) / 2, max(p.intensity for p in places) * 2]
        edge = sorted([*ends, roof.corner])
        axes.margins(0.1, 0.1)
        axes.loglog(edge, [roof.at(x) / 1e9 for x in edge], color=GREY)
        for p in places:
            limited = BLUE if p.intensity < roof.corner else ORANGE
            axes.plot(p.intensity, p.flops_per_s / 1e9, "o", color=limited)
            where = (p.intensity, p.flops_per_s / 1e9)
            # Attention and linear layers lie close to each other at both ends.
            left = p.name.startswith("attention")
            axes.annotate(
                p.name,
                where,
                (-6, 5) if left else (5, -11),
                textcoords="offset points",
                ha="right" if left else "left",
                fontsize=8,
            )
        axes.set(title=title, xlabel="operations a byte", ylabel="GFLOP/s")
        axes.set_xlim(left=ends[0] / 5)  # room for names

    return write_figure(path, (8, 4.6), fill)


def table(roof: Roof, places: list[Place]) -> str:
    """Write the roof and a line for each kernel."""
    lines = [
        f"reads {roof.bytes_per_s / 1e9:,.1f} GB/s, multiplies {roof.flops_per_s / 1e9:,.0f} "
        f"GFLOP/s: the corner is at {roof.corner:.1f} operations a byte",
        f"{'kernel':<24}{'ops/byte':>10}{'GFLOP/s':>11}{'of roof':>9}",
    ]
    lines += [
        f"{p.name:<24}{p.intensity:>10.1f}{p.flops_per_s / 1e9:>11,.1f}{p.share:>9.0%}"
        for p in places
    ]
    return "\n".join(lines)


def main(config: Config) -> None:
    """Measure, print, and write the figure and its numbers."""
    roof, places = measure(config)
    facts = machine.facts()
    name = torch.cuda.get_device_name() if config.device == "cuda" else facts["cpu"]
    config.out.mkdir(parents=True, exist_ok=True)
    record = {"machine": facts, "roof": asdict(roof), "kernels": [asdict(p) for p in places]}
    write_text(config.out / "roofline.json", json.dumps(record, indent=2))
    print(table(roof, places))
    print(draw(roof, places, config.out / "roofline.png", name))


if __name__ == "__main__":
    cli.run(__spec__.name)
