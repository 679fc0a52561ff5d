"""Before you run it: what shape comes out? Three questions about broadcasting.

Answer by returning a literal. The finished file asks NumPy, which is the one who knows.
"""

import numpy as np


def sum_shape() -> tuple[int, ...]:
    """What is the shape of x + y, if x has the shape (5, 1, 4) and y the shape (3, 1)?

    Return a tuple of integers.
    """
    # TODO 0.2: Return the tuple that x + y has as its shape.
    raise NotImplementedError("exercise 0.2: sum_shape")


def number_of_errors() -> int:
    """How many numbers are in `predictions - targets`?

    The predictions of a network for 100 points have the shape (100, 1), one row per point. The
    targets have the shape (100,). Nothing complains. Return an integer, not a shape.
    """
    # TODO 0.2: Return how many numbers the difference holds.
    raise NotImplementedError("exercise 0.2: number_of_errors")


def pair_that_fails() -> str:
    """Which one of these additions raises an error?

    A. shapes (4, 1) and (5,)
    B. shapes (0, 3) and (1, 3)
    C. shapes (2, 3) and (2,)
    D. shapes () and (7, 1, 1)

    Return the letter, a string.
    """
    # TODO 0.2: Return the letter of the addition that raises.
    raise NotImplementedError("exercise 0.2: pair_that_fails")
