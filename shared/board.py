"""What a learner reads: the board of a phase, a failing exercise in full, the map of all phases.

Words rather than symbols carry the meaning, so that it reads the same without colour and on a
console that knows no UTF-8. Off a terminal the lines are plain text.
"""

import os
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared.answers import Answers
from shared.grader import Grade
from shared.progress import Progress
from shared.syllabus import Exercise, Phase

WORDS = {
    "right": "[green]done[/]",
    "wrong": "[red]wrong[/]",
    "error": "[red]error[/]",
    "todo": "to do",
    "skipped": "[dim]skipped[/]",
}
STATUS = {"done": "right", "failing": "wrong", "todo": "todo"}
PLAIN_WIDTH = 110


def make_console() -> Console:
    """Return a console that breaks no line off a terminal, where a program may read it."""
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(width=width, highlight=False, soft_wrap=not sys.stdout.isatty())


def show_one(
    console: Console,
    phase: Phase,
    exercise: Exercise,
    grade: Grade,
    progress: Progress,
    impl: str = "mine",
) -> None:
    """Print the grade of a single exercise: its failure, or one line and what is next."""
    if grade.failure:
        show_failure(console, phase, exercise, grade, progress)
    else:
        console.print(_title(phase, exercise, grade, progress))
    _warnings(console, [grade])
    if impl == "mine" and not grade.failure:
        _next(console, phase, _upcoming(phase, [grade], progress))


def show_failure(
    console: Console, phase: Phase, exercise: Exercise, grade: Grade, progress: Progress
) -> None:
    """Print one failing exercise: what the check says, the diagnosis, the line, the next hint."""
    console.print()
    console.print(_title(phase, exercise, grade, progress))
    if grade.outcome == "error" and grade.where:
        console.print(_place(phase, grade.where))
    _indented(console, grade.failure.message)
    if grade.failure.name and not grade.failure.check:
        _indented(console, f"in test: {_in_words(grade.failure.name)}", "[dim]", "[/]")
    for note in grade.failure.notes:
        _indented(console, note, "[dim]", "[/]")
    if grade.diagnosis:
        console.print(f"  [bold yellow]diagnosis:[/] {escape(grade.diagnosis)}")
    if grade.outcome == "wrong" and grade.where:
        console.print(_place(phase, grade.where))
    if grade.output.strip():
        console.print("  [dim]your code printed:[/]")
        lines = grade.output.strip().splitlines()
        _indented(console, "\n".join(lines[:8]), "  [dim]", "[/]")
        if len(lines) > 8:
            console.print(f"    [dim]... and {len(lines) - 8} lines more[/]")
    console.print(f"  [dim]next hint:[/] make phase{phase.number}-hint EX={exercise.id}")


def show_board(
    console: Console, phase: Phase, grades: list[Grade], progress: Progress, impl: str
) -> None:
    """Print a phase's exercises with their outcomes, the sums, and what is next."""
    console.print()
    console.print(f"[bold]Phase {phase.number}: {escape(phase.title)}[/]  {escape(phase.goal)}")
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for column in ("id", "title", "kind", "time", "outcome"):
        table.add_column(column, no_wrap=column != "title")
    by_id = {exercise.id: exercise for exercise in phase.exercises}
    for grade in grades:
        exercise = by_id[grade.exercise]
        row = [exercise.id, escape(exercise.title), exercise.kind, f"{exercise.minutes} min"]
        table.add_row(*row, _outcome(phase, exercise, grade, progress))
    console.print(table)
    console.print(f"  {_sums([grade.outcome for grade in grades])}")
    _warnings(console, grades)
    if impl == "mine":
        places = {grade.exercise: grade.where for grade in grades}
        _next(console, phase, _upcoming(phase, grades, progress), places)


