"""Tracebacks through a graft name the learner's lines; afterwards nothing of it is left."""

import importlib
import sys
import traceback

import pytest

from tests.grafted import Learner


def place_of(call):
    """Return (file, line) of the innermost frame of what a call raises."""
    with pytest.raises(ZeroDivisionError) as caught:
        call()
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    return frame.filename, frame.lineno


RAISES = """
import functools

START = 3


def helper(x):
    return x / 0  # in the helper


def double(x):
    if x == 0:
        return helper(1)

    def nested():
        return 1 / 0  # in the nested function

    if x == 1:
        return nested()
    if x == 2:
        return [1 / i for i in range(2)]  # in the comprehension
    if x == 3:
        return functools.reduce(lambda a, b: a / b, [1, 0])  # in the lambda
    return x / 0  # in the body


class Shape:
    def area(self):
        return self._divide()

    def _divide(self):
        return self.width / 0  # in the new member
"""


@pytest.mark.parametrize(
    ("x", "where"), list(enumerate(["helper", "nested", "comprehension", "lambda", "body"]))
)
def test_tracebacks_carry_the_learners_lines(temp_phase, x, where):
    learner = Learner(temp_phase, RAISES)
    work = learner.load("double")
    comment = f"# in the {where}"
    place = next(i for i, t in enumerate(RAISES.lstrip().splitlines(), 1) if comment in t)
    assert place_of(lambda: work.double(x)) == (str(learner.path), place)


def test_tracebacks_of_methods_and_new_members(temp_phase):
    learner = Learner(temp_phase, RAISES)
    work = learner.load("Shape.area")
    assert place_of(work.Shape(1).area) == (str(learner.path), learner.line("in the new member"))


def test_tracebacks_of_the_solution_stay_the_solutions(temp_phase):
    learner = Learner(temp_phase, "def square(x):\n    return 1\n")
    work = learner.load("square")
    with pytest.raises(TypeError) as caught:
        work.double("x")
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert frame.filename == work.__file__
    assert frame.line == "return RATE * x"


# -- errors, and what is left -----------------------------------------------------------------


def test_what_only_the_compiler_minds_names_the_learners_file(temp_phase):
    learner = Learner(temp_phase, "x = 1\n\ndef double(x):\n    break\n")
    with pytest.raises(SyntaxError) as caught:
        learner.load("double")
    assert (caught.value.filename, caught.value.lineno) == (str(learner.path), 4)


def test_a_missing_object(temp_phase):
    learner = Learner(temp_phase, "def other():\n    pass\n")
    with pytest.raises(LookupError, match=r"learner.py does not define double"):
        learner.load("double")
    with pytest.raises(LookupError, match=r"the solution does not define other"):
        learner.load("other")


def test_the_modules_of_before_are_back(temp_phase):
    before = importlib.import_module("phase9_temp.solution.work")
    learner = Learner(temp_phase, "def double(x):\n    return 'mine'\n")
    assert learner.load("double") is not before
    assert sys.modules["phase9_temp.solution.work"] is before
    from phase9_temp.solution import work

    assert work is before
    assert work.double(1) == 2.0


def test_nothing_is_left_after_an_error(temp_phase):
    learner = Learner(temp_phase, "def double(x):\n    return (\n")
    finders = list(sys.meta_path)
    with pytest.raises(SyntaxError):
        learner.load("double")
    assert sys.meta_path == finders
    assert importlib.import_module("phase9_temp.solution.work").double(1) == 2.0
