"""Arrays for the tests of plain NumPy functions, and what holds for any of them."""

import numpy as np

from shared import checks


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def check_arguments_are_left(call, name, **arrays):
    """Check that a call leaves the arrays that it is given as they were."""
    given = {key: array.copy() for key, array in arrays.items()}
    with np.errstate(all="ignore"):
        call(**given)
    for key, array in arrays.items():
        checks.equal(given[key], array, f"{name} leaves {key} as it was")


def check_shape(actual, expected, name):
    """Compare shapes as texts, so that a difference reads: got '(3,)', expected '(3, 2)'."""
    checks.equal(str(actual), str(expected), name)
