"""Eight bits, affine: integers from 0 to 255, and one of them, the zero point, stands for zero.

What comes out of a ReLU is never negative, and symmetric codes would waste half of themselves on
it. Jacob et al. 2018 (arXiv:1712.05877), section 2.1 (equation 1) and section 3.1.
"""

import torch
from torch import Tensor

LARGEST = 255


def quantize(x: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Spread 256 levels evenly over a range, so that zero is one of them.

    The range is [low, high], as calibration has seen it, widened where needed so that zero is in
    it: padding and ReLU make many exact zeros, and these must come back exact. Then
    scale = (high - low) / 255 and zero = round(-low / scale), the code that stands for zero. The
    code of x is round(x / scale) + zero, and at least 0 and at most 255: x may lie beyond the
    range, and roundings may meet beyond the last code. It stands for (code - zero) * scale. Where
    low = high = 0, the scale is 1. Rounding goes to the nearest integer, of two to the even one.

    Args:
        x: floating, of any shape; left as it is.
        low, high: floating, low <= high, of a shape that broadcasts to x's: () for one range,
            (R, 1) for one in each row. Left as they are.

    Returns:
        codes: uint8, of x's shape.
        scale, zero: float32, of the shape of low and high; zeros are whole numbers from 0 to 255.
            All three are without gradients.

    Raises:
        ValueError: if a range has no beginning before its end.
    """
    if not (low <= high).all():
        raise ValueError(f"a range begins at {low.max().item()} or ends at {high.min().item()}")
    # TODO 4.6: Codes from 0 to 255, the scale and the zero point of a range that holds zero.
    raise NotImplementedError("exercise 4.6: quantize")


def dequantize(codes: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    """Return the numbers that codes stand for: float32, (code - zero) * scale."""
    return (codes.float() - zero) * scale
