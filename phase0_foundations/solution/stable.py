"""Exponentials that survive large numbers: log-sum-exp and softmax.

exp(710) overflows float64 and exp(89) float32, while logits of that size are everyday numbers.
Adding one number to a whole row leaves its softmax as it was, so the row may move to where exp
is safe. Blanchard, Higham and Higham 2021, "Accurately computing the log-sum-exp and softmax
functions", sections 1 and 4.
"""

import numpy as np


def logsumexp(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return log(sum(exp(x))) along an axis, without overflow.

    Args:
        x: a floating array, which is not modified; an entry of -inf adds nothing.
        axis: the axis that is summed away.

    Returns:
        x's shape without that axis, x's dtype; -inf where every entry is -inf or there is none,
        +inf where one is +inf.

    Raises:
        ValueError: if x is not a floating array.
    """
    if not np.issubdtype(x.dtype, np.floating):
        raise ValueError(f"need a floating array; got {x.dtype}")
    # The maximum along that axis: one for the whole array would send a far lower row to log(0).
    largest = x.max(axis=axis, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(largest), largest, 0)  # inf - inf would be NaN
    with np.errstate(divide="ignore"):  # log(0) = -inf is the answer for an empty sum
        log_sum = np.log(np.exp(x - shift).sum(axis=axis, keepdims=True))
    return (shift + log_sum).squeeze(axis)


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return exp(x) / sum(exp(x)) along an axis: numbers from 0 to 1 that sum to one.

    Args:
        x: a floating array with at least one finite entry along the axis, and no +inf; -inf
            stands for a masked entry and gets exactly 0. It is not modified.
        axis: the axis along which the result sums to one.

    Returns:
        x's shape and dtype.

    Raises:
        ValueError: if x is not a floating array.
    """
    if not np.issubdtype(x.dtype, np.floating):
        raise ValueError(f"need a floating array; got {x.dtype}")
    # Not exp(x - logsumexp(x)): for float32 logits near 1e4 that difference keeps three digits.
    exps = np.exp(x - x.max(axis=axis, keepdims=True))
    return exps / exps.sum(axis=axis, keepdims=True)
