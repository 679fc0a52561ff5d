"""Grade candidates, each in a child process of its own.

The children are forked from a server that has the heavy libraries imported. Four outcomes, never
mixed up: "todo", "wrong", "error" (the learner's code raised, hung, crashed or ran out of
memory), "right". Where an attempt is wrong, the catalogued mistakes are run through the same
failing tests, and the one whose recorded values equal the learner's is the diagnosis.
"""

import ast
import contextlib
import hashlib
import json
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cached_property
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import psutil

from shared.candidate import MB, STACK_FILE, Job, run
from shared.seen import same
from shared.graft import Graft, needed_source
from shared.mistakes import Mistake, catalogue
from shared.source import SourceFile
from shared.stubs import attempted, stub
from shared.syllabus import Exercise, Phase, find_exercise

GRACE_S = 1.0  # from the moment the child notes where it hangs to the moment it is ended
OUTPUT_KEPT = 4000  # characters of a learner's own prints that are shown
MAX_RETRIED = 6  # failing tests that diagnosis repeats with each mistake


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
    source: str = ""
    seconds: float = 0.0


@dataclass
class Run:
    """What became of a candidate: its tests, and how its process ended."""

    tests: list[Test]
    output: str = ""
    seconds: float = 0.0

    @property
    def outcome(self) -> str:
        """Sum up: the first failure decides; no test at all is an error of the course."""
        outcomes = [test.outcome for test in self.tests]
        for kind in ("wrong", "error"):
            if kind in outcomes:
                return self.first_failure.outcome
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


@dataclass
class Grade:
    """The result of one exercise.

    Attributes:
        outcome: "todo", "wrong", "error", "right" or "skipped".
        failure: the first failing test, for wrong and error.
        diagnosis: the sentence of the catalogued mistake that gives the same values.
        where: the learner's line to look at.
        answer: hash of the learner's bodies, to know later whether they are still what passed.
        done, total: objects written and asked.
        reason: why it was skipped.
    """

    exercise: str
    outcome: str
    failure: Test | None = None
    diagnosis: str | None = None
    mistake: str | None = None
    where: dict | None = None
    answer: str | None = None
    done: int = 0
    total: int = 0
    output: str = ""
    reason: str = ""
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> dict:
        """Return plain data, without the values that only diagnosis needs."""
        data = asdict(self)
        for key in ("seen", "source"):
            (data["failure"] or {}).pop(key, None)
        return data


