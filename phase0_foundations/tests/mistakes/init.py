"""Classic wrong answers for `solution/init.py`."""

import math

import numpy as np

from shared.mistakes import mistake


@mistake(
    "0.14",
    "init.kaiming_normal",
    "The std is taken from fan_out; what a unit sums over, and what makes its sum large, are its fan_in inputs.",
)
def kaiming_fan_out(shape, rng, gain=math.sqrt(2.0), dtype=np.float32):
    fan_in, fan_out = shape
    return rng.normal(0.0, gain / math.sqrt(fan_out), size=shape).astype(dtype)


@mistake(
    "0.14",
    "init.kaiming_normal",
    "gain is left out: a relu takes half of the mean square in every layer, and nothing puts it back.",
)
def kaiming_without_gain(shape, rng, gain=math.sqrt(2.0), dtype=np.float32):
    return rng.normal(0.0, 1 / math.sqrt(shape[0]), size=shape).astype(dtype)


@mistake(
    "0.14",
    "init.kaiming_normal",
    "gain^2 / fan_in is the variance; a normal distribution is drawn with its root, the standard deviation.",
)
def kaiming_variance_as_std(shape, rng, gain=math.sqrt(2.0), dtype=np.float32):
    return rng.normal(0.0, gain**2 / shape[0], size=shape).astype(dtype)


@mistake(
    "0.14",
    "init.kaiming_normal",
    "The relu's sqrt(2) is built in on top of gain; the gain argument already says all of it.",
)
def kaiming_fixed_gain(shape, rng, gain=math.sqrt(2.0), dtype=np.float32):
    std = math.sqrt(2.0 / shape[0])
    return rng.normal(0.0, std, size=shape).astype(dtype)


@mistake(
    "0.14",
    "init.xavier_uniform",
    "The bound is the wanted std; U(-a, a) has the std a / sqrt(3), so a must be sqrt(3) times larger.",
)
def xavier_bound_is_std(shape, rng, gain=1.0, dtype=np.float32):
    bound = gain * math.sqrt(2.0 / (shape[0] + shape[1]))
    return rng.uniform(-bound, bound, size=shape).astype(dtype)


@mistake(
    "0.14",
    "init.xavier_uniform",
    "Only fan_in is used; Xavier is a compromise between the forward pass (fan_in) and the backward pass (fan_out).",
)
def xavier_fan_in_only(shape, rng, gain=1.0, dtype=np.float32):
    bound = gain * math.sqrt(3.0 / shape[0])
    return rng.uniform(-bound, bound, size=shape).astype(dtype)


@mistake(
    "0.14",
    "init.xavier_uniform",
    "All weights are positive; the draws must be symmetric around zero, or every unit starts by adding.",
)
def xavier_one_sided(shape, rng, gain=1.0, dtype=np.float32):
    bound = gain * math.sqrt(6.0 / (shape[0] + shape[1]))
    return rng.uniform(0.0, bound, size=shape).astype(dtype)
