"""The mistakes of `mistakes/tiled_backward.py`, as others would write them."""

import torch

from phase4_production.solution import tile_bounds, tiled_attention
from shared.mistakes import attempt


def _run(
    dout, q, k, v, out, L, tiling, scale, dropout, P_of=None, D_of=None, dS_of=None, dV_of=None,
    after=None, in_q=None, in_k=None, group="sum", add=True, every=False,
):  # fmt: skip
    """All query heads apart, keys outside; each argument exchanges one step."""
    G, D_head = q.shape[1] // k.shape[1], q.shape[-1]
    scale = D_head**-0.5 if scale is None else scale
    in_q, in_k = scale if in_q is None else in_q, scale if in_k is None else in_k
    Q, O, dO = (t.type(L.dtype) for t in (q, out, dout))  # noqa: E741
    K, V = (t.type(L.dtype).repeat_interleave(G, dim=1) for t in (k, v))
    D = torch.einsum("bhtd,bhtd->bht", dO, O) if D_of is None else D_of(dO, O)
    dQ, dK, dV = (torch.zeros_like(t) for t in (Q, K, V))
    for j in range(tiling.n_key_tiles):
        c = tiling.columns(j)
        for i in range(tiling.n_query_tiles):
            if not every and j not in tile_bounds.key_tiles(tiling, i):
                continue
            r = tiling.rows(i)
            S = tiled_attention.scores(Q[:, :, r], K[:, :, c], tiling, i, j, scale)
            lse = L[:, :, r].unsqueeze(-1).nan_to_num(neginf=0.0)
            P = torch.exp(S - lse) if P_of is None else P_of(S, lse)
            Z = torch.ones_like(S)
            if dropout is not None:
                Z = dropout.factors(tiling, i, j, S.unflatten(1, (-1, G))).flatten(1, 2)
            raw = torch.matmul(dO[:, :, r], V[:, :, c].transpose(2, 3))
            d = D[:, :, r].unsqueeze(-1)
            dS = P * (raw * Z - d) if dS_of is None else dS_of(P, raw, Z, d)
            weights = P * Z if dV_of is None else dV_of(P, dS, Z)
            dQ[:, :, r] += in_q * torch.matmul(dS, K[:, :, c])
            dk = in_k * torch.matmul(dS.transpose(2, 3), Q[:, :, r])
            dv = torch.matmul(weights.transpose(2, 3), dO[:, :, r])
            dK[:, :, c] = dk + (dK[:, :, c] if add else 0)
            dV[:, :, c] = dv + (dV[:, :, c] if add else 0)
    split = [t.unflatten(1, (-1, G)) for t in (dK, dV)]
    joined = {
        "sum": [t.sum(2) for t in split],
        "mean": [t.mean(2) for t in split],
        "first": [t[:, :, 0] for t in split],
    }[group]
    found = tuple(t.to(q.dtype) for t in (dQ, *joined))
    return found if after is None else after(*found)


@attempt("backward_without_d")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    return _run(
        dout, q, k, v, out, L, tiling, scale, dropout, dS_of=lambda P, raw, Z, d: P * Z * raw
    )


@attempt("backward_d_of_values")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    return _run(
        dout, q, k, v, out, L, tiling, scale, dropout, D_of=lambda dO, O: torch.sum(dO, dim=3)
    )


@attempt("backward_d_mean")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    return _run(
        dout, q, k, v, out, L, tiling, scale, dropout, D_of=lambda dO, O: torch.mean(dO * O, dim=3)
    )


@attempt("backward_adds_d")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    return _run(
        dout, q, k, v, out, L, tiling, scale, dropout, dS_of=lambda P, raw, Z, d: P * (d + raw * Z)
    )


@attempt("backward_d_per_tile")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def dS_of(P, raw, Z, d):
        own = torch.einsum("bhqk,bhqk->bhq", P, raw * Z)
        return P * (raw * Z - own.unsqueeze(-1))

    return _run(dout, q, k, v, out, L, tiling, scale, dropout, dS_of=dS_of)


@attempt("backward_without_scale")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    return _run(dout, q, k, v, out, L, tiling, scale, dropout, in_q=1.0, in_k=1.0)


@attempt("backward_scales_q_only")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    return _run(dout, q, k, v, out, L, tiling, scale, dropout, in_k=1.0)


@attempt("backward_scales_twice")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    again = 1 / q.shape[-1] if scale is None else scale * scale
    return _run(dout, q, k, v, out, L, tiling, scale, dropout, in_q=again, in_k=again)


@attempt("backward_local_softmax")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    return _run(
        dout,
        q,
        k,
        v,
        out,
        L,
        tiling,
        scale,
        dropout,
        P_of=lambda S, lse: S.softmax(-1).nan_to_num(0.0),
    )


@attempt("backward_without_l")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    return _run(dout, q, k, v, out, L, tiling, scale, dropout, P_of=lambda S, lse: torch.exp(S))


@attempt("backward_divides_by_l")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    return _run(
        dout, q, k, v, out, L, tiling, scale, dropout, P_of=lambda S, lse: torch.exp(S) / lse
    )


@attempt("backward_dv_of_ds")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    factor = q.shape[-1] ** -0.5 if scale is None else scale

    def dV_of(P, dS, Z):
        return dS * factor

    return _run(dout, q, k, v, out, L, tiling, scale, dropout, dV_of=dV_of)


@attempt("backward_dropout_not_replayed")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    return _run(dout, q, k, v, out, L, tiling, scale, None)


@attempt("backward_dropout_in_dv_only")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    return _run(
        dout, q, k, v, out, L, tiling, scale, dropout, dS_of=lambda P, raw, Z, d: P * (raw - d)
    )


@attempt("backward_mean_of_group")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    return _run(dout, q, k, v, out, L, tiling, scale, dropout, group="mean")


@attempt("backward_first_of_group")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    return _run(dout, q, k, v, out, L, tiling, scale, dropout, group="first")


@attempt("backward_overwrites")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    return _run(dout, q, k, v, out, L, tiling, scale, dropout, add=False)


@attempt("backward_reads_all")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    return _run(dout, q, k, v, out, L, tiling, scale, dropout, every=True)


@attempt("backward_nan_rows")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def P_of(S, lse):
        blind = (S.amax(-1, keepdim=True) == -torch.inf) & (lse == 0)
        return torch.where(blind, torch.nan, torch.exp(S - lse))

    return _run(dout, q, k, v, out, L, tiling, scale, dropout, P_of=P_of)


@attempt("backward_order")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    return _run(
        dout, q, k, v, out, L, tiling, scale, dropout, after=lambda dQ, dK, dV: (dK, dQ, dV)
    )


@attempt("backward_d_in_few_bits")
def _(dout, q, k, v, out, L, tiling, scale=None, dropout=None):
    def few(dO, O):  # noqa: E741
        return (dO.to(q.dtype) * O.to(q.dtype)).sum(dim=-1).type(L.dtype)

    return _run(dout, q, k, v, out, L, tiling, scale, dropout, D_of=few)
