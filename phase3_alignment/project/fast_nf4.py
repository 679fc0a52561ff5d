"""NF4 at the speed of the machine: the results of `solution/nf4.py`, bit for bit, from tables.

Dequantise: a byte holds two codes, so a table of 256 pairs of levels answers for both at once; a
pair of float32 moves as one float64. Quantise: [-1, 1] is cut into cells, so narrow that none holds
more than one border between levels; a table says how many borders lie below a cell, and one
comparison decides within it. A binary search, number by number, is what takes bitsandbytes so long.

Everything happens in pieces that fit into the processor's cache. For the CPU only, and without a
compiler: `torch.compile` made neither faster.
"""

from collections.abc import Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor

from phase3_alignment.solution import double_quant, linear4bit, nf4
from phase3_alignment.solution.nf4 import BLOCK, LEVELS, TINY

PIECE = 2**17  # numbers at a time: half a megabyte, and a multiple of two blocks
CELLS = 256  # of width 1/128, while neighbouring borders are 0.08 apart or more

PAIRS = torch.stack([LEVELS.repeat_interleave(16), LEVELS.repeat(16)], dim=1)  # (256, 2)
PAIRS = PAIRS.view(torch.float64).flatten()  # carried, never calculated with


def cell_of(scaled: Tensor) -> Tensor:
    """Return the number, int32, of the cell that holds each value of [-1, 1]; 1 has its own."""
    return (scaled * (CELLS // 2)).add_(CELLS // 2).int()


# However `cell_of` rounds, it never falls as its argument rises: what lies in a cell below that of
# a border lies below the border.
BORDERS = (LEVELS[1:] + LEVELS[:-1]) / 2
BELOW = (torch.arange(CELLS + 1)[:, None] > cell_of(BORDERS)).sum(dim=1).to(torch.uint8)
INSIDE = torch.full((CELLS + 1,), 2.0).scatter(0, cell_of(BORDERS).long(), BORDERS)  # 2: none


def quantize(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Do what `nf4.quantize` does, to the last bit.

    Args:
        weight: of any shape and floating dtype, on the CPU; left as it is.

    Returns:
        codes: (ceil(N / 2),) uint8.
        absmax: (ceil(N / BLOCK),) float32.
    """
    flat = weight.detach().flatten()
    codes = torch.empty(-(-len(flat) // 2), dtype=torch.uint8)
    absmax = torch.empty(-(-len(flat) // BLOCK))
    for start in range(0, len(flat), PIECE):
        blocks = nf4.in_blocks(flat[start : start + PIECE].float(), BLOCK)
        largest = absmax[start // BLOCK :][: len(blocks)]
        torch.amax(blocks.abs(), dim=1, out=largest)
        packed = _pack(blocks * (1 / largest.clamp(min=TINY))[:, None])
        codes[start // 2 : start // 2 + len(packed)] = packed[: len(codes) - start // 2]
    return codes, absmax


def _pack(scaled: Tensor) -> Tensor:
    """Return the bytes of (n, BLOCK) values that lie in [-1, 1] but for rounding."""
    scaled = scaled.clamp_(-1, 1).flatten()
    cells = cell_of(scaled)
    codes = BELOW.index_select(0, cells)
    codes += (scaled > INSIDE.index_select(0, cells)).view(torch.uint8)
    pairs = codes.view(torch.int16)  # the first code in the low byte
    return (pairs << 4 | pairs >> 8).to(torch.uint8)


def dequantize(
    codes: Tensor,
    absmax: Tensor,
    shape: Sequence[int],
    dtype: torch.dtype = torch.float32,
    out: Tensor | None = None,
) -> Tensor:
    """Do what `nf4.dequantize` does, to the last bit.

    Args:
        codes: (ceil(N / 2),) uint8, on the CPU.
        absmax: (ceil(N / BLOCK),) float32.
        shape: of the weight, N numbers in all.
        dtype: of the result.
        out: (at least 2 len(codes),) float32 to work in, which the result is a view of if dtype is
            float32. Fresh memory costs more time than all the work: one who dequantises again and
            again, and is done with the last result, keeps it.

    Returns:
        A tensor of this shape and dtype.
    """
    n = prod(shape)
    if out is None:  # NumPy asks the system for large pages, of which it clears fewer
        out = torch.from_numpy(np.empty(2 * len(codes), np.float32))
    out = out[: 2 * len(codes)]
    pairs = out.view(torch.float64)
    for start in range(0, len(out), PIECE):
        stop = min(start + PIECE, len(out))
        some = slice(start // 2, stop // 2)
        torch.index_select(PAIRS, 0, codes[some].int(), out=pairs[some])
        whole = stop - stop % BLOCK
        scales = absmax[start // BLOCK :]
        blocks = out[start:whole].view(-1, BLOCK)
        blocks *= scales[: len(blocks), None]
        out[whole:stop] *= scales[len(blocks) : len(blocks) + 1]
    return out[:n].view(*shape).to(dtype)


class FastLinear4Bit(linear4bit.Linear4Bit):
    """The four-bit layer with the fast functions, for the CPU."""

    def dequantize(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The weight as the codes describe it: (out_features, in_features), new at each call."""
        scales = double_quant.Scales(self.scale_codes, self.scale_absmax, self.scale_offset)
        shape = (self.out_features, self.in_features)
        return dequantize(self.codes, double_quant.dequantize(scales), shape, dtype)
