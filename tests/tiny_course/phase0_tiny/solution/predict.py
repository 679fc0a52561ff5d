"""Predictions."""

import numpy as np


def n_values() -> int:
    """Return how many values a matrix of 2 rows and 3 columns holds."""
    return np.zeros((2, 3)).size
