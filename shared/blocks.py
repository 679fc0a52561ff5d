"""Your own stack: the solution with every exercise that you passed in place of ours.

`--blocks mine` on any program of a phase, or `make tour BLOCKS=mine`. What runs as you wrote it
is what passed and has not changed since; the rest is the solution's. The program says at its
start which are whose.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from shared.answers import Answers
from shared.graft import installed
from shared.progress import Progress
from shared.syllabus import Phase

_in_use = False


def are_mine() -> bool:
    """Whether your own blocks are in use, so that a program leaves its short cuts around them."""
    return _in_use


@contextmanager
def mine(phases: list[Phase]) -> Iterator[None]:
    """Within the block, importing a solution gives your own bodies where they passed."""
    global _in_use
    with ExitStack() as stack:
        for phase in phases:
            passed, changed = passed_exercises(phase)
            names = [name for e in phase.exercises if e.id in passed for name in e.objects]
            grafts = map(Answers(phase).graft, names)
            stack.enter_context(installed(phase.solution_package, grafts))
            print(_told(phase, passed, changed))
        _in_use = True
        stack.callback(_put_away)
        yield


def _put_away() -> None:
    global _in_use
    _in_use = False


def passed_exercises(phase: Phase) -> tuple[list[str], list[str]]:
    """Return the ids that passed and still are what passed, and those that changed since."""
    progress = Progress.load(phase.folder.parent)
    answers = Answers(phase)
    passed, changed = [], []
    for exercise in phase.exercises:
        entry = progress.entry(phase, exercise)
        if entry.answer is None:
            continue
        unchanged = answers.hash(exercise) == entry.answer
        (passed if unchanged else changed).append(exercise.id)
    return passed, changed


def _told(phase: Phase, passed: list[str], changed: list[str]) -> str:
    yours = ", ".join(passed) or "none"
    parts = [f"blocks of phase {phase.number}: yours {yours}; the rest the solution's"]
    if changed:
        parts.append(f"changed since they passed, so the solution's: {', '.join(changed)}")
    return "; ".join(parts)
