"""The mistakes of `mistakes/layers.py`, as others would write them."""

import numpy as np

from shared.mistakes import attempt


@attempt("dropout_not_rescaled")
def _(shape, p, rng, dtype=np.float32):
    mask = np.ones(shape, dtype)
    mask[rng.random(shape) < p] = 0
    return mask


@attempt("dropout_keeps_with_p")
def _(shape, p, rng, dtype=np.float32):
    keep = rng.binomial(1, p, size=shape)
    return np.asarray(keep / (1 - p), dtype=dtype)


@attempt("dropout_divides_by_p")
def _(shape, p, rng, dtype=np.float32):
    if p == 0:
        return np.ones(shape, dtype)
    return np.where(rng.random(shape) < p, 0.0, 1 / p).astype(dtype)


@attempt("dropout_p_is_kept")
def _(shape, p, rng, dtype=np.float32):
    if p == 0:
        return np.zeros(shape, dtype)
    return np.asarray(rng.binomial(1, p, size=shape) / p, dtype=dtype)


@attempt("dropout_exact_count")
def _(shape, p, rng, dtype=np.float32):
    mask = np.ones(shape, dtype)
    gone = rng.choice(mask.size, int(p * mask.size), replace=False)
    mask.reshape(-1)[gone] = 0
    return mask / np.asarray(1 - p, dtype)


@attempt("dropout_shrinks")
def _(shape, p, rng, dtype=np.float32):
    keep = rng.binomial(1, 1 - p, size=shape).astype(dtype)
    return keep * dtype(1 - p) if callable(dtype) else keep * (1 - p)


@attempt("dropout_drops_columns")
def _(shape, p, rng, dtype=np.float32):
    keep = rng.binomial(1, 1 - p, size=(1, shape[-1])) / (1 - p)
    return np.repeat(keep, shape[0], axis=0).astype(dtype)


@attempt("dropout_own_seed")
def _(shape, p, rng, dtype=np.float32):
    random = np.random.default_rng(1234)
    return np.where(random.random(shape) < p, 0, 1 / (1 - p)).astype(dtype)
