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
    # TODO 0.6: The result is right for entries of any size, also for rows 1e4 apart, with
    # infinities, and with nothing in them.
    raise NotImplementedError("exercise 0.6: logsumexp")


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
    # TODO 0.6: Each row sums to one, for entries of any size, with all the digits that the dtype
    # has.
    raise NotImplementedError("exercise 0.6: softmax")
