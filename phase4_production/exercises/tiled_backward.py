"""The backward pass of attention without the matrix: its tiles are computed once more.

Dao et al. 2022 (arXiv:2205.14135), appendix B.2 and B.4; Dao 2023 (arXiv:2307.08691), algorithm 2.
With S = scale q k^T, P = softmax(S) and O = P v:

    dV = P^T dO        dP = dO v^T        dS = P * (dP - rowsum(P * dP))
    dQ = scale dS k                       dK = scale dS^T q

P comes back from L alone, as exp(S - L). And rowsum(P * dP), a sum over a whole row of the matrix,
equals rowsum(dO * O), a sum over D numbers. The kernel has tiles of keys outside, so that no two
of its blocks add to one dK; here nothing runs at the same time, and the order is the forward one.
"""

import math

import torch
from torch import Tensor

from phase4_production.solution import tile_bounds, tiled_attention
from phase4_production.solution.tile_bounds import Tiling
from phase4_production.solution.tile_dropout import TileDropout


def backward(
    dout: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    L: Tensor,
    tiling: Tiling,
    scale: float | None = None,
    dropout: TileDropout | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of attention by q, k and v, tile by tile.

    Scores come from `tiled_attention.scores`, tiles from `tile_bounds.key_tiles`. With dropout's
    factors Z of a tile, dV takes Z * P for P, and dP is Z * (dO v^T); the rest is as without.

    Args:
        dout: (B, H, T_q, D), the gradient of the loss by O.
        q, k, v, tiling, scale, dropout: as `tiled_attention.forward` had them.
        out, L: the O and L that it returned. All tensors stay as they are.

    Returns:
        dQ (B, H, T_q, D), dK and dV (B, H_kv, T_k, D), in the dtype of q, summed in that of L.
        A kv head's gradient is the sum over the query heads that use it. Exactly 0 for a query
        that sees no key, and for a key that no query sees.

    Raises:
        ValueError: if the shapes do not fit.
    """
    problem = tiled_attention.misfit(q, k, v, tiling)
    if problem:
        raise ValueError(problem)
    if not (dout.shape == out.shape == q.shape and L.shape == q.shape[:-1]):
        shapes = [tuple(t.shape) for t in (dout, out, L)]
        raise ValueError(f"dO, O and L have the shapes {shapes}, but q has {tuple(q.shape)}")
    # TODO 4.4: dQ, dK and dV from q, k, v, O and L alone, tile by tile; a group's heads are summed.
    raise NotImplementedError("exercise 4.4: backward")
