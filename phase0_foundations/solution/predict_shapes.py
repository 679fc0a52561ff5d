"""Before you run it: what shape comes out? Three questions about broadcasting.

Answer by returning a literal. The finished file asks NumPy, which is the one who knows.
"""

import numpy as np


def sum_shape() -> tuple[int, ...]:
    """What is the shape of x + y, if x has the shape (5, 1, 4) and y the shape (3, 1)?

    Return a tuple of integers.
    """
    return (np.ones((5, 1, 4)) + np.ones((3, 1))).shape


def number_of_errors() -> int:
    """How many numbers are in `predictions - targets`?

    The predictions of a network for 100 points have the shape (100, 1), one row per point. The
    targets have the shape (100,). Nothing complains. Return an integer, not a shape.
    """
    return (np.zeros((100, 1)) - np.zeros(100)).size


def pair_that_fails() -> str:
    """Which one of these additions raises an error?

    A. shapes (4, 1) and (5,)
    B. shapes (0, 3) and (1, 3)
    C. shapes (2, 3) and (2,)
    D. shapes () and (7, 1, 1)

    Return the letter, a string.
    """
    pairs = {
        "A": ((4, 1), (5,)),
        "B": ((0, 3), (1, 3)),
        "C": ((2, 3), (2,)),
        "D": ((), (7, 1, 1)),
    }
    for letter, pair in pairs.items():
        try:
            np.add(*map(np.ones, pair))
        except ValueError:
            return letter
    raise AssertionError("one of the four has to fail")
