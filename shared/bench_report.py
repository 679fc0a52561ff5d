"""What becomes of benchmark rows: a table for people, `runs/bench/*.json` for machines."""

import importlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from shared import machine
from shared.bench import ROOT, Row
from shared.files import write_text

BENCH = ROOT / "runs" / "bench"
EVERY = "bench_*.py"
PLAIN_WIDTH = 160  # columns of a table that goes to a file or a pipe
VERSIONS_OF = (
    *("numpy", "torch", "scikit-learn", "micrograd", "transformers", "tokenizers", "tiktoken"),
    *("rustbpe", "regex", "peft", "trl", "bitsandbytes"),
)


def bench_modules(number: int, pattern: str = EVERY, root: Path = ROOT) -> list[str]:
    """Names of a phase's benchmark modules, in alphabetical order."""
    files = sorted(root.glob(f"phase{number}_*/project/{pattern}"))
    return [".".join(file.relative_to(root).with_suffix("").parts) for file in files]


def run_phase(number: int, pattern: str = EVERY) -> int:
    """Run a phase's benchmarks, print the table, write `runs/bench/phaseN.json`; return 0."""
    modules = bench_modules(number, pattern)
    if not modules:
        raise ValueError(f"phase {number} has no benchmark yet (project/{pattern})")
    rows: list[Row] = []
    for module in modules:
        print(f"timing {module} ...", flush=True)
        rows += importlib.import_module(module).rows()
    publish(f"phase{number}", rows)
    return 0


def publish(name: str, rows: Sequence[Row], folder: Path = BENCH) -> Path:
    """Print the rows and write them to `{name}.json`, with machine, limits, date and versions."""
    path = folder / f"{name}.json"
    facts = keep(path, rows)
    console = _console()
    show(rows, console)
    console.print(machine_line(facts))
    console.print(f"written to {path}", soft_wrap=True)
    return path


def keep(path: Path, rows: Sequence[Row]) -> dict[str, Any]:
    """Write the rows with machine, limits, date and versions; return the machine's facts."""
    report = {
        "machine": machine.facts() | limits(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "rows": [asdict(row) for row in rows],
    }
    write_text(path, json.dumps(report, indent=1))
    return report["machine"]


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the rows as a table, one line each."""
    table = Table("id", "what", "unit", "ours", "peer", "its value", "ratio", "goal", "limit")
    for row in rows:
        ratio = "-" if row.ratio is None else f"{row.ratio:.2f}x" + (" LOW" * row.below_goal)
        numbers = (_number(row.peer_value), ratio, _number(row.goal), _number(row.limit))
        table.add_row(row.id, row.what, row.unit, _number(row.ours), row.peer, *numbers)
    console.print(table)


def check(folder: Path = BENCH) -> int:
    """Print the rows below their goal or without their peer; return 1 if any is below, else 0."""
    console = _console()
    reports = sorted(folder.glob("*.json"))
    if not reports:
        console.print("no benchmark was run yet: make phase0-bench")
        return 0
    rows = [Row(**row) for path in reports for row in json.loads(path.read_bytes())["rows"]]
    low = [row for row in rows if row.below_goal]
    missing = [row for row in rows if row.ratio is None]
    if low or missing:
        show(low + missing, console)
    told = f"{len(rows)} rows, {len(low)} below goal, {len(missing)} without their peer"
    console.print(told)
    return int(bool(low))


def limits() -> dict[str, float]:
    """What this machine can do at best, measured now: float32 GEMM rate and memory read rate."""
    side, megabytes = 1024, 256
    a = np.ones((side, side), np.float32)
    long = np.ones(megabytes * 250_000, np.float32)
    return {
        "gemm_gflop_per_s": round(2 * side**3 / _best(lambda: a @ a) / 1e9, 1),
        "read_gb_per_s": round(long.nbytes / _best(long.sum) / 1e9, 1),
    }


def versions() -> dict[str, str]:
    """Installed versions of the libraries that a benchmark may involve."""
    installed = {dist.name.lower() for dist in metadata.distributions() if dist.name}
    return {name: metadata.version(name) for name in VERSIONS_OF if name in installed}


def machine_line(facts: dict[str, Any]) -> str:
    """The machine in one line, to stand under a table."""
    line = (
        f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB, {facts['system']}; "
        f"GEMM {facts['gemm_gflop_per_s']} GFLOP/s, read {facts['read_gb_per_s']} GB/s"
    )
    return line + (f"; load {facts['load']} per core" if (facts["load"] or 0) > 1 else "")


def _console() -> Console:
    wide = not Console().is_terminal
    return Console(highlight=False, soft_wrap=wide, width=PLAIN_WIDTH if wide else None)


def _best(call: Any, turns: int = 5) -> float:
    call()
    seconds = []
    for _ in range(turns):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
