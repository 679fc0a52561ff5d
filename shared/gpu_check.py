"""Everything that needs a GPU, over all phases, for a machine that is lent for ten minutes.

GPU tests carry the marker `gpu`; GPU benchmarks are the modules `project/bench_gpu*.py`.
"""

import subprocess
import sys

from shared import bench_report, machine
from shared.bench import ROOT

PHASES = range(5)
NO_TEST_COLLECTED = 5  # pytest's exit code


def main() -> int:
    """Run tests, then benchmarks; 1 if a test failed, 0 otherwise, and 0 without a GPU."""
    if not machine.nvidia_gpus():
        print("no NVIDIA GPU on this machine, so nothing to check")
        return 0
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", *gpu_tests()]
    tests = subprocess.run(command, cwd=ROOT, check=False).returncode
    for number in PHASES:
        if bench_report.bench_modules(number, "bench_gpu*.py"):
            bench_report.run_phase(number, "bench_gpu*.py")
    return int(tests not in (0, NO_TEST_COLLECTED))


def gpu_tests() -> list[str]:
    """Name the files with such tests: to read the others takes time, and libraries not all have."""
    files = sorted(ROOT.glob("phase*/tests/test_*.py"))
    return [str(path) for path in files if "mark.gpu" in path.read_text(encoding="utf-8")]
