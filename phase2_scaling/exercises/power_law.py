"""A power law through points: a straight line, once both axes are logarithms.

Kaplan et al. 2020 (arXiv:2001.08361), section 3: the loss is (N_c / N)^alpha. Henighan et al. 2020
(arXiv:2010.14701), equation 1.1, add what no model can learn, a floor under the curve.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class PowerLaw:
    """y = floor + coefficient * x^exponent. Kaplan's alpha is -exponent, for loss falls."""

    coefficient: float
    exponent: float
    floor: float = 0.0

    def __call__(self, x: Any) -> Any:
        """Predict y for a number or an array."""
        return self.floor + self.coefficient * x**self.exponent


def fit(x: np.ndarray, y: np.ndarray) -> PowerLaw:
    """Find y = coefficient * x^exponent by least squares on logarithms, floor 0.

    What is made smallest is the sum of (log y - log prediction)^2, so that an error of one percent
    weighs the same at the small end as at the large one.

    Args:
        x: (n,) positive numbers, two different ones at least; left as they are.
        y: (n,) positive numbers; left as they are.

    Raises:
        ValueError: if the shapes differ, a number is not positive, or there is no slope to find.
    """
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x and y need one shape (n,); got {x.shape} and {y.shape}")
    if not (np.all(x > 0) and np.all(y > 0)):
        raise ValueError("a logarithm needs positive numbers")
    if len(np.unique(x)) < 2:
        raise ValueError("a line needs two different x")
    # TODO 2.3: The line through (log x, log y) with the smallest sum of squares, as coefficient and
    # exponent.
    raise NotImplementedError("exercise 2.3: fit")


def fit_with_floor(x: np.ndarray, y: np.ndarray, floors: Sequence[float]) -> PowerLaw:
    """Find y = floor + coefficient * x^exponent, trying one floor after the other.

    Each candidate floor is taken off y, and `fit` draws the line through what is left. The best
    candidate is the one whose whole curve, floor put back, has the smallest sum of
    (log y - log prediction)^2; the first of them, if several are best.

    Args:
        x, y: as in `fit`.
        floors: candidates. Those that do not lie below every y are passed over.

    Raises:
        ValueError: if no candidate lies below every y.
    """
    candidates = [floor for floor in floors if floor < y.min()]
    if not candidates:
        raise ValueError(f"no floor lies below every y; the smallest y is {y.min():.6g}")
    # TODO 2.3: Of all candidate floors, the one whose whole curve misses log y least, with the line
    # through what is left of y above it.
    raise NotImplementedError("exercise 2.3: fit_with_floor")


def floors_below(y: np.ndarray, n: int = 200) -> np.ndarray:
    """Candidates for `fit_with_floor`: n evenly spaced from 0 to below the smallest y."""
    return np.linspace(0, y.min(), n, endpoint=False)
