"""A stub keeps everything but the lesson; resetting one object moves no other byte."""

import textwrap

import pytest

from shared import given, stubs
from shared.reset import reset
from shared.source import SourceFile
from shared.syllabus import CourseError, Exercise, Phase
from tests.tiny import make_course

HINTS = ["a", "b", "c"]


def make_phase(folder, solution, objects, **options):
    """Write a phase of one module `work` and one exercise."""
    for name in ("solution", "exercises", "tests/mistakes"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "solution" / "work.py").write_text(textwrap.dedent(solution).lstrip("\n"))
    says = dict.fromkeys((f"work.{name}" for name in objects), "It holds.")
    kind = options.pop("kind", "write")
    exercise = Exercise("9.1", "Title", kind, says, "read", 5, HINTS, **options)
    return Phase(folder, 9, "Title", "goal", exercises=[exercise])


def stub_of(tmp_path, solution, *objects, **options):
    text = stubs.stub(make_phase(tmp_path, solution, objects, **options), "work").text
    compile(text, "work.py", "exec")
    return text


def expect(text):
    return textwrap.dedent(text).lstrip("\n")


# -- making one -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("solution", "stub"),
    [
        (  # the docstring and the guards stay
            '''
            def f(x, y):
                """Return the sum."""
                n, m = x.shape
                if n != m:
                    raise ValueError("not square")
                k = 2
                if y < k:
                    y = 3
                    raise ValueError("too small")
                total = x + y  # the answer
                if total < 0:
                    raise ValueError("negative")
                return total
            ''',
            '''
            def f(x, y):
                """Return the sum."""
                n, m = x.shape
                if n != m:
                    raise ValueError("not square")
                k = 2
                if y < k:
                    y = 3
                    raise ValueError("too small")
                total = x + y  # the answer
                if total < 0:
                    raise ValueError("negative")
                # TODO 9.1: It holds.
                raise NotImplementedError("exercise 9.1: f")
            ''',
        ),
        (  # what is computed for no guard goes
            """
            def f(x):
                if x < 0:
                    raise ValueError("negative")
                y = x * 2
                return y
            """,
            """
            def f(x):
                if x < 0:
                    raise ValueError("negative")
                # TODO 9.1: It holds.
                raise NotImplementedError("exercise 9.1: f")
            """,
        ),
        (  # a guard behind the answer goes
            """
            def f(x):
                for i in x:
                    print(i)
                if x < 0:
                    raise ValueError("negative")
            """,
            """
            def f(x):
                # TODO 9.1: It holds.
                raise NotImplementedError("exercise 9.1: f")
            """,
        ),
        (  # comments around a body go with it, those around the function stay
            """
            # above

            def f(x):
                # the trick is this

                # and this
                return x  # done

                # because of that

            # below
            y = 1
            """,
            """
            # above

            def f(x):
                # TODO 9.1: It holds.
                raise NotImplementedError("exercise 9.1: f")

            # below
            y = 1
            """,
        ),
        (  # signatures of many lines
            '''
            @decorated(
                1,
            )
            @again
            def f(
                x,  # a comment
                y=(1, 2),
            ) -> dict[str, int]:
                """What.

                More.
                """
                return {}
            ''',
            '''
            @decorated(
                1,
            )
            @again
            def f(
                x,  # a comment
                y=(1, 2),
            ) -> dict[str, int]:
                """What.

                More.
                """
                # TODO 9.1: It holds.
                raise NotImplementedError("exercise 9.1: f")
            ''',
        ),
        (  # one line
            "def f(x): return x\n",
            """
            def f(x):
                # TODO 9.1: It holds.
                raise NotImplementedError("exercise 9.1: f")
            """,
        ),
        (  # one line after several, with a docstring
            'def f(\n    x="é"): "What."; return x\n',
            """
            def f(
                x="é"):
                'What.'
                # TODO 9.1: It holds.
                raise NotImplementedError("exercise 9.1: f")
            """,
        ),
        (
            "async def f(x):\n    async with x:\n        return await x\n",
            """
            async def f(x):
                # TODO 9.1: It holds.
                raise NotImplementedError("exercise 9.1: f")
            """,
        ),
        (  # a body that begins with a decorated function
            "def f(x):\n    @cached\n    def g():\n        return x\n    return g\n",
            """
            def f(x):
                # TODO 9.1: It holds.
                raise NotImplementedError("exercise 9.1: f")
            """,
        ),
        (  # nothing but a guard and a docstring
            'def f(x):\n    """What."""\n    if x:\n        raise ValueError\n',
            """
            def f(x):
                \"""What.\"""
                # TODO 9.1: It holds.
                raise NotImplementedError("exercise 9.1: f")
            """,
        ),
    ],
)
def test_a_function(tmp_path, solution, stub):
    assert stub_of(tmp_path, solution, "f") == expect(stub)


CLASSES = '''
class Outer:
    """What."""

    size = 3

    class Inner:
        def f(self):
            return self.g()

        def g(self):
            return 1

    def f(self): return 2  # short

    @property
    def g(self):
        """Given."""
        return self.size
'''


def test_a_method_of_a_nested_class(tmp_path):
    text = stub_of(tmp_path, CLASSES, "Outer.Inner.f", "Outer.f")
    body = '# TODO 9.1: It holds.\n{0}raise NotImplementedError("exercise 9.1: Outer.{1}")\n'
    inner, outer = body.format(" " * 12, "Inner.f"), body.format(" " * 8, "f")
    expected = CLASSES.lstrip().replace("return self.g()\n", inner)
    assert text == expected.replace(" return 2  # short\n", "\n        " + outer)


