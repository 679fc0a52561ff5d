"""The mistakes of `mistakes/masked.py`, as others would write them."""

import torch

from shared.mistakes import attempt


def _fill(x, mask, chosen):
    """Put numbers back where the mask is True, zeros elsewhere."""
    out = torch.zeros_like(x)
    out[mask] = chosen
    return out


@attempt("whiten_unbiased")
def _(x, mask, shift_mean=True, eps=1e-8):
    chosen = x[mask]
    if len(chosen) == 0:
        return torch.zeros_like(x)
    mu = chosen.mean()
    n = max(len(chosen) - 1, 1)
    var = ((chosen - mu) ** 2).sum() / n
    out = (chosen - mu) / (var + eps) ** 0.5
    return _fill(x, mask, out if shift_mean else out + mu)


@attempt("whiten_over_padding")
def _(x, mask, shift_mean=True, eps=1e-8):
    mu = x.sum() / x.numel()
    sigma = (((x - mu) ** 2).mean() + eps).sqrt()
    out = (x - mu) / sigma
    if not shift_mean:
        out = out + mu
    out = out.clone()
    out[~mask] = 0
    return out


@attempt("whiten_counts_zeros")
def _(x, mask, shift_mean=True, eps=1e-8):
    clean = x.masked_fill(~mask, 0.0)
    mu, var = clean.mean(), clean.var(unbiased=False)
    out = (clean - mu) / (var + eps).sqrt()
    if not shift_mean:
        out = out + mu
    return out.masked_fill(~mask, 0.0)


@attempt("whiten_multiplies")
def _(x, mask, shift_mean=True, eps=1e-8):
    m = mask.to(x.dtype)
    n = max(m.sum().item(), 1)
    mu = (m * x).sum() / n
    var = (m * (x - mu) ** 2).sum() / n
    out = (x - mu) / (var + eps).sqrt()
    if not shift_mean:
        out = out + mu
    return m * out


@attempt("whiten_each_row")
def _(x, mask, shift_mean=True, eps=1e-8):
    rows = []
    for row, keep in zip(x, mask):
        out = torch.zeros_like(row)
        if keep.any():
            chosen = row[keep]
            mu = chosen.mean()
            out[keep] = (chosen - mu) / (chosen.var(correction=0) + eps).sqrt()
            if not shift_mean:
                out[keep] += mu
        rows.append(out)
    return torch.stack(rows)


@attempt("whiten_leaves_padding")
def _(x, mask, shift_mean=True, eps=1e-8):
    if not mask.any():
        return x / eps**0.5
    chosen = x[mask]
    mu = chosen.mean()
    out = (x - mu) / (chosen.var(correction=0) + eps) ** 0.5
    return out if shift_mean else mu + out


@attempt("whiten_always_shifts")
def _(x, mask, shift_mean=True, eps=1e-8):
    chosen = x[mask]
    if not len(chosen):
        return torch.zeros_like(x)
    return _fill(x, mask, (chosen - chosen.mean()) / (chosen.var(correction=0) + eps).sqrt())


@attempt("whiten_scales_the_mean")
def _(x, mask, shift_mean=True, eps=1e-8):
    chosen = x[mask]
    if not len(chosen):
        return torch.zeros_like(x)
    std = (chosen.var(correction=0) + eps).sqrt()
    centered = chosen - chosen.mean() if shift_mean else chosen
    return _fill(x, mask, centered / std)


@attempt("whiten_by_variance")
def _(x, mask, shift_mean=True, eps=1e-8):
    chosen = x[mask]
    if not len(chosen):
        return torch.zeros_like(x)
    mu = chosen.mean()
    out = (chosen - mu) / (((chosen - mu) ** 2).mean() + eps)
    return _fill(x, mask, out if shift_mean else out + mu)


@attempt("whiten_without_eps")
def _(x, mask, shift_mean=True, eps=1e-8):
    clean = x.masked_fill(~mask, 0)
    n = mask.sum().clamp(min=1)
    mu = clean.sum() / n
    std = ((clean - mu).square().masked_fill(~mask, 0).sum() / n) ** 0.5
    out = (clean - mu) / std + (0 if shift_mean else mu)
    return out.masked_fill(~mask, 0)


@attempt("whiten_eps_outside")
def _(x, mask, shift_mean=True, eps=1e-8):
    mu, deviation = x[mask].mean(), x[mask].var(correction=0) ** 0.5
    out = (x - mu) / (eps + deviation)
    if not shift_mean:
        out = out + mu
    return torch.where(mask, out, torch.zeros_like(out))
