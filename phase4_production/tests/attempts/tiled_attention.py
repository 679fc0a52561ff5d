"""The mistakes of `mistakes/tiled_attention.py`, as others would write them."""

import torch

from phase4_production.solution import tile_bounds
from shared.mistakes import attempt


def _wide(t):
    return t if t.dtype == torch.float64 else t.float()


def _products(q_i, k_j, scale):
    return torch.einsum("...qd,...kd->...qk", _wide(q_i) * scale, _wide(k_j))


def _tile(found, tiling, i, j, hidden=-torch.inf, turned=False):
    if not tile_bounds.needs_mask(tiling, i, j):
        return found
    seen = tiling.visible(i, j) ^ turned
    return torch.where(seen, found, hidden)


@attempt("scores_without_scale")
def _(q_i, k_j, tiling, i, j, scale):
    return _tile(_products(q_i, k_j, 1.0), tiling, i, j)


@attempt("scores_mask_turned")
def _(q_i, k_j, tiling, i, j, scale):
    return _tile(_products(q_i, k_j, scale), tiling, i, j, turned=True)


@attempt("scores_without_mask")
def _(q_i, k_j, tiling, i, j, scale):
    return _products(q_i, k_j, scale)


@attempt("scores_masked_by_a_number")
def _(q_i, k_j, tiling, i, j, scale):
    return _tile(_products(q_i, k_j, scale), tiling, i, j, hidden=-1e6)


@attempt("scores_masked_by_zero")
def _(q_i, k_j, tiling, i, j, scale):
    S = _products(q_i, k_j, scale)
    return S * tiling.visible(i, j) if tile_bounds.needs_mask(tiling, i, j) else S


@attempt("scores_masked_by_tril")
def _(q_i, k_j, tiling, i, j, scale):
    S = _products(q_i, k_j, scale)
    if tile_bounds.needs_mask(tiling, i, j):
        S = S + torch.full(S.shape[-2:], -torch.inf, dtype=S.dtype).triu(1)
    return S


@attempt("scores_in_few_bits")
def _(q_i, k_j, tiling, i, j, scale):
    products = torch.matmul(q_i, k_j.transpose(-2, -1))
    return _tile(_wide(products) * scale, tiling, i, j)


def _heads(q, k, v):
    G = q.shape[1] // k.shape[1]
    return k.repeat_interleave(G, dim=1), v.repeat_interleave(G, dim=1)


def _run(q, k, v, tiling, scale, dropout, tiles=None, anew=False, per_tile=False, lse="both"):
    """Head by head, with running m, l and o in plain variables."""
    B, H, T_q, D = q.shape
    H_kv = k.shape[1]
    k, v = _heads(q, k, v)
    scale = D**-0.5 if scale is None else scale
    wide = torch.promote_types(q.dtype, torch.float32)
    out = torch.zeros(B, H, T_q, D, dtype=q.dtype)
    L = torch.full((B, H, T_q), -torch.inf, dtype=wide)
    for i in range(tiling.n_query_tiles):
        r = tiling.rows(i)
        m = torch.full((B, H, r.stop - r.start), -torch.inf, dtype=wide)
        total, o = torch.zeros_like(m), torch.zeros(*m.shape, D, dtype=wide)
        for j in (tiles or tile_bounds.key_tiles)(tiling, i):
            c = tiling.columns(j)
            S = _tile(_products(q[:, :, r], k[:, :, c], scale), tiling, i, j)
            if anew:
                m, total, o = torch.full_like(m, -torch.inf), total * 0, o * 0
            new = torch.maximum(m, S.amax(-1))
            safe = new.nan_to_num(neginf=0.0)
            e, alpha = torch.exp(S - safe[..., None]), torch.exp(m - safe)
            kept = e
            if dropout is not None:
                like = e.unflatten(1, (H_kv, -1))
                kept = e * dropout.factors(tiling, i, j, like).flatten(1, 2)
            m, total = new, total * alpha + e.sum(-1)
            o = o * alpha[..., None] + kept @ v[:, :, c].to(wide)
            if per_tile:
                o = o / total.clamp(min=1e-300)[..., None]
        if not per_tile:
            o = torch.where(total[..., None] > 0, o / total[..., None], 0.0)
        out[:, :, r] = o.to(out.dtype)
        L[:, :, r] = {"both": m + total.log(), "m": m, "l": total.log()}[lse]
    return out, L


@attempt("forward_divides_per_tile")
def _(q, k, v, tiling, scale=None, dropout=None):
    return _run(q, k, v, tiling, scale, dropout, per_tile=True)


@attempt("forward_l_without_log")
def _(q, k, v, tiling, scale=None, dropout=None):
    return _run(q, k, v, tiling, scale, dropout, lse="m")


@attempt("forward_l_without_m")
def _(q, k, v, tiling, scale=None, dropout=None):
    return _run(q, k, v, tiling, scale, dropout, lse="l")


@attempt("forward_reads_all")
def _(q, k, v, tiling, scale=None, dropout=None):
    return _run(q, k, v, tiling, scale, dropout, tiles=lambda t, i: range(t.n_key_tiles))


@attempt("forward_starts_anew")
def _(q, k, v, tiling, scale=None, dropout=None):
    return _run(q, k, v, tiling, scale, dropout, anew=True)


@attempt("forward_heads_in_turn")
def _(q, k, v, tiling, scale=None, dropout=None):
    turn = torch.arange(q.shape[1]) % k.shape[1]
    return _run(q, k[:, turn], v[:, turn], tiling, scale, dropout)


@attempt("forward_ignores_scale")
def _(q, k, v, tiling, scale=None, dropout=None):
    return _run(q, k, v, tiling, q.shape[-1] ** -0.5, dropout)


@attempt("forward_scale_or")
def _(q, k, v, tiling, scale=None, dropout=None):
    if not scale:
        scale = q.shape[-1] ** -0.5
    return _run(q, k, v, tiling, scale, dropout)


@attempt("forward_scale_without_root")
def _(q, k, v, tiling, scale=None, dropout=None):
    if scale is None:
        scale = 1.0 / q.shape[3]
    return _run(q, k, v, tiling, scale, dropout)


@attempt("forward_whole_matrix")
def _(q, k, v, tiling, scale=None, dropout=None):
    K, V = (_wide(t) for t in _heads(q, k, v))
    S = _products(q, K, q.shape[-1] ** -0.5 if scale is None else scale)
    position = torch.arange(tiling.T_q).unsqueeze(1) + (tiling.T_k - tiling.T_q)
    distance = position - torch.arange(tiling.T_k)
    if tiling.causal:
        window = tiling.window or tiling.T_k + 1
        S[..., (distance < 0) | (distance >= window)] = -torch.inf
    top = S.amax(-1, keepdim=True).nan_to_num(neginf=0.0)
    e = torch.exp(S - top)
    total = e.sum(-1, keepdim=True)
    out = e @ V / total.clamp(min=1e-30)
    return out.to(q.dtype), (total.log() + top).squeeze(-1)


@attempt("forward_without_dropout")
def _(q, k, v, tiling, scale=None, dropout=None):
    return _run(q, k, v, tiling, scale, None)


@attempt("scores_masks_every_tile")
def _(q_i, k_j, tiling, i, j, scale):
    seen = tiling.visible(i, j, q_i.device)
    return torch.where(seen, _products(q_i, k_j, scale), -torch.inf)


@attempt("scores_scaled_after_the_mask")
def _(q_i, k_j, tiling, i, j, scale):
    return scale * _tile(_products(q_i, k_j, 1.0), tiling, i, j)
