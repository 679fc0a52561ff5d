"""The course proves itself: stubs, solutions, catalogued mistakes and lessons of every phase."""

import os
import re

import pytest

from shared import proof, stubs
from shared.grader import Grader
from shared.graft import Graft
from shared.syllabus import find_root, load_phases

PHASES = [phase for phase in load_phases(find_root()) if phase.exercises]
MIN_NAMED = 0.9  # share of the restyled mistakes that diagnosis must name


@pytest.fixture(scope="module", params=PHASES, ids=lambda phase: phase.package)
def grader(request):
    with Grader(request.param) as grader:
        yield grader


def test_stubs_match_the_solution(grader):
    pristine = os.environ.get("CI") == "true"
    assert stubs.problems(grader.phase, pristine) == []


def test_every_stub_is_to_do(grader, tmp_path):
    for module in grader.phase.modules:
        (tmp_path / f"{module}.py").write_text(
            stubs.stub(grader.phase, module).text, encoding="utf-8"
        )

    def outcome(exercise):
        names = [name.partition(".") for name in exercise.objects]
        grafts = [Graft(f"{m}.{q}", tmp_path / f"{m}.py", q) for m, _, q in names]
        return exercise.id, grader.run(exercise, grafts).outcome

    # A debug exercise starts from a program that runs and is wrong.
    expected = [(e.id, "wrong" if e.kind == "debug" else "todo") for e in grader.phase.exercises]
    assert grader.map(outcome, grader.phase.exercises) == expected


def test_every_solution_passes(grader):
    grades = grader.grade_all(grader.phase.exercises, impl="solution")
    failing = {g.exercise: g.failure or g.outcome for g in grades if g.outcome != "right"}
    assert all(grade == "skipped" for grade in failing.values()), failing


def test_every_mistake_is_rejected(grader):
    kills = proof.kill_table(grader)
    assert [kill.name for kill in kills if not kill.killed] == []
    counts = {e.id: sum(kill.exercise == e.id for kill in kills) for e in grader.phase.exercises}
    assert {id: n for id, n in counts.items() if n < proof.MIN_MISTAKES} == {}


def test_mistakes_in_another_style_are_named(grader):
    named = proof.diagnoses(grader)
    wrong = [(name, found) for name, found in named if found != name]
    assert len(named) >= 0.9 * len(grader.mistakes), "every mistake needs an attempt"
    assert len(wrong) <= (1 - MIN_NAMED) * len(named), wrong


def test_the_lesson_has_every_anchor(grader):
    text = (grader.phase.folder / "README.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+\s+(.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
    missing = {e.id: e.read for e in grader.phase.exercises if e.read not in anchors}
    assert missing == {}
    unmentioned = [e.id for e in grader.phase.exercises if not re.search(rf"\b{e.id}\b", text)]
    assert unmentioned == []


def test_the_kinds_of_exercise_are_balanced(grader):
    kinds = [exercise.kind for exercise in grader.phase.exercises]
    assert kinds.count("debug") >= 2
    assert kinds.count("predict") >= 4
    assert kinds.count("write") > len(kinds) / 2
    assert 2 <= len(grader.phase.gate) <= 4
