"""Normalisation: give every vector mean 0 and variance 1, and send a gradient back through that.

LayerNorm and BatchNorm are this one operation along two different axes. Forward and backward are
plain NumPy, fused: written as a chain of small operations, autograd would keep half a dozen arrays
of the input's size alive where two are enough.
"""

import numpy as np


def normalize(x: np.ndarray, axis: int, eps: float = 1e-5) -> tuple[np.ndarray, np.ndarray]:
    """Shift and scale to mean 0 and variance 1 along one axis: (x - mean) / sqrt(var + eps).

    Ba et al. 2016 (arXiv:1607.06450), equation 3; Ioffe and Szegedy 2015 (arXiv:1502.03167),
    algorithm 1. The variance is the biased one, the mean of the squared deviations.

    Args:
        x: any shape, floating; stays as it is.
        axis: along which mean and variance are taken.
        eps: keeps the division finite where all values along the axis are equal.

    Returns:
        x_hat, the shape and dtype of x; and inv_std = 1 / sqrt(var + eps), the shape of x but with
        size 1 along the axis.
    """
    # TODO 0.15: Along the axis, x_hat has mean 0 and (but for eps) variance 1; inv_std is what the
    # deviations were multiplied by.
    raise NotImplementedError("exercise 0.15: normalize")


def normalize_backward(
    grad: np.ndarray, x_hat: np.ndarray, inv_std: np.ndarray, axis: int
) -> np.ndarray:
    """Turn the gradient of `normalize`'s x_hat into the gradient of its x.

    x reaches the output in three ways: directly, through the mean and through the variance. The
    last two are corrections: the output's mean and length along the axis are fixed, so the part of
    the gradient that asks for a change of either must go.

    Args:
        grad: gradient of the loss with respect to x_hat, the shape of x_hat.
        x_hat, inv_std: what `normalize` returned. All three arrays stay as they are.
        axis: the axis that `normalize` was given.

    Returns:
        The gradient with respect to x, shape and dtype of grad. Along the axis it is orthogonal to
        the constant vector and, up to eps, to x_hat.
    """
    # TODO 0.15: The result is the gradient of the loss with respect to x, with mean and variance
    # depending on x.
    raise NotImplementedError("exercise 0.15: normalize_backward")
