"""A cluster on one machine: a function run by several processes that can talk to each other.

    losses = ranks.run(4, step, model, batches)  # step(model, batches) on each rank; a list of 4

The processes are forked, meet through a file in a scratch folder (no port to be taken) and speak
gloo. What goes wrong on a rank is raised here, as if it had happened here; ranks that wait for
each other for ever are found out and named, with the line on which each of them waits.
"""

import contextlib
import faulthandler
import multiprocessing
import os
import pickle
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import psutil
import torch
import torch.distributed as dist

from shared.checks import CheckFailed
from shared.failure import frames

TICK_S = 0.05
QUIET_S = 1.5  # no rank has used the processor for so long: they all wait
GRACE_S = 0.3  # after a rank failed, time for the others to fail in the same place
SEED = 1000  # plus the rank: what should be equal on all ranks has to be made so
ABORTED = -signal.SIGABRT  # how gloo ends a process that gets a longer message than it expects
MISFIT = (
    ", as it does when a message is longer than the tensor that it is received in: "
    "did the ranks call the same things in the same order?"
)

Frame = tuple[str, int, str, str]  # file, line, function, text


class RankFailed(RuntimeError):
    """A rank ended without a word, or raised something that cannot be sent."""


def run(n: int, function: Callable[..., Any], *args: Any, timeout_s: float = 60.0) -> list[Any]:
    """Call `function(*args)` on n ranks of one process group and return what each returned.

    A rank starts with one thread, random numbers of its own (`SEED` + rank) and a copy of this
    process's memory; `torch.distributed` is initialised. What it returns must pickle; a tensor
    comes back as a copy.

    Args:
        n: ranks.
        function: what each does.
        args: the same for each, inherited rather than sent.
        timeout_s: for the whole; a deadlock is found earlier.

    Raises:
        CheckFailed: the ranks wait for each other, or are not done in time.
        Exception: the one that the lowest failing rank raised, with its `frames`.
    """
    with tempfile.TemporaryDirectory(prefix="ranks-") as folder:
        members = [_Member(rank, n, Path(folder), function, args) for rank in range(n)]
        try:
            return _collect(members, time.monotonic() + timeout_s)
        finally:
            for member in members:
                member.end()


# -- seen from the process that started them --------------------------------------------------


class _Member:
    """One rank, seen from outside."""

    def __init__(self, rank: int, n: int, folder: Path, function: Callable, args: tuple) -> None:
        context = multiprocessing.get_context("fork")
        self.rank, self.stack = rank, folder / f"stack-{rank}"
        self.reports, theirs = context.Pipe(duplex=False)
        self.process = context.Process(
            target=_be_a_rank, args=(rank, n, folder, function, args, theirs), daemon=True
        )
        self.process.start()
        theirs.close()
        self._seen = psutil.Process(self.process.pid)

    def receive(self) -> "_Report":
        """Return what the rank has to say; its silent end is a failure."""
        try:
            return pickle.loads(self.reports.recv_bytes())
        except EOFError:
            self.process.join()
            why = f"rank {self.rank} ended without a word, with exit code {self.process.exitcode}"
            return _Report(error=RankFailed(why + MISFIT * (self.process.exitcode == ABORTED)))

    def cpu_s(self) -> float:
        """Processor time used so far."""
        with contextlib.suppress(psutil.Error):
            times = self._seen.cpu_times()
            return times.user + times.system
        return 0.0

    def waits_at(self) -> list[Frame]:
        """The rank's stack, outermost first."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGUSR1)
            time.sleep(TICK_S)
        text = self.stack.read_text() if self.stack.exists() else ""
        found = re.findall(r'File "(.+?)", line (\d+) in (\S+)', text.partition("Current")[2])
        return [(file, int(line), name, "") for file, line, name in reversed(found)]

    def end(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.join()
        self.reports.close()


@dataclass
class _Report:
    value: Any = None
    error: BaseException | None = None


def _collect(members: list[_Member], deadline: float) -> list[Any]:
    values: dict[int, Any] = {}
    failures: dict[int, BaseException] = {}
    used, moved = -1.0, time.monotonic()
    while len(values) < len(members):
        left = [m for m in members if m.rank not in values and m.rank not in failures]
        ready = wait([m.reports for m in left], TICK_S)
        for member in [m for m in left if m.reports in ready]:
            report = member.receive()
            if report.error is not None:
                failures[member.rank] = report.error
                deadline = min(deadline, time.monotonic() + GRACE_S)
            else:
                values[member.rank] = report.value
        now = time.monotonic()
        if ready or (total := sum(m.cpu_s() for m in members)) > used:
            used, moved = (used if ready else total), now
        if failures and (now > deadline or len(failures) + len(values) == len(members)):
            # One that died broke the others' connections: what they say of it is no news.
            raise failures[min(failures, key=lambda r: (type(failures[r]) is not RankFailed, r))]
        if now - moved > QUIET_S:
            for_whom = "each other" if len(left) > 1 else "others, which are done"
            raise _stuck(left, f"wait for {for_whom}")
        if now > deadline:
            raise _stuck(left, "are not done in time")
    return [values[member.rank] for member in members]


def _stuck(members: list[_Member], what: str) -> CheckFailed:
    stacks = {member.rank: member.waits_at() for member in members}
    here = str(Path(torch.__file__).parent)
    lines = []
    for rank, stack in stacks.items():
        own = [
            frame for frame in stack if not frame[0].startswith((here, sys.base_prefix + "/lib"))
        ]
        file, line, name, _ = (own or stack or [("?", 0, "?", "")])[-1]
        lines.append(f"  rank {rank} in {name}, {Path(file).name}:{line}")
    told = f"ranks {sorted(stacks)} {what}\n" + "\n".join(lines)
    failed = CheckFailed("every rank comes to its end", told, sorted(stacks))
    failed.frames = next(iter(stacks.values()), [])
    return failed


# -- on the rank itself -----------------------------------------------------------------------


def _be_a_rank(
    rank: int, n: int, folder: Path, function: Callable, args: tuple, reports: Connection
) -> None:
    """Join the group, do the work, report, and stay until the others need no more of us."""
    torch.set_num_threads(1)  # a forked process cannot use its parent's pool of threads
    torch.manual_seed(SEED + rank)
    stack = (folder / f"stack-{rank}").open("w")
    faulthandler.register(signal.SIGUSR1, stack, all_threads=True)
    try:
        store = dist.FileStore(str(folder / "store"), n)
        patience = timedelta(hours=1)  # whoever waits in vain is found out from outside
        dist.init_process_group("gloo", store=store, rank=rank, world_size=n, timeout=patience)
        report = pickle.dumps(_Report(value=function(*args)))
    except BaseException as error:  # whatever a learner's code raises
        report = _pickled(error)
    reports.send_bytes(report)
    signal.pause()  # to leave would break the connections of ranks that still work


def _pickled(error: BaseException) -> bytes:
    """Pickle an exception together with its traceback, whose frames cannot be."""
    told = [(f.filename, f.lineno, f.name, f.line) for f in frames(error)]
    error.__traceback__ = error.__cause__ = error.__context__ = None
    error.frames = told
    with contextlib.suppress(Exception):
        packed = pickle.dumps(_Report(error=error))
        pickle.loads(packed)
        return packed
    stand_in = RankFailed(f"{type(error).__name__}: {error}")
    stand_in.frames = told
    return pickle.dumps(_Report(error=stand_in))
