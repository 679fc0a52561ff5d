"""LLM.int8(): a few columns of large activations in float, all others in eight bits.

In large transformers a few columns of the activations are twenty times as large as the rest, in
almost every token. With them, a token's scale is so coarse that little else survives. Dettmers et
al. 2022 (arXiv:2208.07339), section 3, equation 8.
"""

import torch
from torch import Tensor

from phase4_production.solution import absmax

THRESHOLD = 6.0  # section 3.2 of the paper


def outlier_columns(x: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """Return which columns of the activations hold an outlier, in any token.

    An outlier is a number whose absolute value is the threshold or more.

    Args:
        x: (N, C), floating, left as it is.
        threshold: positive.

    Returns:
        (n_outliers,) int64, the indices of these columns, ascending; none is (0,).

    Raises:
        ValueError: if x is no matrix of floating numbers.
    """
    if x.ndim != 2 or not x.is_floating_point():
        raise ValueError(f"expected floating (N, C), got {tuple(x.shape)} {x.dtype}")
    # TODO 4.9: The columns in which any token has an absolute value of the threshold or more.
    raise NotImplementedError("exercise 4.9: outlier_columns")


def int_matmul(a: Tensor, b: Tensor) -> Tensor:
    """Multiply (N, C) int8 by (M, C) int8, transposed: (N, M) int32, sums without any rounding.

    On a GPU, torch wants more than 16 rows in `a`, and multiples of 8 elsewhere.
    """
    return torch._int_mm(a, b.T)


def matmul(x: Tensor, codes: Tensor, scale: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """Return x W^T: outlier columns in floating point, the others as a product of integers.

    The weight is kept in eight bits, W = codes * scale, with one scale for each output. In the
    columns of `outlier_columns`, x and W (dequantised) are multiplied as float32. In all others, x
    gets int8 codes with one scale for each token, as `absmax` makes them of what is left when
    outlier columns are zero; `int_matmul` multiplies codes by codes, and its sums are multiplied by
    the scales of their token and their output. The result is the sum of both products.

    Args:
        x: (N, C), floating, left as it is.
        codes: (M, C) int8, left as they are.
        scale: (M, 1) float32.
        threshold: from which absolute value on a number is an outlier.

    Returns:
        (N, M) float32.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if x.shape[1] != codes.shape[1] or scale.shape != (len(codes), 1):
        shapes = [tuple(t.shape) for t in (x, codes, scale)]
        raise ValueError(f"expected (N, C), (M, C) and (M, 1), got {shapes}")
    # TODO 4.9: Outlier columns multiplied in float32, all others as int8 codes with a scale for
    # each token and each output; x is left as it is.
    raise NotImplementedError("exercise 4.9: matmul")
