"""Start a training run on several processes: `accelerate launch`, with its traps taken care of.

    make phase2-launch NPROC=2
    make phase2-launch NPROC=2 ARGS="--max-steps 20 --name short"
    make phase2-launch NPROC=8 CONFIG=phase2_scaling/configs/gpu8.yaml ARGS="--preset gpt2-124m"

What it adds to the launcher that it calls: the number of processes is told to the run, which
refuses another one; a free port is found; a launch on several machines has one host of its meeting
place; processes that are started again meet at a new place (see `RESTARTABLE`); and the end of a
process is told in one line.
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from accelerate.commands.launch import launch_command, launch_command_parser
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from shared import cli

CPU = Path(__file__).resolve().parents[1] / "configs" / "cpu.yaml"
PROGRAM = "phase2_scaling.project.train"

# torch 2.13 lets workers meet at the launcher's own store, where after a restart the addresses of
# the dead ones still stand: gloo connects to them, is refused, and the launch fails or hangs.
# With this the workers' rank 0 opens a store of its own on every start.
RESTARTABLE = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}


@dataclass(frozen=True)
class Config:
    """How many processes, where, and what they are told."""

    nproc: int = 2
    """processes on all machines together"""
    config: Path = CPU
    """Accelerate's config file; phase2_scaling/configs has some"""
    args: str = ""
    """flags of phase2_scaling.project.train, in one string"""
    max_restarts: int = 0
    """how often processes are started again after one of them died"""
    machine: int = 0
    """number of this machine, where there are several; machine 0 is the one that `main` names"""
    main: str = ""
    """address and port where several machines meet, such as node0:29500"""
    address: str = ""
    """by which the other machines know this one; by default its host name"""

    def __post_init__(self) -> None:
        if self.nproc < 1:
            raise ValueError(f"nproc must be positive, got {self.nproc}")
        if not self.config.is_file():
            raise ValueError(f"there is no config file {self.config}")
        if self.main and not self.main.rpartition(":")[2].isdigit():
            raise ValueError(f"main must be an address and a port, got {self.main!r}")


def words(config: Config) -> list[str]:
    """Make the command line of `accelerate launch`."""
    where = ["--machine_rank", str(config.machine)]
    if config.main:
        ip, _, port = config.main.rpartition(":")
        where += ["--main_process_ip", ip, "--main_process_port", port]
        where += ["--rdzv_conf", f"is_host={int(config.machine == 0)}"]
    return [
        *("--config_file", str(config.config), "--num_processes", str(config.nproc)),
        *("--max_restarts", str(config.max_restarts), "--monitor_interval", "0.2"),
        *where,
        *("--module", PROGRAM, "--processes", str(config.nproc)),
        *shlex.split(config.args),
    ]


def launch(config: Config) -> None:
    """Run the processes to their end.

    Raises:
        torch.distributed.elastic.multiprocessing.errors.ChildFailedError: one of them failed.
    """
    arguments = launch_command_parser().parse_args(words(config))
    if config.main:
        arguments.local_addr = config.address or None
    else:
        arguments.standalone = True  # torchrun's: a free port, and a name of the launch's own
    os.environ |= RESTARTABLE
    launch_command(arguments)


def main(config: Config) -> None:
    """Launch; exit with 2 where the run refused to start, with 1 where it failed."""
    try:
        launch(config)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        code = failure.exitcode
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        print(f"error: rank {rank} {how}, and with it the run", file=sys.stderr)
        sys.exit(2 if code == 2 else 1)


if __name__ == "__main__":
    cli.run(__spec__.name)
