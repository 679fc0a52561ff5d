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
    return io_count.naive(T, T, D).bytes() / 1e6


def moved_by_tiles() -> float:
    """The same in tiles of 128 queries x 64 keys, in FlashAttention-2's order: queries outside.

    Return how many MB are moved, right to 4 %.
    """
    return io_count.queries_outside(Tiling(T, T, block_q=128, block_k=64), D).bytes() / 1e6


def growth_with_longer_key_tiles() -> float:
    """The tiles are now of 128 queries x 128 keys: twice as many keys.

    Return how many times as many bytes as before are moved, right to 2 %.
    """
    before, after = (
        io_count.queries_outside(Tiling(T, T, block_q=128, block_k=block_k), D).bytes()
        for block_k in (64, 128)
    )
    return after / before


def growth_with_the_head() -> float:
    """The fast memory holds M = 65,536 numbers, and tiles have as many rows of D as it allows.

    D grows from 64 to 128, at 16,384 queries and keys. Return how many times as many bytes are
    moved, right to 3 %.
    """
    M, length = 2**16, 2**14

    def moved(D: int) -> int:
        block_q, block_k = io_count.blocks(M, D)
        tiling = Tiling(length, length, block_q=block_q, block_k=block_k)
        return io_count.queries_outside(tiling, D).bytes()

    return moved(128) / moved(64)


def tiles_that_are_read() -> int:
    """A causal mask, 2048 queries and keys, tiles of 128 queries x 64 keys: 512 tiles in all.

    Return how many of them have to be read, exactly.
    """
    tiling = Tiling(2048, 2048, causal=True, block_q=128, block_k=64)
    return sum(len(key_tiles(tiling, i)) for i in range(tiling.n_query_tiles))


def kept_for_backward() -> float:
    """FlashAttention, forward: one head, 1024 queries and keys, D = 64, in float32.

    Return how many MB it keeps for the backward pass, inputs and output included, right to 3 %.
    Naive attention would keep 5.2.
    """
    kept = []
    q, k, v = (torch.zeros(1, 1, 1024, 64, requires_grad=True) for _ in range(3))
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.nbytes), lambda t: t):
        flash.attention(q, k, v, block_q=256, block_k=256)
    return sum(kept) / 1e6


def work_for_each_byte() -> float:
    """Decoding: one new token, 32 query heads, 8 kv heads, D = 128, 4096 tokens in the cache.

    Return the floating-point operations of q k^T and P v for each byte of the cache, right to 2 %.
    A multiplication and an addition are two operations; the cache is in bfloat16.
    """
    q = torch.empty(1, 32, 1, 128, dtype=torch.bfloat16, device="meta")
    k = torch.empty(1, 8, 4096, 128, dtype=torch.bfloat16, device="meta")
    products = 2 * q.numel() * k.shape[2]  # q k^T and P v: as many each
    return 2 * products / (2 * k.nbytes)
