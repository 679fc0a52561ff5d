"""GPTQ: round one column after the other, and let those to come make up for the error.

Round-to-nearest looks at each weight alone. What counts is the output, X W^T: where two inputs go
together, an error in the weight of one can be undone in the weight of the other. Frantar et al.
2022 (arXiv:2210.17323), section 3; the idea is that of Hassibi and Stork's optimal brain surgeon
(1993). Leaves out the paper's lazy batches, which make it faster and change no result.
"""

import torch
from torch import Tensor

from phase4_production.solution import int4


def hessian(inputs: Tensor, damp: float = 0.01) -> Tensor:
    """Return the curvature of a layer's squared error: how it grows as weights of a row move.

    H = 2 / N X^T X, the second derivative of the mean over tokens of (x w - x w')^2, the same for
    each row w of the weight. Then damp times the mean of its diagonal is added to the diagonal
    (section 3.3, step 3), so that H can be inverted.

    Args:
        inputs: (N, in), what the layer saw in a calibration text, left as they are; not all zero.
        damp: the share of the mean, positive.

    Returns:
        (in, in) float64, symmetric and positive definite.

    Raises:
        ValueError: if the inputs are no matrix or nothing but zeros, or damp is not positive.
    """
    if inputs.ndim != 2 or not inputs.any() or damp <= 0:
        raise ValueError(f"expected inputs (N, in) and damp > 0, got {tuple(inputs.shape)}, {damp}")
    # TODO 4.11: The curvature of the layer's squared error from the inputs of a calibration text,
    # damped so that it can be inverted.
    raise NotImplementedError("exercise 4.11: hessian")


def quantize(
    weight: Tensor, hessian: Tensor, group: int = 64, act_order: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Turn a weight into four-bit codes, each column rounded so as to mend the ones before it.

    Scales and zero points are those of `int4.quantize`, from the weight as it comes; with them,
    the code of w is round(w / scale) + zero, from 0 to 15, and stands for (code - zero) * scale.
    Let U be the upper triangular matrix with U^T U = H^-1. Column by column, for all rows at once:

        q = what the codes of column j stand for
        e = (w_j - q) / U[j, j]
        w_k = w_k - e U[j, k]    for every column k that comes later

    Args:
        weight: (out, in), floating, left as it is.
        hessian: (in, in), symmetric and positive definite, left as it is.
        group: columns that share a scale, neighbours in the weight whatever the order.
        act_order: take the columns in the order of descending diagonal entries of H (of equal ones
            the first), in place of from left to right: the most important ones are rounded while
            the most are left to make up for them. U is then that of H in this order.

    Returns:
        codes: (out, in) uint8, columns where the weight has them.
        scale, zero: (out, ceil(in / group)) float32, as from `int4.quantize`.

    Raises:
        ValueError: if the Hessian does not fit the weight.
    """
    if weight.ndim != 2 or hessian.shape != (weight.shape[1], weight.shape[1]):
        raise ValueError(f"H {tuple(hessian.shape)} does not fit weight {tuple(weight.shape)}")
    # TODO 4.11: Codes found column by column, each column made up for those before it; in order of
    # importance if asked.
    raise NotImplementedError("exercise 4.11: quantize")
