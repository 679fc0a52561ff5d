"""The processes of a run: join them, and prove that there are as many as were asked for.

Three ways to ask Accelerate 1.15 for two processes on a CPU do not give two that work together:

- `accelerate launch --cpu --num_processes 2` and a config file with `MULTI_CPU` start one. In
  accelerate/commands/launch.py, `launch_command` hands every launch with --cpu, and every type of
  config but the GPUs', to `simple_launcher`, a single Popen (several only by way of mpirun).
- torchrun starts two, but `Accelerator()` without `cpu=True` finds neither a GPU nor leave to use
  gloo, and each process believes that it is alone: both train on everything and write one folder.

So the launcher has to be torchrun's (Accelerate calls it `multi_gpu`) and `cpu=True` has to be said
here. `phase2_scaling/configs/cpu.yaml` and `join` do so.
"""

import io
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import NoReturn, TypeVar

import torch
import torch.distributed as dist
from accelerate import Accelerator

T = TypeVar("T")

MEND = "use `make phase2-launch NPROC={n}`, or torchrun; the lesson tells why"


def join(processes: int | None, device: str, mixed_precision: str | None) -> Accelerator:
    """Start Accelerate in this process, and find the others.

    Args:
        processes: how many there have to be; by default as many as the launcher's variables tell.
        device: "auto" takes GPUs where there are any, "cpu" does not.
        mixed_precision: "no", "bf16", "fp16", or None for what the launcher was told.

    Raises:
        ValueError: there is another number of processes (see `refuse`), or the device is not
            capable of the precision.
    """
    cpu = device == "cpu" or not torch.cuda.is_available()
    started = launched()
    wanted = processes or started
    if started is not None:
        # Before they meet: whoever refused later would leave others behind who are still meeting.
        require(wanted, started)
    accelerator = Accelerator(cpu=cpu, mixed_precision=mixed_precision)
    if wanted is not None:
        require(wanted, accelerator.num_processes)
    return accelerator


def require(wanted: int, found: int) -> None:
    """Refuse a run that has another number of processes than it should.

    Raises:
        ValueError: it has; see `refuse`.
    """
    if found != wanted:
        refuse(f"{wanted} processes were asked for, this run has {found}; {MEND.format(n=wanted)}")


def refuse(why: str) -> NoReturn:
    """End a run for a reason that every rank sees, but say so once.

    Raises:
        ValueError: on rank 0; the others exit with 2 and leave the word to it.
    """
    if int(os.environ.get("RANK", 0)):
        sys.exit(2)
    raise ValueError(why)


def launched() -> int | None:
    """Read how many processes the launcher has started, or None where there was no launcher.

    Raises:
        ValueError: `accelerate launch` was asked for several and has started this one alone. Then
            it has set an address to meet at, and nobody to meet.
    """
    if "WORLD_SIZE" in os.environ:
        return int(os.environ["WORLD_SIZE"])
    if "ACCELERATE_USE_CPU" in os.environ and "MASTER_PORT" in os.environ:
        raise ValueError(
            "accelerate launch was asked for several processes and has started one, as it does "
            f"with --cpu; {MEND.format(n=2)}"
        )
    return None


def describe(accelerator: Accelerator) -> str:
    """Say who works together, such as "2 processes, gloo, cpu"."""
    n = accelerator.num_processes
    group = dist.get_backend() if dist.is_initialized() else "no group"
    return f"{n} process{'es' * (n > 1)}, {group}, {accelerator.device.type}"


def restarted(accelerator: Accelerator) -> bool:
    """Tell whether an elastic launcher has started the processes again after one of them died.

    A launcher counts its own restarts: where only another node's process died, this node's count
    may still be 0. So all ranks are asked.
    """
    count = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))
    counts = torch.tensor([count], device=accelerator.device)
    return bool(accelerator.gather(counts).max() > 0)


def one_after_the_other(function: Callable[[], T], accelerator: Accelerator) -> T:
    """Call `function` on the main process and then on the others, which do so without a word.

    Whatever has to be fetched is fetched once, and said once.
    """
    if accelerator.is_main_process:
        found = function()
    accelerator.wait_for_everyone()
    if not accelerator.is_main_process:
        with redirect_stdout(io.StringIO()):
            found = function()
    return found
