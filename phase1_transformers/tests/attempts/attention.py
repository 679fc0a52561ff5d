"""The mistakes of `mistakes/attention.py`, as others would write them."""

import torch
import torch.nn.functional as F

from shared.mistakes import attempt


@attempt("attention_unscaled")
def _(q, k, v, mask=None):
    att = torch.einsum("...id,...jd->...ij", q, k)
    if mask is not None:
        att = torch.where(mask, att, torch.tensor(-torch.inf, dtype=att.dtype))
    return torch.matmul(F.softmax(att, dim=-1), v)


@attempt("attention_divided_by_D")
def _(q, k, v, mask=None):
    D = q.size(-1)
    att = (q / D) @ k.mT
    if mask is not None:
        att = torch.where(mask, att, float("-inf"))
    return torch.softmax(att, -1) @ v


@attempt("attention_multiplied")
def _(q, k, v, mask=None):
    att = torch.matmul(q, k.mT) * q.size(-1) ** 0.5
    if mask is not None:
        att = att.masked_fill(mask == 0, -1e30)
    return torch.softmax(att, -1) @ v


@attempt("attention_scaled_by_keys")
def _(q, k, v, mask=None):
    T = k.size(-2)
    att = torch.matmul(q, k.mT) * T**-0.5
    if mask is not None:
        att = att.masked_fill(mask.logical_not(), -torch.inf)
    return att.softmax(-1) @ v


@attempt("attention_scaled_by_values")
def _(q, k, v, mask=None):
    att = torch.matmul(q * v.size(-1) ** -0.5, k.mT)
    if mask is not None:
        att = att.masked_fill(mask.logical_not(), -torch.inf)
    return att.softmax(-1) @ v


@attempt("attention_scaled_too_late")
def _(q, k, v, mask=None):
    att = q @ k.mT
    if mask is not None:
        att = torch.where(mask, att, -torch.inf)
    return (F.softmax(att, -1) @ v) / q.size(-1) ** 0.5


@attempt("attention_softmax_over_queries")
def _(q, k, v, mask=None):
    att = k @ q.mT / q.size(-1) ** 0.5
    if mask is not None:
        att = att.masked_fill(~mask.expand(*mask.shape[:-2], q.size(-2), k.size(-2)).mT, -torch.inf)
    return torch.softmax(att, dim=-1).mT @ v


@attempt("attention_softmax_over_axis_1")
def _(q, k, v, mask=None):
    att = torch.einsum("...id,...jd->...ij", q, k) * q.size(-1) ** -0.5
    if mask is not None:
        att = torch.where(mask, att, -torch.inf)
    return torch.matmul(F.softmax(att, 1), v)


@attempt("attention_turns_all_axes")
def _(q, k, v, mask=None):
    att = torch.matmul(q / q.size(-1) ** 0.5, k.permute(*range(k.ndim)[::-1]))
    if mask is not None:
        att = torch.where(mask, att, -torch.inf)
    return torch.matmul(F.softmax(att, -1), v)


@attempt("attention_counts_axes_from_the_front")
def _(q, k, v, mask=None):
    att = torch.matmul(q / q.size(-1) ** 0.5, k.transpose(2, 1))
    if mask is not None:
        att = torch.where(mask, att, -torch.inf)
    return torch.matmul(F.softmax(att, -1), v)


@attempt("attention_without_softmax")
def _(q, k, v, mask=None):
    att = torch.einsum("...id,...jd->...ij", q, k) / q.size(-1) ** 0.5
    if mask is not None:
        att = att * mask
    return torch.einsum("...ij,...jd->...id", att, v)


@attempt("attention_in_float32")
def _(q, k, v, mask=None):
    dtype = q.dtype
    q, k, v = q.to(torch.float32), k.to(torch.float32), v.to(torch.float32)
    att = torch.matmul(q, k.mT) / q.size(-1) ** 0.5
    if mask is not None:
        att = torch.where(mask, att, -torch.inf)
    return torch.matmul(F.softmax(att, -1), v).type(dtype)


@attempt("attention_unstable")
def _(q, k, v, mask=None):
    e = torch.exp(q @ k.mT * q.size(-1) ** -0.5)
    if mask is not None:
        e = e * mask.to(e.dtype)
    return (e / e.sum(-1)[..., None]) @ v


