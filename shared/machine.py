"""Plain facts about this machine: processor, cores, memory, disk, GPU. No torch is imported."""

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psutil

GIB = 2**30


def facts() -> dict[str, Any]:
    """What a reader of a benchmark needs to know: cpu, cores, memory_gib, system, gpus, load.

    `load` is the number of runnable processes per core over the last minute: above 1, timings of
    several threads mean little.
    """
    return {
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "memory_gib": round(psutil.virtual_memory().total / GIB, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "gpus": nvidia_gpus(),
        "load": round(psutil.getloadavg()[0] / usable_cores(), 2),
    }


def cpu_name() -> str:
    """The processor's model as the system tells it, else its architecture."""
    if platform.system() == "Linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    if platform.system() == "Darwin":
        return _first_line("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """Cores that this process may run on; a container often has fewer than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def nvidia_gpus() -> list[str]:
    """One line per NVIDIA GPU, "name, memory, driver", as nvidia-smi tells it; empty without."""
    query = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    return [line.strip() for line in _output("nvidia-smi", *query).splitlines() if line.strip()]


def has_bf16_instructions() -> bool | None:
    """Whether the processor multiplies bfloat16 itself; None where the system does not say."""
    if platform.system() != "Linux":
        return None
    words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    return bool(words & {"avx512_bf16", "amx_bf16", "bf16"})


def _first_line(*command: str) -> str:
    return _output(*command).strip().split("\n")[0]


def _output(*command: str) -> str:
    if not shutil.which(command[0]):
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
