"""The mistakes of `mistakes/norms.py`, as others would write them."""

import numpy as np

from shared.mistakes import attempt


@attempt("normalize_unbiased")
def _(x, axis, eps=1e-5):
    n = x.shape[axis]
    d = x - np.mean(x, axis, keepdims=True)
    with np.errstate(all="ignore"):
        variance = np.sum(d**2, axis, keepdims=True) / (n - 1)
    scale = (variance + eps) ** -0.5
    return d * scale, scale


@attempt("normalize_eps_outside")
def _(x, axis, eps=1e-5):
    d = x - np.mean(x, axis, keepdims=True)
    s = np.sqrt(np.mean(d * d, axis, keepdims=True)) + eps
    return d / s, 1.0 / s


@attempt("normalize_keeps_mean")
def _(x, axis, eps=1e-5):
    d = x - np.mean(x, axis, keepdims=True)
    s = np.sqrt(np.mean(d * d, axis, keepdims=True) + eps)
    return x / s, 1.0 / s


@attempt("normalize_by_variance")
def _(x, axis, eps=1e-5):
    d = x - x.mean(axis, keepdims=True)
    v = (d**2).mean(axis, keepdims=True) + eps
    return d / v, v**-1.0


@attempt("normalize_last_axis")
def _(x, axis, eps=1e-5):
    d = x - x.mean(-1)[..., None]
    scale = 1 / np.sqrt((d * d).mean(-1)[..., None] + eps)
    return d * scale, scale


@attempt("normalize_without_keepdims")
def _(x, axis, eps=1e-5):
    d = x - np.mean(x, axis)
    scale = (np.mean(d**2, axis) + eps) ** -0.5
    return d * scale, scale


@attempt("normalize_variance_without_keepdims")
def _(x, axis, eps=1e-5):
    variance = x.var(axis)
    std = np.sqrt(x.var(axis, keepdims=True) + eps)
    return (x - x.mean(axis, keepdims=True)) / std, 1 / np.sqrt(variance + eps)


@attempt("normalize_in_place")
def _(x, axis, eps=1e-5):
    std = np.sqrt(x.var(axis, keepdims=True) + eps)
    x -= np.mean(x, axis, keepdims=True)
    x /= std
    return x, 1 / std


@attempt("normalize_difference_of_squares")
def _(x, axis, eps=1e-5):
    n = x.shape[axis]
    first = np.sum(x, axis, keepdims=True) / n
    second = np.sum(x**2, axis, keepdims=True) / n
    std = np.sqrt(second - first**2 + eps)
    return (x - first) / std, 1 / std


@attempt("normalize_backward_in_place")
def _(grad, x_hat, inv_std, axis):
    g = grad
    g -= np.mean(g, axis, keepdims=True)
    return inv_std * (g - x_hat * np.mean(g * x_hat, axis, keepdims=True))


@attempt("normalize_backward_sum_of_grad")
def _(grad, x_hat, inv_std, axis):
    n = grad.shape[axis]
    along = x_hat * np.sum(grad * x_hat, axis, keepdims=True) / n
    return (grad - np.sum(grad, axis, keepdims=True) - along) * inv_std


@attempt("normalize_backward_sum_along")
def _(grad, x_hat, inv_std, axis):
    g = grad - np.average(grad, axis)[(slice(None),) * (axis % grad.ndim) + (None,)]
    return inv_std * g - inv_std * x_hat * np.sum(grad * x_hat, axis, keepdims=True)


@attempt("normalize_backward_constants")
def _(grad, x_hat, inv_std, axis):
    std = 1 / inv_std
    return grad / std


@attempt("normalize_backward_without_variance")
def _(grad, x_hat, inv_std, axis):
    scaled = grad * inv_std
    return scaled - np.mean(scaled, axis=axis, keepdims=True)


@attempt("normalize_backward_without_mean")
def _(grad, x_hat, inv_std, axis):
    n = x_hat.shape[axis]
    along = np.sum(grad * x_hat, axis=axis, keepdims=True) / n
    return inv_std * grad - inv_std * along * x_hat


@attempt("normalize_backward_sums")
def _(grad, x_hat, inv_std, axis):
    through_mean = np.sum(grad, axis, keepdims=True)
    through_var = x_hat * np.sum(x_hat * grad, axis, keepdims=True)
    return (grad - (through_mean + through_var)) * inv_std


@attempt("normalize_backward_unscaled")
def _(grad, x_hat, inv_std, axis):
    g = grad - np.mean(grad, axis, keepdims=True)
    return g - x_hat * np.mean(g * x_hat, axis, keepdims=True)
