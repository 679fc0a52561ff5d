"""Softmax and its logarithm as operations on tensors, along any axis.

Both subtract the largest score first, which changes nothing, as softmax(x + c) = softmax(x), and
keeps exp from overflowing. Goodfellow et al. 2016, section 4.1.
"""

from __future__ import annotations

import numpy as np

from phase0_foundations.solution.tensor import Tensor, record


def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Return x - logsumexp(x) along an axis; never -inf for finite x."""
    shifted = x.data - x.data.max(axis=axis, keepdims=True)
    out = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))

    def backward(grad: np.ndarray) -> np.ndarray:
        return grad - np.exp(out) * grad.sum(axis=axis, keepdims=True)

    return record("log_softmax", out, (x,), backward)


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Return e**x, scaled to sum to 1 along an axis."""
    out = np.exp(x.data - x.data.max(axis=axis, keepdims=True))
    out /= out.sum(axis=axis, keepdims=True)

    def backward(grad: np.ndarray) -> np.ndarray:
        return out * (grad - (grad * out).sum(axis=axis, keepdims=True))

    return record("softmax", out, (x,), backward)
