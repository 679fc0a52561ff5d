"""What this machine is, what that allows, and what is wrong with the mend: `make doctor`.

Runs in a bare Python too, before or after a failed setup, and prints plain ASCII lines.
"""

import importlib.util
import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from shared import bootstrap, machine, network

NEEDED_DISK_GIB = 5  # packages about 2.5 GiB, the rest for runs and checkpoints


@dataclass(frozen=True)
class Facts:
    """All that the doctor looks at, so that its judgement can be tested on machines we lack."""

    python: tuple[int, int]
    ready: bool
    cpu: str
    cores: int
    memory_gib: float | None
    load: float | None
    gpus: tuple[str, ...]
    cuda_in_torch: bool | None
    bf16: bool | None
    disk_gib: float
    hub: bool
    data_folder: str | None
    differing: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Part:
    """A part of the course and what it asks of a machine."""

    what: str
    memory_gib: float = 2
    cores: int = 1
    gpu: bool = False


PARTS = (
    Part("phase 0  autograd engine, MLP on digits"),
    Part("phase 1  tokenizers, a small GPT trained on the CPU", memory_gib=4),
    Part("phase 1  a GPT-2-sized run", memory_gib=16, gpu=True),
    Part("phase 2  parallel training in 2 processes", memory_gib=6, cores=2),
    Part("phase 2  one GPU driven at full rate", memory_gib=16, gpu=True),
    Part("phase 3  LoRA, reward model and PPO on small models", memory_gib=8),
    Part("phase 3  QLoRA of models of a billion parameters and more", memory_gib=16, gpu=True),
    Part("phase 4  quantised engine and server on the CPU", memory_gib=4),
    Part("phase 4  FlashAttention kernels on the GPU", memory_gib=8, gpu=True),
)


def examine() -> Facts:
    """Look at this machine; takes two seconds without a network."""
    return Facts(
        python=sys.version_info[:2],
        ready=bootstrap.is_ready() or os.environ.get("COURSE_NO_VENV") == "1",
        cpu=machine.cpu_name(),
        cores=machine.usable_cores(),
        memory_gib=machine.memory_gib(),
        load=machine.load_per_core(),
        gpus=tuple(machine.nvidia_gpus()),
        cuda_in_torch=_cuda_in_torch(),
        bf16=machine.has_bf16_instructions(),
        disk_gib=shutil.disk_usage(bootstrap.ROOT).free / machine.GIB,
        hub=network.hub_answers(),
        data_folder=os.environ.get("COURSE_DATA"),
        differing=differing_versions(bootstrap.ROOT / "constraints.txt"),
    )


def describe(facts: Facts) -> list[str]:
    """What the machine is, one line a fact."""
    say = {True: "yes", False: "no", None: "unknown"}
    gpu = "; ".join(facts.gpus) or "none from NVIDIA"
    return [
        f"processor  {facts.cpu}, {facts.cores} cores usable",
        f"memory     {facts.memory_gib or 'unknown'} GiB",
        f"bfloat16   in the processor: {say[facts.bf16]}",
        f"GPU        {gpu}",
        f"disk       {facts.disk_gib:.0f} GiB free here",
        f"network    the Hugging Face hub answers: {say[facts.hub]}",
        f"data       {facts.data_folder or 'COURSE_DATA is not set: hub, else embedded defaults'}",
        f"system     {platform.platform()}",
        f"python     {platform.python_version()}, torch {_version('torch')}, "
        f"numpy {_version('numpy')}",
    ]


def allowed(facts: Facts) -> list[str]:
    """One line per part of the course: yes, or no and for want of what."""
    lines = []
    for part in PARTS:
        wants = [
            "an NVIDIA GPU" * (part.gpu and not facts.gpus),
            f"{part.memory_gib} GiB of memory"
            * (facts.memory_gib is not None and facts.memory_gib < part.memory_gib * 0.9),
            f"{part.cores} cores" * (facts.cores < part.cores),
        ]
        lacking = " and ".join(want for want in wants if want)
        lines.append(
            f"{'no ' if lacking else 'yes'}  {part.what}" + f" (needs {lacking})" * bool(lacking)
        )
    return lines


def problems(facts: Facts) -> list[str]:
    """What is wrong, each line with its mend; empty on a healthy machine."""
    data = facts.data_folder
    found = {
        "Python 3.11 or newer is needed: install it, delete .venv, then `make setup`": (
            facts.python < bootstrap.NEEDS
        ),
        "the packages are not installed, or not as listed now: `make setup`": not facts.ready,
        "the GPU is not used, torch has no CUDA in it: delete .venv, then `make setup`": (
            bool(facts.gpus) and facts.cuda_in_torch is False
        ),
        f"only {facts.disk_gib:.1f} GiB of disk left, {NEEDED_DISK_GIB} are needed: "
        "free some, old runs lie in runs/": facts.disk_gib < NEEDED_DISK_GIB,
        f"COURSE_DATA is {data}, which is not a folder: correct or unset it": (
            data is not None and not Path(data).is_dir()
        ),
        f"the machine is busy (load {facts.load} per core), timings will mislead: "
        "wait before a benchmark": (facts.load or 0) > 2,
    }
    lines = [text for text, is_so in found.items() if is_so]
    if facts.ready and facts.differing:
        told = ", ".join(
            f"{name} {is_} for {want}" for name, (is_, want) in facts.differing.items()
        )
        lines.append(f"versions other than the tested ones: {told}: `make setup` restores them")
    return lines


def report(facts: Facts) -> str:
    """The whole page: what it is, what that allows, what is wrong."""
    wrong = problems(facts) or ["nothing: good to go"]
    return "\n".join(
        [
            "This machine",
            *(f"  {line}" for line in describe(facts)),
            "\nWhat it allows",
            *(f"  {line}" for line in allowed(facts)),
            "\nWhat is wrong",
            *(f"  {line}" for line in wrong),
        ]
    )


def differing_versions(constraints: Path) -> dict[str, tuple[str, str]]:
    """Installed versions that differ from the constraints: name -> (installed, wanted)."""
    found = {}
    for name, wanted in re.findall(r"^([\w.-]+)==(\S+)$", constraints.read_text(), re.MULTILINE):
        installed = _version(name)
        if installed != "missing" and installed.split("+")[0] != wanted:
            found[name] = (installed, wanted)
    return found


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def _cuda_in_torch() -> bool | None:
    """Whether the installed torch was built with CUDA; asked only where there is a GPU."""
    if not machine.nvidia_gpus() or importlib.util.find_spec("torch") is None:
        return None
    import torch

    return torch.version.cuda is not None


def main() -> int:
    """Print the page; always 0, since an ill machine is an answer, not a failure."""
    print(report(examine()))
    return 0


if __name__ == "__main__":
    bootstrap.reexec(install=False)
    sys.exit(main())
