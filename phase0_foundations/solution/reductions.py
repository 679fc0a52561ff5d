"""Operations that make many numbers one: sum, mean, max. Their gradients go from one to many.

The names are those of NumPy and PyTorch, so within this file they hide Python's own.
"""

from __future__ import annotations

import numpy as np

from phase0_foundations.solution.tensor import Tensor, record

Axis = int | tuple[int, ...] | None


def spread(grad: np.ndarray, shape: tuple[int, ...], axis: Axis, keepdims: bool) -> np.ndarray:
    """Repeat the gradient of a reduction along the reduced axes (a view: nothing is copied)."""
    if axis is not None and not keepdims:
        axes = axis if isinstance(axis, tuple) else (axis,)
        grad = np.expand_dims(grad, tuple(i % len(shape) for i in axes))
    return np.broadcast_to(grad, shape)


def sum(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Add up along `axis` (all axes if None); every summand gets the gradient of the sum."""
    shape = x.shape
    out = x.data.sum(axis=axis, keepdims=keepdims)
    return record("sum", out, (x,), lambda grad: spread(grad, shape, axis, keepdims))


def mean(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Average along `axis` (all axes if None).

    Raises:
        ValueError: if there is nothing to average.
    """
    out = sum(x, axis, keepdims)
    if x.data.size == 0:
        raise ValueError(f"mean of an empty tensor of shape {x.shape}")
    return out / (x.data.size // out.data.size)


def max(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Take the largest along `axis` (all axes if None); equal largest ones share the gradient.

    Raises:
        ValueError: if there is nothing to choose from.
    """
    values = x.data
    out = values.max(axis=axis, keepdims=keepdims)

    def backward(grad: np.ndarray) -> np.ndarray:
        largest = values == spread(out, values.shape, axis, keepdims)
        ties = largest.sum(axis=axis, keepdims=True)
        return largest * spread(grad, values.shape, axis, keepdims) / ties

    return record("max", out, (x,), backward)


Tensor.sum, Tensor.mean, Tensor.max = sum, mean, max
