"""The tiny course, graded through the command line: to do, wrong and which wrong, error, right."""

import json

import pytest

from shared.mistakes import catalogue
from shared.source import SourceFile
from tests.tiny import board

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
    assert {e["status"] for e in done.progress()["exercises"].values()} == {"done"}


def test_one_right_survives_and_the_next_is_named(course):
    course.answer("arith.mean")
    result = course.run("phase0-test", "EX=0.1")
    assert result.returncode == 0
    assert board(result) == {"0.1": "done"}
    assert "next: 0.2 Running total" in result.stdout
    assert course.progress()["exercises"]["0.1"]["passed_at"]
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
        "0.1 Mean: wrong (after 0 of 3 checks passed)",
        "row means: 2 of 2 values differ",
        "first at [0]: got 3.5, expected 3",
        "largest error 2 at [1]",
        "phase0_tiny/exercises/arith.py:8",
        "next hint: make phase0-hint EX=0.1",
    ]
    places = [result.stdout.index(text) for text in shown]
    assert places == sorted(places)
    assert done.progress()["exercises"]["0.1"]["status"] == "failing"


def test_an_error_shows_the_learners_line_first(done):
    done.write("arith.mean", "    rows = len(x)\n    return rows.sum()\n")
    done.replace("arith", "SCALE = 1.0", "SCALE = 1.0\nprint('hello')")
    result = done.run("phase0-test", "EX=0.1")
    assert result.returncode == 1
    lines = result.stdout.strip().splitlines()
    assert lines[0].startswith("0.1 Mean: error")
    place = SourceFile.read(done.file("arith")).lines.index("    return rows.sum()\n") + 1
    assert lines[1].split() == [f"phase0_tiny/exercises/arith.py:{place}", "return", "rows.sum()"]
    assert "AttributeError: 'int' object has no attribute 'sum'" in lines[2]
    assert lines[3].strip() == "in test: mean of two rows"


def test_a_failure_alone_is_told_once(done):
    done.write("arith.mean", "    return x\n")
    result = done.run("phase0-test", "EX=0.1")
    assert result.stdout.count("0.1 Mean") == 1
    for line in ("Phase 0", "next:", "read:"):
        assert line not in result.stdout


def test_half_an_exercise_points_to_the_other_half(done):
    raw = '        raise NotImplementedError("exercise 0.2: Total.take")\n'
    done.write("arith.Total.take", raw)
    result = done.run("phase0-test")
    assert board(result)["0.2"] == "to do (1 of 2 written, 1 of 2 checks pass)"
    line = (
        done.file("arith").read_text().splitlines().index("    def take(self, x: float) -> float:")
    )
    assert f"phase0_tiny/exercises/arith.py:{line + 1}" in result.stdout


def test_a_file_that_is_gone_or_broken_is_told(course):
    course.answer("arith.mean")
    path = course.file("arith")
    path.write_text(path.read_text() + "\n\ndef mine(:\n    pass\n")
    course.file("predict").unlink()
    result = course.run("phase0-test")
    assert board(result)["0.1"] == "done"
    assert (
        "arith.py:41 does not parse: invalid syntax; the exercises around it are" in result.stdout
    )
    assert "predict.py is gone; `make stubs` brings it back" in result.stdout


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
    assert "case: n=1, m=3" in result.stdout


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
    assert json.loads(done.run("progress", "JSON=1").stdout) == done.progress()


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
