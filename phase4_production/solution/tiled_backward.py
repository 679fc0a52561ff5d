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
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    dtype, wide, heads = q.dtype, L.dtype, (k.shape[1], -1)
    q, dout, out, L = (t.to(wide).unflatten(1, heads) for t in (q, dout, out, L))
    D = (dout * out).sum(-1)  # (B, H_kv, H / H_kv, T_q)
    k, v = k.to(wide)[:, :, None], v.to(wide)[:, :, None]
    dq, dk, dv = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
    for i in range(tiling.n_query_tiles):
        rows = tiling.rows(i)
        q_i, dout_i = q[..., rows, :], dout[..., rows, :]
        for j in tile_bounds.key_tiles(tiling, i):
            columns = tiling.columns(j)
            k_j, v_j = k[..., columns, :], v[..., columns, :]
            S = tiled_attention.scores(q_i, k_j, tiling, i, j, scale)
            L_i = L[..., rows, None]
            P = (S - L_i.where(L_i > -torch.inf, 0)).exp()
            Z = 1.0 if dropout is None else dropout.factors(tiling, i, j, S)
            dS = P * (Z * (dout_i @ v_j.mT) - D[..., rows, None])
            dv[..., columns, :] += ((Z * P).mT @ dout_i).sum(2, keepdim=True)
            dq[..., rows, :] += scale * dS @ k_j
            dk[..., columns, :] += (scale * dS.mT @ q_i).sum(2, keepdim=True)
    return dq.flatten(1, 2).to(dtype), dk[:, :, 0].to(dtype), dv[:, :, 0].to(dtype)
