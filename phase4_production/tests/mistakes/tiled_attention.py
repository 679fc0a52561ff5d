"""Classic wrong answers for `solution/tiled_attention.py`."""

import math

import torch

from phase4_production.solution import online_softmax, tile_bounds
from phase4_production.solution.tiled_attention import scores
from shared.mistakes import mistake


def loop(q, k, v, tiling, scale, dropout, score=scores, tiles=None, feed=None, finish=None):
    """The right forward pass with one of its parts exchanged."""
    tiles = tiles or tile_bounds.key_tiles
    feed, finish = feed or online_softmax.update, finish or online_softmax.finish
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    q = q.unflatten(1, (k.shape[1], -1))
    k, v = k[:, :, None], v[:, :, None]
    out, L = torch.empty_like(q), online_softmax.empty(q, 0).m
    for i in range(tiling.n_query_tiles):
        rows = tiling.rows(i)
        state = online_softmax.empty(q[..., rows, :], q.shape[-1])
        for j in tiles(tiling, i):
            columns = tiling.columns(j)
            S = score(q[..., rows, :], k[..., columns, :], tiling, i, j, scale)
            factors = None if dropout is None else dropout.factors(tiling, i, j, S)
            state = feed(state, S, v[..., columns, :], factors)
        out[..., rows, :], L[..., rows] = finish(state)
    return out.flatten(1, 2), L.flatten(1, 2)


@mistake(
    "4.2",
    "tiled_attention.scores",
    "The scale is missing: the products of longer vectors would make sharper softmaxes.",
)
def scores_without_scale(q_i, k_j, tiling, i, j, scale):
    wide = torch.promote_types(q_i.dtype, torch.float32)
    found = q_i.to(wide) @ k_j.to(wide).mT
    if tile_bounds.needs_mask(tiling, i, j):
        found = found.masked_fill(~tiling.visible(i, j), -torch.inf)
    return found


@mistake(
    "4.2",
    "tiled_attention.scores",
    "The mask is turned: what may be seen is hidden, and the rest is seen.",
)
def scores_mask_turned(q_i, k_j, tiling, i, j, scale):
    wide = torch.promote_types(q_i.dtype, torch.float32)
    found = q_i.to(wide) @ k_j.to(wide).mT * scale
    if tile_bounds.needs_mask(tiling, i, j):
        found = found.masked_fill(tiling.visible(i, j), -torch.inf)
    return found


@mistake(
    "4.2",
    "tiled_attention.scores",
    "Nothing is masked: in a tile that an edge cuts, queries look into the future.",
)
def scores_without_mask(q_i, k_j, tiling, i, j, scale):
    wide = torch.promote_types(q_i.dtype, torch.float32)
    return q_i.to(wide) @ k_j.to(wide).mT * scale


@mistake(
    "4.2",
    "tiled_attention.scores",
    "A large negative number is no -inf: scores may be lower still, and rows that see nothing look normal.",
)
def scores_masked_by_a_number(q_i, k_j, tiling, i, j, scale):
    wide = torch.promote_types(q_i.dtype, torch.float32)
    found = q_i.to(wide) @ k_j.to(wide).mT * scale
    if tile_bounds.needs_mask(tiling, i, j):
        found = found.masked_fill(~tiling.visible(i, j), -1e6)
    return found


@mistake(
    "4.2",
    "tiled_attention.scores",
    "A score of 0 is a score like any other, exp(0) = 1; what is not seen has -inf.",
)
def scores_masked_by_zero(q_i, k_j, tiling, i, j, scale):
    wide = torch.promote_types(q_i.dtype, torch.float32)
    found = q_i.to(wide) @ k_j.to(wide).mT * scale
    if tile_bounds.needs_mask(tiling, i, j):
        found = found.masked_fill(~tiling.visible(i, j), 0.0)
    return found


@mistake(
    "4.2",
    "tiled_attention.scores",
    "The triangle within the tile knows only square tiles on the diagonal; `tiling.visible` knows positions.",
)
def scores_masked_by_tril(q_i, k_j, tiling, i, j, scale):
    wide = torch.promote_types(q_i.dtype, torch.float32)
    found = q_i.to(wide) @ k_j.to(wide).mT * scale
    if tile_bounds.needs_mask(tiling, i, j):
        seen = torch.ones(found.shape[-2:], dtype=torch.bool).tril()
        found = found.masked_fill(~seen, -torch.inf)
    return found


@mistake(
    "4.2",
    "tiled_attention.scores",
    "The product is rounded to the few bits of its inputs; widen q and k before it.",
)
def scores_in_few_bits(q_i, k_j, tiling, i, j, scale):
    wide = torch.promote_types(q_i.dtype, torch.float32)
    found = (q_i @ k_j.mT).to(wide) * scale
    if tile_bounds.needs_mask(tiling, i, j):
        found = found.masked_fill(~tiling.visible(i, j), -torch.inf)
    return found


@mistake(
    "4.2",
    "tiled_attention.forward",
    "Each tile is divided by its own l, and the results are added: the division comes once, at the end.",
)
def forward_divides_per_tile(q, k, v, tiling, scale=None, dropout=None):
    def feed(state, S, v_j, factors):
        new = online_softmax.update(state, S, v_j, factors)
        return new._replace(o=new.o / new.l.where(new.l > 0, 1)[..., None])

    def finish(state):
        return state.o, online_softmax.finish(state)[1]

    return loop(q, k, v, tiling, scale, dropout, feed=feed, finish=finish)


