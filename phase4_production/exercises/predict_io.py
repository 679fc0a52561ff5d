"""Before you count bytes: seven numbers about what attention moves and what it keeps.

Answer by returning literals. The finished file counts. One head, two bytes a number and MB of a
million bytes, where nothing else is said.
"""

import torch

from phase4_production.solution import flash, io_count
from phase4_production.solution.tile_bounds import Tiling, key_tiles

T, D = 4096, 64


def moved_by_naive_attention() -> float:
    """4096 queries and keys, D = 64, no mask, three kernels: q k^T, softmax, times v.

    Return how many MB they move between slow and fast memory, right to 4 %.
    """
    # TODO 4.5: MB between slow and fast memory: three kernels, 4096 queries and keys, D = 64.
    raise NotImplementedError("exercise 4.5: moved_by_naive_attention")


def moved_by_tiles() -> float:
    """The same in tiles of 128 queries x 64 keys, in FlashAttention-2's order: queries outside.

    Return how many MB are moved, right to 4 %.
    """
    # TODO 4.5: MB, in tiles of 128 queries and 64 keys.
    raise NotImplementedError("exercise 4.5: moved_by_tiles")


def growth_with_longer_key_tiles() -> float:
    """The tiles are now of 128 queries x 128 keys: twice as many keys.

    Return how many times as many bytes as before are moved, right to 2 %.
    """
    # TODO 4.5: Times as many bytes, with tiles of 128 x 128.
    raise NotImplementedError("exercise 4.5: growth_with_longer_key_tiles")


def growth_with_the_head() -> float:
    """The fast memory holds M = 65,536 numbers, and tiles have as many rows of D as it allows.

    D grows from 64 to 128, at 16,384 queries and keys. Return how many times as many bytes are
    moved, right to 3 %.
    """
    # TODO 4.5: Times as many bytes at twice the D, with the same fast memory.
    raise NotImplementedError("exercise 4.5: growth_with_the_head")


def tiles_that_are_read() -> int:
    """A causal mask, 2048 queries and keys, tiles of 128 queries x 64 keys: 512 tiles in all.

    Return how many of them have to be read, exactly.
    """
    # TODO 4.5: Of 512 tiles under a causal mask.
    raise NotImplementedError("exercise 4.5: tiles_that_are_read")


def kept_for_backward() -> float:
    """FlashAttention, forward: one head, 1024 queries and keys, D = 64, in float32.

    Return how many MB it keeps for the backward pass, inputs and output included, right to 3 %.
    Naive attention would keep 5.2.
    """
    # TODO 4.5: MB that FlashAttention keeps between the passes.
    raise NotImplementedError("exercise 4.5: kept_for_backward")


def work_for_each_byte() -> float:
    """Decoding: one new token, 32 query heads, 8 kv heads, D = 128, 4096 tokens in the cache.

    Return the floating-point operations of q k^T and P v for each byte of the cache, right to 2 %.
    A multiplication and an addition are two operations; the cache is in bfloat16.
    """
    # TODO 4.5: Operations for each byte of the cache, in decoding with grouped heads.
    raise NotImplementedError("exercise 4.5: work_for_each_byte")
