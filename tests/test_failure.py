"""What is told of an exception: whose it is, and the input that made it."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.failure import describe
from shared.graft import Graft


def described(tmp_path, text, use=lambda answer: answer()):
    """Describe what `use` raises when it is given the learner's `answer`."""
    path = tmp_path / "work.py"
    path.write_text(text)
    names = {}
    try:
        exec(compile(text, str(path), "exec"), names)
        use(names["answer"])
    except Exception as error:
        return describe(error, (Graft("work.answer", path, "answer"),))
    raise AssertionError("nothing was raised")


def test_a_tests_own_trouble_with_an_answer(tmp_path):
    found = described(tmp_path, "def answer(): return []\n", lambda answer: answer()[0])
    wanted = "the test could not use what your code returned: IndexError: list index out of range"
    assert (found["outcome"], found["where"], found["message"]) == ("error", None, wanted)


def test_a_wrong_signature(tmp_path):
    found = described(tmp_path, "def answer(): return 1\n", lambda answer: answer(1))
    assert found["message"].startswith("the test could not call your code: TypeError: answer()")


def test_a_learners_own_exception(tmp_path):
    found = described(tmp_path, "def answer():\n    return [][0]\n")
    assert found["message"] == "IndexError: list index out of range"
    assert found["where"]["line"] == 2


def test_a_missing_name_tells_of_an_import_that_fails(tmp_path):
    path = tmp_path / "work.py"
    path.write_text("import maths\nfrom os import pth\nimport sys\ndef answer(): return math.pi\n")
    with pytest.raises(NameError) as caught:  # as the graft runs it, without the imports
        exec(compile("\n\n\nmath.pi", str(path), "exec"), {})
    first, second = describe(caught.value, (Graft("work.answer", path, "answer"),))["notes"]
    assert first.startswith("line 1, `import maths`, fails: ModuleNotFoundError")
    assert second.startswith("line 2, `from os import pth`, fails: ImportError")


@settings(deadline=None, database=None)
@given(st.integers(1, 9), st.lists(st.integers(), min_size=40, max_size=40), st.data())
def draws(n, long, data):
    axis = data.draw(st.integers(0, 2), label="axis")
    assert axis < data.draw(st.integers(0, 0))


@given(x=st.builds(object))
def opaque(x):
    raise AssertionError("no")


@example(n=3)
@given(n=st.integers())
def explicit(n):
    assert n != 3


def notes_of(test):
    with pytest.raises(AssertionError) as caught:
        test()
    return describe(caught.value, ())["notes"]


def test_the_case_is_one_clean_line():
    (line,) = notes_of(draws)
    assert line.startswith("case: n=1, long=[0, 0,")
    assert line.endswith("..., axis=0, drawn=0")
    assert notes_of(explicit) == ["case: n=3"]


def test_a_value_that_cannot_be_written_is_left_out():
    assert all("0x" not in line and "\n" not in line for line in notes_of(opaque))
