"""Classic wrong answers for `solution/tiled_backward.py`."""

import math

import torch

from phase4_production.solution import tile_bounds, tiled_attention
from shared.mistakes import mistake


def loop(dout, q, k, v, out, L, tiling, scale, dropout, step, D_of=None, tiles=None):
    """The right order of tiles around one tile's `step`, which returns its dq, dk and dv."""
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    dtype, wide, heads = q.dtype, L.dtype, (k.shape[1], -1)
    q, dout, out, L = (t.to(wide).unflatten(1, heads) for t in (q, dout, out, L))
    D = (dout * out).sum(-1) if D_of is None else D_of(dout, out)
    k, v = k.to(wide)[:, :, None], v.to(wide)[:, :, None]
    dq, dk, dv = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
    for i in range(tiling.n_query_tiles):
        r = tiling.rows(i)
        for j in (tiles or tile_bounds.key_tiles)(tiling, i):
            c = tiling.columns(j)
            S = tiled_attention.scores(q[..., r, :], k[..., c, :], tiling, i, j, scale)
            L_i = L[..., r, None]
            L_i = L_i.where(L_i > -torch.inf, 0)
            Z = torch.ones_like(S) if dropout is None else dropout.factors(tiling, i, j, S)
            given = q[..., r, :], k[..., c, :], v[..., c, :], dout[..., r, :]
            one = step(*given, S, L_i, D[..., r, None], Z, scale)
            dq[..., r, :] += one[0]
            dk[..., c, :] += one[1].sum(2, keepdim=True)
            dv[..., c, :] += one[2].sum(2, keepdim=True)
    return dq.flatten(1, 2).to(dtype), dk[:, :, 0].to(dtype), dv[:, :, 0].to(dtype)


def right(q, k, v, dout, S, L, D, Z, scale):
    """One tile, as it should be."""
    P = (S - L).exp()
    dS = P * (Z * (dout @ v.mT) - D) * scale
    return dS @ k, dS.mT @ q, (Z * P).mT @ dout


