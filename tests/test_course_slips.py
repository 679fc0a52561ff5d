"""A slip at the keyboard or in the course is told in one line; no console is too poor."""

import shutil

import pytest

from tests.tiny import refused


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
