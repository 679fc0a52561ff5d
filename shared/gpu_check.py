"""Everything that needs a GPU, over all phases, for a machine that is lent for ten minutes.

GPU tests carry the marker `gpu`; GPU benchmarks are the modules `project/bench_gpu*.py`. Each has a
process of its own: a kernel that reads where it must not takes its whole process with it. What is
measured is written at once, so a machine that is taken back early leaves its rows behind.
"""

import subprocess
import sys
from pathlib import Path

from shared import bench_report, machine
from shared.bench import ROOT, Row, rows_with_threads

PHASES = range(5)
NO_TEST_COLLECTED = 5  # pytest's exit code


def main(folder: Path = bench_report.BENCH) -> int:
    """Run tests, then benchmarks; 1 if any of them failed, 0 otherwise, and 0 without a GPU."""
    if not machine.nvidia_gpus():
        print("no NVIDIA GPU on this machine, so nothing to check")
        return 0
    tests = run_tests()
    rows, failed = run_benchmarks(folder)
    bench_report.publish("gpu", rows, folder)
    for module in failed:
        print(f"no rows of {module}: it failed, and said above why")
    return int(tests not in (0, NO_TEST_COLLECTED) or bool(failed))


def run_tests() -> int:
    """Return pytest's exit code. A file whose libraries are not there costs its own tests only."""
    options = ["-q", "-m", "gpu", "--continue-on-collection-errors"]
    command = [sys.executable, "-m", "pytest", *options, *gpu_tests()]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def gpu_tests() -> list[str]:
    """Name the files with such tests: to read the others takes time, and libraries not all have."""
    files = sorted(ROOT.glob("phase*/tests/test_*.py"))
    return [str(path) for path in files if "mark.gpu" in path.read_text(encoding="utf-8")]


def run_benchmarks(folder: Path) -> tuple[list[Row], list[str]]:
    """Return the rows of all benchmarks, and the names of those that failed."""
    rows, failed = [], []
    for number in PHASES:
        for module in bench_report.bench_modules(number, "bench_gpu*.py"):
            print(f"timing {module} ...", flush=True)
            try:
                rows += rows_with_threads(module, "rows", machine.usable_cores())
            except subprocess.CalledProcessError:
                failed.append(module)
            bench_report.keep(folder / "gpu.json", rows)
    return rows, failed
