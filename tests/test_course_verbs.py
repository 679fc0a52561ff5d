"""What a learner does beside grading: reset, skip, gate, hints, solutions, an updated course."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared import verbs
from shared.source import SourceFile
from tests.tiny import board, refused

# -- reset, stubs -----------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["        return 7\n", "        return (\n", None])
def test_reset(course, body):
    course.answer("arith.mean")
    before = course.file("arith").read_bytes()
    if body is None:  # deleted
        file = SourceFile.read(course.file("arith"))
        start, end = file.span("Total.add")
        kept = [*file.lines[: start - 1], *file.lines[end + 1 :]]
        course.file("arith").write_text("".join(kept))
    else:
        course.write("arith.Total.add", body)
        assert course.file("arith").read_bytes() != before
    result = course.run("reset", "EX=0.2")
    assert (result.returncode, result.stderr) == (0, "")
    assert "Total.add is again as it was given" in result.stdout
    after = course.file("arith").read_text()
    if body is not None:
        assert after.encode() == before
    assert board(course.run("phase0-test")) == {
        "0.1": "done",
        **dict.fromkeys(["0.2", "0.3", "0.4"], "to do"),
    }


def test_stale_stubs(course):
    def check(**environment):
        result = course.run("--check", module="shared.stubs", **environment)
        return result.returncode, result.stdout

    assert check() == (0, "the stubs match the solution\n")
    assert check(CI="true")[0] == 0
    course.answer("arith.mean")
    course.replace("arith", "import numpy as np", "import math\n\nimport numpy as np")
    course.replace("arith", "def mean", "def own():\n    pass\n\n\ndef mean")
    assert check()[0] == 0
    code, told = check(CI="true")
    assert code == 1
    assert "exercises/arith.py: not pristine" in told
    solution = course.folder / "solution" / "predict.py"
    solution.write_text(solution.read_text().replace('"""Predictions', '"""Guesses'))
    code, told = check()
    assert code == 1
    assert "exercises/predict.py: stale" in told
    told = course.run(module="shared.stubs").stdout
    assert "predict.py: written" in told
    assert "arith.py: left alone" in told
    assert check()[0] == 0


def test_stubs_leave_a_learners_file_alone(course):
    course.answer("arith.mean")
    before = course.file("arith").read_text()
    result = course.run("stubs")
    assert "arith.py: left alone, somebody has worked in it" in result.stdout
    assert "make stubs FORCE=1" in result.stdout
    assert course.file("arith").read_text() == before
    assert course.run("stubs", "FORCE=1").returncode == 0
    assert "exercise 0.1: mean" in course.file("arith").read_text()


# -- skip, gate, hints, solution --------------------------------------------------------------


def test_skip_and_undo(course):
    assert course.run("skip", "PHASE=0").stdout == "phase 0 is skipped\n"
    told = course.run("progress").stdout
    assert "skipped (your choice)" in told
    assert "next:" not in told
    assert course.run("skip", "PHASE=0", "UNDO=1").returncode == 0
    assert "4 to do" in course.run("progress").stdout


def test_the_gate(course):
    shut = course.run("phase0-gate")
    assert shut.returncode == 0
    assert "Skip phase 0 if you can do these: 0.1" in shut.stdout
    assert board(shut) == {"0.1": "to do"}
    course.write("arith.mean", "    return x\n")
    assert course.run("phase0-gate").returncode == 1
    course.answer("arith.mean")
    assert "The gate is open" in course.run("phase0-gate").stdout
    assert course.progress()["skipped"] == {"0": "gate passed"}
    assert "skipped (gate passed)" in course.run("progress").stdout


def test_hints_rise(course):
    told = [course.run("phase0-hint", "EX=0.1").stdout for _ in range(4)]
    assert [text.count("hint ") for text in told] == [1, 2, 3, 3]
    assert "What does the mean divide by?" in told[0]
    assert "REVEAL=1" not in told[1]
    assert "after that: make phase0-solution EX=0.1 REVEAL=1" in told[2]
    assert course.progress()["exercises"]["0.1"]["hints"] == 3


def test_the_solution_waits_for_a_pass(course):
    assert refused(course.run("phase0-solution", "EX=0.1"), "0.1 does not pass yet", "REVEAL=1")
    course.answer("arith.mean")
    course.run("phase0-test", "EX=0.1")
    shown = course.run("phase0-solution", "EX=0.1")
    assert shown.returncode == 0
    assert "# phase0_tiny/solution/arith.py:8" in shown.stdout
    assert "return SCALE * x.sum(axis=1) / x.shape[1]" in shown.stdout
    assert not course.progress()["exercises"]["0.1"]["revealed"]


def test_a_revealed_solution_is_remembered(course):
    shown = course.run("phase0-solution", "EX=0.2", "REVEAL=1")
    assert "self.value += x" in shown.stdout
    assert "self.value -= x" in shown.stdout
    course.answer("arith.Total.add", "arith.Total.take")
    assert board(course.run("phase0-test", "EX=0.2")) == {"0.2": "done (solution shown)"}


# -- progress across updates ------------------------------------------------------------------


def renumber(course, old, new):
    """Change an exercise's id wherever the course names it."""
    for path in [course.folder / "course.toml", *course.folder.rglob("tests/**/*.py")]:
        path.write_text(path.read_text().replace(f'"{old}"', f'"{new}"'))