def show_map(console: Console, phases: list[Phase], progress: Progress) -> None:
    """Print all phases: how far each is, what is next, what it unlocks."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    upcoming: tuple[Phase, dict[str, str]] | None = None
    for phase in phases:
        outcomes = {e.id: STATUS[progress.entry(phase, e).status] for e in phase.exercises}
        state = _sums(list(outcomes.values())) if outcomes else "no exercises yet"
        if reason := progress.skipped.get(str(phase.number)):
            state = f"skipped ({escape(reason)})"
        elif upcoming is None:
            upcoming = (phase, outcomes) if _open(phase, outcomes) else None
        table.add_row(f"[bold]Phase {phase.number}[/]", escape(phase.title), state)
        table.add_row("", "[dim]you build[/]", f"[dim]{escape(phase.goal)}[/]")
        if phase.unlocks:
            table.add_row("", "[dim]unlocks[/]", f"[dim]{escape(phase.unlocks)}[/]")
        for exercise in phase.exercises:
            for line in _remarks(phase, exercise, progress):
                table.add_row("", "", f"[yellow]{line}[/]")
    console.print(table)
    if upcoming:
        _next(console, *upcoming)


def _title(phase: Phase, exercise: Exercise, grade: Grade, progress: Progress) -> str:
    outcome = _outcome(phase, exercise, grade, progress)
    return f"[bold]{exercise.id} {escape(exercise.title)}[/]: {outcome}"


def _outcome(phase: Phase, exercise: Exercise, grade: Grade, progress: Progress) -> str:
    words = WORDS[grade.outcome]
    if grade.outcome == "todo" and grade.done:
        words += f" ({grade.done} of {grade.total} written"
        words += f", {grade.passed} of {grade.checks} checks pass)"
    if grade.failure and grade.checks:
        words += f" (after {grade.passed} of {grade.checks} checks passed)"
    if grade.reason:
        words += f" ({escape(grade.reason)})"
    if progress.entry(phase, exercise).revealed:
        words += " [dim](solution shown)[/]"
    return words


def _warnings(console: Console, grades: list[Grade]) -> None:
    for warning in sorted({line for grade in grades for line in grade.warnings}):
        console.print(f"  [yellow]note:[/] {escape(warning)}")


def _in_words(test: str) -> str:
    """Turn "tests/test_stable.py::test_rows_sum_to_one[2]" into "rows sum to one [2]"."""
    name, bracket, case = test.rpartition("::")[2].partition("[")
    words = name.removeprefix("test_").replace("_", " ")
    return f"{words} {bracket}{case}".rstrip()


def _remarks(phase: Phase, exercise: Exercise, progress: Progress) -> list[str]:
    entry = progress.entry(phase, exercise)
    command = f"make phase{phase.number}-test EX={exercise.id}"
    if entry.status == "done" and progress.is_outdated(phase, exercise):
        return [f"{exercise.id} passed in an older version of the course: {command}"]
    return []


def _sums(outcomes: list[str]) -> str:
    failing = outcomes.count("wrong") + outcomes.count("error")
    parts = [f"{outcomes.count('right')} done"]
    parts += [f"{failing} failing"] if failing else []
    parts += [f"{outcomes.count('todo')} to do"]
    parts += [f"{outcomes.count('skipped')} skipped"] if "skipped" in outcomes else []
    return ", ".join(parts)


def _upcoming(phase: Phase, grades: list[Grade], progress: Progress) -> dict[str, str]:
    """Map each exercise to its outcome, beginning where one was working."""
    known = {e.id: STATUS[progress.entry(phase, e).status] for e in phase.exercises}
    known |= {grade.exercise: grade.outcome for grade in grades}
    first = list(known).index(grades[0].exercise)
    order = [*list(known)[first:], *list(known)[:first]]
    return {identifier: known[identifier] for identifier in order}


def _open(phase: Phase, outcomes: dict[str, str]) -> list[Exercise]:
    """List the exercises that are neither done nor skipped, in the order of `outcomes`."""
    by_id = {exercise.id: exercise for exercise in phase.exercises}
    return [by_id[i] for i, outcome in outcomes.items() if outcome not in ("right", "skipped")]


def _next(
    console: Console, phase: Phase, outcomes: dict[str, str], places: dict | None = None
) -> None:
    """Print the first exercise that is still open, with its place in the files and the lesson.

    The place is the failing line, where `places` knows it, or the first object still to do.
    """
    if not outcomes:
        console.print(f"  Phase {phase.number} has no exercises yet.")
        return
    if not _open(phase, outcomes):
        console.print(f"  All of phase {phase.number} is done.")
        return
    exercise = _open(phase, outcomes)[0]
    answers = Answers(phase)
    name = answers.to_do(exercise)
    place = (places or {}).get(exercise.id) or answers.beginning(name)
    place = place or {"file": phase.learner(name.partition(".")[0]), "line": 1}
    console.print(f"  [bold]next:[/] {exercise.id} {escape(exercise.title)}", end="")
    console.print(f" ({exercise.minutes} min) in {_at(phase, place)}")
    console.print(f"  [dim]read:[/] {phase.package}/README.md#{exercise.read}")


def _place(phase: Phase, where: dict) -> str:
    return f"  [cyan]{_at(phase, where)}[/]   {escape((where['text'] or '').strip())}"


def _at(phase: Phase, where: dict) -> str:
    path = Path(os.path.relpath(where["file"], phase.folder.parent)).as_posix()
    return f"{path}:{where['line']}"


def _indented(console: Console, text: str, before: str = "", after: str = "") -> None:
    for line in text.splitlines()[:12]:
        console.print(f"  {before}{escape(line)}{after}")
