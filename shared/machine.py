"""Plain facts about this machine: processor, cores, memory, GPU. Standard library, psutil if there.

No torch is imported, and a bare Python gets an answer too: the doctor runs before any setup.
"""

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

GIB = 2**30


def facts() -> dict[str, Any]:
    """What a reader of a benchmark needs to know: cpu, cores, memory_gib, system, gpus, load.

    Above a `load` of 1, timings of several threads mean little.
    """
    return {
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "memory_gib": memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "gpus": nvidia_gpus(),
        "load": load_per_core(),
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


def memory_gib() -> float | None:
    """Main memory in GiB; None where neither the system nor psutil tells."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB, 1)
    except (AttributeError, ValueError, OSError):
        try:
            import psutil
        except ImportError:
            return None
        return round(psutil.virtual_memory().total / GIB, 1)


def load_per_core() -> float | None:
    """Runnable processes per core over the last minute; None on Windows, which does not count."""
    return round(os.getloadavg()[0] / usable_cores(), 2) if hasattr(os, "getloadavg") else None


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
    return _output(*command).strip().partition("\n")[0]


def _output(*command: str) -> str:
    if not shutil.which(command[0]):
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
