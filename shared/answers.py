"""A learner's answers to one phase, as they stand in `exercises/`: written, to do, or broken."""

import hashlib
from dataclasses import dataclass

from shared import given
from shared.graft import Graft, needed_source
from shared.source import SourceFile
from shared.stubs import attempted, short, stub
from shared.syllabus import Exercise, Phase


@dataclass(frozen=True)
class Problem:
    """Why an answer cannot even be tried, and the place in the learner's file if there is one."""

    message: str
    where: dict | None = None


class Answers:
    """A learner's files of one phase, read anew at each call, for they change."""

    def __init__(self, phase: Phase):
        self.phase = phase
        self._stubs: dict[str, SourceFile] = {}

    def graft(self, name: str) -> Graft:
        """Return the graft that puts a learner's own object, "module.qualname", in place."""
        module, _, qualname = name.partition(".")
        return Graft(name, self.phase.learner(module), qualname)

    def written(self, exercise: Exercise) -> tuple[list[Graft], Problem | None]:
        """Return the grafts of the objects that a learner has written, or what is in the way."""
        grafts = []
        for graft in map(self.graft, exercise.objects):
            if not graft.path.exists():
                continue
            learner = SourceFile.read(graft.path)
            try:
                learner.find(graft.qualname)
            except LookupError:
                return grafts, Problem(
                    f"you have not defined {graft.qualname} in {short(graft.path)}"
                )
            except SyntaxError as error:
                where = {"file": str(graft.path), "line": error.lineno, "text": error.text or ""}
                return grafts, Problem(f"SyntaxError: {error.msg}", where)
            if attempted(self._pristine(graft.module), learner, graft.qualname):
                grafts.append(graft)
        return grafts, None

    def to_do(self, exercise: Exercise) -> str:
        """Name the first object that is still to do, or else the first."""
        written = {graft.target for graft in self.written(exercise)[0]}
        names = list(exercise.objects)
        return next((name for name in names if name not in written), names[0])

    def hash(self, exercise: Exercise) -> str | None:
        """Hash a learner's bodies and what they bring along; None if any is to do or broken."""
        grafts, problem = self.written(exercise)
        if problem or len(grafts) < len(exercise.objects):
            return None
        text = "\n".join(needed_source(g, self.phase.solution(g.module)) for g in grafts)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def text(self, exercise: Exercise) -> str:
        """Return what stands in a learner's files for an exercise: when it changes, grade again."""
        texts = []
        for graft in map(self.graft, exercise.objects):
            try:
                texts.append(needed_source(graft, self.phase.solution(graft.module)))
            except (LookupError, SyntaxError, OSError) as error:
                saved = graft.path.stat().st_mtime if graft.path.exists() else 0
                texts.append(f"{error}: {saved}")
        return "\n".join(texts)

    def beginning(self, name: str) -> dict | None:
        """Return where an answer begins, unless it was edited away in the meantime."""
        graft = self.graft(name)
        try:
            learner = SourceFile.read(graft.path)
            line = learner.find(graft.qualname).lineno
        except (LookupError, SyntaxError, OSError):
            return None
        return {"file": str(graft.path), "line": line, "text": learner.lines[line - 1].strip()}

    def warnings(self, exercise: Exercise) -> list[str]:
        """Say which files are gone or broken, and where a learner has changed given code."""
        said = []
        for module in exercise.modules:
            path = self.phase.learner(module)
            if not path.exists():
                said.append(f"{short(path)} is gone; `make stubs` brings it back")
                continue
            learner = SourceFile.read(path)
            objects = {name for e in self.phase.exercises for name in e.names(module)}
            for line in given.changed(self._pristine(module), learner, objects):
                said.append(f"you changed given code in {short(path)}; the original runs: {line}")
            for first, _, error in learner.broken:
                place = f"{short(path)}:{error.lineno or first} does not parse: {error.msg}"
                said.append(f"{place}; the exercises around it are graded without it")
        return said

    def _pristine(self, module: str) -> SourceFile:
        if module not in self._stubs:
            self._stubs[module] = stub(self.phase, module)
        return self._stubs[module]
