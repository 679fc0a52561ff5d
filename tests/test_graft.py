"""A grafted body is seen by the whole program, needs nothing left behind, and keeps its place."""

import importlib
import sys
import textwrap
import traceback

import pytest

from shared.graft import Graft, installed, needed_source

SOLUTION = '''
"""The finished code."""

import math

RATE = 2.0


def double(x):
    """Return 2x."""
    return RATE * x


def square(x):
    return x * x


class Base:
    def greet(self):
        return "base"


class Shape(Base):
    unit = "cm"

    def __init__(self, width):
        self.width = width

    def area(self):
        return self.width**2

    def greet(self):
        return super().greet() + "!"

    @property
    def half(self):
        return self.width / 2

    @staticmethod
    def sides():
        return 4

    @classmethod
    def unit_shape(cls):
        return cls(1)
'''
USER = "from phase9_temp.solution import work\n\ndef use(x):\n    return work.double(x) + 1\n"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A phase with one solution module, and one module that uses it."""
    folder = tmp_path / "phase9_temp" / "solution"
    folder.mkdir(parents=True)
    for package in (folder, folder.parent):
        (package / "__init__.py").touch()
    (folder / "work.py").write_text(SOLUTION.lstrip())
    (folder / "user.py").write_text(USER)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("phase9_temp")]:
        del sys.modules[name]


class Learner:
    """A learner's file, and the solution's module with objects of it grafted in."""

    def __init__(self, root, text):
        self.root, self.path = root, root / "learner.py"
        self.path.write_text(textwrap.dedent(text).lstrip("\n"))

    def grafts(self, *names):
        return [Graft(f"work.{name}", self.path, name) for name in names]

    def load(self, *names, module="work"):
        with installed("phase9_temp.solution", self.grafts(*names)):
            return importlib.import_module(f"phase9_temp.solution.{module}")

    def line(self, text):
        lines = self.path.read_text().splitlines()
        return 1 + next(i for i, line in enumerate(lines) if text in line)


def place_of(call):
    """Return (file, line) of the innermost frame of what a call raises."""
    with pytest.raises(ZeroDivisionError) as caught:
        call()
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    return frame.filename, frame.lineno


# -- what is replaced -------------------------------------------------------------------------


def test_a_function(course):
    work = Learner(course, "def double(x):\n    return 'mine'\n").load("double")
    assert work.double(3) == "mine"
    assert work.square(3) == 9


def test_modules_that_import_the_solution_see_the_graft(course):
    user = Learner(course, "def double(x):\n    return 10\n").load("double", module="user")
    assert user.use(3) == 11


def test_methods_one_by_one(course):
    text = """
    class Shape:
        def area(self):
            return "area of " + self.unit

        def greet(self):
            return super().greet() + "?"
    """
    learner = Learner(course, text)
    assert learner.load("Shape.area").Shape(1).area() == "area of cm"
    assert learner.load("Shape.area").Shape(1).greet() == "base!"
    assert learner.load("Shape.greet").Shape(1).greet() == "base?"
    assert learner.load("Shape.greet", "Shape.area").Shape(1).area() == "area of cm"


def test_a_whole_class(course):
    text = "class Shape(Base):\n    def area(self):\n        return -1\n"
    work = Learner(course, text).load("Shape")
    assert work.Shape().area() == -1
    assert work.Shape().greet() == "base"


@pytest.mark.parametrize("decorated", [True, False])
def test_property_staticmethod_classmethod(course, decorated):
    def member(decorator, header, body):
        lines = [f"@{decorator}"] if decorated else []
        return textwrap.indent("\n".join([*lines, header, f"    return {body}"]), "    ")

    members = [
        member("property", "def half(self):", "self.width / 4"),
        member("staticmethod", "def sides():", "5"),
        member("classmethod", "def unit_shape(cls):", "cls(10)"),
    ]
    learner = Learner(course, "class Shape:\n" + "\n\n".join(members) + "\n")
    work = learner.load("Shape.half", "Shape.sides", "Shape.unit_shape")
    assert work.Shape(8).half == 2
    assert work.Shape.sides() == 5
    assert work.Shape.unit_shape().width == 10


def test_a_decorator_of_the_learner(course):
    text = """
    import functools

    @functools.cache
    def square(x):
        return [x]
    """
    work = Learner(course, text).load("square")
    assert work.square(3) is work.square(3)


def test_a_body_under_another_name_and_a_catalogue_mark(course):
    learner = Learner(
        course,
        """
        @mistake("9.1", "work.square", "It adds.")
        def adds(x):
            return x + x
        """,
    )
    graft = Graft("work.square", learner.path, "adds")
    with installed("phase9_temp.solution", [graft]):
        from phase9_temp.solution import work
    assert work.square(5) == 10
    assert work.square.__name__ == "square"


def test_bodies_of_one_name_are_told_apart_by_line(course):
    learner = Learner(course, "def _(x):\n    return 1\n\n\ndef _(x):\n    return 2\n")
    for line, value in ((1, 1), (5, 2)):
        graft = Graft("work.square", learner.path, "_", line)
        with installed("phase9_temp.solution", [graft]):
            assert importlib.import_module("phase9_temp.solution.work").square(0) == value


# -- what comes along -------------------------------------------------------------------------


def test_helpers_constants_and_imports_come_along(course):
    text = """
    from __future__ import annotations

    import statistics as st

    FACTORS = [1, 3]
    FACTOR = FACTORS[1]


    def scale(x: Undefined) -> Undefined:
        return FACTOR * st.mean(x)


    def double(x):
        return scale(x)
    """
    assert Learner(course, text).load("double").double([1, 3]) == 6


def test_what_is_not_needed_stays_behind(course):
    text = """
    import nowhere
    from nowhere import x, y
    raise RuntimeError("top level")
    unused = 1 / 0
    total = 1 / 0


    class Unused(nowhere.Base):
        pass


    def double(x, total=0):
        unused = [y for y in range(x)]
        for nowhere in unused:
            total += nowhere
        return total
    """
    assert Learner(course, text).load("double").double(4) == 6


def test_given_code_is_the_originals(course):
    text = "RATE = 100.0\n\n\ndef double(x):\n    return RATE * x\n"
    assert Learner(course, text).load("double").double(1) == 2.0


def test_a_helper_that_needs_the_class_it_stands_below(course):
    text = """
    class Shape:
        def area(self):
            return UNIT.width + EARLY


    EARLY = 0
    UNIT = Shape(7)
    """
    assert Learner(course, text).load("Shape.area").Shape(2).area() == 7


def test_a_helper_that_the_definition_itself_needs(course):
    text = """
    def times_two(function):
        return lambda x: 2 * function(x)


    START = 5


    @times_two
    def square(x, start=START):
        return start
    """
    assert Learner(course, text).load("square").square(0) == 10


def test_new_members_come_along_with_their_own_needs(course):
    text = """
    HALF = 0.5


    class Shape:
        factor = 4

        def area(self):
            return self._scaled() + len(self)

        def _scaled(self):
            return HALF * self.factor * self.width

        def __len__(self):
            return 100

        def unused(self):
            pass

        broken = 1 / 0
    """
    work = Learner(course, text).load("Shape.area")
    assert work.Shape(3).area() == 106
    assert not hasattr(work.Shape, "unused")


def test_a_broken_neighbour_in_the_class_costs_nothing(course):
    text = """
    class Shape:
        def greet(self):
            return ((

        def area(self):
            return self.twice()

        def twice(self):
            return 2
    """
    learner = Learner(course, text)
    assert learner.load("Shape.area").Shape(1).area() == 2
    with pytest.raises(SyntaxError):
        learner.load("Shape.greet")


def test_the_same_helper_for_two_exercises(course):
    text = """
    def half(x):
        return x / 2


    def double(x):
        return half(x)


    def square(x):
        return half(x)
    """
    work = Learner(course, text).load("double", "square")
    assert (work.double(4), work.square(6)) == (2, 3)


def test_needed_source_is_a_normal_form(course):
    one = "N = 3\nM = 4\n\ndef double(x):\n    # a comment\n    return (N *\n        x)\n"
    other = "def double( x ):\n    return N * x\n\nN = 3\n"
    texts = []
    for text in (one, other):
        learner = Learner(course, text)
        solution = course / "phase9_temp" / "solution" / "work.py"
        texts.append(needed_source(learner.grafts("double")[0], solution))
    assert texts[0] == texts[1] == "N = 3\ndef double(x):\n    return N * x"


# -- where it is told to be -------------------------------------------------------------------

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
def test_tracebacks_carry_the_learners_lines(course, x, where):
    learner = Learner(course, RAISES)
    work = learner.load("double")
    comment = f"# in the {where}"
    place = next(i for i, t in enumerate(RAISES.lstrip().splitlines(), 1) if comment in t)
    assert place_of(lambda: work.double(x)) == (str(learner.path), place)


def test_tracebacks_of_methods_and_new_members(course):
    learner = Learner(course, RAISES)
    work = learner.load("Shape.area")
    assert place_of(work.Shape(1).area) == (str(learner.path), learner.line("in the new member"))


def test_tracebacks_of_the_solution_stay_the_solutions(course):
    learner = Learner(course, "def square(x):\n    return 1\n")
    work = learner.load("square")
    with pytest.raises(TypeError) as caught:
        work.double("x")
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert frame.filename == work.__file__
    assert frame.line == "return RATE * x"


# -- errors, and what is left -----------------------------------------------------------------


def test_what_only_the_compiler_minds_names_the_learners_file(course):
    learner = Learner(course, "x = 1\n\ndef double(x):\n    break\n")
    with pytest.raises(SyntaxError) as caught:
        learner.load("double")
    assert (caught.value.filename, caught.value.lineno) == (str(learner.path), 4)


def test_a_missing_object(course):
    learner = Learner(course, "def other():\n    pass\n")
    with pytest.raises(LookupError, match=r"learner.py does not define double"):
        learner.load("double")
    with pytest.raises(LookupError, match=r"the solution does not define other"):
        learner.load("other")


def test_the_modules_of_before_are_back(course):
    before = importlib.import_module("phase9_temp.solution.work")
    learner = Learner(course, "def double(x):\n    return 'mine'\n")
    assert learner.load("double") is not before
    assert sys.modules["phase9_temp.solution.work"] is before
    from phase9_temp.solution import work

    assert work is before
    assert work.double(1) == 2.0


def test_nothing_is_left_after_an_error(course):
    learner = Learner(course, "def double(x):\n    return (\n")
    finders = list(sys.meta_path)
    with pytest.raises(SyntaxError):
        learner.load("double")
    assert sys.meta_path == finders
    assert importlib.import_module("phase9_temp.solution.work").double(1) == 2.0
