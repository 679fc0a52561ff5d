"""Give the server an hour of requests as fast as it can take them, and watch its memory.

    python -m phase4_production.project.soak                 # an hour's worth at 4 a second
    python -m phase4_production.project.soak --minutes 10

A leak is small beside what a process takes anyway, but it grows with every request. So memory is
looked at often, the first part, in which caches fill, is left out, and a line is fitted through the
rest: its slope, times the requests of an hour, must stay below a limit. A tenth of the requests
hang up before the answer is done, and a tenth are wrong. The figure and every look are written into
runs/phase4/<name>/; the exit code is 1 if memory grew or the server still holds something.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2 as httpx
import numpy as np

from phase4_production.project import fuzz, hostile, tiny_server
from phase4_production.project.fuzz import Tally
from phase4_production.project.tiny_server import NAME, Running
from phase4_production.project.wire import Shot
from shared import cli
from shared.drawing import BLUE, GREY, write_figure
from shared.files import write_text
from shared.runs import RUNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOOKS = 100
# Requests that differ. Were all of them new, the tokenizer's own cache, of 10,000 texts, would fill
# for most of the hour, and look like a leak.
N_DIFFERENT = 2000
SHARES = ((hostile.fair, 8), (hostile.cut, 1), (hostile.odd_values, 1))


@dataclass(frozen=True)
class Config:
    """How much, and what growth is still flat."""

    minutes: float = 60.0
    """whose requests are sent"""
    rate: float = 4.0
    """requests a second that those minutes would have had"""
    warm_up: float = 0.25
    """share of the requests in which caches may fill"""
    growth_mb: float = 8.0
    """MiB that an hour's requests may add"""
    seed: int = 0
    """of the requests"""
    name: str = "soak"
    """folder under runs/phase4"""

    def __post_init__(self) -> None:
        if self.minutes <= 0 or self.rate <= 0 or self.growth_mb <= 0 or self.n < LOOKS:
            raise ValueError(f"minutes, rate and growth_mb must be positive, for {LOOKS} requests")
        if not 0 <= self.warm_up < 1:
            raise ValueError(f"warm_up must be from 0 up to 1, got {self.warm_up}")

    @property
    def n(self) -> int:
        """Requests in all."""
        return round(self.minutes * 60 * self.rate)


@dataclass(frozen=True)
class Look:
    """Memory after so many requests."""

    n_requests: int
    memory_mb: float


def main(config: Config) -> None:
    """Soak, report, and exit with 1 if the server has grown or was harmed."""
    with tiny_server.running() as server:
        harm = asyncio.run(run(config, server))
    for what in harm:
        print(f"HARM: {what}")
    sys.exit(1 if harm else 0)


async def run(config: Config, server: Running) -> list[str]:
    """Send everything; say what is wrong afterwards."""
    tally, looks, began = Tally(), [], time.perf_counter()
    drawn = islice(shots(config.seed), config.n)
    while some := list(islice(drawn, config.n // LOOKS)):
        await fuzz.send(server.url, some, tally)
        looks.append(Look(tally.kinds.total(), server.memory_mb))
    seconds = time.perf_counter() - began
    grown_mb = slope(looks, config.warm_up) * 3600 * config.rate
    print(
        f"{config.n:,} requests, {config.minutes:g} minutes at {config.rate:g}/s, "
        f"in {seconds:.0f} s\nmemory: {looks[0].memory_mb:.0f} MiB at first, "
        f"{looks[-1].memory_mb:.0f} MiB at last; "
        f"after the warm-up {grown_mb:+.2f} MiB an hour"
    )
    print(f"the figure: {_write(config, looks)}")
    async with httpx.AsyncClient(base_url=server.url) as client:
        harm = await fuzz.left(client)
    harm += sorted({fault for fault, _ in tally.faults})
    if grown_mb > config.growth_mb:
        harm.append(f"memory grows by {grown_mb:.1f} MiB an hour")
    return harm


def shots(seed: int) -> Iterator[Shot]:
    """Draw requests without end, most of them good, from a pool."""
    source = random.Random(seed)
    kinds, weights = zip(*SHARES, strict=True)
    drawn = source.choices(kinds, weights, k=N_DIFFERENT)
    pool = [kind(source, NAME) for kind in drawn]
    while True:
        yield source.choice(pool)


def slope(looks: Sequence[Look], warm_up: float) -> float:
    """Fit a line through the memory after the warm-up, by least squares.

    Args:
        looks: in the order of time.
        warm_up: share of them that is left out.

    Returns:
        MiB per request.
    """
    kept = looks[int(warm_up * len(looks)) :]
    n, memory_mb = zip(*((look.n_requests, look.memory_mb) for look in kept), strict=True)
    return float(np.polyfit(n, memory_mb, 1)[0])


def _write(config: Config, looks: Sequence[Look]) -> Path:
    folder = RUNS / "phase4" / config.name
    folder.mkdir(parents=True, exist_ok=True)
    told = {"config": asdict(config), "looks": [asdict(look) for look in looks]}
    write_text(folder / "results.json", json.dumps(told, indent=1))

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([one.n_requests for one in looks], [one.memory_mb for one in looks], color=BLUE)
        axes.axvline(config.warm_up * config.n, color=GREY, linestyle=":")
        axes.set(title="the server's resident memory", xlabel="requests", ylabel="MiB")
        axes.set_ylim(bottom=0)

    return write_figure(folder / "memory.png", (6, 3.4), fill)


if __name__ == "__main__":
    cli.run(__spec__.name)
