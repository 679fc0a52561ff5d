"""The mistakes of `mistakes/stable.py` again, as another learner would write them."""

import numpy as np

from shared.mistakes import attempt


@attempt("logsumexp_naive")
def _(x, axis=-1):
    total = np.sum(np.exp(x), axis)
    return np.log(total)


@attempt("logsumexp_global_max")
def _(x, axis=-1):
    m = np.max(x) if x.size else 0.0
    if m in (np.inf, -np.inf):
        m = 0.0
    shifted = x - m
    return np.log(np.add.reduce(np.exp(shifted), axis)) + m


@attempt("logsumexp_forgets_the_max")
def _(x, axis=-1):
    m = np.expand_dims(np.max(x, axis, initial=-np.inf), axis)
    m[np.isinf(m)] = 0
    weights = np.exp(x - m)
    return np.log(weights.sum(axis))


@attempt("logsumexp_keeps_the_axis")
def _(x, axis=-1):
    m = np.amax(x, axis, keepdims=True, initial=-np.inf)
    m[~np.isfinite(m)] = 0.0
    total = np.exp(np.subtract(x, m)).sum(axis, keepdims=True)
    return np.log(total) + m


@attempt("logsumexp_nan_at_infinity")
def _(x, axis=-1):
    m = np.max(x, axis, initial=-np.inf)
    return m + np.log(np.exp(x - np.expand_dims(m, axis)).sum(axis))


@attempt("logsumexp_in_place")
def _(x, axis=-1):
    m = np.amax(x, axis, initial=-np.inf)
    m[np.isinf(m)] = 0.0
    x[...] = x - np.expand_dims(m, axis)
    return m + np.log(np.sum(np.exp(x), axis))


@attempt("logsumexp_max_without_keepdims")
def _(x, axis=-1):
    m = np.amax(x, axis, initial=-np.inf)
    m = np.where(np.isinf(m), 0.0, m)
    return np.log(np.sum(np.exp(x - m), axis)) + m


@attempt("softmax_in_place")
def _(x, axis=-1):
    np.subtract(x, np.expand_dims(np.max(x, axis), axis), out=x)
    weights = np.exp(x)
    return weights / np.expand_dims(weights.sum(axis), axis)


@attempt("softmax_max_without_keepdims")
def _(x, axis=-1):
    m = np.max(x, axis)
    weights = np.exp(np.subtract(x, m))
    total = np.expand_dims(weights.sum(axis), axis)
    return weights / total


@attempt("softmax_sum_without_keepdims")
def _(x, axis=-1):
    m = np.expand_dims(np.max(x, axis), axis)
    weights = np.exp(x - m)
    total = weights.sum(axis)
    return np.divide(weights, total)


@attempt("softmax_naive")
def _(x, axis=-1):
    return np.exp(x) / np.sum(np.exp(x), axis, keepdims=True)


@attempt("softmax_global_max")
def _(x, axis=-1):
    m = x.max() if x.size else 0
    p = np.exp(x - m)
    p /= p.sum(axis=axis, keepdims=True)
    return p


@attempt("softmax_over_everything")
def _(x, axis=-1):
    weights = np.exp(x - np.max(x, axis, keepdims=True, initial=-np.inf))
    total = np.sum(weights)
    return weights / total


@attempt("softmax_always_last_axis")
def _(x, axis=-1):
    m = np.max(x, -1, initial=-np.inf)[..., None]
    weights = np.exp(x - m)
    return weights / weights.sum(-1)[..., None]


@attempt("softmax_by_subtraction")
def _(x, axis=-1):
    m = np.expand_dims(x.max(axis, initial=-np.inf), axis)
    lse = np.log(np.sum(np.exp(x - m), axis, keepdims=True)) + m
    log_p = x - lse
    return np.exp(log_p)
