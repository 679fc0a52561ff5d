"""A temporary copy of a small course, and the edits that a learner makes in it."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from shared import stubs
from shared.source import SourceFile
from shared.syllabus import Exercise, Phase, load_phase

REPOSITORY = Path(__file__).resolve().parents[1]
RIGHT = {
    "arith.mean": (
        "    if x.ndim != 2:\n        raise ValueError('expected a matrix')\n"
        "    return x.sum(axis=1) / x.shape[1]\n"
    ),
    "arith.Total.add": "        self.value += x\n        return self.value\n",
    "arith.Total.take": "        self.value -= x\n        return self.value\n",
    "descent.minimise_cause": '    return "b"\n',
    "predict.n_values": "    return 6\n",
}
DESCENT = "    return [3.0] * steps\n"


@dataclass
class TinyCourse:
    """A copy of a course of one phase in a folder of its own."""

    root: Path

    @property
    def phase(self) -> Phase:
        return load_phase(self.folder)

    @property
    def folder(self) -> Path:
        return next(self.root.glob("phase*_*"))

    def file(self, module: str) -> Path:
        return self.folder / "exercises" / f"{module}.py"

    def write(self, name: str, body: str) -> None:
        """Put `body`, lines with their indentation, below an object's docstring."""
        module, _, qualname = name.partition(".")
        source = SourceFile.read(self.file(module))
        node = source.find(qualname)
        begin = node.body[int(ast.get_docstring(node) is not None)].lineno - 1
        lines = [*source.lines[:begin], body, *source.lines[node.end_lineno :]]
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

    def progress(self) -> dict:
        """Return what progress.json holds."""
        return json.loads((self.root / "progress.json").read_text(encoding="utf-8"))

    def run(
        self, *arguments: str, module: str = "shared.course", **environment: str
    ) -> subprocess.CompletedProcess:
        """Run `python -m shared.course ...` in the course's folder."""
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.root,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def environment(self, **more: str) -> dict[str, str]:
        known = {name: value for name, value in os.environ.items() if name != "CI"}
        return {**known, "PYTHONPATH": str(REPOSITORY), "COURSE_NO_VENV": "1", **more}


def make_course(folder: Path, name: str = "tiny_course") -> TinyCourse:
    """Copy the course `name` of this folder into `folder` and write its stubs."""
    source = Path(__file__).parent / name
    shutil.copytree(
        source, folder, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
    )
    course = TinyCourse(folder)
    stubs.write(course.phase)
    return course


def make_phase(folder, solution, objects, **options):
    """Write a phase of one module `work` and one exercise."""
    for name in ("solution", "exercises", "tests/mistakes"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "solution" / "work.py").write_text(textwrap.dedent(solution).lstrip("\n"))
    says = dict.fromkeys((f"work.{name}" for name in objects), "It holds.")
    kind = options.pop("kind", "write")
    exercise = Exercise("9.1", "Title", kind, says, "read", 5, ["a", "b", "c"], **options)
    return Phase(folder, 9, "Title", "goal", exercises=[exercise])


def board(result) -> dict[str, str]:
    """Return exercise -> outcome, as a learner reads it, without how many checks passed."""
    found = re.findall(r"^(\d\.\d+) .*?(?: min  |: )(.*)$", result.stdout, re.MULTILINE)
    return {name: re.sub(r" \(after .*? passed\)", "", told).strip() for name, told in found}


def refused(result, *words) -> bool:
    """Tell whether a command ended with 2, one line and no traceback."""
    line = result.stderr.strip()
    assert result.returncode == 2, result.stderr
    assert "\n" not in line, line
    assert line.startswith("error: ")
    return all(word in line for word in words)
