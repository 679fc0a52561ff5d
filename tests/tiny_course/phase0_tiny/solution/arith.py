"""Adding up."""

import numpy as np

SCALE = 1.0


def mean(x: np.ndarray) -> np.ndarray:
    """Return the mean of each row of x (n, m), shape (n,).

    Raises:
        ValueError: if x is not a matrix.
    """
    n_axes = x.ndim
    if n_axes != 2:
        raise ValueError(f"expected a matrix, got {n_axes} axes")
    return SCALE * x.sum(axis=1) / x.shape[1]


class Total:
    """A running total."""

    def __init__(self):
        self.value = 0.0

    # This comment stands outside every removed body.
    def add(self, x: float) -> float:
        """Add x; return the new total."""
        self.value += x
        return self.value

    def take(self, x: float) -> float:
        """Take x away; return the new total."""
        self.value -= x
        return self.value

    def reset(self) -> None:
        """Start again."""
        self.value = 0.0
