"""Resetting an exercise moves no other byte, and finds a place in any ruin of a file."""

import pytest

from shared.reset import reset
from shared.source import SourceFile
from tests.tiny import make_course


def reset_text(course, before: bytes, after: bytes, identifier="0.2") -> bytes:
    """Write `after`, reset an exercise, return what then stands there."""
    path = course.file("arith")
    assert before != after
    path.write_bytes(after)
    exercise = next(e for e in course.phase.exercises if e.id == identifier)
    assert "as it was given" in reset(course.phase, exercise)[0]
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


def test_reset_keeps_what_it_takes_out(tmp_path):
    course = make_course(tmp_path)
    exercise = next(e for e in course.phase.exercises if e.id == "0.2")
    for body in (b"        return 1\n", b"        return 2 +\n"):  # within one second, perhaps
        path = course.file("arith")
        path.write_bytes(path.read_bytes().replace(TODO, body))
        assert "is in runs/reset/arith-" in reset(course.phase, exercise)[-1]
    kept = [path.read_text() for path in sorted(tmp_path.glob("runs/reset/*.py"))]
    assert len(kept) == 2
    assert "return 1" in kept[0]
    assert "return 2 +" in kept[1]
    assert "what stood there" not in " ".join(reset(course.phase, exercise))


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
