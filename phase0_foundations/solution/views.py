"""Operations that only rearrange: reshape, transpose, indexing, concatenation.

The gradient of each element goes back to where the element came from. All but `concatenate` and
indexing by arrays share the operand's memory, and with it the counter of in-place changes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phase0_foundations.solution.tensor import Tensor, record


def reshape(x: Tensor, *shape: int) -> Tensor:
    """Give the same elements another shape; one size may be -1.

    Raises:
        ValueError: if the number of elements differs.
    """
    old = x.shape
    try:
        out = x.data.reshape(*shape)
    except ValueError:
        raise ValueError(f"reshape: {old} does not fill {shape}") from None
    return record("reshape", out, (x,), lambda grad: grad.reshape(old), view_of=x)


def transpose(x: Tensor, *axes: int) -> Tensor:
    """Reorder the axes; with none given, reverse them."""
    order = axes or tuple(reversed(range(x.ndim)))
    back = np.argsort([axis % x.ndim for axis in order]) if x.ndim else ()
    out = x.data.transpose(order)
    return record("transpose", out, (x,), lambda grad: grad.transpose(back), view_of=x)


def swapaxes(x: Tensor, a: int, b: int) -> Tensor:
    """Exchange two axes."""
    out = x.data.swapaxes(a, b)
    return record("swapaxes", out, (x,), lambda grad: grad.swapaxes(a, b), view_of=x)


def getitem(x: Tensor, index: object) -> Tensor:
    """Select as NumPy does: numbers, slices, arrays of integers or booleans."""
    shape = x.shape

    def backward(grad: np.ndarray) -> np.ndarray:
        dx = np.zeros(shape, grad.dtype)
        np.add.at(
            dx, index, grad
        )  # not dx[index] += grad: that forgets all but one of equal indices
        return dx

    return record("getitem", x.data[index], (x,), backward, view_of=x)


def concatenate(parts: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Join along an existing axis.

    Raises:
        ValueError: if the other sizes differ.
    """
    ends = np.cumsum([part.shape[axis] for part in parts])[:-1]
    try:
        out = np.concatenate([part.data for part in parts], axis)
    except ValueError:
        shapes = [part.shape for part in parts]
        raise ValueError(f"concatenate: shapes {shapes} differ beyond axis {axis}") from None
    return record("concatenate", out, tuple(parts), lambda grad: tuple(np.split(grad, ends, axis)))


Tensor.reshape, Tensor.transpose, Tensor.swapaxes = reshape, transpose, swapaxes
Tensor.T = property(transpose, doc="All axes reversed; of a matrix, the transpose.")
Tensor.__getitem__ = getitem
