"""What the course asks: each phase's `course.toml`, read and checked.

A phase is a folder `phaseN_name/` with a `course.toml` that lists its exercises in order. The
folder of the course itself is found from the working directory upwards, so that a copy of one
phase beside `shared/` works as well.
"""

import ast
import hashlib
import re
import tomllib
from dataclasses import dataclass, field, fields
from functools import cached_property
from operator import attrgetter
from pathlib import Path

from shared.source import SourceFile

KINDS = ("write", "debug", "predict")


class CourseError(ValueError):
    """Something that the person at the keyboard can mend; told in one line, exit code 2."""


@dataclass(frozen=True)
class Exercise:
    """One exercise, as declared.

    Attributes:
        id: "0.4": phase and position, the name used everywhere.
        kind: "write" a body, "debug" a program, "predict" a value.
        objects: "module.qualname" -> what must hold, one sentence.
        read: heading anchor in the phase's README.md.
        minutes: what it takes a person.
        hints: three, of rising strength.
        memory_mb: what its tests may use beyond the imported libraries.
        seconds: how long its tests may take.
        device: "cpu", or "cuda" where it needs a GPU.
        bug: the catalogued mistake that a debug exercise starts from.
    """

    id: str
    title: str
    kind: str
    objects: dict[str, str]
    read: str
    minutes: int
    hints: list[str]
    memory_mb: int = 1000
    seconds: int = 20
    device: str = "cpu"
    bug: str | None = None

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}, expected one of {', '.join(KINDS)}")
        if not self.objects:
            raise ValueError("it names no objects")
        if len(self.hints) != 3:
            raise ValueError(f"it has {len(self.hints)} hints, expected 3")
        if (self.kind == "debug") != (self.bug is not None):
            raise ValueError("a debug exercise, and no other, names its bug")

    @property
    def modules(self) -> list[str]:
        """Modules in which this exercise has objects."""
        return sorted({name.partition(".")[0] for name in self.objects})

    def names(self, module: str) -> list[str]:
        """Return the qualnames of this exercise's objects in one module."""
        parts = (name.partition(".") for name in self.objects)
        return [qualname for owner, _, qualname in parts if owner == module]


@dataclass(frozen=True)
class Phase:
    """One phase: its folder and its exercises in order.

    Attributes:
        goal: what the learner will have built.
        unlocks: what it makes possible, in one sentence.
        gate: the exercises that show that one can skip the phase.
    """

    folder: Path
    number: int
    title: str
    goal: str
    unlocks: str = ""
    gate: list[str] = field(default_factory=list)
    exercises: list[Exercise] = field(default_factory=list)

    @property
    def package(self) -> str:
        """The name under which Python imports the phase."""
        return self.folder.name

    @property
    def solution_package(self) -> str:
        """The package that holds the finished code."""
        return f"{self.package}.solution"

    def solution(self, module: str) -> Path:
        """Return the finished file of a module."""
        return self.folder / "solution" / f"{module}.py"

    def learner(self, module: str) -> Path:
        """Return the learner's file of a module."""
        return self.folder / "exercises" / f"{module}.py"

    @cached_property
    def modules(self) -> list[str]:
        """Modules in which a learner writes something."""
        return sorted({module for exercise in self.exercises for module in exercise.modules})

    def content_hash(self, exercise: Exercise) -> str:
        """Hash what an exercise asks: its objects and their signatures in the solution.

        Progress is kept by it: it survives renumbering, and tells a pass of an older version.

        Raises:
            CourseError: if the solution does not define an object.
        """
        return self._contents[exercise.id]

    @cached_property
    def _contents(self) -> dict[str, str]:
        files = {module: SourceFile.read(self.solution(module)) for module in self.modules}
        hashes = {}
        for exercise in self.exercises:
            parts = [name.partition(".") for name in sorted(exercise.objects)]
            asked = [_asked(exercise, files[module], name) for module, _, name in parts]
            hashes[exercise.id] = hashlib.sha256("\n".join(asked).encode()).hexdigest()[:12]
        return hashes


def find_root(start: Path | None = None) -> Path:
    """Return the course's folder: the nearest one, from here upwards, that holds a phase.

    Raises:
        CourseError: if there is none.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[1]):
        if any(folder.glob("phase*_*/course.toml")):
            return folder
    raise CourseError(f"{here} holds no phase*_*/course.toml, nor does any folder above it")


def load_phases(root: Path) -> list[Phase]:
    """Read every phase below `root`, in order.

    Raises:
        CourseError: if a course.toml cannot be read or breaks a rule; it names file and exercise.
    """
    phases = [load_phase(path.parent) for path in root.glob("phase*_*/course.toml")]
    return sorted(phases, key=attrgetter("number"))


def load_phase(folder: Path) -> Phase:
    """Read one phase's course.toml. Raises CourseError as `load_phases` does."""
    path = folder / "course.toml"
    where = f"{folder.name}/course.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CourseError(f"{where}: {error}") from None
    exercises = [_exercise(table, where) for table in content.get("exercise", [])]
    try:
        phase = Phase(folder=folder, exercises=exercises, **content["phase"])
    except (KeyError, TypeError) as error:
        raise CourseError(f"{where}: [phase] needs number, title, goal; {error}") from None
    ids = [exercise.id for exercise in exercises]
    for identifier in ids:
        if ids.count(identifier) > 1 or not re.fullmatch(rf"{phase.number}\.\d+", identifier):
            raise CourseError(f"{where}: {identifier} is no id of its own in phase {phase.number}")
    if unknown := set(phase.gate) - set(ids):
        raise CourseError(f"{where}: the gate names no exercise of this phase: {sorted(unknown)}")
    return phase


def find_exercise(phases: list[Phase], identifier: str) -> tuple[Phase, Exercise]:
    """Return an exercise and its phase by id. Raises CourseError if there is none."""
    for phase in phases:
        for exercise in phase.exercises:
            if exercise.id == identifier:
                return phase, exercise
    known = [f"{p.exercises[0].id}..{p.exercises[-1].id}" for p in phases if p.exercises]
    raise CourseError(f"there is no exercise {identifier!r}; there are {', '.join(known)}")


def find_phase(phases: list[Phase], number: int) -> Phase:
    """Return a phase by number. Raises CourseError if there is none."""
    for phase in phases:
        if phase.number == number:
            return phase
    raise CourseError(f"there is no phase {number}; there are {[p.number for p in phases]}")


def _exercise(table: dict, where: str) -> Exercise:
    known = {f.name for f in fields(Exercise)}
    name = f"{where}: exercise {table.get('id', '?')}"
    if unknown := table.keys() - known:
        raise CourseError(f"{name}: unknown key {', '.join(sorted(unknown))}")
    try:
        return Exercise(**table)
    except (TypeError, ValueError) as error:
        raise CourseError(f"{name}: {error}") from None


def _asked(exercise: Exercise, file: SourceFile, name: str) -> str:
    """Return what a learner is told of an object: its name, signature and docstring."""
    try:
        node = file.find(name)
    except LookupError as error:
        raise CourseError(f"exercise {exercise.id}: {error}") from None
    signature = ast.unparse(node.args) if hasattr(node, "args") else ""
    return f"{file.path.stem}.{name}({signature}): {ast.get_docstring(node)}"
