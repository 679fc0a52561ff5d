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
    grad = np.zeros(x.shape)
    moved = x.copy()
    for i in np.ndindex(x.shape):
        moved[i] = x[i] + eps
        above = f(moved)
        moved[i] = x[i] - eps
        below = f(moved)
        moved[i] = x[i]
        grad[i] = (above - below) / (2 * eps)
    return grad


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
    leaves = [Tensor(x.copy(), requires_grad=True) for x in inputs]
    out = f(*leaves)
    w = np.random.default_rng(0).standard_normal(out.shape)
    out.backward(w)
    for k, leaf in enumerate(leaves):

        def loss(x: np.ndarray, k: int = k) -> float:
            changed = [*inputs[:k], x, *inputs[k + 1 :]]
            return (f(*map(Tensor, changed)).data * w).sum()

        n = numeric_gradient(loss, inputs[k], eps)
        a = np.zeros_like(n) if leaf.grad is None else leaf.grad
        error = np.abs(a - n) / np.maximum(1, np.maximum(np.abs(a), np.abs(n)))
        if not (error <= tol).all():  # this way round, so that NaN fails
            return False
    return True
