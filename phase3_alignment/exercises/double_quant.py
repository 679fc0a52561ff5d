"""Double quantisation: the scales of four-bit weights, in eight bits.

A float32 scale for every 64 weights is half a bit for each. In eight bits, with one float32 for 256
scales, it is 8 / 64 + 32 / (64 * 256) = 0.127. Dettmers et al. 2023 (arXiv:2305.14314), section 3.
The eight bits are a dynamic data type, which is fine near zero and coarse far from it: Dettmers
2015 (arXiv:1511.04561), section 2.1.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from phase3_alignment.solution.nf4 import in_blocks, nearest

GROUP = 256  # scales that share a scale of their own
GRID = 2**16  # points of [-1, 1] at which bitsandbytes looks levels up on a CPU


class Scales(NamedTuple):
    """The scales of N blocks of weights.

    Attributes:
        codes: (N,) uint8, indices into `dynamic_map()`.
        absmax: (ceil(N / GROUP),) float32, by which each group's levels are multiplied.
        offset: () float32, which is added to all.
    """

    codes: Tensor
    absmax: Tensor
    offset: Tensor


def dynamic_map(signed: bool = True) -> Tensor:
    """The 256 levels of the dynamic data type: seven decades, each finer than the one below it.

    Decade i = 0 ... 6 covers 10^(i - 6) times [0.1, 1]. It is cut into equal pieces, 2^i of them if
    the type is signed and 2^(i + 1) if not, and the middles of the pieces are levels. If signed,
    their negatives are, too. Zero and one complete the map.

    Args:
        signed: whether levels below zero are needed, or all can lie above.

    Returns:
        (256,) float32, ascending.
    """
    # TODO 3.6: 256 levels in seven decades, each with twice as many as the one below it, with zero
    # and one.
    raise NotImplementedError("exercise 3.6: dynamic_map")


def on_grid(values: Tensor) -> Tensor:
    """Move values of [-1, 1] to the nearest of `GRID` evenly spaced points.

    On a CPU, bitsandbytes does not search the level nearest to a value: it looks up the level
    nearest to the value's grid point, at most 1.6e-5 away. Whoever wants its codes to the last bit
    does the same. Zero is no point of this grid.
    """
    points = ((values + 1) * 0.5 * (GRID - 1) + 0.5).floor()
    return 2 * points / (GRID - 1) - 1


def quantize(absmax: Tensor) -> Scales:
    """Turn scales into eight-bit codes, one float32 for each group of `GROUP`, and their mean.

    Scales are positive, and a signed type would leave half of its levels unused: first the mean of
    all is subtracted. Each group of what remains is divided by its largest absolute value, as a
    multiplication by the reciprocal, and goes by `on_grid` to the nearest level of the signed map.
    A group whose largest absolute value is 0 has the codes 0, as bitsandbytes writes them.

    Args:
        absmax: (N,) float32, N >= 1, left as they are.

    Returns:
        codes (N,) uint8, absmax (ceil(N / GROUP),) float32, offset () float32.

    Raises:
        ValueError: if they are not (N,) float32, or there is none.
    """
    if absmax.ndim != 1 or absmax.dtype != torch.float32 or len(absmax) == 0:
        raise ValueError(f"expected (N,) float32, got {tuple(absmax.shape)} {absmax.dtype}")
    # TODO 3.6: Eight-bit codes of the scales less their mean, the largest absolute value of each
    # group of 256, and the mean.
    raise NotImplementedError("exercise 3.6: quantize")


def dequantize(scales: Scales) -> Tensor:
    """Turn codes back into scales: each code's level times its group's `absmax`, plus `offset`.

    Returns:
        (N,) float32, new; near a scale of 0 it may be a little below 0.

    Raises:
        ValueError: if there are not as many groups as the codes need.
    """
    codes, absmax, offset = scales
    if len(absmax) != -(-len(codes) // GROUP):
        raise ValueError(f"{len(absmax)} groups do not fit {len(codes)} codes")
    # TODO 3.6: Each code's level times its group's scale, plus the mean.
    raise NotImplementedError("exercise 3.6: dequantize")
