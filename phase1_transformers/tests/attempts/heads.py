"""The mistakes of `mistakes/heads.py`, as others would write them."""

import torch

from shared.mistakes import attempt


@attempt("split_heads_without_transpose")
def _(x, n_head):
    return x.contiguous().view(x.size(0), n_head, x.size(1), -1)


@attempt("split_heads_interleaved")
def _(x, n_head):
    return torch.stack([x[:, :, h::n_head] for h in range(n_head)], dim=1)


@attempt("split_heads_tokens_first")
def _(x, n_head):
    return torch.stack(x.chunk(n_head, dim=-1), dim=2)


@attempt("split_heads_channels_first")
def _(x, n_head):
    return torch.stack([part.transpose(1, 2) for part in x.chunk(n_head, dim=2)], dim=1)


@attempt("split_heads_counts_channels")
def _(x, n_head):
    return torch.stack(x.split(n_head, dim=-1), dim=1)


@attempt("merge_heads_without_transpose")
def _(x):
    return x.contiguous().view(x.size(0), x.size(2), -1)


@attempt("merge_heads_interleaved")
def _(x):
    return torch.stack(x.unbind(1), dim=-1).flatten(2)


@attempt("merge_heads_adds")
def _(x):
    total = 0
    for h in range(x.size(1)):
        total = total + x[:, h]
    return total


@attempt("merge_heads_stays_split")
def _(x):
    return torch.stack([x[:, h] for h in range(x.size(1))], dim=2)


@attempt("repeat_kv_tiles")
def _(x, n_head):
    return torch.cat([x] * (n_head // x.size(1)), dim=1)


@attempt("repeat_kv_too_often")
def _(x, n_head):
    B, H, T, D = x.shape
    return x[:, :, None].expand(B, H, n_head, T, D).reshape(B, H * n_head, T, D)


@attempt("repeat_kv_repeats_tokens")
def _(x, n_head):
    r = n_head // x.size(1)
    return torch.stack([x] * r, dim=3).flatten(2, 3)


@attempt("repeat_kv_first_head_only")
def _(x, n_head):
    return torch.stack([x[:, 0]] * n_head, dim=1)


@attempt("repeat_kv_pads")
def _(x, n_head):
    B, H, T, D = x.shape
    out = torch.zeros(B, n_head, T, D, dtype=x.dtype)
    out[:, :H] = x
    return out
