"""Right, wrong and which wrong: grades and diagnoses of every kind of object and value."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from shared import proof
from shared.grader import Grader
from shared.mistakes import attempts
from tests.tiny import make_course


@pytest.fixture(scope="module")
def grader(tmp_path_factory):
    course = make_course(tmp_path_factory.mktemp("kinds"), "kinds_course")
    with Grader(course.phase) as grader:
        grader.course = course
        yield grader


@pytest.fixture
def course(grader):
    """The course with pristine stubs."""
    stub = grader.course.file("kinds")
    given = stub.read_text()
    yield grader.course
    stub.write_text(given)


def exercise(grader, identifier):
    return next(e for e in grader.phase.exercises if e.id == identifier)


def test_every_solution_is_right(grader):
    grades = grader.grade_all(grader.phase.exercises, impl="solution")
    assert {grade.outcome for grade in grades} == {"right"}


def test_every_stub_is_to_do(grader):
    grades = grader.grade_all(grader.phase.exercises)
    assert {grade.outcome for grade in grades} == {"todo"}


def test_every_mistake_is_rejected(grader):
    assert [kill.name for kill in proof.kill_table(grader) if not kill.killed] == []


def test_every_mistake_in_another_style_is_named(grader):
    named = proof.diagnoses(grader)
    assert [pair for pair in named if pair[0] != pair[1]] == []
    assert {name for name, _ in named} == {mistake.name for mistake in grader.mistakes}
    assert len(attempts(grader.phase.folder)) == len(named)


def test_a_slip_in_the_catalogue_is_no_rejection(grader):
    run = grader.run(exercise(grader, "0.1"), [grader.mistakes[0].graft])
    assert proof._is_rejected(run)
    run.failures[0].message = "NameError: name 'np' is not defined"
    assert not proof._is_rejected(run)


def test_an_unknown_wrong_answer_has_no_diagnosis(grader, course):
    course.write("kinds.standardise", "    return x * 0 + 17\n")
    grade = grader.grade(exercise(grader, "0.1"))
    assert (grade.outcome, grade.diagnosis) == ("wrong", None)
    assert "60 of 60 values differ" in grade.failure.message
    assert grade.where["text"].startswith("def standardise(")


def test_who_fails_earlier_tests_made_another_mistake(grader, course):
    # It answers like `over_columns` where that fails second, but is right where that fails first.
    body = "    if logits.max() > 100:\n        return torch.softmax(logits, 0)\n"
    course.write("kinds.softmax", body + "    return torch.softmax(logits, 1)\n")
    grade = grader.grade(exercise(grader, "0.2"))
    assert grade.outcome == "wrong"
    assert grade.failure.check == "logits 1e4 apart"
    assert grade.diagnosis is None


@pytest.mark.parametrize(
    ("add", "mul", "blamed"),
    [
        ("Vector(0, 0)", "self.x * other.x + self.y * other.y", "__add__"),
        ("Vector(self.x + other.x, self.y + other.y)", "7", "__mul__"),
        ("Vector(self.x + other.x, self.y + other.y)", "[self.x * other.x]", "__mul__"),
    ],
)
def test_the_line_shown_is_of_the_object_to_blame(grader, course, add, mul, blamed):
    course.write("kinds.Vector.__add__", f"        return {add}\n")
    course.write("kinds.Vector.__mul__", f"        return {mul}\n")
    grade = grader.grade(exercise(grader, "0.6"))
    assert grade.outcome == "wrong"
    assert blamed in grade.where["text"]


def test_the_line_shown_is_of_the_diagnosed_object(grader, course):
    body = "        return np.array([self.x * other.x, self.y * other.y])\n"
    course.write("kinds.Vector.__mul__", body)
    course.write(
        "kinds.Vector.__add__", "        return Vector(self.x + other.x, self.y + other.y)\n"
    )
    grade = grader.grade(exercise(grader, "0.6"))
    assert grade.mistake == "elementwise"
    assert "__mul__" in grade.where["text"]


def test_an_exception_shows_the_learners_innermost_line(grader, course):
    text = "def scale(x):\n    return x / None\n\n\ndef standardise("
    course.replace("kinds", "def standardise(", text)
    course.write("kinds.standardise", "    return scale(x)\n")
    grade = grader.grade(exercise(grader, "0.1"))
    assert grade.outcome == "error"
    assert grade.where["text"] == "return x / None"
    assert grade.failure.message.startswith("TypeError: ")


def test_half_of_an_exercise_is_to_do(grader, course):
    course.write(
        "kinds.Vector.__add__", "        return Vector(self.x + other.x, self.y + other.y)\n"
    )
    grade = grader.grade(exercise(grader, "0.6"))
    assert (grade.outcome, grade.done, grade.total) == ("todo", 1, 2)
    assert 0 < grade.passed < grade.checks
    course.write("kinds.Vector.__add__", "        return Vector(0, 0)\n")
    assert grader.grade(exercise(grader, "0.6")).outcome == "wrong"


def test_changed_given_code_is_told(grader, course):
    course.write("kinds.parse", "    return int(text)\n")
    course.replace("kinds", '"""Return both numbers."""\n        return self.x, self.y', "pass")
    grade = grader.grade(exercise(grader, "0.4"))
    (warning,) = grade.warnings
    assert "you changed given code in phase0_kinds/exercises/kinds.py" in warning
    assert "def pair(self)" in warning


def test_the_answers_hash_knows_code_and_not_layout(grader, course):
    answers, asked = grader.answers, exercise(grader, "0.4")
    assert answers.hash(asked) is None
    course.write("kinds.parse", "    return int(text)\n")
    first = answers.hash(asked)
    course.write("kinds.parse", "    # a comment\n\n    return int( text )\n")
    assert answers.hash(asked) == first
    course.write("kinds.parse", "    return int(text) + 0\n")
    assert answers.hash(asked) != first


def test_mistakes_in_one_child_end_as_they_do_alone(grader, tmp_path):
    first, *_, last = [m for m in grader.mistakes if m.exercise == "0.1"]
    file = tmp_path / "crash.py"
    file.write_text("import os\n\ndef crash(x):\n    os.abort()\n")
    crash = replace(last, name="crash", graft=replace(last.graft, path=file, name="crash"))
    with Grader(grader.phase) as fresh:
        fresh.try_mistakes([first, crash, last])
        tried = fresh._mistake_runs
        assert [*tried] == [first.name, "crash"], "what comes after a crash waits"
        assert "SIGABRT" in tried["crash"].first_failure.message
        alone = grader.run(exercise(grader, "0.1"), [first.graft])
        assert tried[first.name].first_failure.seen == alone.first_failure.seen
        assert tried[first.name].collected == alone.collected > 0


def test_an_exercise_without_tests_is_an_error(grader):
    run = grader.run(replace(exercise(grader, "0.1"), id="0.99"), [])
    assert run.outcome == "error"
    assert "no test of exercise 0.99" in run.first_failure.message


def test_a_grade_is_plain_data(grader, course):
    course.write("kinds.parse", "    return 5\n")
    data = json.loads(json.dumps(grader.grade(exercise(grader, "0.4")).to_json()))
    assert data["outcome"] == "wrong"
    assert "seen" not in data["failure"]


# -- the grader itself is interrupted or killed -----------------------------------------------

SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path
from shared.grader import Grader
from shared.syllabus import load_phase

if __name__ == "__main__":
    phase = load_phase(Path(sys.argv[1]))
    exercises = [replace(e, seconds=int(sys.argv[2])) for e in phase.exercises]
    with Grader(phase) as grader:
        print("ready", flush=True)
        grader.grade_all(exercises)
"""


def start_hanging(course, seconds):
    """Grade, in a process of its own, an exercise that never ends; return it and the child."""
    body = "    import os\n    os.write(os.open('child.pid', 65), str(os.getpid()).encode())\n"
    course.write("kinds.parse", body + "    while True:\n        pass\n")
    grading = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(course.folder), str(seconds)],
        env=course.environment(TMPDIR=str(course.root)),
        stdout=subprocess.PIPE,
        text=True,
    )
    pid = None
    deadline = time.monotonic() + 60
    while pid is None and time.monotonic() < deadline:
        time.sleep(0.1)
        found = [p.read_text() for p in course.root.glob("grade-*/*/child.pid")]
        pid = int(found[0]) if found and found[0] else None
    assert pid, "the exercise never began"
    return grading, pid


def ends_within(pid, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_ends_the_children_at_once(grader, course):
    grading, pid = start_hanging(course, 60)
    grading.send_signal(signal.SIGINT)
    assert grading.wait(timeout=15) != 0
    assert ends_within(pid, 2)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_child_whose_grader_was_killed_ends_by_itself(grader, course):
    grading, pid = start_hanging(course, 1)
    grading.kill()
    grading.wait()
    assert ends_within(pid, 20)
