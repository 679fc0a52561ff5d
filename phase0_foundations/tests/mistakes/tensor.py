"""Classic wrong answers for `solution/tensor.py`."""

import numpy as np

from shared.mistakes import mistake


@mistake(
    "0.10",
    "tensor.unbroadcast",
    "Only the axes that broadcasting put in front are summed; an axis of size 1 was stretched as well.",
)
def unbroadcast_new_axes_only(grad, shape):
    while grad.ndim > len(shape):
        grad = grad.sum(axis=0)
    return grad


@mistake(
    "0.10",
    "tensor.unbroadcast",
    "Axis number 1 is summed; it is the axes of *size* 1 that were stretched, wherever they are.",
)
def unbroadcast_axis_number_one(grad, shape):
    while grad.ndim > len(shape):
        grad = grad.sum(axis=0)
    if 1 in shape:
        grad = grad.sum(axis=1, keepdims=True)
    return grad


@mistake(
    "0.10",
    "tensor.unbroadcast",
    "The right axes are summed but those of size 1 vanish: the result must have exactly the operand's shape.",
)
def unbroadcast_drops_axes(grad, shape):
    added = grad.ndim - len(shape)
    axes = tuple(range(added)) + tuple(added + i for i, n in enumerate(shape) if n == 1)
    return grad.sum(axis=axes)


@mistake(
    "0.10",
    "tensor.unbroadcast",
    "The gradients of the copies are averaged; a number used n times gets the *sum* of its n gradients.",
)
def unbroadcast_mean(grad, shape):
    added = grad.ndim - len(shape)
    axes = tuple(range(added)) + tuple(added + i for i, n in enumerate(shape) if n == 1)
    return grad.mean(axis=axes, keepdims=True).reshape(shape)


@mistake(
    "0.10",
    "tensor.unbroadcast",
    "Only the first copy's gradient comes back; every place where the number was used adds its share.",
)
def unbroadcast_first_copy(grad, shape):
    for _ in range(grad.ndim - len(shape)):
        grad = grad[0]
    for axis, n in enumerate(shape):
        if n == 1:
            grad = np.take(grad, [0], axis=axis)
    return grad