def test_a_renumbered_exercise_keeps_its_pass(course):
    course.answer("arith.mean")
    course.run("phase0-test", "EX=0.1")
    first = course.progress()["exercises"]["0.1"]
    for old, new in [("0.2", "0.9"), ("0.1", "0.2"), ("0.9", "0.1")]:  # they change places
        renumber(course, old, new)
    assert "1 done, 3 to do" in course.run("progress").stdout
    course.run("phase0-test", "EX=0.1")
    entries = course.progress()["exercises"]
    assert entries["0.2"] == first
    assert entries["0.1"]["status"] == "todo"


def test_a_changed_exercise_passed_in_an_older_version(course):
    course.answer("arith.mean")
    course.run("phase0-test", "EX=0.1")
    solution = course.folder / "solution" / "arith.py"
    solution.write_text(solution.read_text().replace("Return the mean of", "Give the mean of"))
    told = course.run("progress").stdout
    assert "0.1 passed in an older version of the course: make phase0-test EX=0.1" in told
    course.run("phase0-test", "EX=0.1")
    assert "older version" not in course.run("progress").stdout


ENTRY = '{"version": 1, "exercises": {"0.1": {"content": "x", "status": "%s"}}, "skipped": {}}'


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": 99}', ENTRY % "great", ENTRY.replace("content", "c")]
)
def test_a_corrupt_progress_file(course, content):
    (course.root / "progress.json").write_text(content)
    for verb in (["progress"], ["progress", "--json"], ["phase0-test"], ["skip", "PHASE=0"]):
        assert refused(course.run(*verb), "progress.json cannot be read", "mend it or delete it")
    assert (course.root / "progress.json").read_text() == content


def test_two_graders_at_once_lose_nothing(course):
    course.answer()
    words = [[f"EX=0.{n}"] for n in (1, 2, 3, 4)]
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda w: course.run("phase0-test", *w), words))
    assert [result.returncode for result in results] == [0] * 4, results
    data = json.loads((course.root / "progress.json").read_text(encoding="utf-8"))
    assert {id: entry["status"] for id, entry in data["exercises"].items()} == {
        f"0.{n}": "done" for n in (1, 2, 3, 4)
    }


# -- looking at what was trained --------------------------------------------------------------


def test_a_phase_without_pictures_says_so(course):
    assert refused(course.run("phase0-look"), "no program project/look.py")


def test_look_runs_the_phases_program(course):
    project = course.folder / "project"
    project.mkdir()
    (project / "look.py").write_text("import sys\nprint('looks at', sys.argv[1:])\nsys.exit(3)\n")
    result = course.run("phase0-look", "RUN=mine")
    assert (result.returncode, result.stdout) == (3, "looks at ['--run', 'mine']\n")
    assert course.run("phase0-look").stdout == "looks at []\n"


# -- launching over several processes ---------------------------------------------------------


def test_a_phase_without_a_launcher_says_so(course):
    assert refused(course.run("phase0-launch"), "no program project/launch.py")


def test_launch_hands_its_settings_on(course):
    project = course.folder / "project"
    project.mkdir()
    (project / "launch.py").write_text("import sys\nprint(sys.argv[1:])\nsys.exit(2)\n")
    result = course.run("phase0-launch", "NPROC=2", "ARGS=--lr 1e-3")
    assert (result.returncode, result.stdout) == (2, "['--nproc=2', '--args=--lr 1e-3']\n")
    assert course.run("phase0-launch").stdout == "[]\n"


# -- everything -------------------------------------------------------------------------------


@pytest.mark.parametrize(("proof", "rest"), [(1, 1), (0, 1), (1, 0)])
def test_everything_passes_if_the_proof_and_the_rest_do(tmp_path, monkeypatch, capfd, proof, rest):
    (tmp_path / "tests").mkdir()
    for name, passes in (("phases", proof), ("other", rest)):
        code = f"def test_it():\n    assert {passes}\n"
        (tmp_path / "tests" / f"test_{name}.py").write_text(code)
    monkeypatch.setattr(verbs, "_root", lambda: tmp_path)
    assert verbs.test() == int(not (proof and rest))
    assert capfd.readouterr().out.count("[100%]") == 2, "either is told"