class Grader:
    """Grades the exercises of one phase. Use as a context manager.

    Args:
        phase: the phase.
        jobs: candidates tested at the same time; by default one a core.
    """

    def __init__(self, phase: Phase, jobs: int | None = None):
        self.phase = phase
        self.root = phase.folder.parent
        self.jobs = jobs or _cores()
        self.mistakes = catalogue(phase.folder)
        self._stubs: dict[str, SourceFile] = {}
        self._mistake_runs: dict[str, Run] = {}

    def __enter__(self) -> "Grader":
        self._scratch = tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True)
        self._pool = ThreadPoolExecutor(self.jobs)
        method = (
            "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        )
        self._context = multiprocessing.get_context(method)
        if method == "forkserver":
            self._context.set_forkserver_preload(["shared.candidate", *self._libraries()])
        # The child's tests run beside each other: one thread each, so that they do not fight.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._scratch.cleanup()

    # -- the four uses of the one mechanism ----------------------------------------------------

    def grade(self, exercise: Exercise) -> Grade:
        """Grade a learner's attempt at one exercise, and diagnose it if it is wrong."""
        began = time.monotonic()
        grade = Grade(exercise.id, "todo", total=len(exercise.objects))
        if reason := self.unavailable(exercise):
            grade.outcome, grade.reason = "skipped", reason
            return grade
        grafts, problem = self._learner_grafts(exercise)
        grade.done = len(grafts)
        if problem:
            grade.outcome, grade.failure, grade.where = "error", problem, problem.where
        elif grafts:
            result = self.run(exercise, self._all_grafts(exercise))
            grade.outcome, grade.failure = result.outcome, result.first_failure
            grade.output, grade.answer = result.output, self.answer_hash(exercise)
            if grade.failure:
                grade.where = grade.failure.where or self._line_of(exercise, grade.failure)
                found = self.diagnose(exercise, result)
                if found:
                    grade.mistake, grade.diagnosis = found.name, found.says
        grade.seconds = round(time.monotonic() - began, 2)
        return grade

    def grade_all(self, exercises: list[Exercise], impl: str = "mine") -> list[Grade]:
        """Grade several exercises side by side: a learner's answers, or the "solution"."""
        function = self.grade if impl == "mine" else self.prove
        if len(exercises) == 1:  # on this thread, so that its diagnosis can use all cores
            return [function(exercises[0])]
        return self.map(function, exercises)

    def prove(self, exercise: Exercise) -> Grade:
        """Grade the finished solution."""
        if reason := self.unavailable(exercise):
            return Grade(exercise.id, "skipped", reason=reason)
        result = self.run(exercise, ())
        return Grade(exercise.id, result.outcome, result.first_failure, seconds=result.seconds)

    def try_mistake(self, mistake: Mistake, only: frozenset[str] | None = None) -> Run:
        """Run an exercise's tests, or some of them, on the solution with a catalogued mistake.

        A full run is remembered: the catalogue does not change while a grader lives.
        """
        if mistake.name in self._mistake_runs:
            return self._mistake_runs[mistake.name]
        exercise = find_exercise([self.phase], mistake.exercise)[1]
        result = self.run(exercise, (mistake.graft,), only)
        if only is None:
            self._mistake_runs[mistake.name] = result
        return result

    def diagnose(self, exercise: Exercise, result: Run) -> Mistake | None:
        """Name the catalogued mistake that fails in the same way: same test, same values."""
        failures = result.failures[:MAX_RETRIED]
        if not failures:
            return None
        only = frozenset(test.name for test in failures if test.name)
        if not only:
            return None
        mistakes = [mistake for mistake in self.mistakes if mistake.exercise == exercise.id]
        runs = self.map(lambda m: self.try_mistake(m, only), mistakes)
        scores = [(_agreement(failures, run), m) for m, run in zip(mistakes, runs, strict=True)]
        best = max(scores, key=lambda pair: pair[0], default=(0, None))
        return best[1] if best[0] > 0 else None

    def map(self, function: Callable[[Any], Any], items: Iterable) -> list:
        """Call a function for each item, as many at a time as there are cores."""
        if threading.current_thread() is threading.main_thread():
            return list(self._pool.map(function, items))
        return [function(item) for item in items]  # already one of the pool's own threads

    # -- one candidate in one child ------------------------------------------------------------

    def run(
        self, exercise: Exercise, grafts: Iterable[Graft], only: frozenset[str] | None = None
    ) -> Run:
        """Test a candidate in a child process; whatever it does, come back with a result."""
        folder = Path(tempfile.mkdtemp(dir=self._scratch.name))
        job = Job(
            exercise=exercise.id,
            package=self.phase.solution_package,
            grafts=tuple(grafts),
            tests=self._test_files(exercise),
            root=self.root,
            folder=folder,
            seconds=exercise.seconds,
            memory_mb=exercise.memory_mb,
            only=only,
        )
        return _Child(self._context, job).result()

    # -- learners' files -----------------------------------------------------------------------

    def pristine(self, module: str) -> SourceFile:
        """Return the stub of a module as it was given."""
        if module not in self._stubs:
            self._stubs[module] = stub(self.phase, module)
        return self._stubs[module]

    def answer_hash(self, exercise: Exercise) -> str | None:
        """Hash a learner's bodies and what they bring along; None if any is to do or broken."""
        text = self.answer_text(exercise)
        return hashlib.sha256(text.encode()).hexdigest()[:16] if text else None

    def answer_text(self, exercise: Exercise) -> str:
        """Return a learner's bodies in a normal form; empty if any is to do or broken."""
        grafts, problem = self._learner_grafts(exercise)
        if problem or len(grafts) < len(exercise.objects):
            return ""
        return "\n".join(needed_source(g, self.phase.solution(g.module)) for g in grafts)

    def attempt_text(self, exercise: Exercise) -> str:
        """Return what stands in a learner's files for an exercise, finished or broken."""
        texts = []
        for name in exercise.objects:
            graft = self._graft(name)
            try:
                texts.append(needed_source(graft, self.phase.solution(graft.module)))
            except (LookupError, SyntaxError, OSError) as error:
                texts.append(f"{error}: {graft.path.stat().st_mtime if graft.path.exists() else 0}")
        return "\n".join(texts)

    def _all_grafts(self, exercise: Exercise) -> list[Graft]:
        """Return grafts of all objects of an exercise, those to do included: their tests say so."""
        return [self._graft(name) for name in exercise.objects]

    def _graft(self, name: str) -> Graft:
        module, _, qualname = name.partition(".")
        return Graft(name, self.phase.learner(module), qualname)

    def _learner_grafts(self, exercise: Exercise) -> tuple[list[Graft], Test | None]:
        """Return the grafts of the objects that a learner has written, or what is in the way."""
        grafts = []
        for name in exercise.objects:
            graft = self._graft(name)
            if not graft.path.exists():
                continue
            learner = SourceFile.read(graft.path)
            try:
                learner.find(graft.qualname)
            except LookupError:
                message = f"you have not defined {graft.qualname} in {_short(graft.path)}"
                return grafts, Test("", "error", message)
            except SyntaxError as error:
                where = {"file": str(graft.path), "line": error.lineno, "text": error.text or ""}
                return grafts, Test("", "error", f"SyntaxError: {error.msg}", where=where)
            if attempted(self.pristine(graft.module), learner, graft.qualname):
                grafts.append(graft)
        return grafts, None

    def _line_of(self, exercise: Exercise, failure: Test) -> dict | None:
        """Return where a learner's answer begins: of the first object that the test mentions."""
        names = sorted(exercise.objects, key=lambda name: not _mentions(failure.source, name))
        graft = self._graft(names[0])
        learner = SourceFile.read(graft.path)
        line = learner.find(graft.qualname).lineno
        return {"file": str(graft.path), "line": line, "text": learner.lines[line - 1].strip()}

    # -- what a phase's tests are --------------------------------------------------------------

    def unavailable(self, exercise: Exercise) -> str:
        """Say what this machine lacks for an exercise; empty if nothing."""
        if exercise.device == "cuda":
            import torch

            if not torch.cuda.is_available():
                return "needs a CUDA GPU"
        return ""

    def _test_files(self, exercise: Exercise) -> tuple[Path, ...]:
        return tuple(p for p, text in self._tests.items() if f'"{exercise.id}"' in text)

    @cached_property
    def _tests(self) -> dict[Path, str]:
        files = sorted((self.phase.folder / "tests").glob("test_*.py"))
        return {path: path.read_text(encoding="utf-8") for path in files}

    def _libraries(self) -> list[str]:
        """Name the third-party modules that the phase's tests and solution import at their top."""
        own = {path.name for path in self.root.iterdir()} | {
            path.stem for path in self.root.iterdir()
        }
        files = [*self._tests, *(self.phase.folder / "solution").glob("*.py")]
        found = set()
        for path in files:
            for node in SourceFile.read(path).tree.body:
                if isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module)
        return sorted(name for name in found if name.partition(".")[0] not in own)


