"""A learner's progress: one small file, `progress.json`, beside the phases.

Entries are keyed by exercise id and carry the hash of what the exercise asked. An updated course
that renumbers an exercise finds its entry by the hash; one that asks something else finds the id
with another hash, and says that the pass was of an older version.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from filelock import FileLock

from shared.files import write_text
from shared.grader import Grade
from shared.syllabus import CourseError, Exercise, Phase

FILE = "progress.json"
VERSION = 1
STATUSES = ("done", "failing", "todo")


@dataclass
class Entry:
    """What is known of one exercise.

    Attributes:
        content: hash of what it asked when it was last graded.
        status: "done", "failing" or "todo", as last graded.
        answer: hash of the bodies that passed.
        passed_at: when they first passed, ISO date.
        hints: how many hints have been shown.
        revealed: the solution was shown before it passed.
    """

    content: str
    status: str = "todo"
    answer: str | None = None
    passed_at: str | None = None
    hints: int = 0
    revealed: bool = False


@dataclass
class Progress:
    """All entries of a course, and the phases that are skipped, with the reason."""

    path: Path
    exercises: dict[str, Entry] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, root: Path) -> "Progress":
        """Read `progress.json`; without one nothing is done yet.

        Raises:
            CourseError: if it is not what this module writes.
        """
        path = root / FILE
        if not path.exists():
            return cls(path)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["version"] != VERSION:
                raise ValueError(f"version {data['version']}, expected {VERSION}")
            entries = {key: Entry(**value) for key, value in data["exercises"].items()}
            for entry in entries.values():
                STATUSES.index(entry.status)
            return cls(path, entries, dict(data["skipped"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CourseError(f"{FILE} cannot be read ({error}): mend it or delete it") from None

    @classmethod
    @contextmanager
    def editing(cls, root: Path) -> Iterator["Progress"]:
        """Load, let the caller change, save: one process at a time, so that none is lost.

        A `make watch` and a `make phase0-test` may well end in the same second.
        """
        lock = root / "runs" / "progress.lock"
        lock.parent.mkdir(exist_ok=True)
        with FileLock(lock):
            progress = cls.load(root)
            yield progress
            write_text(progress.path, progress.to_json() + "\n")

    def to_json(self) -> str:
        """Return the text of the file."""
        exercises = {key: asdict(entry) for key, entry in self.exercises.items()}
        return json.dumps(
            {"version": VERSION, "exercises": exercises, "skipped": self.skipped}, indent=1
        )

    def entry(self, phase: Phase, exercise: Exercise) -> Entry:
        """Return the entry of an exercise, found by its content first and by its id second."""
        content = phase.content_hash(exercise)
        for entry in self.exercises.values():
            if entry.content == content:
                return entry
        entry = self.exercises.get(exercise.id)
        moved = {phase.content_hash(other) for other in phase.exercises}
        return entry if entry and entry.content not in moved else Entry(content)

    def is_outdated(self, phase: Phase, exercise: Exercise) -> bool:
        """Tell whether what is known of an exercise is of an older version of it."""
        return self.entry(phase, exercise).content != phase.content_hash(exercise)

    def record(self, phase: Phase, exercise: Exercise, grade: Grade) -> None:
        """Take over a grade."""
        if grade.outcome == "skipped":
            return
        entry = self.touch(phase, exercise)
        entry.content = phase.content_hash(exercise)
        entry.status = {"right": "done", "todo": "todo"}.get(grade.outcome, "failing")
        if grade.outcome == "right":
            entry.answer = grade.answer
            entry.passed_at = entry.passed_at or time.strftime("%Y-%m-%d")

    def touch(self, phase: Phase, exercise: Exercise) -> Entry:
        """Return the entry of an exercise, to be changed; the phase's entries get their new ids."""
        found = {other.id: self.entry(phase, other) for other in phase.exercises}
        kept = {
            key: entry
            for key, entry in self.exercises.items()
            if key not in found and not any(entry is other for other in found.values())
        }
        self.exercises = kept | found
        return found[exercise.id]
