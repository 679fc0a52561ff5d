"""Four bits: two codes in a byte, and a scale and a zero point for each group of a row.

With sixteen levels only, a scale must not serve many weights: groups of 64 or 128 along the inputs
have one each. This is round-to-nearest, the baseline of GPTQ (Frantar et al. 2022,
arXiv:2210.17323, section 4) and AWQ (Lin et al. 2023, arXiv:2306.00978, section 2).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

LARGEST = 15  # four bits without a sign


def pack(codes: Tensor) -> Tensor:
    """Put two codes into each byte: of a pair of columns, the even one into the low four bits.

    Args:
        codes: (..., C) uint8 from 0 to 15, C even, left as they are.

    Returns:
        (..., C / 2) uint8: byte j is codes[..., 2j] + 16 * codes[..., 2j + 1].

    Raises:
        ValueError: if they are not uint8, the number of columns is odd, or a code is above 15.
    """
    if codes.dtype != torch.uint8 or codes.shape[-1] % 2:
        raise ValueError(f"expected uint8 in pairs, got {tuple(codes.shape)} {codes.dtype}")
    if codes.numel() and codes.max() > LARGEST:
        raise ValueError(f"code {codes.max().item()} does not fit into four bits")
    # TODO 4.7: One byte for each pair of columns: the even one in its low four bits, the odd one in
    # its high ones.
    raise NotImplementedError("exercise 4.7: pack")


def unpack(packed: Tensor) -> Tensor:
    """Take the two codes out of each byte: the inverse of `pack`.

    Args:
        packed: (..., C / 2) uint8, left as they are.

    Returns:
        (..., C) uint8 from 0 to 15, contiguous.

    Raises:
        ValueError: if they are not uint8.
    """
    if packed.dtype != torch.uint8:
        raise ValueError(f"expected uint8, got {packed.dtype}")
    # TODO 4.7: Both codes of each byte, in the order in which pack took them.
    raise NotImplementedError("exercise 4.7: unpack")


def in_groups(x: Tensor, group: int) -> Tensor:
    """Cut rows into groups: (R, n_groups, group). Zeros fill the last one if it is not full."""
    return F.pad(x, (0, -x.shape[1] % group)).unflatten(1, (-1, group))


def quantize(weight: Tensor, group: int) -> tuple[Tensor, Tensor, Tensor]:
    """Spread sixteen levels evenly over the range of each group, so that zero is one of them.

    A group's range goes from the smaller of its minimum and zero, low, to the larger of its maximum
    and zero, high. Then scale = (high - low) / 15 and zero = round(-low / scale), the code that
    stands for zero. The code of w is round(w / scale) + zero, at least 0 and at most 15, and
    stands for (code - zero) * scale. A group of zeros has scale 1 and zero 0. Rounding goes to the
    nearest integer, of two to the even one.

    Args:
        weight: (R, C), floating, left as it is.
        group: weights of a row that share a scale. Where it does not divide C, the last group of
            each row is smaller.

    Returns:
        codes: (R, C) uint8.
        scale, zero: (R, ceil(C / group)) float32; zeros are whole numbers from 0 to 15. All three
            are without gradients.

    Raises:
        ValueError: if the weight is no matrix of floating numbers, or the group is not positive.
    """
    if weight.ndim != 2 or not weight.is_floating_point() or group < 1:
        shape = tuple(weight.shape)
        raise ValueError(f"expected floating (R, C) and a group, got {shape} and {group}")
    # TODO 4.7: Codes from 0 to 15, a scale and a zero point for each group of a row, with zero
    # among the levels.
    raise NotImplementedError("exercise 4.7: quantize")


def dequantize(codes: Tensor, scale: Tensor, zero: Tensor, group: int) -> Tensor:
    """Return the weights that codes stand for: (R, C) float32, (code - zero) * scale."""
    steps = in_groups(codes.float(), group) - zero[..., None]
    return (steps * scale[..., None]).flatten(1)[:, : codes.shape[1]]