class _Child:
    """One child process: started, listened to, limited, ended."""

    def __init__(self, context: multiprocessing.context.BaseContext, job: Job):
        self.job = job
        self.reports, child_reports = context.Pipe(duplex=False)
        self.output, child_output = context.Pipe(duplex=False)
        self.process = context.Process(target=run, args=(job, child_reports, child_output))
        with _HiddenMain():
            self.process.start()
        child_reports.close()
        child_output.close()

    def result(self) -> Run:
        """Wait for the end, by itself or by force; return what is known."""
        began = time.monotonic()
        tests: list[Test] = []
        text: list[str] = []
        reader = threading.Thread(target=_drain, args=(self.output, text), daemon=True)
        reader.start()
        ending = self._listen(tests, began + self.job.seconds + GRACE_S)
        self._end()
        reader.join(timeout=1.0)
        if ending:
            tests.append(ending)
        return Run(tests, "".join(text), round(time.monotonic() - began, 3))

    def _listen(self, tests: list[Test], deadline: float) -> Test | None:
        """Collect records until the child is finished; return an error if it ends otherwise."""
        base_mb = 0.0
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return self._error(f"still running after {self.job.seconds:g} s, so it was stopped")
            if not wait([self.reports], min(left, 0.1)):
                base_mb = base_mb or self._memory_mb()
                if self._memory_mb() > base_mb + self.job.memory_mb:
                    return self._error(f"it used more than {self.job.memory_mb} MB of memory")
                continue
            try:
                message = json.loads(self.reports.recv_bytes())
            except (EOFError, OSError, ValueError):
                return self._crash()
            if message["outcome"] == "finished":
                return None
            tests.append(Test(message.pop("test") or "", **message))

    def _crash(self) -> Test:
        self.process.join(timeout=1.0)
        code = self.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            return self._error(f"the process crashed ({name})")
        return self._error(f"the process ended in the middle of a test (exit code {code})")

    def _error(self, message: str) -> Test:
        """Make the record of a child that did not finish, with the line that it had reached."""
        where = None
        stack = self.job.folder / STACK_FILE
        text = stack.read_text(encoding="utf-8", errors="replace") if stack.exists() else ""
        learner_files = {str(graft.path) for graft in self.job.grafts}
        for file, line in re.findall(r'File "(.+)", line (\d+)', text):
            if file in learner_files:
                source = Path(file).read_text(encoding="utf-8").splitlines()
                where = {"file": file, "line": int(line), "text": source[int(line) - 1].strip()}
                break
        return Test("", "error", message, seen=message, where=where)

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


def _drain(output: Connection, text: list[str]) -> None:
    """Read a child's output to its end, so that it never blocks; keep the beginning."""
    kept = 0
    while True:
        try:
            chunk = os.read(output.fileno(), 65536)
        except OSError:
            return
        if not chunk:
            return
        if kept < OUTPUT_KEPT:
            text.append(chunk.decode("utf-8", errors="replace")[: OUTPUT_KEPT - kept])
            kept += len(text[-1])


def _agreement(failures: list[Test], run: Run) -> int:
    """Count the failing tests where a mistake gives a learner's values; 0 unless the first does."""
    others = {test.name: test for test in run.failures}
    agree = [_same_failure(test, others.get(test.name)) for test in failures]
    return sum(agree) if agree[0] else 0


def _same_failure(one: Test, other: Test | None) -> bool:
    return (
        other is not None
        and (one.outcome, one.check) == (other.outcome, other.check)
        and same(one.seen, other.seen)
    )


def _mentions(source: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name.rpartition('.')[2])}\b", source) is not None


def _short(path: Path) -> str:
    return "/".join(path.parts[-3:])


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