@mistake(
    "4.2",
    "tiled_attention.forward",
    "L is the maximum alone; the logarithm of the sum is m + ln l, which `finish` returns.",
)
def forward_l_without_log(q, k, v, tiling, scale=None, dropout=None):
    def finish(state):
        return online_softmax.finish(state)[0], state.m

    return loop(q, k, v, tiling, scale, dropout, finish=finish)


@mistake(
    "4.2",
    "tiled_attention.forward",
    "L is ln l alone: without the maximum the backward pass cannot make P again.",
)
def forward_l_without_m(q, k, v, tiling, scale=None, dropout=None):
    def finish(state):
        return online_softmax.finish(state)[0], state.l.log()

    return loop(q, k, v, tiling, scale, dropout, finish=finish)


@mistake(
    "4.2",
    "tiled_attention.forward",
    "All key tiles are read, also those of which these queries see nothing.",
)
def forward_reads_all(q, k, v, tiling, scale=None, dropout=None):
    def tiles(tiling, i):
        return range(tiling.n_key_tiles)

    return loop(q, k, v, tiling, scale, dropout, tiles=tiles)


@mistake(
    "4.2",
    "tiled_attention.forward",
    "Each key tile's softmax is taken alone, and the last one wins: the state must go from tile to tile.",
)
def forward_starts_anew(q, k, v, tiling, scale=None, dropout=None):
    def feed(state, S, v_j, factors):
        return online_softmax.update(online_softmax.empty(S, v_j.shape[-1]), S, v_j, factors)

    return loop(q, k, v, tiling, scale, dropout, feed=feed)


@mistake(
    "4.2",
    "tiled_attention.forward",
    "Kv heads are dealt out in turn, h modulo H_kv; neighbouring query heads share one: h // (H / H_kv).",
)
def forward_heads_in_turn(q, k, v, tiling, scale=None, dropout=None):
    G = q.shape[1] // k.shape[1]
    q = q.unflatten(1, (G, -1)).transpose(1, 2).flatten(1, 2)
    out, L = loop(q, k, v, tiling, scale, dropout)
    out = out.unflatten(1, (-1, G)).transpose(1, 2).flatten(1, 2)
    return out, L.unflatten(1, (-1, G)).transpose(1, 2).flatten(1, 2)


@mistake(
    "4.2",
    "tiled_attention.forward",
    "The scale is always 1 / sqrt(D); the caller may give another.",
)
def forward_ignores_scale(q, k, v, tiling, scale=None, dropout=None):
    return loop(q, k, v, tiling, None, dropout)


@mistake(
    "4.2",
    "tiled_attention.forward",
    "`scale or ...` takes a scale of 0 for none.",
)
def forward_scale_or(q, k, v, tiling, scale=None, dropout=None):
    return loop(q, k, v, tiling, scale or 1 / math.sqrt(q.shape[-1]), dropout)


@mistake(
    "4.2",
    "tiled_attention.forward",
    "The scale is 1 / D; the variance of a product of D numbers is D, and its root is what to divide by.",
)
def forward_scale_without_root(q, k, v, tiling, scale=None, dropout=None):
    return loop(q, k, v, tiling, 1 / q.shape[-1] if scale is None else scale, dropout)


@mistake(
    "4.2",
    "tiled_attention.forward",
    "The matrix is made as a whole; right, and just what tiles are there to avoid.",
)
def forward_whole_matrix(q, k, v, tiling, scale=None, dropout=None):
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    wide = torch.promote_types(q.dtype, torch.float32)
    grouped = q.unflatten(1, (k.shape[1], -1)).to(wide)
    S = grouped @ k.to(wide)[:, :, None].mT * scale
    for i in range(tiling.n_query_tiles):
        for j in range(tiling.n_key_tiles):
            hidden = ~tiling.visible(i, j)
            S[..., tiling.rows(i), tiling.columns(j)].masked_fill_(hidden, -torch.inf)
    L = S.logsumexp(-1)
    P = (S - L.where(L > -torch.inf, 0)[..., None]).exp()
    return (P @ v.to(wide)[:, :, None]).to(q.dtype).flatten(1, 2), L.flatten(1, 2)


@mistake(
    "4.2",
    "tiled_attention.forward",
    "Dropout is ignored.",
)
def forward_without_dropout(q, k, v, tiling, scale=None, dropout=None):
    return loop(q, k, v, tiling, scale, None)


@mistake(
    "4.2",
    "tiled_attention.scores",
    "Every causal tile is masked; most are cut by no edge, and their mask hides nothing.",
)
def scores_masks_every_tile(q_i, k_j, tiling, i, j, scale):
    wide = torch.promote_types(q_i.dtype, torch.float32)
    found = scale * (q_i.to(wide) @ k_j.to(wide).mT)
    return found.masked_fill(~tiling.visible(i, j), -torch.inf)


@mistake(
    "4.2",
    "tiled_attention.scores",
    "The scale comes after the mask: what is hidden is no product, and 0 times -inf is NaN.",
)
def scores_scaled_after_the_mask(q_i, k_j, tiling, i, j, scale):
    wide = torch.promote_types(q_i.dtype, torch.float32)
    found = q_i.to(wide) @ k_j.to(wide).mT
    if tile_bounds.needs_mask(tiling, i, j):
        found = found.masked_fill(~tiling.visible(i, j), -torch.inf)
    return found * scale
