"""A temporary phase with one solution module, and a learner's file grafted into it."""

import importlib
import textwrap

from shared.graft import Graft, installed

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


def write_phase(root):
    """Write a phase with one solution module, and one module that uses it."""
    folder = root / "phase9_temp" / "solution"
    folder.mkdir(parents=True)
    for package in (folder, folder.parent):
        (package / "__init__.py").touch()
    (folder / "work.py").write_text(SOLUTION.lstrip())
    (folder / "user.py").write_text(USER)


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
