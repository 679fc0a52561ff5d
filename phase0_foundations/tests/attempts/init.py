"""The mistakes of `mistakes/init.py`, as others would write them."""

import numpy as np

from shared.mistakes import attempt


@attempt("kaiming_fan_out")
def _(shape, rng, gain=2**0.5, dtype=np.float32):
    n = shape[-1]
    sigma = gain * n**-0.5
    return (rng.standard_normal(shape) * sigma).astype(dtype)


@attempt("kaiming_without_gain")
def _(shape, rng, gain=2**0.5, dtype=np.float32):
    n_in, _ = shape
    draws = rng.standard_normal(size=shape, dtype=np.float32)
    return np.asarray(draws / np.sqrt(n_in), dtype=dtype)


@attempt("kaiming_variance_as_std")
def _(shape, rng, gain=2**0.5, dtype=np.float32):
    fan_in = shape[0]
    variance = gain * gain / fan_in
    weights = rng.normal(scale=variance, size=shape)
    return weights.astype(dtype)


@attempt("kaiming_fixed_gain")
def _(shape, rng, gain=2**0.5, dtype=np.float32):
    n_in, n_out = shape
    return np.sqrt(2 / n_in).astype(dtype) * rng.standard_normal((n_in, n_out)).astype(dtype)


@attempt("xavier_bound_is_std")
def _(shape, rng, gain=1.0, dtype=np.float32):
    fan_in, fan_out = shape
    a = gain * (2 / (fan_in + fan_out)) ** 0.5
    return ((2 * rng.random(shape) - 1) * a).astype(dtype)


@attempt("xavier_fan_in_only")
def _(shape, rng, gain=1.0, dtype=np.float32):
    fan_in, fan_out = shape
    a = gain * np.sqrt(6 / (fan_in + fan_in))
    return rng.uniform(low=-a, high=a, size=(fan_in, fan_out)).astype(dtype)


@attempt("xavier_one_sided")
def _(shape, rng, gain=1.0, dtype=np.float32):
    a = gain * np.sqrt(6 / sum(shape))
    return (a * rng.random(shape)).astype(dtype)
