"""A grafted body is seen by the whole program, needs nothing left behind, and keeps its place."""

import importlib
import textwrap

import pytest

from shared.graft import Graft, installed, needed_source
from tests.grafted import Learner

# -- what is replaced -------------------------------------------------------------------------


def test_a_function(temp_phase):
    work = Learner(temp_phase, "def double(x):\n    return 'mine'\n").load("double")
    assert work.double(3) == "mine"
    assert work.square(3) == 9


def test_modules_that_import_the_solution_see_the_graft(temp_phase):
    user = Learner(temp_phase, "def double(x):\n    return 10\n").load("double", module="user")
    assert user.use(3) == 11


def test_methods_one_by_one(temp_phase):
    text = """
    class Shape:
        def area(self):
            return "area of " + self.unit

        def greet(self):
            return super().greet() + "?"
    """
    learner = Learner(temp_phase, text)
    assert learner.load("Shape.area").Shape(1).area() == "area of cm"
    assert learner.load("Shape.area").Shape(1).greet() == "base!"
    assert learner.load("Shape.greet").Shape(1).greet() == "base?"
    assert learner.load("Shape.greet", "Shape.area").Shape(1).area() == "area of cm"


def test_a_whole_class(temp_phase):
    text = "class Shape(Base):\n    def area(self):\n        return -1\n"
    work = Learner(temp_phase, text).load("Shape")
    assert work.Shape().area() == -1
    assert work.Shape().greet() == "base"


@pytest.mark.parametrize("decorated", [True, False])
def test_property_staticmethod_classmethod(temp_phase, decorated):
    def member(decorator, header, body):
        lines = [f"@{decorator}"] if decorated else []
        return textwrap.indent("\n".join([*lines, header, f"    return {body}"]), "    ")

    members = [
        member("property", "def half(self):", "self.width / 4"),
        member("staticmethod", "def sides():", "5"),
        member("classmethod", "def unit_shape(cls):", "cls(10)"),
    ]
    learner = Learner(temp_phase, "class Shape:\n" + "\n\n".join(members) + "\n")
    work = learner.load("Shape.half", "Shape.sides", "Shape.unit_shape")
    assert work.Shape(8).half == 2
    assert work.Shape.sides() == 5
    assert work.Shape.unit_shape().width == 10


def test_a_decorator_of_the_learner(temp_phase):
    text = """
    import functools

    @functools.cache
    def square(x):
        return [x]
    """
    work = Learner(temp_phase, text).load("square")
    assert work.square(3) is work.square(3)


def test_a_body_under_another_name_and_a_catalogue_mark(temp_phase):
    learner = Learner(
        temp_phase,
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


def test_bodies_of_one_name_are_told_apart_by_line(temp_phase):
    learner = Learner(temp_phase, "def _(x):\n    return 1\n\n\ndef _(x):\n    return 2\n")
    for line, value in ((1, 1), (5, 2)):
        graft = Graft("work.square", learner.path, "_", line)
        with installed("phase9_temp.solution", [graft]):
            assert importlib.import_module("phase9_temp.solution.work").square(0) == value


# -- what comes along -------------------------------------------------------------------------


def test_helpers_constants_and_imports_come_along(temp_phase):
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
    assert Learner(temp_phase, text).load("double").double([1, 3]) == 6


def test_what_is_not_needed_stays_behind(temp_phase):
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
    assert Learner(temp_phase, text).load("double").double(4) == 6


def test_given_code_is_the_originals(temp_phase):
    text = "RATE = 100.0\n\n\ndef double(x):\n    return RATE * x\n"
    assert Learner(temp_phase, text).load("double").double(1) == 2.0


def test_a_helper_that_needs_the_class_it_stands_below(temp_phase):
    text = """
    class Shape:
        def area(self):
            return UNIT.width + EARLY


    EARLY = 0
    UNIT = Shape(7)
    """
    assert Learner(temp_phase, text).load("Shape.area").Shape(2).area() == 7


def test_a_helper_that_the_definition_itself_needs(temp_phase):
    text = """
    def times_two(function):
        return lambda x: 2 * function(x)


    START = 5


    @times_two
    def square(x, start=START):
        return start
    """
    assert Learner(temp_phase, text).load("square").square(0) == 10


def test_new_members_come_along_with_their_own_needs(temp_phase):
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
    work = Learner(temp_phase, text).load("Shape.area")
    assert work.Shape(3).area() == 106
    assert not hasattr(work.Shape, "unused")


def test_a_broken_neighbour_in_the_class_costs_nothing(temp_phase):
    text = """
    class Shape:
        def greet(self):
            return ((

        def area(self):
            return self.twice()

        def twice(self):
            return 2
    """
    learner = Learner(temp_phase, text)
    assert learner.load("Shape.area").Shape(1).area() == 2
    with pytest.raises(SyntaxError):
        learner.load("Shape.greet")


def test_the_same_helper_for_two_exercises(temp_phase):
    text = """
    def half(x):
        return x / 2


    def double(x):
        return half(x)


    def square(x):
        return half(x)
    """
    work = Learner(temp_phase, text).load("double", "square")
    assert (work.double(4), work.square(6)) == (2, 3)


def test_needed_source_is_a_normal_form(temp_phase):
    one = "N = 3\nM = 4\n\ndef double(x):\n    # a comment\n    return (N *\n        x)\n"
    other = "def double( x ):\n    return N * x\n\nN = 3\n"
    texts = []
    for text in (one, other):
        learner = Learner(temp_phase, text)
        solution = temp_phase / "phase9_temp" / "solution" / "work.py"
        texts.append(needed_source(learner.grafts("double")[0], solution))
    assert texts[0] == texts[1] == "N = 3\ndef double(x):\n    return N * x"
