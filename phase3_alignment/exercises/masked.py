"""Statistics over the tokens that count, and over no others.

Where a mask is False a tensor may hold anything, NaN too: it reaches neither a result nor a
gradient. `x * mask` would not do, for 0 times NaN is NaN.
"""

import torch
from torch import Tensor


def mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean of x over all places where the mask is True: every token weighs the same.

    Args:
        x: floats, of any shape.
        mask: bool, of the same shape.

    Returns:
        A scalar of x's dtype, which can be differentiated; 0 if nothing counts.
    """
    return x.where(mask, 0).sum() / mask.sum().clamp(min=1)


def variance(x: Tensor, mask: Tensor) -> Tensor:
    """Mean square distance from the mean where the mask is True, a scalar; 0 if nothing counts.

    The sum is divided by n, not by n - 1: as `tf.nn.moments` did in the code of Ziegler et al.
    2019, and as torch.var does with `correction=0`.
    """
    x = x.where(mask, 0)
    return mean((x - mean(x, mask)).square(), mask)


def whiten(x: Tensor, mask: Tensor, shift_mean: bool = True, eps: float = 1e-8) -> Tensor:
    """Give x the variance 1 and the mean 0, counted over all places where the mask is True.

    (x - mean) / sqrt(variance + eps), with one mean and one variance for the whole tensor, and
    the variance divided by n, not by n - 1: as Ziegler et al. 2019 (arXiv:1909.08593) did it.

    Args:
        x: floats, of any shape; stays as it is. Means something only where the mask is True.
        mask: bool, of the same shape.
        shift_mean: False gives x its own mean back, after the division. Rewards are scaled so:
            moving all of them would change which responses are good.
        eps: keeps equal numbers, whose variance is 0, from becoming 0 / 0.

    Returns:
        A new tensor like x, exactly 0 where the mask is False.

    Raises:
        ValueError: if the shapes differ.
    """
    if x.shape != mask.shape:
        raise ValueError(f"x {tuple(x.shape)} and mask {tuple(mask.shape)} need one shape")
    # TODO 3.17: Mean 0 (or its own) and variance 1 over what counts, 0 elsewhere; divided by n; NaN
    # at other places does no harm.
    raise NotImplementedError("exercise 3.17: whiten")
