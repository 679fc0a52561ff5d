"""Prove a phase's tests: every catalogued mistake is rejected, and named in another style."""

from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared.child import Run
from shared.grader import Grader
from shared.mistakes import attempts
from shared.syllabus import Exercise, Phase

MIN_MISTAKES = 4
MIN_NAMED = 0.9  # share of the catalogue that must be named when written in another style
# What a slip in the catalogue itself raises: no test has rejected anything then.
SLIPS = ("NameError", "ImportError", "ModuleNotFoundError", "SyntaxError", "LookupError")


@dataclass(frozen=True)
class Kill:
    """One mistake met the tests: whether they rejected it, and what rejected it."""

    exercise: str
    name: str
    says: str
    killed: bool
    by: str


def kill_table(grader: Grader) -> list[Kill]:
    """Run every catalogued mistake of a phase through its exercise's tests."""
    of_each = [[m for m in grader.mistakes if m.exercise == e.id] for e in grader.phase.exercises]
    grader.map(grader.try_mistakes, of_each)  # one child for all: to start one takes longest
    runs = grader.map(grader.try_mistake, grader.mistakes)
    return [
        Kill(m.exercise, m.name, m.says, _is_rejected(run), _killer(run))
        for m, run in zip(grader.mistakes, runs, strict=True)
    ]


def diagnoses(grader: Grader) -> list[tuple[str, str | None]]:
    """Grade every attempt of a phase; return (the mistake it repeats, the mistake it was named)."""
    exercise_of = {mistake.name: mistake.exercise for mistake in grader.mistakes}
    by_id = {exercise.id: exercise for exercise in grader.phase.exercises}

    def one(item: tuple) -> tuple[str, str | None]:
        name, graft = item
        exercise = by_id[exercise_of[name]]
        found = grader.diagnose(exercise, [graft], grader.run(exercise, [graft]))
        return name, found.name if found else None

    return grader.map(one, attempts(grader.phase.folder))


def show(console: Console, phase: Phase) -> bool:
    """Print a phase's kill table and how many attempts are named; return whether all is proved."""
    with Grader(phase) as grader:
        kills = kill_table(grader)
        named = diagnoses(grader)
    table = Table(box=None, padding=(0, 2, 0, 0), title=f"Phase {phase.number}: {phase.title}")
    for column in ("exercise", "mistake", "rejected", "by"):
        table.add_column(column, no_wrap=True)
    for kill in sorted(kills, key=lambda kill: [int(p) for p in kill.exercise.split(".")]):
        rejected = "yes" if kill.killed else "[red]NO[/]"
        table.add_row(kill.exercise, kill.name, rejected, escape(kill.by[:60]))
    console.print(table)
    thin = [e.id for e in phase.exercises if _count(kills, e) < MIN_MISTAKES]
    right = sum(name == found for name, found in named)
    killed = sum(kill.killed for kill in kills)
    console.print(f"rejected: {killed} of {len(kills)} catalogued mistakes")
    console.print(f"named:    {right} of {len(named)} of them, written in another style")
    for name, found in named:
        if name != found:
            console.print(f"  {name} was taken for {found or 'an unknown mistake'}")
    if unrepeated := sorted({kill.name for kill in kills} - {name for name, _ in named}):
        console.print(f"in no other style: {', '.join(unrepeated)}")
    if thin:
        console.print(f"fewer than {MIN_MISTAKES} mistakes: {', '.join(thin)}")
    return killed == len(kills) and not thin and right >= MIN_NAMED * len(kills)


def _count(kills: list[Kill], exercise: Exercise) -> int:
    return sum(kill.exercise == exercise.id for kill in kills)


def _is_rejected(run: Run) -> bool:
    failure = run.first_failure
    return failure is not None and not failure.message.startswith(SLIPS)


def _killer(run: Run) -> str:
    failure = run.first_failure
    return (failure.check or failure.message.splitlines()[0]) if failure else ""
