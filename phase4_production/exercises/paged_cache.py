"""A cache in pages: keys and values live in blocks of fixed size, wherever there is room.

Kwon et al. 2023 (arXiv:2309.06180), section 4.1. A sequence owns a block table, the numbers of its
blocks in order, as a process owns a page table: what is next to each other in the text need not be
next to each other in memory. At most block_size - 1 places of a sequence lie idle, all of them in
its last block, where a cache reserved for the longest possible answer wastes most of itself.

One cache holds the keys of one layer, (n_blocks, block_size, H_kv, D), and another its values.
"""

from torch import Tensor


def slots(block_table: Tensor, positions: Tensor, block_size: int) -> Tensor:
    """Find where the tokens of one sequence live: block * block_size + offset in the block.

    Args:
        block_table: (n,), any integer dtype, the blocks of the sequence in order.
        positions: (N,) int64, places in the sequence, from 0, in any order.
        block_size: tokens of a block.

    Returns:
        (N,) int64, the slot of each position, on the device of `positions`.

    Raises:
        ValueError: if a position lies beyond the last block of the table, or before its first.
    """
    n_slots = len(block_table) * block_size
    if ((positions < 0) | (positions >= n_slots)).any():
        raise ValueError(f"{len(block_table)} blocks of {block_size} end before such a position")
    # TODO 4.14: The slot of each position: block times block size plus offset, int64.
    raise NotImplementedError("exercise 4.14: slots")


def write(cache: Tensor, slots: Tensor, new: Tensor) -> None:
    """Put new keys (or values) into their slots, in place.

    Args:
        cache: (n_blocks, block_size, H_kv, D), changed where `slots` say, and nowhere else. It may
            be a slice of a larger tensor, and so not contiguous.
        slots: (N,) int64, all different.
        new: (N, H_kv, D), of any floating dtype; it is stored in the cache's.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if new.shape != (len(slots), *cache.shape[2:]):
        raise ValueError(
            f"{len(slots)} slots of a cache {tuple(cache.shape)} cannot take {tuple(new.shape)}"
        )
    # TODO 4.14: New keys are in their slots, in the cache's dtype, in place, also in a cache that
    # is not contiguous; nothing else has changed.
    raise NotImplementedError("exercise 4.14: write")


def gather(cache: Tensor, block_table: Tensor, length: int) -> Tensor:
    """Read the keys (or values) of one sequence back, in the order of its text.

    Args:
        cache: (n_blocks, block_size, H_kv, D), left as it is.
        block_table: (n,), any integer dtype, at least as many blocks as `length` needs; further
            ones, such as the padding of a table, are not read.
        length: tokens of the sequence in the cache.

    Returns:
        (length, H_kv, D), a new tensor of the cache's dtype.

    Raises:
        ValueError: if the table has too few blocks.
    """
    block_size = cache.shape[1]
    if len(block_table) * block_size < length:
        raise ValueError(f"{length} tokens are not in {len(block_table)} blocks of {block_size}")
    # TODO 4.14: The first `length` tokens in the order of the text, a new tensor; what pads the
    # table is not read.
    raise NotImplementedError("exercise 4.14: gather")
