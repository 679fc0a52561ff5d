"""A temporary copy of the tiny course, and the edits that a learner makes in it."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from shared import stubs
from shared.source import SourceFile
from shared.syllabus import Phase, load_phase

REPOSITORY = Path(__file__).resolve().parents[1]
RIGHT = {
    "arith.mean": "    return x.sum(axis=1) / x.shape[1]\n",
    "arith.Total.add": "        self.value += x\n        return self.value\n",
    "arith.Total.take": "        self.value -= x\n        return self.value\n",
    "descent.minimise_cause": '    return "b"\n',
    "predict.n_values": "    return 6\n",
}
DESCENT = "    return [3.0] * steps\n"


@dataclass
class TinyCourse:
    """A copy of the tiny course in a folder of its own."""

    root: Path

    @property
    def phase(self) -> Phase:
        return load_phase(self.root / "phase0_tiny")

    def file(self, module: str) -> Path:
        return self.root / "phase0_tiny" / "exercises" / f"{module}.py"

    def write(self, name: str, body: str) -> None:
        """Put `body`, lines with their indentation, in place of an object's whole body."""
        module, _, qualname = name.partition(".")
        source = SourceFile.read(self.file(module))
        node = source.find(qualname)
        lines = [*source.lines[: node.body[0].lineno - 1], body, *source.lines[node.end_lineno :]]
        self.file(module).write_text("".join(lines), encoding="utf-8")

    def answer(self, *names: str) -> None:
        """Write the right answers of these objects, or of all."""
        for name in names or RIGHT:
            self.write(name, RIGHT[name])
        if not names:
            self.write("descent.minimise", DESCENT)

    def replace(self, module: str, old: str, new: str) -> None:
        text = self.file(module).read_text(encoding="utf-8")
        assert old in text
        self.file(module).write_text(text.replace(old, new), encoding="utf-8")

    def run(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess:
        """Run `python -m shared.course ...` in the course's folder."""
        import os

        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "COURSE_NO_VENV": "1"}
        environment.pop("CI", None)
        return subprocess.run(
            [sys.executable, "-m", "shared.course", *arguments],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


def make_course(folder: Path) -> TinyCourse:
    """Copy the tiny course into `folder` and write its stubs."""
    source = Path(__file__).parent / "tiny_course"
    shutil.copytree(
        source, folder, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
    )
    course = TinyCourse(folder)
    stubs.write(course.phase)
    return course
