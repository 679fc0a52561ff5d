"""Classic wrong answers for `solution/norms.py`."""

import numpy as np

from shared.mistakes import mistake


@mistake(
    "0.15",
    "norms.normalize",
    "The variance is the unbiased one (n - 1); normalisation describes this very vector, so it divides by n.",
)
def normalize_unbiased(x, axis, eps=1e-5):
    mean = x.mean(axis=axis, keepdims=True)
    inv_std = 1 / np.sqrt(x.var(axis=axis, keepdims=True, ddof=1) + eps)
    return (x - mean) * inv_std, inv_std


@mistake(
    "0.15",
    "norms.normalize",
    "eps is added to the standard deviation; it belongs under the root, next to the variance.",
)
def normalize_eps_outside(x, axis, eps=1e-5):
    mean = x.mean(axis=axis, keepdims=True)
    inv_std = 1 / (x.std(axis=axis, keepdims=True) + eps)
    return (x - mean) * inv_std, inv_std


@mistake(
    "0.15",
    "norms.normalize",
    "The mean is not taken away: the result has the right length but not the mean 0.",
)
def normalize_keeps_mean(x, axis, eps=1e-5):
    inv_std = 1 / np.sqrt(x.var(axis=axis, keepdims=True) + eps)
    return x * inv_std, inv_std


@mistake(
    "0.15",
    "norms.normalize",
    "It divides by the variance; unit variance needs its root, the standard deviation.",
)
def normalize_by_variance(x, axis, eps=1e-5):
    mean = x.mean(axis=axis, keepdims=True)
    inv_std = 1 / (x.var(axis=axis, keepdims=True) + eps)
    return (x - mean) * inv_std, inv_std


@mistake(
    "0.15",
    "norms.normalize",
    "The axis argument is ignored: statistics are always of the last axis, but BatchNorm needs axis 0.",
)
def normalize_last_axis(x, axis, eps=1e-5):
    mean = x.mean(axis=-1, keepdims=True)
    inv_std = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + eps)
    return (x - mean) * inv_std, inv_std


@mistake(
    "0.15",
    "norms.normalize",
    "The mean has lost its axis: with keepdims=True it keeps one of size 1 and broadcasts against x.",
)
def normalize_without_keepdims(x, axis, eps=1e-5):
    inv_std = 1 / np.sqrt(x.var(axis=axis) + eps)
    return (x - x.mean(axis=axis)) * inv_std, inv_std


@mistake(
    "0.15",
    "norms.normalize",
    "inv_std has lost its axis: the variance needs keepdims=True as well as the mean.",
)
def normalize_variance_without_keepdims(x, axis, eps=1e-5):
    centered = x - x.mean(axis=axis, keepdims=True)
    inv_std = 1 / np.sqrt(np.mean(centered * centered, axis=axis) + eps)
    return centered * np.expand_dims(inv_std, axis), inv_std


@mistake(
    "0.15",
    "norms.normalize",
    "The caller's x is changed on the way: `x -= ...` works in place, `x - ...` makes a new array.",
)
def normalize_in_place(x, axis, eps=1e-5):
    x -= x.mean(axis=axis, keepdims=True)
    inv_std = 1 / np.sqrt(np.mean(x * x, axis=axis, keepdims=True) + eps)
    return x * inv_std, inv_std


@mistake(
    "0.15",
    "norms.normalize",
    "E[x^2] - E[x]^2 takes two huge numbers from each other if the mean is large: subtract the mean, then square.",
)
def normalize_difference_of_squares(x, axis, eps=1e-5):
    mean = x.mean(axis=axis, keepdims=True)
    var = (x * x).mean(axis=axis, keepdims=True) - mean * mean
    inv_std = 1 / np.sqrt(var + eps)
    return (x - mean) * inv_std, inv_std


@mistake(
    "0.15",
    "norms.normalize_backward",
    "The caller's grad is changed on the way: `grad -= ...` works in place, `grad - ...` makes a new array.",
)
def normalize_backward_in_place(grad, x_hat, inv_std, axis):
    stretch = np.mean(grad * x_hat, axis=axis, keepdims=True)
    grad -= grad.mean(axis=axis, keepdims=True)
    grad -= x_hat * stretch
    return grad * inv_std


@mistake(
    "0.15",
    "norms.normalize_backward",
    "The sum of grad stands where its mean must: a value has a share of 1/n in the mean.",
)
def normalize_backward_sum_of_grad(grad, x_hat, inv_std, axis):
    shift = grad.sum(axis=axis, keepdims=True)
    stretch = (grad * x_hat).mean(axis=axis, keepdims=True)
    return inv_std * (grad - shift - x_hat * stretch)


@mistake(
    "0.15",
    "norms.normalize_backward",
    "The sum of grad * x_hat stands where its mean must: a value has a share of 1/n in the variance.",
)
def normalize_backward_sum_along(grad, x_hat, inv_std, axis):
    shift = grad.mean(axis=axis, keepdims=True)
    stretch = (grad * x_hat).sum(axis=axis, keepdims=True)
    return inv_std * (grad - shift - x_hat * stretch)


@mistake(
    "0.15",
    "norms.normalize_backward",
    "Mean and variance are taken for constants, but they move with x: the gradient goes through them too.",
)
def normalize_backward_constants(grad, x_hat, inv_std, axis):
    return grad * inv_std


@mistake(
    "0.15",
    "norms.normalize_backward",
    "The way through the variance is missing: the part of the gradient along x_hat must go too.",
)
def normalize_backward_without_variance(grad, x_hat, inv_std, axis):
    return inv_std * (grad - grad.mean(axis=axis, keepdims=True))


@mistake(
    "0.15",
    "norms.normalize_backward",
    "The way through the mean is missing: a constant gradient cannot move an output whose mean is always 0.",
)
def normalize_backward_without_mean(grad, x_hat, inv_std, axis):
    return inv_std * (grad - x_hat * (grad * x_hat).mean(axis=axis, keepdims=True))


@mistake(
    "0.15",
    "norms.normalize_backward",
    "Sums stand where means must: each of the n values has a share of 1/n in mean and variance.",
)
def normalize_backward_sums(grad, x_hat, inv_std, axis):
    shift = grad.sum(axis=axis, keepdims=True)
    stretch = (grad * x_hat).sum(axis=axis, keepdims=True)
    return inv_std * (grad - shift - x_hat * stretch)


@mistake(
    "0.15",
    "norms.normalize_backward",
    "The division by the standard deviation is missing: x_hat changes by inv_std for each unit of x.",
)
def normalize_backward_unscaled(grad, x_hat, inv_std, axis):
    shift = grad.mean(axis=axis, keepdims=True)
    stretch = (grad * x_hat).mean(axis=axis, keepdims=True)
    return grad - shift - x_hat * stretch
