"""The tiny course, driven through the command line as a learner does."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from shared.mistakes import catalogue
from shared.source import SourceFile
from tests.tiny import RIGHT, make_course

STYLES = {  # each catalogued mistake as a learner would write it
    "wrong_axis": ("arith.mean", "    columns = list(x.T)\n    return sum(x) / len(x)\n"),
    "not_divided": (
        "arith.mean",
        "    sums = []\n    for r in x:\n        sums += [r.sum()]\n    return np.array(sums)\n",
    ),
    "no_guard": ("arith.mean", "    return np.mean(x, -1)\n"),
    "forgets": ("arith.Total.add", "        self.value = float(x)\n        return self.value\n"),
    "climbs": (
        "descent.minimise",
        "    path = [0.0]\n    for i in range(steps):\n"
        "        path += [path[i] + lr * (2 * path[i] - 6)]\n    return path[1:]\n",
    ),
    "adds": ("predict.n_values", "    return sum((2, 3))\n"),
}
MEAN_WITH_GUARD = (
    "    if x.ndim != 2:\n        raise ValueError('expected a matrix')\n" + RIGHT["arith.mean"]
)


@pytest.fixture
def course(tmp_path):
    return make_course(tmp_path)


@pytest.fixture
def done(course):
    """The course with all exercises answered rightly."""
    course.answer()
    course.write("arith.mean", MEAN_WITH_GUARD)
    return course


def progress(course) -> dict:
    return json.loads((course.root / "progress.json").read_text())


def board(result) -> dict[str, str]:
    """Return exercise -> outcome, as a learner reads it."""
    lines = [line.split() for line in result.stdout.splitlines() if line.startswith("0.")]
    return {
        words[0]: " ".join(words[words.index("min") + 1 :]) for words in lines if "min" in words
    }


def refused(result, *words) -> bool:
    """Tell whether a command ended with 2, one line and no traceback."""
    line = result.stderr.strip()
    assert result.returncode == 2, result.stderr
    assert "\n" not in line, line
    assert line.startswith("error: ")
    return all(word in line for word in words)


# -- to do, wrong, right ----------------------------------------------------------------------


def test_a_fresh_clone_is_all_to_do(course):
    result = course.run("phase0-test")
    assert (result.returncode, result.stderr) == (0, "")
    assert board(result) == dict.fromkeys(["0.1", "0.2", "0.3", "0.4"], "to do")
    assert "0 done, 4 to do" in result.stdout
    assert "next: 0.1 Mean (5 min) in phase0_tiny/exercises/arith.py:8" in result.stdout
    assert "read: phase0_tiny/README.md#tiny" in result.stdout
    assert course.run("phase0-test", "STRICT=1").returncode == 1
    assert course.run("phase0-test", "STRICT=0").returncode == 0


def test_all_right(done):
    result = done.run("phase0-test", "STRICT=1")
    assert result.returncode == 0
    assert board(result) == dict.fromkeys(["0.1", "0.2", "0.3", "0.4"], "done")
    assert "All of phase 0 is done." in result.stdout
    assert {e["status"] for e in progress(done)["exercises"].values()} == {"done"}


def test_one_right_survives_and_the_next_is_named(course):
    course.write("arith.mean", MEAN_WITH_GUARD)
    result = course.run("phase0-test", "EX=0.1")
    assert result.returncode == 0
    assert board(result) == {"0.1": "done"}
    assert "next: 0.2 Running total" in result.stdout
    assert progress(course)["exercises"]["0.1"]["passed_at"]
    told = course.run("progress").stdout
    assert "1 done, 3 to do" in told
    assert "next: 0.2 Running total" in told


@pytest.mark.parametrize("name", STYLES)
def test_every_catalogued_mistake_is_diagnosed(done, name):
    target, body = STYLES[name]
    mistake = next(m for m in catalogue(done.folder) if m.name == name)
    done.write(target, body)
    result = done.run("phase0-test", f"EX={mistake.exercise}")
    assert result.returncode == 1
    assert f"diagnosis: {mistake.says}" in result.stdout
    assert board(result) == {mistake.exercise: "wrong"}


def test_the_styles_are_the_whole_catalogue(course):
    assert STYLES.keys() == {mistake.name for mistake in catalogue(course.folder)}


def test_an_unknown_wrong_answer_in_order(done):
    done.write("arith.mean", "    out = x.sum(axis=1) / x.shape[1]\n    return out + [0.5, -2]\n")
    result = done.run("phase0-test", "EX=0.1")
    assert result.returncode == 1
    assert "diagnosis" not in result.stdout
    shown = [
        "0.1 Mean: wrong",
        "row means: 2 of 2 values differ",
        "first at [0]: got 3.5, expected 3",
        "largest error 2 at [1]",
        "phase0_tiny/exercises/arith.py:8",
        "next hint: make phase0-hint EX=0.1",
        "0.1  Mean",
    ]
    places = [result.stdout.index(text) for text in shown]
    assert places == sorted(places)
    assert progress(done)["exercises"]["0.1"]["status"] == "failing"


def test_an_error_shows_the_learners_line_first(done):
    done.write("arith.mean", "    rows = len(x)\n    return rows.sum()\n")
    done.replace("arith", "SCALE = 1.0", "SCALE = 1.0\nprint('hello')")
    result = done.run("phase0-test", "EX=0.1")
    assert result.returncode == 1
    lines = result.stdout.strip().splitlines()
    assert lines[0] == "0.1 Mean: error"
    place = SourceFile.read(done.file("arith")).lines.index("    return rows.sum()\n") + 1
    assert lines[1].split() == [f"phase0_tiny/exercises/arith.py:{place}", "return", "rows.sum()"]
    assert "AttributeError: 'int' object has no attribute 'sum'" in lines[2]


def test_prints_are_shown_with_a_failure(done):
    done.write("arith.mean", "    print('rows:', len(x))\n    return x\n")
    result = done.run("phase0-test", "EX=0.1")
    assert "your code printed:" in result.stdout
    assert "rows: 2" in result.stdout


def test_a_property_shows_the_example_that_breaks_it(done):
    body = "    y = x.mean(axis=1)\n    return y if x.shape[1] < 3 or x[0, 1] == 2 else 2 * y\n"
    done.write("arith.mean", body)
    result = done.run("phase0-test", "EX=0.1")
    assert "mean of ones" in result.stdout
    assert "n=" in result.stdout
    assert "m=3" in result.stdout


def test_a_broken_file_costs_one_exercise(done):
    done.write("arith.Total.add", "        return (self.value\n")
    result = done.run("phase0-test")
    assert result.returncode == 1
    assert board(result) == {"0.1": "done", "0.2": "error", "0.3": "done", "0.4": "done"}
    assert "SyntaxError" in result.stdout
    assert "phase0_tiny/exercises/arith.py:" in result.stdout


def test_an_endless_loop_costs_one_exercise(done):
    done.write("arith.Total.add", "        while True:\n            self.value += x\n")
    result = done.run("phase0-test")
    assert result.returncode == 1
    assert board(result) == {"0.1": "done", "0.2": "error", "0.3": "done", "0.4": "done"}
    assert "still running after 3 s" in result.stdout
    assert "self.value += x" in result.stdout or "while True:" in result.stdout


def test_impl_solution_proves_ours_and_keeps_no_progress(course):
    result = course.run("phase0-test", "IMPL=solution", "STRICT=1")
    assert result.returncode == 0
    assert set(board(result).values()) == {"done"}
    assert not (course.root / "progress.json").exists()


def test_json_has_the_four_outcomes(done):
    done.write("arith.mean", "    return x\n")
    done.write("arith.Total.add", "        return 1 / 0\n")
    raw = '    raise NotImplementedError("exercise 0.4: n_values")\n'
    done.write("predict.n_values", raw)
    result = done.run("phase0-test", "--json")
    assert result.returncode == 1
    grades = {grade["exercise"]: grade for grade in json.loads(result.stdout)}
    outcomes = {id: grade["outcome"] for id, grade in grades.items()}
    assert outcomes == {"0.1": "wrong", "0.2": "error", "0.3": "right", "0.4": "todo"}
    assert grades["0.2"]["where"]["line"] > 0
    assert "ZeroDivisionError" in grades["0.2"]["failure"]["message"]
    assert json.loads(done.run("progress", "JSON=1").stdout) == progress(done)


def test_a_debug_exercise_needs_both_the_mend_and_the_cause(course):
    course.answer("descent.minimise_cause")
    result = course.run("phase0-test", "EX=0.3")
    assert "The step climbs" in result.stdout
    course.write("descent.minimise", "    return [3.0] * steps\n")
    assert board(course.run("phase0-test", "EX=0.3")) == {"0.3": "done"}
    course.write("descent.minimise_cause", "    return 'a'\n")
    result = course.run("phase0-test", "EX=0.3")
    assert "your guess 'a' is not what happens" in result.stdout


def test_changed_given_code_is_told(done):
    done.replace("arith", "SCALE = 1.0", "SCALE = 100.0")
    result = done.run("phase0-test")
    assert result.returncode == 0
    note = (
        "you changed given code in phase0_tiny/exercises/arith.py; the original runs: SCALE = 1.0"
    )
    assert result.stdout.count(note) == 1


# -- reset, stubs -----------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["        return 7\n", "        return (\n", None])
def test_reset(course, body):
    course.write("arith.mean", MEAN_WITH_GUARD)
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
    assert "Total.add is as it was given" in result.stdout
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
    course.write("arith.mean", MEAN_WITH_GUARD)
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
    course.write("arith.mean", MEAN_WITH_GUARD)
    before = course.file("arith").read_text()
    result = course.run("stubs")
    assert "arith.py: left alone, somebody has worked in it" in result.stdout
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
    course.write("arith.mean", MEAN_WITH_GUARD)
    assert "The gate is open" in course.run("phase0-gate").stdout
    assert progress(course)["skipped"] == {"0": "gate passed"}
    assert "skipped (gate passed)" in course.run("progress").stdout


def test_hints_rise(course):
    told = [course.run("phase0-hint", "EX=0.1").stdout for _ in range(4)]
    assert [text.count("hint ") for text in told] == [1, 2, 3, 3]
    assert "What does the mean divide by?" in told[0]
    assert "REVEAL=1" not in told[1]
    assert "after that: make phase0-solution EX=0.1 REVEAL=1" in told[2]
    assert progress(course)["exercises"]["0.1"]["hints"] == 3


def test_the_solution_waits_for_a_pass(course):
    assert refused(course.run("phase0-solution", "EX=0.1"), "0.1 does not pass yet", "REVEAL=1")
    course.write("arith.mean", MEAN_WITH_GUARD)
    course.run("phase0-test", "EX=0.1")
    shown = course.run("phase0-solution", "EX=0.1")
    assert shown.returncode == 0
    assert "# phase0_tiny/solution/arith.py:8" in shown.stdout
    assert "return SCALE * x.sum(axis=1) / x.shape[1]" in shown.stdout
    assert not progress(course)["exercises"]["0.1"]["revealed"]


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
    course.write("arith.mean", MEAN_WITH_GUARD)
    course.run("phase0-test", "EX=0.1")
    first = progress(course)["exercises"]["0.1"]
    for old, new in [("0.2", "0.9"), ("0.1", "0.2"), ("0.9", "0.1")]:  # they change places
        renumber(course, old, new)
    assert "1 done, 3 to do" in course.run("progress").stdout
    course.run("phase0-test", "EX=0.1")
    entries = progress(course)["exercises"]
    assert entries["0.2"] == first
    assert entries["0.1"]["status"] == "todo"


def test_a_changed_exercise_passed_in_an_older_version(course):
    course.write("arith.mean", MEAN_WITH_GUARD)
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


# -- slips at the keyboard --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("fly", "unknown verb 'fly'"),
        ("phase0-fly", "unknown verb 'phase0-fly'"),
        ("phase0-test SPEED=1", "does not know 'SPEED=1'"),
        ("phase0-test 0.1", "does not know '0.1'"),
        ("phase0-test EX=0.7", "no exercise '0.7'; there are 0.1..0.4"),
        ("phase0-test EX=x[/]", "no exercise 'x[/]'"),
        ("phase0-test IMPL=theirs", "IMPL=theirs is unknown: mine or solution"),
        ("phase7-test", "no phase 7"),
        ("phase0-hint", "which exercise?"),
        ("phase0-hint EX=1.1", "no exercise '1.1'"),
        ("phase0-solution", "which exercise?"),
        ("reset", "which exercise?"),
        ("skip", "which phase?"),
        ("skip PHASE=two", "which phase?"),
        ("watch", "which phase?"),
    ],
)
def test_a_slip_is_told_in_one_line(course, command, says):
    assert refused(course.run(*command.split()), says)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('kind = "write"', 'kind = "guess"', "kind is 'guess'"),
        ('id = "0.2"', 'id = "0.1"', "0.1 is no id of its own"),
        ('id = "0.2"', 'id = "1.2"', "1.2 is no id of its own"),
        ("minutes = 5", "minuets = 5", "unknown key minuets"),
        ('gate = ["0.1"]', 'gate = ["0.8"]', "the gate names no exercise"),
        ('title = "Tiny"', "", "[phase] needs number, title, goal"),
        ('bug = "climbs"', "", "a debug exercise, and no other, names its bug"),
        ('bug = "climbs"', 'bug = "flies"', "no catalogued mistake is called flies"),
        ('"arith.mean"', '"arith.median"', "arith.py does not define median"),
        ('"arith.mean"', '"maths.mean"', "maths.py"),
        ("[phase]", "[phase", "course.toml"),
    ],
)
def test_a_slip_in_the_course_is_told_in_one_line(course, old, new, says):
    path = course.folder / "course.toml"
    path.write_text(path.read_text().replace(old, new, 1))
    assert refused(course.run("phase0-test"), says)


def test_an_exercise_of_another_phase_is_refused(course):
    shutil.copytree(course.folder, course.root / "phase1_other")
    path = course.root / "phase1_other" / "course.toml"
    path.write_text(path.read_text().replace("number = 0", "number = 1").replace('"0.', '"1.'))
    for verb in ("test", "hint", "solution"):
        result = course.run(f"phase0-{verb}", "EX=1.1")
        assert refused(result, "1.1 belongs to phase 1, not 0")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_console_without_utf8(done, encoding):
    path = done.folder / "course.toml"
    text = path.read_text().replace("Running total", "Ένα σύνολο → ≤").replace("It adds", "∂ adds")
    path.write_text(text, encoding="utf-8")
    done.write("arith.Total.add", "        print('→')\n        return '∂'\n")
    for command in (["phase0-test"], ["progress"], ["phase0-hint", "EX=0.2"], ["reset", "EX=0.2"]):
        result = done.run(*command, PYTHONIOENCODING=encoding)
        assert result.returncode in (0, 1)
        assert result.stderr == ""


def test_without_a_verb_all_verbs_are_listed(course):
    result = course.run()
    assert result.returncode == 0
    assert "phaseN-test" in result.stdout


def test_outside_any_course(course, tmp_path_factory):
    (course.folder / "course.toml").unlink()
    # The nearest course above is then the repository's own, wherever the verb is typed.
    assert course.run("progress").returncode == 0


# -- watch ------------------------------------------------------------------------------------


@contextlib.contextmanager
def watching(course):
    process = subprocess.Popen(
        [sys.executable, "-m", "shared.course", "watch", "PHASE=0"],
        cwd=course.root,
        env=course.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def read_until(process, text) -> str:
    """Read lines until one holds `text`."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError(f"never said {text!r}: {''.join(lines)}")


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_watch_grades_what_a_save_touched(course):
    with watching(course) as process:
        read_until(process, "Ctrl-C ends")
        time.sleep(0.5)  # until the folder is watched
        course.write("arith.mean", "    return x.sum(axis=1)\n")
        told = read_until(process, " s")
        told += read_until(process, " s") if "0.1" not in told else ""
        began = time.monotonic()
        course.write("arith.mean", MEAN_WITH_GUARD)
        read_until(process, "0.1 Mean: done")
        elapsed = time.monotonic() - began
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
    assert "0.1 Mean: wrong" in told
    assert "0.2 " not in told
    assert elapsed < 20, "a few seconds, on a machine that is not busy"
    assert progress(course)["exercises"]["0.1"]["status"] == "done"
