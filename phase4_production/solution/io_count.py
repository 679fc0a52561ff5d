"""Count what attention moves between a large slow memory and a small fast one.

On a GPU they are the HBM and the SRAM of a multiprocessor, on a CPU the RAM and a cache. Dao et al.
2022 (arXiv:2205.14135), section 3.2, theorem 2, for fast memory of M numbers, D <= M <= T D:

    naive: Theta(T D + T^2) numbers                tiled: Theta(T^2 D^2 / M) numbers

One head of one sequence; what several share is read again for each, and caches help nobody.
"""

from dataclasses import dataclass

from phase4_production.solution.tile_bounds import Tiling, key_tiles


@dataclass
class Traffic:
    """Numbers that went from slow to fast memory, and back."""

    read: int = 0
    written: int = 0

    def bytes(self, element_bytes: int = 2) -> int:
        """Return both together, in bytes; 2 bytes a number are float16 or bfloat16."""
        return (self.read + self.written) * element_bytes


def naive(T_q: int, T_k: int, D: int) -> Traffic:
    """Count three kernels that know nothing of each other: q k^T, softmax, times v.

    Algorithm 0 of the paper. Within a kernel every number is moved once, which is the least.
    """
    scores, queries, keys = T_q * T_k, T_q * D, T_k * D
    traffic = Traffic()
    traffic.read += queries + keys  # S = q k^T
    traffic.written += scores
    traffic.read += scores  # P = softmax(S)
    traffic.written += scores
    traffic.read += scores + keys  # O = P v
    traffic.written += queries
    return traffic


def queries_outside(tiling: Tiling, D: int) -> Traffic:
    """Count FlashAttention-2's order, that of `tiled_attention.forward`.

    A query tile is read once and its output written once, with one L for each query; keys and
    values are read again for each query tile that sees them.
    """
    traffic = Traffic()
    for i in range(tiling.n_query_tiles):
        rows = length(tiling.rows(i))
        traffic.read += rows * D
        for j in key_tiles(tiling, i):
            traffic.read += 2 * length(tiling.columns(j)) * D
        traffic.written += rows * (D + 1)
    return traffic


def keys_outside(tiling: Tiling, D: int) -> Traffic:
    """Count the first FlashAttention's order, algorithm 1 of the paper.

    Keys and values are read once; queries, and the unfinished O, l and m, are read again for each
    key tile that they see, and the three are written again.
    """
    traffic = Traffic(read=2 * tiling.T_k * D)
    for i in range(tiling.n_query_tiles):
        times, rows = len(key_tiles(tiling, i)), length(tiling.rows(i))
        traffic.read += times * rows * (2 * D + 2)
        traffic.written += times * rows * (D + 2)
    return traffic


def blocks(M: int, D: int) -> tuple[int, int]:
    """Return block_q and block_k for a fast memory of M numbers.

    Algorithm 1, line 1, for the order with queries outside: tiles of q, k, v and O have M / 4
    numbers each, and the tile of scores is no larger than one of them.

    Raises:
        ValueError: if not even one row fits.
    """
    block_q = M // (4 * D)
    if not block_q:
        raise ValueError(f"four rows of {D} numbers do not fit into {M}")
    return block_q, min(block_q, D)


def theorem(T: int, D: int, M: int) -> float:
    """Return T^2 D^2 / M, the numbers that theorem 2 has, up to a constant factor."""
    return T**2 * D**2 / M


def length(part: slice) -> int:
    """Return how many rows or columns a tile has."""
    return part.stop - part.start
