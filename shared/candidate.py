"""One candidate, tested in a child process of its own.

This is the part of the grader that runs beside a learner's code. A candidate is the solution with
some bodies replaced. The child installs the grafts, runs the exercise's tests with pytest, and
sends one record per test as soon as it is known, so that a crash loses only what came after it.
It is no sandbox against malice; it is a fence against accidents: time, memory, output, deleted
files, stray threads.
"""

import contextlib
import faulthandler
import gc
import importlib
import json
import os
import pdb  # noqa: T100 (to take it out of service)
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

from shared import testing
from shared.failure import describe
from shared.graft import Graft, installed

STACK_FILE = "stack.txt"
OUTPUT_FILE = "output.txt"
MB = 2**20
THREAD_ROOM_MB = 512  # address space that thread stacks and allocator arenas take without using it
FILE_LIMIT_MB = 200
ORPHAN_S = 5  # how long beyond its limit a child lives whose grader is gone


@dataclass(frozen=True)
class Job:
    """What a child is to do.

    Attributes:
        exercise: run the tests marked with this id.
        package: where the grafts go, such as "phase0_foundations.solution".
        grafts: the bodies to put in place.
        tests: the test files to look through.
        root: the course's folder.
        folder: a scratch folder, the child's working directory.
        seconds, memory_mb: its limits.
        device: "cpu" or "cuda".
        only: run just these tests, by node id; None runs all.
        to_the_end: go on after the first failure, which is all that a learner is shown.
    """

    exercise: str
    package: str
    grafts: tuple[Graft, ...]
    tests: tuple[Path, ...]
    root: Path
    folder: Path
    seconds: float
    memory_mb: int
    device: str = "cpu"
    only: frozenset[str] | None = None
    to_the_end: bool = False


def run(jobs: tuple[Job, ...], reports: Connection) -> None:
    """Do jobs, one after the other, and end the process. The entry point of the child."""
    send = _sender(reports)
    _fence(jobs[0], sum(job.seconds for job in jobs))
    gc.freeze()  # the libraries' objects live on: collecting garbage need not look at them
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # other packages' plugins, half a second
    for job in jobs:
        _test(job, send)
        send({"test": None, "outcome": "finished"})
    os._exit(0)  # without waiting for threads that a learner's code left running


def _test(job: Job, send: Callable[[dict], None]) -> None:
    """Run a job's tests on its candidate."""
    try:
        with installed(job.package, job.grafts):
            for module in sorted({graft.module for graft in job.grafts}):
                importlib.import_module(f"{job.package}.{module}")
            code = pytest.main(_arguments(job), plugins=[testing, Recorder(job, send)])
            if code == pytest.ExitCode.INTERRUPTED:
                raise KeyboardInterrupt("the code raised KeyboardInterrupt")
            if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
                raise RuntimeError(f"no test of exercise {job.exercise} could be run ({code.name})")
    except BaseException as error:  # whatever a learner's module does when it is imported
        send({"test": None, **describe(error, job.grafts, in_test=False)})


def _arguments(job: Job) -> list[str]:
    unused = "cacheprovider terminal debugging unraisableexception threadexception faulthandler"
    unused += " schemathesis"  # takes the case out of what Hypothesis says
    plugins = [word for name in unused.split() for word in ("-p", f"no:{name}")]
    return [*plugins, "-s", f"-c{os.devnull}", f"--rootdir={job.root}", *map(str, job.tests)]


def _sender(reports: Connection) -> Callable[[dict], None]:
    """Return a function that sends a record, unless a forked copy of this process calls it."""
    owner = os.getpid()

    def send(message: dict) -> None:
        if os.getpid() == owner:
            reports.send_bytes(json.dumps(message).encode())

    return send


# -- the fence --------------------------------------------------------------------------------


def _fence(job: Job, seconds: float) -> None:
    """Give the process its own folder, output and limits."""
    os.chdir(job.folder)
    tempfile.tempdir = str(job.folder)
    if hasattr(os, "setsid"):
        os.setsid()  # so that the grader can end whatever it starts as well
    output = os.open(job.folder / OUTPUT_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
    sys.stderr = sys.stdout
    stack = (job.folder / STACK_FILE).open("w", encoding="utf-8")
    faulthandler.enable(stack)
    faulthandler.dump_traceback_later(seconds, file=stack)
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(seconds) + ORPHAN_S)
    _limit(job)
    sys.breakpointhook = pdb.set_trace = _no_debugger
    sys.path.insert(0, str(job.root))
    sys.dont_write_bytecode = True
    sys.addaudithook(_keep_files(job.folder))
    sys.addaudithook(_keep_from_forking_again())


