"""The catalogue of classic wrong answers: `phaseN/tests/mistakes/*.py`.

A mistake is a wrong body for one object of one exercise plus the sentence that names it. It
serves twice: as proof (grafted into the solution, it must fail the exercise's tests) and as
diagnosis (a learner whose values equal it is told the sentence). An attempt, in
`tests/attempts/*.py`, is the same mistake as another learner would write it.

The files are read as syntax trees and never imported by the grader; the decorators only make them
valid Python.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from shared.graft import Graft
from shared.source import SourceFile

T = TypeVar("T")


def mistake(exercise: str, target: str, says: str) -> Callable[[T], T]:
    """Mark a wrong answer: its exercise, the object it replaces, the sentence that names it."""
    return lambda definition: definition


def attempt(name: str) -> Callable[[T], T]:
    """Mark a function or class as the mistake `name`, written in another style."""
    return lambda definition: definition


@dataclass(frozen=True)
class Mistake:
    """One catalogued wrong answer.

    Attributes:
        name: unique in its phase; the name of the function or class in the catalogue.
        exercise: the id of its exercise.
        says: one sentence that names the mistake and points to the idea.
        graft: puts the wrong body into the solution.
    """

    name: str
    exercise: str
    says: str
    graft: Graft


def catalogue(phase_dir: Path) -> list[Mistake]:
    """Read every mistake of a phase.

    Raises:
        ValueError: if a mistake's arguments are no literals, or its name is used twice.
    """
    found: dict[str, Mistake] = {}
    for file, node, arguments in _decorated(phase_dir / "tests" / "mistakes", "mistake", 3):
        exercise, target, says = arguments
        if node.name in found:
            raise ValueError(f"{file.path}:{node.lineno}: the mistake {node.name} exists twice")
        graft = Graft(target, file.path, node.name)
        found[node.name] = Mistake(node.name, exercise, says, graft)
    return list(found.values())


def attempts(phase_dir: Path) -> list[tuple[str, Graft]]:
    """Read every attempt of a phase: the name of the mistake it repeats, and the graft.

    Raises:
        ValueError: if it names no catalogued mistake.
    """
    known = {mistake.name: mistake for mistake in catalogue(phase_dir)}
    found = []
    for file, node, (name,) in _decorated(phase_dir / "tests" / "attempts", "attempt", 1):
        if name not in known:
            raise ValueError(f"{file.path}:{node.lineno}: no catalogued mistake is called {name}")
        found.append((name, Graft(known[name].graft.target, file.path, node.name, node.lineno)))
    return found


def _decorated(folder: Path, decorator: str, n_arguments: int):
    """Yield (file, definition, arguments) of each definition under `@decorator(...)`."""
    for path in sorted(folder.glob("*.py")):
        file = SourceFile.read(path)
        for node in file.tree.body:
            for call in getattr(node, "decorator_list", []):
                if not (isinstance(call, ast.Call) and ast.unparse(call.func) == decorator):
                    continue
                try:
                    arguments = [ast.literal_eval(argument) for argument in call.args]
                except ValueError:
                    arguments = []
                if len(arguments) != n_arguments:
                    where = f"{path}:{node.lineno}"
                    raise ValueError(f"{where}: @{decorator} takes {n_arguments} literal strings")
                yield file, node, arguments
