"""Grade candidates, each in a child process of its own.

The children are forked from a server that has the heavy libraries imported. Four outcomes, never
mixed up: "todo", "wrong", "error" (the learner's code raised, hung, crashed or ran out of
memory), "right". Where an attempt is wrong, the catalogued mistakes are run through the same
tests, and the one whose recorded values equal the learner's is the diagnosis.
"""

import ast
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from shared.answers import Answers
from shared.candidate import Job
from shared.child import Child, Run, Test
from shared.graft import Graft
from shared.mistakes import Mistake, catalogue
from shared.seen import same
from shared.source import SourceFile
from shared.syllabus import Exercise, Phase, find_exercise


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
        passed, checks: tests that passed, of all; after a failure no other is run.
        reason: why it was skipped.
        warnings: what is no failure but worth knowing.
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
    passed: int = 0
    checks: int = 0
    output: str = ""
    reason: str = ""
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> dict:
        """Return plain data, without the value that only diagnosis needs."""
        data = asdict(self)
        (data["failure"] or {}).pop("seen", None)
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
        self.answers = Answers(phase)
        self._stop = threading.Event()
        self._mistake_runs: dict[str, Run] = {}

    def __enter__(self) -> "Grader":
        self._scratch = tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True)
        self._pool = ThreadPoolExecutor(self.jobs)
        method = (
            "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        )
        self._context = multiprocessing.get_context(method)
        if method == "forkserver":
            _preload(["shared.candidate", *self._libraries()])
        # The child's tests run beside each other: one thread each, so that they do not fight.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
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
        grade.warnings = self.answers.warnings(exercise)
        grafts, problem = self.answers.written(exercise)
        grade.done = len(grafts)
        if problem:
            failure = Test("", "error", problem.message, where=problem.where)
            grade.outcome, grade.failure, grade.where = "error", failure, problem.where
        elif grafts:
            grade.answer = self.answers.hash(exercise)
            # Objects still to do are grafted as well: their tests say so.
            candidate = [self.answers.graft(name) for name in exercise.objects]
            result = self.run(exercise, candidate)
            grade.outcome, grade.failure = result.outcome, result.first_failure
            grade.passed, grade.checks = result.passed, result.collected
            grade.output = result.output
            if grade.failure:
                self._explain(grade, exercise, self.diagnose(exercise, candidate, result))
        grade.seconds = round(time.monotonic() - began, 2)
        return grade

    def _explain(self, grade: Grade, exercise: Exercise, found: Mistake | None) -> None:
        """Add to a failing grade the diagnosis, and the line of the learner's to look at."""
        if found:
            grade.mistake, grade.diagnosis = found.name, found.says
        grade.where = grade.failure.where
        if grade.where is None:
            grade.where = self.answers.beginning(
                found.graft.target if found else self._culprit(exercise, grade.failure)
            )

    def _culprit(self, exercise: Exercise, failure: Test) -> str:
        """Return the first object that fails a test on its own, all others being the solution's."""
        names = list(exercise.objects)
        if len(names) == 1 or not failure.name:
            return names[0]
        only = frozenset([failure.name])
        runs = self.map(lambda name: self.run(exercise, [self.answers.graft(name)], only), names)
        return next((n for n, run in zip(names, runs, strict=True) if run.failures), names[0])

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

    def try_mistake(self, mistake: Mistake) -> Run:
        """Run an exercise's tests on the solution with one catalogued mistake, once."""
        if mistake.name not in self._mistake_runs:
            exercise = find_exercise([self.phase], mistake.exercise)[1]
            self._mistake_runs[mistake.name] = self.run(exercise, [mistake.graft])
        return self._mistake_runs[mistake.name]

    def try_mistakes(self, mistakes: list[Mistake]) -> None:
        """Do what `try_mistake` does for several of one exercise, in one child: they are ours.

        Where one of them ends the child, those after it are left untried.
        """
        mistakes = [mistake for mistake in mistakes if mistake.name not in self._mistake_runs]
        runs = self._in_one_child(mistakes)
        self._mistake_runs |= {m.name: run for m, run in zip(mistakes, runs, strict=False)}

    def diagnose(self, exercise: Exercise, grafts: Iterable[Graft], result: Run) -> Mistake | None:
        """Name the catalogued mistake that fails first in the same test with the same values.

        Where several do, the one that fails most alike in all other tests.
        """
        failure = result.first_failure
        if failure is None or not failure.name:
            return None
        mistakes = [mistake for mistake in self.mistakes if mistake.exercise == exercise.id]
        suspects = self._not_cleared(mistakes, failure)
        n = self.jobs
        self.map(self.try_mistakes, [suspects[i::n] for i in range(n)])
        runs = zip(suspects, self.map(self.try_mistake, suspects), strict=True)
        alike = [m for m, run in runs if _same_failure(failure, run.first_failure)]
        if len(alike) < 2:
            return next(iter(alike), None)
        candidates = [tuple(grafts), *([mistake.graft] for mistake in alike)]
        whole, *others = self.map(lambda c: self.run(exercise, c, to_the_end=True), candidates)
        return alike[max(range(len(alike)), key=lambda i: _likeness(whole, others[i]))]

    def _not_cleared(self, mistakes: list[Mistake], failure: Test) -> list[Mistake]:
        """Leave out mistakes that do otherwise in this one test: it alone is quicker than all."""
        new = [mistake for mistake in mistakes if mistake.name not in self._mistake_runs]
        parts = [new[i :: self.jobs] for i in range(self.jobs)]
        only = frozenset([failure.name])
        runs = self.map(lambda part: self._in_one_child(part, only), parts)
        cleared = {
            mistake.name
            for part, tried in zip(parts, runs, strict=True)
            for mistake, run in zip(part, tried, strict=False)
            if not _same_failure(failure, run.first_failure)
        }
        return [mistake for mistake in mistakes if mistake.name not in cleared]

    def _in_one_child(
        self, mistakes: list[Mistake], only: frozenset[str] | None = None
    ) -> list[Run]:
        """Test mistakes of one exercise, one after the other; those after a crash are left out."""
        if not mistakes:
            return []
        exercise = find_exercise([self.phase], mistakes[0].exercise)[1]
        first = self._job(exercise, [mistakes[0].graft], only)
        jobs = [replace(first, grafts=(mistake.graft,)) for mistake in mistakes]
        return Child(self._context, jobs, self._stop).results()

    def map(self, function: Callable[[Any], Any], items: Iterable) -> list:
        """Call a function for each item, as many at a time as there are cores."""
        if threading.current_thread() is threading.main_thread():
            return list(self._pool.map(function, items))
        return [function(item) for item in items]  # already one of the pool's own threads

    # -- one candidate in one child ------------------------------------------------------------

    def run(
        self,
        exercise: Exercise,
        grafts: Iterable[Graft],
        only: frozenset[str] | None = None,
        to_the_end: bool = False,
    ) -> Run:
        """Test a candidate in a child process; whatever it does, come back with a result."""
        job = self._job(exercise, grafts, only, to_the_end)
        return Child(self._context, [job], self._stop).results()[0]

    def _job(
        self,
        exercise: Exercise,
        grafts: Iterable[Graft],
        only: frozenset[str] | None = None,
        to_the_end: bool = False,
    ) -> Job:
        folder = Path(tempfile.mkdtemp(dir=self._scratch.name))
        return Job(
            exercise=exercise.id,
            package=self.phase.solution_package,
            grafts=tuple(grafts),
            tests=self._test_files(exercise),
            root=self.root,
            folder=folder,
            seconds=exercise.seconds,
            memory_mb=exercise.memory_mb,
            device=exercise.device,
            only=only,
            to_the_end=to_the_end,
        )

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
        """Name the third-party modules that graded tests and the solution import at their top."""
        own = {path.stem for path in self.root.iterdir()}
        graded = [path for path, text in self._tests.items() if "mark.exercise(" in text]
        files = [*graded, *(self.phase.folder / "solution").glob("*.py")]
        found = set()
        for path in files:
            for node in SourceFile.read(path).tree.body:
                if isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module)
        return sorted(name for name in found if name.partition(".")[0] not in own)


def _preload(modules: list[str]) -> None:
    """Have the server that forks our children import these before it forks.

    A process has one such server, which reads its list when it starts. One that has started with
    another phase's list must go, or every child would import torch for itself.
    """
    from multiprocessing import forkserver  # Windows has none

    server = forkserver._forkserver  # multiprocessing offers no other way to end it
    if server._preload_modules != modules:
        server._stop()
        server.set_forkserver_preload(modules)


def _likeness(one: Run, other: Run) -> int:
    """Count the tests that fail alike, less those that do not."""
    mine, theirs = ({test.name: test for test in run.failures} for run in (one, other))
    alike = [_same_failure(mine.get(name), theirs.get(name)) for name in mine | theirs]
    return 2 * sum(alike) - len(alike)


def _same_failure(one: Test | None, other: Test | None) -> bool:
    if one is None or other is None or not one.name:
        return False
    kind = (one.name, one.outcome, one.check) == (other.name, other.outcome, other.check)
    return kind and same(one.seen, other.seen)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
