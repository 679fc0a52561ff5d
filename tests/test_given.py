"""Given code that changed is found; a learner's own code is no problem, and never overwritten."""

import pytest

from shared import given, stubs
from shared.source import SourceFile
from tests.tiny import make_course, make_phase

GIVEN = """
from math import cos, sin

RATE = 1.0


def helper(x):
    return x


def f(x):
    return cos(x)


class C(Base):
    size = 3

    def m(self):
        return 1

    def n(self):
        return 2
"""


def compare(tmp_path, *edits, objects=("f", "C.m")):
    """Return the problems of a stub after some (old, new) edits."""
    phase = make_phase(tmp_path, GIVEN, objects)
    stubs.write(phase, force=True)
    text = phase.learner("work").read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    phase.learner("work").write_text(text)
    expected, learner = stubs.stub(phase, "work"), SourceFile.read(phase.learner("work"))
    return stubs.problems(phase), given.changed(expected, learner, set(objects))


RAISE = '    raise NotImplementedError("exercise 9.1: f")\n'


@pytest.mark.parametrize(
    "edit",
    [
        (RAISE, "    return 3\n"),
        ("from math import cos, sin", "from math import cos, exp, sin"),
        ("from math import cos, sin", "import os\nfrom math import sin, cos"),
        ("RATE = 1.0", "RATE = 1.0\nMORE = 2"),
        ("RATE = 1.0", "RATE   = (1.0)  # fast"),
        ("def helper(x):", "def own():\n    pass\n\n\ndef helper(x):"),
        ("    size = 3", "    size = 3\n    more = 4\n\n    def own(self): ..."),
        ("class C(Base):", "class Own:\n    pass\n\n\nclass C(Base):"),
    ],
)
def test_a_learners_own_code_is_no_problem(tmp_path, edit):
    assert compare(tmp_path, edit) == ([], [])


@pytest.mark.parametrize(
    ("edit", "line", "told"),
    [
        (("RATE = 1.0", "RATE = 2.0"), "RATE = 1.0", True),
        (("    return x\n", "    return -x\n"), "def helper(x):", True),
        (("cos, sin", "cos"), "from math import sin", True),
        (("    size = 3\n", ""), "size = 3", True),
        (("class C(Base):", "class C:"), "class C", True),
        (("        return 2", "        return 3"), "def n(self):", True),
        (("def f(x):", "def f(y):"), "def f", False),
        (("def f(x):", "def g(x):"), "def f", False),
    ],
)
def test_changed_given_code_is_found(tmp_path, edit, line, told):
    problems, changed = compare(tmp_path, edit)
    assert [problem.partition("differs at: ")[2] for problem in problems] == [line]
    assert changed == [line] * told  # of an object, the learner's own header is what runs


def test_bodies_of_a_class_object_are_the_learners(tmp_path):
    edit = ('        raise NotImplementedError("exercise 9.1: C.n")', "        return 4")
    assert compare(tmp_path, edit, objects=("C",)) == ([], [])


def test_a_broken_file_cannot_be_compared(tmp_path):
    assert compare(tmp_path, ("RATE = 1.0", "RATE = = 2")) == ([], [])


def test_pristine_stubs_are_the_same_to_the_byte(tmp_path):
    phase = make_course(tmp_path).phase
    assert stubs.problems(phase, pristine=True) == []
    path = phase.learner("arith")
    path.write_text(path.read_text() + "# mine\n")
    assert stubs.problems(phase) == []
    assert "not pristine" in stubs.problems(phase, pristine=True)[0]
    path.unlink()
    (path.parent / "stray.py").touch()
    assert "missing" in stubs.problems(phase)[0]
    assert "stray.py: no solution" in stubs.problems(phase, pristine=True)[0]


# -- writing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "edit",
    [
        (RAISE, "    return 3\n"),
        (RAISE, "    y = x.sum()\n" + RAISE),
        (RAISE, "    return (\n"),
        ("def helper(x):", "def own():\n    pass\n\n\ndef helper(x):"),
        ("    size = 3", "    size = 3\n\n    def own(self): ..."),
    ],
)
def test_no_stub_is_written_over_a_learners_work(tmp_path, edit):
    compare(tmp_path, edit)
    phase = make_phase(tmp_path, GIVEN.replace("RATE = 1.0", "RATE = 3.0"), ["f", "C.m"])
    before = phase.learner("work").read_text()
    assert "left alone" in stubs.write(phase)[0]
    assert phase.learner("work").read_text() == before
    assert "written" in stubs.write(phase, force=True)[0]
    assert stubs.problems(phase, pristine=True) == []
    assert stubs.write(phase) == []


def test_an_untouched_stub_follows_the_course(tmp_path):
    compare(tmp_path)
    newer = GIVEN.replace("    return cos(x)", "    if x:\n        raise ValueError\n    return 1")
    phase = make_phase(tmp_path, newer.replace("RATE = 1.0", "RATE = 3.0"), ["f", "C.m"])
    assert "written" in stubs.write(phase)[0]
    assert stubs.problems(phase, pristine=True) == []
