"""Batches for next-token prediction: random windows of one long row of tokens."""

import numpy as np
import torch
from torch import Tensor


def get_batch(
    data: Tensor | np.ndarray, block_size: int, batch_size: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Cut windows out of a text at random, and the same windows one token later as targets.

    A window of T tokens is T examples at once: position t of x has seen x[:t + 1] and is to
    predict y[t], the token after it. Windows may overlap, and may come twice.

    Args:
        data: (n,) token ids of any integer dtype: a tensor, an array or a memory map. A memory
            map is read only where the windows lie.
        block_size: T, tokens in a window.
        batch_size: B, windows, each starting at a place of its own.
        generator: draws the first positions, uniform over 0 .. n - T - 1, both ends included.

    Returns:
        x and y, (B, T) int64 each, with y[b, t] the token that follows x[b, t] in the data.

    Raises:
        ValueError: if data is not one row of more than block_size tokens.
    """
    if data.ndim != 1 or len(data) <= block_size:
        raise ValueError(
            f"data must be one row of more than {block_size} tokens, got {tuple(data.shape)}"
        )
    # TODO 1.6: B windows of T tokens at random starts, each start equally likely, and the tokens
    # that follow each of them, as int64.
    raise NotImplementedError("exercise 1.6: get_batch")
