"""Temporary courses for the machinery's tests."""

import sys

import pytest

from tests.grafted import write_phase
from tests.tiny import make_course


@pytest.fixture
def course(tmp_path):
    """The tiny course, nothing written yet."""
    return make_course(tmp_path)


@pytest.fixture
def done(course):
    """The tiny course with all exercises answered rightly."""
    course.answer()
    return course


@pytest.fixture
def temp_phase(tmp_path, monkeypatch):
    """A folder with a phase that can be imported, to graft into."""
    write_phase(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("phase9_temp")]:
        del sys.modules[name]