@attempt("attention_mask_after_softmax")
def _(q, k, v, mask=None):
    p = F.softmax(q @ k.mT * q.size(-1) ** -0.5, dim=-1)
    return (p if mask is None else p * mask) @ v


@attempt("attention_renormalised")
def _(q, k, v, mask=None):
    att = F.softmax(torch.matmul(q, k.mT) * q.size(-1) ** -0.5, dim=-1)
    if mask is not None:
        att = att.masked_fill(mask.logical_not(), 0)
        att = att / att.sum(-1, keepdim=True)
    return torch.matmul(att, v)


@attempt("attention_mask_inverted")
def _(q, k, v, mask=None):
    p = q @ k.mT * q.size(-1) ** -0.5
    if mask is not None:
        p = torch.where(mask, -torch.inf, p)
    return F.softmax(p, dim=-1) @ v


@attempt("attention_mask_zero")
def _(q, k, v, mask=None):
    p = q @ k.mT * q.size(-1) ** -0.5
    return F.softmax(p if mask is None else p * mask, dim=-1) @ v


@attempt("attention_mask_leaks")
def _(q, k, v, mask=None):
    p = q @ k.mT * q.size(-1) ** -0.5
    if mask is not None:
        p = torch.where(mask, p, -10.0)
    return F.softmax(p, dim=-1) @ v


@attempt("attention_mask_large")
def _(q, k, v, mask=None):
    att = torch.matmul(q, k.mT) * q.size(-1) ** -0.5
    if mask is not None:
        att = torch.where(mask, att, -1e4)
    return torch.matmul(F.softmax(att, dim=-1), v)


@attempt("attention_mask_added")
def _(q, k, v, mask=None):
    p = q @ k.mT * q.size(-1) ** -0.5
    if mask is not None:
        p += mask.to(p.dtype)
    return F.softmax(p, dim=-1) @ v


@attempt("attention_mask_forgotten")
def _(q, k, v, mask=None):
    return F.scaled_dot_product_attention(q, k, v)


@attempt("attention_needs_a_mask")
def _(q, k, v, mask=None):
    att = torch.matmul(q, k.mT) * q.size(-1) ** -0.5
    att = att.masked_fill(mask == 0, -torch.inf)
    return torch.matmul(F.softmax(att, dim=-1), v)


@attempt("attention_in_place")
def _(q, k, v, mask=None):
    q.mul_(q.size(-1) ** -0.5)
    p = q @ k.mT
    if mask is not None:
        p[~mask.expand_as(p)] = -torch.inf
    return F.softmax(p, dim=-1) @ v


@attempt("causal_mask_inverted")
def _(T_q, T_k, device=None):
    i = torch.arange(T_k - T_q, T_k, device=device)[:, None]
    j = torch.arange(T_k, device=device)
    return j > i


@attempt("causal_mask_of_the_future")
def _(T_q, T_k, device=None):
    i = torch.arange(T_k - T_q, T_k, device=device)
    return torch.arange(T_k, device=device) >= i[:, None]


@attempt("causal_mask_without_itself")
def _(T_q, T_k, device=None):
    i = torch.arange(T_q, device=device)[:, None] + (T_k - T_q)
    return torch.arange(T_k, device=device) < i


@attempt("causal_mask_sees_the_next")
def _(T_q, T_k, device=None):
    i = torch.arange(T_q, device=device)[:, None] + T_k - T_q
    return torch.arange(T_k, device=device) <= i + 1


@attempt("causal_mask_aligned_at_start")
def _(T_q, T_k, device=None):
    return torch.arange(T_q, device=device)[:, None] >= torch.arange(T_k, device=device)


@attempt("causal_mask_square")
def _(T_q, T_k, device=None):
    steps = torch.arange(T_k, device=device)
    return steps[:, None] >= steps[None, :]


@attempt("causal_mask_shifted_back")
def _(T_q, T_k, device=None):
    i = torch.arange(T_q, device=device)[:, None] - (T_k - T_q)
    return torch.arange(T_k, device=device) <= i


@attempt("causal_mask_of_numbers")
def _(T_q, T_k, device=None):
    i = torch.arange(T_k - T_q, T_k, device=device)[:, None]
    return (torch.arange(T_k, device=device) <= i).float()
