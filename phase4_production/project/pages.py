"""The keys (or values) of one layer in pages: floating numbers, or eight-bit codes with scales.

Floating pages are a plain tensor (n_blocks, block_size, H_kv, D), so that a kernel takes them as
they are. `Int8Pages` need a quarter of the memory of float32, and a little more for their scales.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from phase4_production.solution import kv_int8, paged_cache
from shared.blocks import are_mine


@dataclass(frozen=True, eq=False)
class Int8Pages:
    """Codes of `kv_int8`, with a scale for each token and head.

    Attributes:
        codes: (n_blocks, block_size, H_kv, D) int8.
        scale: (n_blocks, block_size, H_kv) float32.
    """

    codes: Tensor
    scale: Tensor

    @property
    def shape(self) -> torch.Size:
        """Of the numbers that are kept."""
        return self.codes.shape

    @property
    def nbytes(self) -> int:
        """Of codes and scales."""
        return self.codes.nbytes + self.scale.nbytes


Pages = Tensor | Int8Pages


def make(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Pages:
    """Make empty pages; torch.int8 makes `Int8Pages`."""
    zeros = torch.zeros(shape, dtype=dtype, device=device)
    if dtype != torch.int8:
        return zeros
    return Int8Pages(zeros, torch.zeros(shape[:-1], device=device))


def write(pages: Pages, slots: Tensor, new: Tensor) -> None:
    """Put new keys into their slots, in place.

    Args:
        pages: of one layer.
        slots: (N,) int64, block * block_size + offset.
        new: (N, H_kv, D), floating.
    """
    if isinstance(pages, Int8Pages):
        codes, scale = kv_int8.quantize(new)
        pages.codes.flatten(0, 1).index_copy_(0, slots, codes)
        pages.scale.flatten(0, 1).index_copy_(0, slots, scale)
    elif are_mine():
        paged_cache.write(pages, slots, new)
    else:  # the same, without dividing a slot into block and offset in every layer
        pages.flatten(0, 1).index_copy_(0, slots, new.to(pages.dtype))


def read(pages: Pages, numbers: Tensor, dtype: torch.dtype) -> Tensor:
    """Copy blocks: (n, block_size, H_kv, D) of a floating dtype.

    Args:
        pages: of one layer.
        numbers: (n,) of the blocks, int32 or int64.
        dtype: of the copy.
    """
    # index_select copies whole blocks, four times as fast as indexing.
    if isinstance(pages, Int8Pages):
        codes, scale = (x.index_select(0, numbers) for x in (pages.codes, pages.scale))
        return kv_int8.dequantize(codes, scale, dtype)
    return pages.index_select(0, numbers).to(dtype)


def clear(pages: Pages, slots: Tensor) -> None:
    """Put zeros into slots, in place."""
    numbers = pages.scale if isinstance(pages, Int8Pages) else pages
    numbers.flatten(0, 1).index_fill_(0, slots, 0)
