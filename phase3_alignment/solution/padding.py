"""Rows of different lengths in one rectangle: padded on the left to write, on the right to learn.

A model that continues a batch reads the last column of every row, so the texts must end together.
For training nothing is continued, and on the right padding is out of the way of a causal model.
The mask says what is real. The padding's id never does: it may be a token that texts use.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def right(rows: Sequence[Tensor], value: int | bool) -> tuple[Tensor, Tensor]:
    """Pad behind the rows.

    Args:
        rows: (n,) each, of one dtype and device: ids, labels, a mask.
        value: what to pad with.

    Returns:
        (B, T) of their dtype, and (B, T) bool, True on what is real; T is the longest row's length.
    """
    return _padded(rows, value, on_left=False)


def left(rows: Sequence[Tensor], value: int | bool) -> tuple[Tensor, Tensor]:
    """Pad before the rows; else as `right`."""
    return _padded(rows, value, on_left=True)


def positions(mask: Tensor) -> Tensor:
    """Count the real tokens of each row from 0, wherever they stand; padding gets any position.

    A model that is not told counts padding, too, and finds a text padded on the left elsewhere
    than where it learnt it.

    Args:
        mask: (B, T) bool, True on real tokens.

    Returns:
        (B, T) int64.
    """
    return (mask.cumsum(-1) - 1).clamp(min=0)


def _padded(rows: Sequence[Tensor], value: int | bool, on_left: bool) -> tuple[Tensor, Tensor]:
    T = max(map(len, rows))
    padded = rows[0].new_full((len(rows), T), value)
    mask = torch.zeros_like(padded, dtype=torch.bool)
    for b, row in enumerate(rows):
        begin = T - len(row) if on_left else 0
        padded[b, begin : begin + len(row)] = row
        mask[b, begin : begin + len(row)] = True
    return padded, mask
