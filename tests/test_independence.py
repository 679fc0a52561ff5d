"""Who may import whom, read from the syntax of every file (the rules of the house)."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.syllabus import load_phase

ROOT = Path(__file__).resolve().parents[1]
PHASES = sorted(path.name for path in ROOT.glob("phase*_*") if path.is_dir())
FILES = sorted(
    path.relative_to(ROOT)
    for folder in ("shared", *PHASES)
    for path in (ROOT / folder).rglob("*.py")
)


def imported(source: str, file: Path) -> Iterator[str]:
    """Dotted names of all that a file imports, relative imports resolved."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            here = file.parts[: len(file.parts) - node.level] if node.level else ()
            module = ".".join([*here, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def breaches(file: Path, source: str) -> list[str]:
    """The imports of one file that a rule forbids, each as one sentence."""
    home, room = file.parts[0], file.parts[1] if len(file.parts) > 2 else ""
    found = []
    for name in imported(source, file):
        top, _, rest = name.partition(".")
        second = rest.partition(".")[0]
        if top.startswith("phase") and top != home:
            found.append(f"{file} imports {name}: {home} may import no phase but itself")
        if top == home and room in ("solution", "project") and second in ("tests", "exercises"):
            found.append(f"{file} imports {name}: {room}/ may not import {second}/")
        if top == home and room == "solution" and second == "project":
            found.append(f"{file} imports {name}: project imports solution, never the other way")
        if top == "torch" and home == "phase0_foundations" and not may_use_torch(file):
            found.append(f"{file} imports {name}: in phase 0 torch is for tests and benchmarks")
    return found


def may_use_torch(file: Path) -> bool:
    return file.parts[1] == "tests" or file.name.startswith("bench_")


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_import_keeps_the_rules(file):
    source = (ROOT / file).read_text(encoding="utf-8")
    if "exercises" in file.parts:
        try:
            ast.parse(source)
        except SyntaxError:
            pytest.skip("the learner is in the middle of it")
    assert breaches(file, source) == []


def test_all_five_phases_are_there():
    assert [name[:6] for name in PHASES] == [f"phase{n}" for n in range(5)]
    for name in PHASES:
        assert (ROOT / name / "README.md").is_file()
        assert (ROOT / name / "course.toml").is_file()


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("shared/x.py", "from phase0_foundations.solution import value"),
        ("shared/x.py", "def f():\n    import phase0_foundations"),
        ("phase1_transformers/solution/x.py", "import phase0_foundations.solution.value"),
        ("phase1_transformers/project/x.py", "from phase1_transformers import tests"),
        ("phase1_transformers/project/x.py", "from ..exercises import attention"),
        ("phase0_foundations/solution/x.py", "from phase0_foundations.project.train import main"),
        ("phase0_foundations/solution/x.py", "from torch.nn import functional"),
        ("phase0_foundations/project/train.py", "def f():\n    import torch"),
    ],
)
def test_each_breach_is_seen(file, source):
    assert len(breaches(Path(file), source)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("phase1_transformers/solution/x.py", "import torch\nfrom shared import runs"),
        ("phase1_transformers/project/x.py", "from ..solution import attention"),
        ("phase1_transformers/tests/x.py", "from phase1_transformers.project import train"),
        ("phase0_foundations/tests/x.py", "import torch"),
        ("phase0_foundations/project/bench_scalar.py", "import torch"),
    ],
)
def test_what_is_allowed_is_not_a_breach(file, source):
    assert breaches(Path(file), source) == []


@pytest.mark.parametrize("name", [name for name in PHASES if (ROOT / name / "tests").is_dir()])
def test_a_phase_copied_alone_with_shared_tests_itself(name, tmp_path):
    ignored = shutil.ignore_patterns("__pycache__", "figures")
    for folder in ("shared", name):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    without_us = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    def run(*words):
        command = [sys.executable, "-m", *words]
        environment = {**without_us, "COURSE_NO_VENV": "1"}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    collected = run("pytest", "--collect-only", "-q", name)  # every import is followed
    assert collected.returncode == 0, collected.stdout
    first = load_phase(tmp_path / name).exercises[0].id
    graded = run("shared.course", f"{name[:6]}-test", f"EX={first}", "IMPL=solution", "STRICT=1")
    assert graded.returncode == 0, graded.stdout + graded.stderr