def test_a_class_loses_the_bodies_of_all_its_methods(tmp_path):
    solution = (
        "class C:\n    n = 1\n\n    def a(self):\n        return 1\n\n    async def b(self): ...\n"
    )
    text = stub_of(tmp_path, solution, "C")
    assert "    n = 1\n" in text
    assert 'raise NotImplementedError("exercise 9.1: C.a")' in text
    assert 'raise NotImplementedError("exercise 9.1: C.b")' in text
    assert "return 1" not in text


def test_a_debug_exercise_starts_from_its_bug(tmp_path):
    mistakes = tmp_path / "tests" / "mistakes"
    mistakes.mkdir(parents=True)
    (mistakes / "work.py").write_text(
        '@mistake("9.1", "work.C.f", "It adds.")\n'
        'def adds(self, x):\n    """Not shown."""\n'
        "    if x:\n        x += 1  # a step\n\n    return x\n"
    )
    solution = 'class C:\n    def f(self, x):\n        """What."""\n        return x\n'
    assert stub_of(tmp_path, solution, "C.f", kind="debug", bug="adds") == expect(
        '''
        class C:
            def f(self, x):
                """What."""
                # TODO 9.1: It holds.
                if x:
                    x += 1  # a step

                return x
        '''
    )


def test_a_long_promise_is_wrapped(tmp_path):
    phase = make_phase(tmp_path, "class C:\n    def f(self):\n        return 1\n", ["C.f"])
    phase.exercises[0].objects["work.C.f"] = "word " * 60
    lines = stubs.stub(phase, "work").text.splitlines()
    assert max(map(len, lines)) <= 100
    assert all(line.startswith("        # ") for line in lines[2:-1])


def test_what_the_course_lacks_is_told(tmp_path):
    with pytest.raises(CourseError, match=r"9\.1: work.py does not define g"):
        stub_of(tmp_path, "def f(): ...\n", "g")
    with pytest.raises(CourseError, match="no catalogued mistake is called gone"):
        stub_of(tmp_path, "def f(): ...\n", "f", kind="debug", bug="gone")


# -- comparing --------------------------------------------------------------------------------

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


# -- resetting --------------------------------------------------------------------------------


def reset_text(course, before: bytes, after: bytes, identifier="0.2") -> bytes:
    """Write `after`, reset an exercise, return what then stands there."""
    path = course.file("arith")
    assert before != after
    path.write_bytes(after)
    exercise = next(e for e in course.phase.exercises if e.id == identifier)
    assert all("as it was given" in line for line in reset(course.phase, exercise))
    return path.read_bytes()


TODO = (
    b"        # TODO 0.2: `value` grows by x; the new value is returned.\n"
    b'        raise NotImplementedError("exercise 0.2: Total.add")\n'
)


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize(
    "body",
    [
        b"        return 1\n",
        b"        return (((\n",
        b'        y = """ open\n',
        b"            self.value\n        x\n",
        b"        the total\n        # a comment\n",
        b"        return '\xe9' +\n",
    ],
)
def test_reset_moves_no_other_byte(tmp_path, body, ends):
    course = make_course(tmp_path)
    course.answer("arith.mean")
    given = course.file("arith").read_bytes() + b"\nMINE = '\xe9 \x0c \xe2\x80\xa8'\n# no end"
    before = given.replace(b"\n", ends)
    after = given.replace(TODO, body).replace(b"\n", ends)
    assert reset_text(course, before, after) == before


def test_reset_puts_back_what_is_gone(tmp_path):
    course = make_course(tmp_path)
    given = course.file("arith").read_bytes()
    start, end = given.index(b"    # This comment"), given.index(b"    def take")
    assert reset_text(course, given, given[:start] + given[end:]) == given.replace(
        b"    # This comment stands outside every removed body.\n", b""
    )


@pytest.mark.parametrize(
    "after", [b"", b"import numpy as np\n", b"x = 3", b"class Total:\n    pass\n", b"class Total\n"]
)
@pytest.mark.parametrize("identifier", ["0.1", "0.2"])
def test_reset_finds_a_place_in_any_ruin(tmp_path, after, identifier):
    course = make_course(tmp_path)
    text = reset_text(course, course.file("arith").read_bytes(), after, identifier)
    assert text.startswith(after)
    file = SourceFile.read(course.file("arith"))
    for name in {"0.1": ["mean"], "0.2": ["Total.add", "Total.take"]}[identifier]:
        file.span(name)


def test_reset_within_a_class_whose_header_is_broken(tmp_path):
    course = make_course(tmp_path)
    course.answer("arith.Total.take")
    given = course.file("arith").read_bytes().replace(b"class Total:", b"class Total")
    after = reset_text(course, given, given.replace(TODO, b"        return 1\n"))
    assert TODO in after
    assert b"def reset" in after
    assert b"def __init__" in after


def test_reset_writes_a_file_that_is_gone(tmp_path):
    course = make_course(tmp_path)
    given = course.file("arith").read_bytes()
    course.file("arith").unlink()
    assert "written anew" in reset(course.phase, course.phase.exercises[0])[0]
    assert course.file("arith").read_bytes() == given
