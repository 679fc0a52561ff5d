"""A stub keeps everything but the lesson."""

import textwrap

import pytest

from shared import stubs
from shared.syllabus import CourseError
from tests.tiny import make_phase


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
