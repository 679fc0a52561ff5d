"""The mistakes of `mistakes/tensor.py`, as another learner would write them."""

import numpy as np

from shared.mistakes import attempt


@attempt("unbroadcast_new_axes_only")
def _(grad, shape):
    n_new = len(grad.shape) - len(shape)
    return np.sum(grad, axis=tuple(range(n_new)))


@attempt("unbroadcast_axis_number_one")
def _(grad, shape):
    missing = grad.ndim - len(shape)
    out = np.add.reduce(grad, axis=tuple(range(missing))) if missing else grad
    for size in shape:
        if size == 1:
            out = np.sum(out, axis=1, keepdims=True)
    return out


@attempt("unbroadcast_drops_axes")
def _(grad, shape):
    padded = (1,) * (grad.ndim - len(shape)) + tuple(shape)
    for axis in reversed(range(grad.ndim)):
        if padded[axis] == 1:
            grad = grad.sum(axis=axis)
    return grad


@attempt("unbroadcast_mean")
def _(grad, shape):
    result = grad
    while len(result.shape) > len(shape):
        result = np.mean(result, axis=0)
    for position in range(len(shape)):
        if shape[position] == 1:
            result = result.mean(position, keepdims=True)
    return result


@attempt("unbroadcast_first_copy")
def _(grad, shape):
    offset = grad.ndim - len(shape)
    index = [0] * offset + [slice(0, 1) if s == 1 else slice(None) for s in shape]
    return grad[tuple(index)]
