"""NF4: sixteen levels that lie where the weights do.

Trained weights are dealt about as by a bell curve. Levels at the quantiles of one are used about
equally often, so that none of the four bits is wasted. Dettmers et al. 2023 ("QLoRA",
arXiv:2305.14314), section 3 and appendix E. Codes and scales are those of bitsandbytes to the last
bit; the scales are made smaller in `double_quant.py`, and stored in `quantized.py`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 64  # weights that share a scale
# The probability below the largest level: the mean of 1 - 1/32 and 1 - 1/30, as bitsandbytes
# writes it. With all digits, the levels would differ from everyone else's in their last places.
OUTERMOST = 0.9677083
TINY = 1e-38  # a block is divided by no less


def codebook() -> Tensor:
    """Return the sixteen levels: normal quantiles on both sides of an exact zero.

    Dettmers et al. 2023, section 3, "4-bit NormalFloat". Above zero are the quantiles (the inverse
    of the normal distribution function) of 9 probabilities, evenly spaced from `OUTERMOST` to 1/2
    with both ends, less the last, whose quantile is zero. Below zero are the negatives of what 8
    probabilities give in the same way. Between them is zero. All are divided by the largest.

    The probabilities are taken in float32, their quantiles in float64; these are rounded to float32
    and then divided. In this order, all bits are those of the published levels.

    Returns:
        (16,) float32, ascending: 7 levels below zero, beginning with -1; 0; 8 above, ending with 1.
    """
    # TODO 4.8: Sixteen levels, normal quantiles on both sides of an exact zero, from -1 to 1.
    raise NotImplementedError("exercise 4.8: codebook")


def quantize(weight: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the index of the level nearest to each weight, and a scale for each block of `BLOCK`.

    Dettmers et al. 2023, equation 1. Blocks follow the weight as it is read row by row, across the
    ends of rows; the last one may be smaller. A block's scale is its largest absolute value, with
    no sign. The block is divided by it, as a multiplication by the reciprocal of max(scale, TINY),
    and each quotient goes to the nearest level; halfway between two, to the lower one.

    Args:
        weight: of any shape and floating dtype, N numbers, left as they are.
        levels: (n,) float32, n <= 256, ascending, as `codebook` gives them.

    Returns:
        codes: uint8, of the weight's shape.
        absmax: (ceil(N / BLOCK),) float32, the scales; 0 for a block of zeros. Both without
            gradients.

    Raises:
        ValueError: if there is no number, or they are no floating point numbers.
    """
    if weight.numel() == 0 or not weight.is_floating_point():
        raise ValueError(f"expected floating numbers, got {tuple(weight.shape)} {weight.dtype}")
    # TODO 4.8: The index of the level nearest to each weight over its block's largest absolute
    # value, and these largest values.
    raise NotImplementedError("exercise 4.8: quantize")


def dequantize(codes: Tensor, absmax: Tensor, levels: Tensor) -> Tensor:
    """Return the weights that codes stand for: float32, each level times its block's scale."""
    scales = absmax.repeat_interleave(BLOCK)[: codes.numel()].view(codes.shape)
    return levels[codes.long()] * scales
