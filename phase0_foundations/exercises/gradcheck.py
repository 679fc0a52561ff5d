"""Check a gradient without calculus: move each number a little and see what the function does.

    df/dx_i ~ (f(x + h e_i) - f(x - h e_i)) / 2h

The error is of order h^2: the term of order h, which a one-sided difference leaves, cancels. With
too small an h round-off wins, as it is divided by h. Near 1e-6 both are small in float64. In
float32 no h is good: expect a few per cent. At a kink (relu at 0) the comparison means nothing.
Goodfellow et al. 2016, section 11.5, on comparing derivatives with finite differences.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from phase0_foundations.solution.tensor import Tensor


def numeric_gradient(
    f: Callable[[np.ndarray], float], x: np.ndarray, eps: float = 1e-6
) -> np.ndarray:
    """Estimate the gradient of a scalar function by central differences, one element at a time.

    Args:
        f: takes an array like x, gives one number; called twice for each element.
        x: float64, any shape; has the same values afterwards.
        eps: the step h, in the units of x.

    Returns:
        float64, the shape of x.

    Raises:
        ValueError: if x is not float64.
    """
    if x.dtype != np.float64:
        raise ValueError(f"numeric_gradient needs float64, got {x.dtype}")
    # TODO 0.12: Element i is (f(x + eps e_i) - f(x - eps e_i)) / (2 eps): only element i has moved,
    # and x is unharmed.
    raise NotImplementedError("exercise 0.12: numeric_gradient")


def gradcheck(
    f: Callable[..., Tensor], *inputs: np.ndarray, eps: float = 1e-6, tol: float = 1e-6
) -> bool:
    """Tell whether backward through f agrees with finite differences, for every input.

    A result with many elements is made one number by random weights w: loss = sum(w * f(...)). A
    plain sum would hide all mistakes that cancel in it, such as any of a softmax. An input that f
    ignores keeps a grad of None, which counts as a gradient of zeros.

    Args:
        f: takes as many tensors as there are inputs, gives a tensor of any shape.
        inputs: float64 arrays; not changed.
        eps: step of the differences.
        tol: largest |a - n| / max(1, |a|, |n|) allowed between the two gradients a and n.

    Raises:
        ValueError: if an input is not float64.
    """
    if any(x.dtype != np.float64 for x in inputs):
        raise ValueError(f"gradcheck needs float64, got {[str(x.dtype) for x in inputs]}")
    # TODO 0.12: True if backward and central differences agree within tol * max(1, |a|, |n|) in
    # every element of every input, for a result of any shape; a NaN or a single wrong element makes
    # it False, and a grad of None counts as zeros.
    raise NotImplementedError("exercise 0.12: gradcheck")