def _no_debugger(*arguments: object, **options: object) -> NoReturn:
    raise RuntimeError("there is no debugger in a graded run; what you print is shown instead")


def _limit(job: Job) -> None:
    try:
        import resource
    except ImportError:  # Windows: the grader watches from outside
        return
    used = psutil.Process().memory_info().vms
    limits = {
        resource.RLIMIT_FSIZE: FILE_LIMIT_MB * MB,
        resource.RLIMIT_CORE: 0,
    }
    if job.device == "cpu":  # CUDA reserves far more addresses than it uses
        limits[resource.RLIMIT_AS] = used + (job.memory_mb + THREAD_ROOM_MB) * MB
    for limit, value in limits.items():
        with contextlib.suppress(ValueError, OSError):  # macOS takes no limit on address space
            resource.setrlimit(limit, (value, value))


def _keep_files(folder: Path) -> Callable[[str, tuple], None]:
    """Return an audit hook that refuses to delete or overwrite files outside `folder`."""
    allowed = (os.path.realpath(folder) + os.sep, "/dev/")
    writing = os.O_WRONLY | os.O_RDWR | os.O_TRUNC | os.O_CREAT
    deletes = {"os.remove", "os.rmdir", "os.rename", "os.truncate", "shutil.rmtree"}

    def is_outside(path: object) -> bool:
        if isinstance(path, int) or path is None:
            return False
        return not (os.path.realpath(os.fsdecode(path)) + os.sep).startswith(allowed)

    def hook(event: str, arguments: tuple) -> None:
        if event == "open":
            path, _, flags = arguments
            paths = [path] if flags & writing else []
        elif event in deletes:
            paths = arguments[: 2 if event == "os.rename" else 1]
        else:
            return
        for path in filter(is_outside, paths):
            raise PermissionError(
                f"an exercise may only change files in its scratch folder: {path}"
            )

    return hook


def _keep_from_forking_again() -> Callable[[str, tuple], None]:
    """Return an audit hook that lets this process fork, but not its copies: they would double."""
    owner = os.getpid()

    def hook(event: str, arguments: tuple) -> None:
        if event == "os.fork" and os.getpid() != owner:
            raise PermissionError("a forked copy of an exercise may not fork again")

    return hook


# -- what happened ----------------------------------------------------------------------------


class Recorder:
    """A pytest plugin: keeps this exercise's tests and sends a record of each."""

    def __init__(self, job: Job, send: Callable[[dict], None]):
        self.job, self.send = job, send

    def pytest_configure(self, config: pytest.Config) -> None:
        """Have tracebacks, which nobody reads, written the cheap way: it halves the time."""
        config.option.tbstyle = "native"

    def pytest_ignore_collect(self, collection_path: Path) -> bool:
        """Pass over whatever lies beside the job's files: to look at it takes most of the time."""
        return not any(path.is_relative_to(collection_path) for path in self.job.tests)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what is marked with the job's exercise, and tell how many that are."""
        items[:] = [item for item in items if self._wanted(item)]
        self.send({"test": None, "outcome": "collected", "message": str(len(items))})

    def _wanted(self, item: pytest.Item) -> bool:
        marker = item.get_closest_marker("exercise")
        if marker is None or self.job.exercise not in marker.args:
            return False
        if item.get_closest_marker("slow"):
            return False
        return self.job.only is None or item.nodeid in self.job.only

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell of a test file that cannot be imported."""
        if report.failed:
            text = str(report.longrepr).strip().splitlines()[-1]
            self.send({"test": None, "outcome": "error", "message": text, "where": None})

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo):
        """Send one record a test: passed, or what went wrong and where."""
        report = yield
        record = {"test": item.nodeid, "outcome": "passed", "seconds": round(call.duration, 4)}
        if report.skipped:
            record |= {"outcome": "skipped", "message": str(call.excinfo.value)}
        elif report.failed:
            record |= describe(call.excinfo.value, self.job.grafts)
            if record["outcome"] != "todo" and not self.job.to_the_end:
                item.session.shouldfail = "the first failure is known"
        elif call.when != "call":
            return report
        self.send(record)
        return report
