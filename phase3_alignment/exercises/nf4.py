"""NF4: four bits for numbers that look as if a bell curve had dealt them, as trained weights do.

Sixteen levels, close together where many weights lie, and one scale for every 64 weights. Dettmers
et al. 2023 ("QLoRA", arXiv:2305.14314), section 3. Codes and scales are those of bitsandbytes to
the last bit. The scales themselves are made smaller in `double_quant.py`.
"""

from collections.abc import Sequence
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 64  # weights that share a scale
TINY = 1e-38  # bitsandbytes divides by no less, so that a block of zeros has codes
# Appendix E of the paper. `normal_float(4)` gives these levels within 2e-7: everyone who stores
# four-bit weights must use the very same numbers, so they are written down.
LEVELS = torch.tensor(
    [
        *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
        *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
        *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
        *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
    ]
)


def normal_float(bits: int) -> Tensor:
    """Levels between which a normal variable falls about equally often, with an exact zero.

    Dettmers et al. 2023, section 3. With h = 2^(bits - 1), let p = 1 - (1 / 4h + 1 / (4h - 2)) / 2,
    the probability that stands for the outermost levels. The h levels above zero are the normal
    quantiles of h + 1 probabilities evenly spaced from p to 1/2, without the last, whose quantile
    is zero. The h - 1 levels below zero are the negatives of what h probabilities evenly spaced
    from p to 1/2 give in the same way. All are divided by the largest.

    Args:
        bits: 2 or more; 4 gives `LEVELS`.

    Returns:
        (2^bits,) float32, ascending from -1 to 1.

    Raises:
        ValueError: if there are fewer than 2 bits.
    """
    if bits < 2:
        raise ValueError(f"a sign and a zero take 2 bits or more, got {bits}")
    # TODO 3.5: The levels of any number of bits: normal quantiles on both sides of an exact zero,
    # from -1 to 1.
    raise NotImplementedError("exercise 3.5: normal_float")


def in_blocks(x: Tensor, size: int) -> Tensor:
    """Cut a tensor, read row by row, into blocks: (blocks, size), zeros behind the last number."""
    flat = x.flatten()
    return F.pad(flat, (0, -len(flat) % size)).view(-1, size)


def nearest(values: Tensor, levels: Tensor) -> Tensor:
    """Return the index, uint8, of the level nearest to each value; of two, the lower one.

    Args:
        values: of any shape; those beyond the outermost levels get these.
        levels: (n,), n <= 256, ascending.
    """
    borders = ((levels[1:] + levels[:-1]) / 2).to(values.device)
    return torch.bucketize(values, borders).to(torch.uint8)


def quantize(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Turn a weight into four-bit codes, two to a byte, and one scale for each block of `BLOCK`.

    Dettmers et al. 2023, equation 1. Blocks follow the weight as it is read row by row, across the
    ends of rows. A block's scale is its largest absolute value; it divides the block, as a
    multiplication by 1 / max(scale, TINY), and each quotient becomes the index of its `nearest`
    level. The first of two codes is in the high four bits of their byte. A last byte without a
    second number has zero's code there.

    Args:
        weight: of any shape and floating dtype, N numbers, left as they are.

    Returns:
        codes: (ceil(N / 2),) uint8.
        absmax: (ceil(N / BLOCK),) float32, the scales; 0 for a block of zeros. Both on the weight's
            device, without gradients.

    Raises:
        ValueError: if there is no number, or they are no floating point numbers.
    """
    if weight.numel() == 0 or not weight.is_floating_point():
        raise ValueError(f"expected floating numbers, got {tuple(weight.shape)} {weight.dtype}")
    # TODO 3.5: Four-bit codes of the nearest levels, two to a byte, and the largest absolute value
    # of each block of 64.
    raise NotImplementedError("exercise 3.5: quantize")


def dequantize(
    codes: Tensor, absmax: Tensor, shape: Sequence[int], dtype: torch.dtype = torch.float32
) -> Tensor:
    """Turn codes and scales back into a weight: each code's level times its block's scale.

    Args:
        codes: (ceil(N / 2),) uint8, as `quantize` gives them, left as they are.
        absmax: (ceil(N / BLOCK),) float32.
        shape: of the weight, N numbers in all.
        dtype: of the result; the product is taken in float32 and rounded once.

    Returns:
        A new tensor of this shape and dtype.

    Raises:
        ValueError: if there are not as many codes or scales as the shape needs.
    """
    n = prod(shape)
    if len(codes) != -(-n // 2) or len(absmax) != -(-n // BLOCK):
        raise ValueError(f"{len(codes)} bytes, {len(absmax)} scales do not fit {tuple(shape)}")
    # TODO 3.5: Each code's level times its block's scale, in the shape and dtype asked for.
    raise NotImplementedError("exercise 3.5: dequantize")
