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
    return block_table[positions // block_size].long() * block_size + positions % block_size


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
    block_size = cache.shape[1]
    cache[slots // block_size, slots % block_size] = new.to(cache.dtype)


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
    n_blocks = -(-length // block_size)
    return cache[block_table[:n_blocks].long()].flatten(0, 1)[:length]
