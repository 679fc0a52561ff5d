"""Attention in tiles: the matrix of scores is never there as a whole.

FlashAttention, Dao et al. 2022 (arXiv:2205.14135), with the loop order of FlashAttention-2, Dao
2023 (arXiv:2307.08691), algorithm 1: outside over tiles of queries, inside over tiles of keys, one
division at the end. The same arithmetic as its kernel, in plain PyTorch: it saves memory, not time.
"""

import math

import torch
from torch import Tensor

from phase4_production.solution import online_softmax, tile_bounds
from phase4_production.solution.tile_bounds import Tiling
from phase4_production.solution.tile_dropout import TileDropout


def misfit(q: Tensor, k: Tensor, v: Tensor, tiling: Tiling) -> str:
    """Say in a line why these tensors do not fit together; nothing if they do."""
    shapes = f"q {tuple(q.shape)}, k {tuple(k.shape)}, v {tuple(v.shape)}"
    if q.ndim != 4 or k.ndim != 4 or k.shape != v.shape:
        return f"expected q (B, H, T_q, D) and k, v (B, H_kv, T_k, D), got {shapes}"
    if q.shape[0] != k.shape[0] or q.shape[3] != k.shape[3] or q.shape[1] % k.shape[1]:
        return f"one B, one D, and H a multiple of H_kv are needed, got {shapes}"
    if (tiling.T_q, tiling.T_k) != (q.shape[2], k.shape[2]):
        return f"the tiling is of {tiling.T_q} x {tiling.T_k} scores, got {shapes}"
    return ""


def scores(q_i: Tensor, k_j: Tensor, tiling: Tiling, i: int, j: int, scale: float) -> Tensor:
    """Return one tile of scores: scale * q_i k_j^T, and -inf where a query does not see a key.

    Args:
        q_i: (..., rows, D), the queries of tile i.
        k_j: (..., columns, D), the keys of tile j; leading dimensions broadcast.
        tiling: says whether an edge cuts the tile (`tile_bounds.needs_mask`), and where
            (`tiling.visible(i, j, device)`). A tile that no edge cuts is not masked.
        scale: multiplies the products.

    Returns:
        (..., rows, columns), at least float32, also if q and k have fewer bits.
    """
    # TODO 4.2: One tile of scaled scores in at least float32, -inf where a query does not see a
    # key; no mask where no edge cuts.
    raise NotImplementedError("exercise 4.2: scores")


def forward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    tiling: Tiling,
    scale: float | None = None,
    dropout: TileDropout | None = None,
) -> tuple[Tensor, Tensor]:
    """Compute softmax(scale q k^T) v tile by tile.

    For each query tile: an empty state; `online_softmax.update` with the scores and the values of
    each of its key tiles (`tile_bounds.key_tiles`, no other tile is touched), in order; then
    `online_softmax.finish`.

    Args:
        q: (B, H, T_q, D).
        k, v: (B, H_kv, T_k, D); query head h uses kv head h // (H / H_kv). All stay as they are.
        tiling: of T_q and T_k. Its blocks change the order of the sums, and nothing else.
        scale: 1 / sqrt(D) if None.
        dropout: gives `factors(tiling, i, j, like)` for the update, like the tile's scores of
            shape (B, H_kv, H / H_kv, rows, columns); None means no dropout.

    Returns:
        O: (B, H, T_q, D), the dtype of q; 0 for a query that sees no key.
        L: (B, H, T_q), at least float32: the logarithm of the sum of exp(score), natural; -inf for
        a query that sees no key. It is all that the backward pass needs of the softmax.

    Raises:
        ValueError: if the shapes do not fit.
    """
    problem = misfit(q, k, v, tiling)
    if problem:
        raise ValueError(problem)
    # TODO 4.2: O and L, tile by tile: only the key tiles that are seen, one division for each
    # query, no matrix of scores.
    raise NotImplementedError("exercise 4.2: forward")
