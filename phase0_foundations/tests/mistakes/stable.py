"""Classic wrong answers for `solution/stable.py`."""

import numpy as np

from shared.mistakes import mistake


@mistake(
    "0.6",
    "stable.logsumexp",
    "exp overflows before the logarithm can help: shift the row to where exp is safe first.",
)
def logsumexp_naive(x, axis=-1):
    return np.log(np.exp(x).sum(axis=axis))


@mistake(
    "0.6",
    "stable.logsumexp",
    "One maximum for the whole array sends the low row to log(0): each row has its own maximum.",
)
def logsumexp_global_max(x, axis=-1):
    largest = x.max(initial=-np.inf)
    largest = largest if np.isfinite(largest) else 0.0
    return largest + np.log(np.exp(x - largest).sum(axis=axis))


@mistake(
    "0.6",
    "stable.logsumexp",
    "The maximum was subtracted and never added back: log(e⁻ᵐ sum) = log(sum) - m.",
)
def logsumexp_forgets_the_max(x, axis=-1):
    largest = x.max(axis=axis, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(largest), largest, 0)
    return np.log(np.exp(x - shift).sum(axis=axis))


@mistake(
    "0.6",
    "stable.logsumexp",
    "The summed axis is still there with size 1: keepdims helps on the way, not in the result.",
)
def logsumexp_keeps_the_axis(x, axis=-1):
    largest = x.max(axis=axis, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(largest), largest, 0)
    return shift + np.log(np.exp(x - shift).sum(axis=axis, keepdims=True))


@mistake(
    "0.6",
    "stable.logsumexp",
    "Where a row's maximum is infinite, x - max is inf - inf, which is NaN: shift such a row by 0.",
)
def logsumexp_nan_at_infinity(x, axis=-1):
    largest = x.max(axis=axis, keepdims=True, initial=-np.inf)
    log_sum = np.log(np.exp(x - largest).sum(axis=axis, keepdims=True))
    return (largest + log_sum).squeeze(axis)


@mistake(
    "0.6",
    "stable.logsumexp",
    "x -= ... writes into the caller's array; x = x - ... makes a new one and leaves theirs alone.",
)
def logsumexp_in_place(x, axis=-1):
    largest = x.max(axis=axis, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(largest), largest, 0)
    x -= shift
    return (shift + np.log(np.exp(x).sum(axis=axis, keepdims=True))).squeeze(axis)


@mistake(
    "0.6",
    "stable.logsumexp",
    "The maximum lost its axis, so it does not stand beside its own row any more: keepdims=True.",
)
def logsumexp_max_without_keepdims(x, axis=-1):
    largest = x.max(axis=axis, initial=-np.inf)
    shift = np.where(np.isfinite(largest), largest, 0)
    return shift + np.log(np.exp(x - shift).sum(axis=axis))


@mistake(
    "0.6",
    "stable.softmax",
    "x -= ... writes into the caller's array; x = x - ... makes a new one and leaves theirs alone.",
)
def softmax_in_place(x, axis=-1):
    x -= x.max(axis=axis, keepdims=True)
    exps = np.exp(x)
    return exps / exps.sum(axis=axis, keepdims=True)


@mistake(
    "0.6",
    "stable.softmax",
    "The maximum lost its axis, so it does not stand beside its own row any more: keepdims=True.",
)
def softmax_max_without_keepdims(x, axis=-1):
    exps = np.exp(x - x.max(axis=axis))
    return exps / exps.sum(axis=axis, keepdims=True)


@mistake(
    "0.6",
    "stable.softmax",
    "The sum lost its axis, so a row is not divided by its own sum: keepdims=True.",
)
def softmax_sum_without_keepdims(x, axis=-1):
    exps = np.exp(x - x.max(axis=axis, keepdims=True))
    return exps / exps.sum(axis=axis)


@mistake(
    "0.6",
    "stable.softmax",
    "exp overflows (or all of it underflows) and inf / inf is NaN: shift the row first.",
)
def softmax_naive(x, axis=-1):
    exps = np.exp(x)
    return exps / exps.sum(axis=axis, keepdims=True)


@mistake(
    "0.6",
    "stable.softmax",
    "One maximum for the whole array underflows the low row to 0 / 0: subtract it row by row.",
)
def softmax_global_max(x, axis=-1):
    exps = np.exp(x - x.max())
    return exps / exps.sum(axis=axis, keepdims=True)


@mistake(
    "0.6",
    "stable.softmax",
    "All numbers of the array together sum to one here; each row has to by itself.",
)
def softmax_over_everything(x, axis=-1):
    exps = np.exp(x - x.max(axis=axis, keepdims=True))
    return exps / exps.sum()


@mistake(
    "0.6",
    "stable.softmax",
    "The axis asked for is ignored; it is the last one only by default.",
)
def softmax_always_last_axis(x, axis=-1):
    exps = np.exp(x - x.max(axis=-1, keepdims=True))
    return exps / exps.sum(axis=-1, keepdims=True)


@mistake(
    "0.6",
    "stable.softmax",
    "x - logsumexp(x) subtracts two large numbers: float32 near 1e4 keeps three digits. Divide instead.",
)
def softmax_by_subtraction(x, axis=-1):
    largest = x.max(axis=axis, keepdims=True)
    log_sum = largest + np.log(np.exp(x - largest).sum(axis=axis, keepdims=True))
    return np.exp(x - log_sum)