@mistake(
    "4.4",
    "tiled_backward.backward",
    "D is missing: the softmax's rows add up to 1, so pushing one weight up pushes the others down.",
)
def backward_without_d(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def step(q, k, v, dout, S, L, D, Z, scale):
        P = (S - L).exp()
        dS = P * (Z * (dout @ v.mT)) * scale
        return dS @ k, dS.mT @ q, (Z * P).mT @ dout

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, step)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "D is the row sum of dO alone; it is that of dO * O.",
)
def backward_d_of_values(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def D_of(dout, out):
        return dout.sum(-1)

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, right, D_of=D_of)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "D is the mean over the columns; it is their sum.",
)
def backward_d_mean(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def D_of(dout, out):
        return (dout * out).mean(-1)

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, right, D_of=D_of)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "D is added; it is what dP must exceed, so subtract it.",
)
def backward_adds_d(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def step(q, k, v, dout, S, L, D, Z, scale):
        P = (S - L).exp()
        dS = P * (Z * (dout @ v.mT) + D) * scale
        return dS @ k, dS.mT @ q, (Z * P).mT @ dout

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, step)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "The row sum of P * dP is taken in each tile alone; it goes over the whole row, which dO * O knows.",
)
def backward_d_per_tile(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def step(q, k, v, dout, S, L, D, Z, scale):
        P = (S - L).exp()
        dP = Z * (dout @ v.mT)
        dS = P * (dP - (P * dP).sum(-1, keepdim=True)) * scale
        return dS @ k, dS.mT @ q, (Z * P).mT @ dout

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, step)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "The scale is missing: scores are scale times q k^T, so it stands in dQ and in dK.",
)
def backward_without_scale(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def step(q, k, v, dout, S, L, D, Z, scale):
        P = (S - L).exp()
        dS = P * (Z * (dout @ v.mT) - D)
        return dS @ k, dS.mT @ q, (Z * P).mT @ dout

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, step)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "dK lacks the scale that dQ has.",
)
def backward_scales_q_only(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def step(q, k, v, dout, S, L, D, Z, scale):
        P = (S - L).exp()
        dS = P * (Z * (dout @ v.mT) - D)
        return scale * dS @ k, dS.mT @ q, (Z * P).mT @ dout

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, step)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "The scale comes in twice: once for S, which `scores` does, and once for each gradient; not again in dS.",
)
def backward_scales_twice(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def step(q, k, v, dout, S, L, D, Z, scale):
        P = (S - L).exp()
        dS = P * (Z * (dout @ v.mT) - D) * scale
        return scale * dS @ k, scale * dS.mT @ q, (Z * P).mT @ dout

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, step)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "P is a softmax over the tile alone; L is the logarithm of the whole row's sum, so P = exp(S - L).",
)
def backward_local_softmax(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def step(q, k, v, dout, S, L, D, Z, scale):
        top = S.amax(-1, keepdim=True)
        P = (S - top.where(top > -torch.inf, 0)).exp()
        P = P / P.sum(-1, keepdim=True).clamp(min=1e-30)
        dS = P * (Z * (dout @ v.mT) - D) * scale
        return dS @ k, dS.mT @ q, (Z * P).mT @ dout

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, step)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "P is exp(S), not divided by anything; subtract L before the exponential.",
)
def backward_without_l(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def step(q, k, v, dout, S, L, D, Z, scale):
        P = S.exp()
        dS = P * (Z * (dout @ v.mT) - D) * scale
        return dS @ k, dS.mT @ q, (Z * P).mT @ dout

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, step)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "P is divided by L, which is a logarithm: subtract it before the exponential.",
)
def backward_divides_by_l(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def step(q, k, v, dout, S, L, D, Z, scale):
        P = S.exp() / L
        dS = P * (Z * (dout @ v.mT) - D) * scale
        return dS @ k, dS.mT @ q, (Z * P).mT @ dout

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, step)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "dV is dS^T dO; the values are weighed by P, so it is P^T dO.",
)
def backward_dv_of_ds(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def step(q, k, v, dout, S, L, D, Z, scale):
        P = (S - L).exp()
        dS = P * (Z * (dout @ v.mT) - D) * scale
        return dS @ k, dS.mT @ q, dS.mT @ dout

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, step)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "The forward pass dropped terms, and this one does not.",
)
def backward_dropout_not_replayed(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def step(q, k, v, dout, S, L, D, Z, scale):
        P = (S - L).exp()
        dS = P * (dout @ v.mT - D) * scale
        return dS @ k, dS.mT @ q, P.mT @ dout

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, step)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "What was dropped has no part in dP either: dP is Z * (dO v^T).",
)
def backward_dropout_in_dv_only(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def step(q, k, v, dout, S, L, D, Z, scale):
        P = (S - L).exp()
        dS = P * (dout @ v.mT - D) * scale
        return dS @ k, dS.mT @ q, (Z * P).mT @ dout

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, step)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "The query heads of a group are averaged; a kv head's gradient is their sum.",
)
def backward_mean_of_group(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def step(q, k, v, dout, S, L, D, Z, scale):
        dq, dk, dv = right(q, k, v, dout, S, L, D, Z, scale)
        return dq, dk / dk.shape[2], dv / dv.shape[2]

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, step)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "Only the first query head of a group gives its kv head a gradient; all of them do.",
)
def backward_first_of_group(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def step(q, k, v, dout, S, L, D, Z, scale):
        dq, dk, dv = right(q, k, v, dout, S, L, D, Z, scale)
        return dq, dk[:, :, :1], dv[:, :, :1]

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, step)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "dK and dV keep the last query tile's part; every query tile adds to them.",
)
def backward_overwrites(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    dtype, wide, heads = q.dtype, L.dtype, (k.shape[1], -1)
    q, dout, out, L = (t.to(wide).unflatten(1, heads) for t in (q, dout, out, L))
    D = (dout * out).sum(-1)
    k, v = k.to(wide)[:, :, None], v.to(wide)[:, :, None]
    dq, dk, dv = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
    for i in range(tiling.n_query_tiles):
        r = tiling.rows(i)
        for j in tile_bounds.key_tiles(tiling, i):
            c = tiling.columns(j)
            S = tiled_attention.scores(q[..., r, :], k[..., c, :], tiling, i, j, scale)
            L_i = L[..., r, None]
            Z = torch.ones_like(S) if dropout is None else dropout.factors(tiling, i, j, S)
            given = q[..., r, :], k[..., c, :], v[..., c, :], dout[..., r, :]
            one = right(*given, S, L_i.where(L_i > -torch.inf, 0), D[..., r, None], Z, scale)
            dq[..., r, :] += one[0]
            dk[..., c, :] = one[1].sum(2, keepdim=True)
            dv[..., c, :] = one[2].sum(2, keepdim=True)
    return dq.flatten(1, 2).to(dtype), dk[:, :, 0].to(dtype), dv[:, :, 0].to(dtype)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "All key tiles are read, also those of which these queries see nothing.",
)
def backward_reads_all(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def tiles(tiling, i):
        return range(tiling.n_key_tiles)

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, right, tiles=tiles)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "A query that saw no key has L = -inf, and -inf - -inf is NaN; its gradient is 0.",
)
def backward_nan_rows(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def step(q, k, v, dout, S, L, D, Z, scale):
        blind = (S == -torch.inf).all(-1, keepdim=True) & (L == 0)
        return right(q, k, v, dout, S, L.masked_fill(blind, -torch.inf), D, Z, scale)

    return loop(dout, q, k, v, out, L, tiling, scale, dropout, step)


@mistake(
    "4.4",
    "tiled_backward.backward",
    "The gradients come as dK, dQ, dV; the order is that of q, k and v.",
)
def backward_order(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    dq, dk, dv = loop(dout, q, k, v, out, L, tiling, scale, dropout, right)
    return dk, dq, dv


@mistake(
    "4.4",
    "tiled_backward.backward",
    "rowsum(dO * O) is summed in the few bits of its inputs; what it is subtracted from has more.",
)
def backward_d_in_few_bits(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    D = (dout * out).sum(-1).to(L.dtype).unflatten(1, (k.shape[1], -1))
    return loop(dout, q, k, v, out, L, tiling, scale, dropout, right, lambda dO, O: D)
