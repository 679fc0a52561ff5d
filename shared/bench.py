"""Benchmarks: our code and what a user would pick instead, timed fairly on the same work.

A contender never runs alone in a block: all of them take turns, in rotating order, in one process,
so that a slow minute of the machine is shared by all. What counts is the ratio of medians, and a
ratio above 1 always means that ours is better.

A phase's benchmarks are its modules `project/bench_*.py`, each with `rows() -> list[Row]`;
`shared.bench_report` runs them and keeps what they give.
"""

import gc
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Contender:
    """One side of a comparison.

    Args:
        name: as the table shows it.
        run: the timed work, done `number` times a turn.
        prepare: called before each turn, outside the clock.
    """

    name: str
    run: Callable[[], object]
    prepare: Callable[[], object] | None = None


@dataclass(frozen=True)
class Timing:
    """Seconds of one call, one entry a turn."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median seconds a call."""
        return statistics.median(self.seconds)

    @property
    def per_second(self) -> float:
        """Calls a second, from the median."""
        return 1.0 / self.median


@dataclass(frozen=True)
class Row:
    """One line of the table; `ratio` above 1 means that ours is better, whatever the unit.

    `peer_value` and `ratio` are None where the peer is not installed; `peer` then says so. `limit`
    is the best value that the machine allows, in `unit`, and `runs` the turns behind each median.
    """

    id: str
    what: str
    unit: str
    ours: float
    peer: str
    peer_value: float | None
    ratio: float | None
    goal: float | None = None
    limit: float | None = None
    runs: int = 1

    @classmethod
    def compare(
        cls,
        id: str,
        what: str,
        unit: str,
        ours: float,
        peer: str,
        peer_value: float | None,
        *,
        higher_is_better: bool,
        goal: float | None = None,
        limit: float | None = None,
        runs: int = 1,
    ) -> "Row":
        """Make a row and work out its ratio; `peer_value=None` means that the peer is missing."""
        if peer_value is None:
            return cls(
                id, what, unit, ours, f"{peer}: not installed", None, None, goal, limit, runs
            )
        ratio = ours / peer_value if higher_is_better else peer_value / ours
        return cls(id, what, unit, ours, peer, peer_value, ratio, goal, limit, runs)

    @property
    def below_goal(self) -> bool:
        """Measured, and short of what was asked."""
        return None not in (self.goal, self.ratio) and self.ratio < self.goal


def interleave(
    contenders: Sequence[Contender],
    *,
    turns: int = 9,
    number: int = 1,
    warmup: int = 1,
    collector: bool = True,
) -> dict[str, Timing]:
    """Time contenders in turns, each turn in a rotated order.

    Args:
        contenders: what to time; names must differ.
        turns: timings of each.
        number: calls in one timing.
        warmup: calls of each before the clock starts.
        collector: whether Python's garbage collector runs inside the clock.
    """
    for contender in contenders:
        for _ in range(warmup):
            contender.run()
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for turn in range(turns):
        shift = turn % len(contenders)
        for contender in (*contenders[shift:], *contenders[:shift]):
            seconds[contender.name].append(_time(contender, number, collector))
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def _time(contender: Contender, number: int, collector: bool) -> float:
    if contender.prepare:
        contender.prepare()
    gc.collect()
    if not collector:
        gc.disable()
    try:
        began = time.perf_counter()
        for _ in range(number):
            contender.run()
        return (time.perf_counter() - began) / number
    finally:
        gc.enable()


def rows_with_threads(module: str, function: str, threads: int) -> list[Row]:
    """Call `module.function() -> list[Row]` in a process of its own with that many threads.

    BLAS and OpenMP read their thread count once, when they are loaded; hence the process. Other
    `OPENBLAS_*` variables are left out: one that pins another processor's kernels, as some build
    machines do, would be measured in place of NumPy.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    environment = inherited | {name: str(threads) for name in THREAD_VARIABLES}
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "rows.json"
        command = [sys.executable, "-m", "shared.bench", module, function, str(answer)]
        subprocess.run(command, env=environment, cwd=ROOT, check=True)
        return [Row(**row) for row in json.loads(answer.read_text(encoding="utf-8"))]


def _answer_rows(module: str, function: str, answer: str) -> None:
    """What the child process of `rows_with_threads` does."""
    rows = getattr(importlib.import_module(module), function)()
    Path(answer).write_text(json.dumps([asdict(row) for row in rows]), encoding="utf-8")


if __name__ == "__main__":
    _answer_rows(*sys.argv[1:])
