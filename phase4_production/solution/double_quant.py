"""Double quantisation: the scales of NF4 in eight bits, 0.127 bits a weight instead of 0.5.

Dettmers et al. 2023 (arXiv:2305.14314), section 3, "Double Quantization". The eight bits are a
dynamic data type (Dettmers 2015, arXiv:1511.04561, section 2.1): dense near zero, sparse far away.
Codes are those that bitsandbytes finds on a CPU, to the last bit.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 256  # scales that share a scale of their own
POINTS = 2**16  # of the table from which bitsandbytes reads codes on a CPU


def levels() -> Tensor:
    """Return the 256 levels: seven decades of both signs, zero, and one.

    Decade i = 0 ... 6 reaches from 10^(i - 7) to 10^(i - 6). Its 2^i levels are the middles of as
    many equal pieces: each decade is twice as fine, relative to itself, as the one below.

    Returns:
        (256,) float32, ascending.
    """
    positive = []
    for decade in range(7):
        edges = torch.linspace(0.1, 1, 2**decade + 1)
        positive.append(10.0 ** (decade - 6) * ((edges[1:] + edges[:-1]) / 2))
    positive = torch.cat(positive)
    return torch.cat([-positive.flip(0), torch.zeros(1), positive, torch.ones(1)])


def quantize(absmax: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Turn scales into codes, a scale for each block of `BLOCK` of them, and their common mean.

    All scales are positive, and half of the levels are not: first the mean is subtracted. Each
    block is divided by its largest absolute value, as a product with the reciprocal. The quotient
    goes to the nearest of `POINTS` points evenly spaced from -1 to 1, and the point to the level
    nearest to it: bitsandbytes keeps a table of all points. Of a block of zeros all codes are 0.

    Args:
        absmax: (N,) float32, N >= 1, left as they are.

    Returns:
        codes: (N,) uint8.
        scale: (ceil(N / BLOCK),) float32.
        offset: () float32, the mean.

    Raises:
        ValueError: if they are not (N,) float32, or there is none.
    """
    if absmax.ndim != 1 or absmax.dtype != torch.float32 or len(absmax) == 0:
        raise ValueError(f"expected (N,) float32, got {tuple(absmax.shape)} {absmax.dtype}")
    offset = absmax.mean()
    blocks = F.pad(absmax - offset, (0, -len(absmax) % BLOCK)).view(-1, BLOCK)
    scale = blocks.abs().amax(dim=1)
    scaled = (blocks * (1 / scale)[:, None]).where(scale[:, None] > 0, -1.0)
    point = ((scaled + 1) * 0.5 * (POINTS - 1) + 0.5).floor()
    table = levels().to(absmax.device)
    borders = (table[1:] + table[:-1]) / 2
    codes = torch.bucketize(2 * point / (POINTS - 1) - 1, borders).to(torch.uint8)
    return codes.flatten()[: len(absmax)], scale, offset


def dequantize(codes: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """Return the scales that codes stand for: (N,) float32, level times scale, plus offset."""
    each = scale.repeat_interleave(BLOCK)[: len(codes)]
    return levels().to(codes.device)[codes.long()] * each + offset
