"""Eight bits, symmetric: integers from -127 to 127, and a scale for each tile of a matrix.

A tile of `rows` x `columns` numbers shares one scale: the whole matrix (per tensor), one row (per
channel), a piece of a row (per group), or a square. Jacob et al. 2018 (arXiv:1712.05877), section
2.1, with zero point 0; Dettmers et al. 2022 (arXiv:2208.07339), section 2, equation 1.
"""

import torch
from torch import Tensor

LARGEST = 127  # -128 is left out, so that the codes of -x are those of x with the other sign


def scale(x: Tensor, rows: int, columns: int) -> Tensor:
    """Return the step of each tile's codes: its largest absolute value is 127 steps from zero.

    Args:
        x: (R, C), floating, left as it is.
        rows, columns: the size of a tile; they divide R and C.

    Returns:
        (R / rows, C / columns) float32, without gradients: the largest |x| of each tile, divided by
        127. It is 1 where that would be zero, so that everyone may divide by it.

    Raises:
        ValueError: if x is no matrix of floating numbers, or tiles do not fill it.
    """
    if x.ndim != 2 or not x.is_floating_point():
        raise ValueError(f"expected floating (R, C), got {tuple(x.shape)} {x.dtype}")
    if min(rows, columns) < 1 or x.shape[0] % rows or x.shape[1] % columns:
        raise ValueError(f"tiles of {rows} x {columns} do not fill {tuple(x.shape)}")
    # TODO 4.6: The largest absolute value of each tile over 127, 1 where that is zero.
    raise NotImplementedError("exercise 4.6: scale")


def spread(scale: Tensor, shape: torch.Size) -> Tensor:
    """Give every number of a matrix of this shape the scale of its tile: (R, C)."""
    rows, columns = shape[0] // scale.shape[0], shape[1] // scale.shape[1]
    return scale.repeat_interleave(rows, 0).repeat_interleave(columns, 1)


def quantize(x: Tensor, scale: Tensor) -> Tensor:
    """Return the code of each number: how many steps of its tile it is from zero.

    Codes are rounded to the nearest integer, of two to the even one, and stay within -127 and 127
    even where the scale is too small for x.

    Args:
        x: (R, C), floating, left as it is.
        scale: (R / rows, C / columns) float32, positive: the step of each tile of rows x columns
            numbers. The size of a tile follows from the two shapes; `spread` knows it.

    Returns:
        (R, C) int8, without gradients.

    Raises:
        ValueError: if the scales do not divide the matrix into equal tiles.
    """
    if scale.ndim != 2 or x.ndim != 2 or any(n % m for n, m in zip(x.shape, scale.shape)):
        raise ValueError(f"scales {tuple(scale.shape)} do not tile {tuple(x.shape)}")
    # TODO 4.6: The nearest whole number of steps, from -127 to 127, as int8.
    raise NotImplementedError("exercise 4.6: quantize")


def dequantize(codes: Tensor, scale: Tensor) -> Tensor:
    """Return the numbers that codes stand for: (R, C) float32, each code times its tile's scale."""
    return codes.float() * spread(scale, codes.shape)
