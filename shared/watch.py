"""Grade exercises as they are saved: `make watch PHASE=0`."""

import time

from rich.console import Console
from watchfiles import watch

from shared.board import make_console, show_one
from shared.grader import Grader
from shared.progress import Progress
from shared.syllabus import CourseError, Exercise, Phase


def watch_phase(phase: Phase) -> int:
    """Regrade what each save touched, until Ctrl-C."""
    folder = phase.folder / "exercises"
    if not folder.is_dir():
        raise CourseError(f"{phase.package} has no exercises yet")
    console = make_console()
    with Grader(phase) as grader:
        seen = _answers(grader)
        console.print(
            f"watching {phase.package}/exercises; save a file and it is graded. Ctrl-C ends."
        )
        for _ in watch(folder, raise_interrupt=False):
            began = time.monotonic()
            before, seen = seen, _answers(grader)
            touched = [e for e in phase.exercises if seen[e.id] != before[e.id]]
            for exercise in touched:
                _grade(console, grader, exercise)
            if touched:
                seconds = time.monotonic() - began
                console.print(f"  [dim]{time.strftime('%H:%M:%S')}, {seconds:.1f} s[/]")
    return 0


def _answers(grader: Grader) -> dict[str, str]:
    """Return what each exercise's bodies are now; where it changes there is a new attempt."""
    return {exercise.id: grader.answers.text(exercise) for exercise in grader.phase.exercises}


def _grade(console: Console, grader: Grader, exercise: Exercise) -> None:
    grade = grader.grade(exercise)
    with Progress.editing(grader.root) as progress:
        progress.record(grader.phase, exercise, grade)
    show_one(console, grader.phase, exercise, grade, progress)
