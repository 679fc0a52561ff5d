"""One candidate's process, seen from outside: started, listened to, limited, ended."""

import contextlib
import json
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import psutil

from shared.candidate import FILE_LIMIT_MB, MB, OUTPUT_FILE, STACK_FILE, Job, run
from shared.source import SourceFile

TICK_S = 0.1
GRACE_S = 1.0  # from the moment the child notes where it hangs to the moment it is ended
OUTPUT_KEPT = 4000  # bytes of a learner's own prints that are shown


@dataclass
class Test:
    """What one test said."""

    name: str
    outcome: str  # "passed", "todo", "wrong", "error" or "skipped"
    message: str = ""
    check: str | None = None
    seen: Any = None
    where: dict | None = None  # file, line, text
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Run:
    """What became of a candidate: its tests, of `collected` in all, and how its process ended."""

    tests: list[Test]
    output: str = ""
    seconds: float = 0.0
    collected: int = 0

    @property
    def passed(self) -> int:
        """How many tests passed; after a failure no other is run."""
        return sum(test.outcome == "passed" for test in self.tests)

    @property
    def outcome(self) -> str:
        """Sum up: "wrong" or "error", as the first failure is; else "todo", "right", "skipped"."""
        if self.first_failure:
            return self.first_failure.outcome
        outcomes = [test.outcome for test in self.tests]
        if "todo" in outcomes:
            return "todo"
        return "right" if "passed" in outcomes else "skipped"

    @property
    def failures(self) -> list[Test]:
        """The tests that are wrong or raised, in order."""
        return [test for test in self.tests if test.outcome in ("wrong", "error")]

    @property
    def first_failure(self) -> Test | None:
        """What a learner is shown."""
        return next(iter(self.failures), None)


class Child:
    """A child process that does one job, or several that share their limits and folder.

    Args:
        context: how processes are started.
        jobs: what it is to do, and within which limits.
        stop: ends the child early when it is set.
    """

    def __init__(
        self, context: multiprocessing.context.BaseContext, jobs: list[Job], stop: threading.Event
    ):
        self.stop = stop
        self.n_jobs, self.job = len(jobs), jobs[0]
        self.reports, childs_end = context.Pipe(duplex=False)
        self.process = context.Process(target=run, args=(tuple(jobs), childs_end))
        with _HiddenMain():
            self.process.start()
        childs_end.close()

    def results(self) -> list[Run]:
        """Wait for the end, by itself or by force; return a run a job, up to one that ends it."""
        runs: list[Run] = []
        try:
            is_over = False
            while len(runs) < self.n_jobs and not is_over:
                runs.append(Run([]))
                is_over = self._follow(runs[-1])
        finally:
            self._end()
        runs[-1].output = self._output()
        return runs

    def _follow(self, result: Run) -> bool:
        """Wait for the end of one job; tell whether it ends the process."""
        began = time.monotonic()
        ending = self._listen(result, began + self.job.seconds + GRACE_S)
        if ending:
            result.tests.append(ending)
        result.seconds = round(time.monotonic() - began, 3)
        return ending is not None

    def _listen(self, result: Run, deadline: float) -> Test | None:
        """Collect records until the child is finished; return an error if it ends otherwise."""
        base_mb = 0.0
        while not self.stop.is_set():
            if time.monotonic() > deadline:
                return self._too_long()
            if not wait([self.reports], TICK_S):
                base_mb = base_mb or self._memory_mb()
                if too_much := self._too_much(base_mb):
                    return self._error(too_much)
                continue
            try:
                message = json.loads(self.reports.recv_bytes())
            except (EOFError, OSError, ValueError):
                # To note where code hangs may itself end a process that runs in compiled code.
                is_late = time.monotonic() > deadline - GRACE_S
                return self._too_long() if is_late else self._crash()
            if message["outcome"] == "finished":
                return None
            if message["outcome"] == "collected":
                result.collected = int(message["message"])
                continue
            result.tests.append(Test(message.pop("test") or "", **message))
        return self._error("interrupted")

    def _too_much(self, base_mb: float) -> str:
        """Say which limit is exceeded, where the system itself keeps none."""
        if self._memory_mb() > base_mb + self.job.memory_mb:
            return f"it used more than {self.job.memory_mb} MB of memory"
        output = self.job.folder / OUTPUT_FILE
        if output.exists() and output.stat().st_size > FILE_LIMIT_MB * MB:
            return f"it printed more than {FILE_LIMIT_MB} MB"
        return ""

    def _too_long(self) -> Test:
        return self._error(f"still running after {self.job.seconds:g} s, so it was stopped")

    def _crash(self) -> Test:
        self.process.join(timeout=GRACE_S)
        code = self.process.exitcode
        if code is not None and code < 0:
            return self._error(f"the process crashed ({signal.Signals(-code).name})")
        how = "" if code is None else f" (exit code {code})"
        return self._error(f"the process ended in the middle of a test{how}")

    def _error(self, message: str) -> Test:
        """Make the record of a child that did not finish, with the line that it had reached."""
        stack = self.job.folder / STACK_FILE
        text = stack.read_text(encoding="utf-8", errors="replace") if stack.exists() else ""
        learner_files = {str(graft.path) for graft in self.job.grafts}
        found = re.findall(r'File "(.+)", line (\d+)', text)  # the innermost comes first
        place = next(((file, int(line)) for file, line in found if file in learner_files), None)
        return Test("", "error", message, seen=message, where=_where(*place) if place else None)

    def _output(self) -> str:
        """Return the beginning of what the child printed."""
        try:
            with (self.job.folder / OUTPUT_FILE).open("rb") as file:
                return file.read(OUTPUT_KEPT).decode("utf-8", errors="replace")
        except OSError:  # its own code may have deleted the folder
            return ""

    def _memory_mb(self) -> float:
        try:
            return psutil.Process(self.process.pid).memory_info().rss / MB
        except psutil.Error:
            return 0.0

    def _end(self) -> None:
        """End the child and whatever it started."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()
        self.reports.close()


def _where(file: str, line: int) -> dict:
    lines = SourceFile.read(Path(file)).lines
    text = lines[line - 1].strip() if line <= len(lines) else ""  # edited in the meantime
    return {"file": file, "line": line, "text": text}


class _HiddenMain:
    """Keep multiprocessing from importing the program's main module again in each child."""

    lock = threading.Lock()

    def __enter__(self) -> None:
        self.lock.acquire()
        self.main = sys.modules["__main__"]
        sys.modules["__main__"] = type(sys)("__main__")

    def __exit__(self, *exception: object) -> None:
        sys.modules["__main__"] = self.main
        self.lock.release()
