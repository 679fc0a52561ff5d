"""The mistakes of `mistakes/llm_int8.py`, as others would write them."""

import torch

from shared.mistakes import attempt


def _split(x, threshold):
    """Two copies of x: outlier columns alone, and all others."""
    mask = x.abs().max(dim=0).values >= threshold
    return torch.where(mask, x, 0.0), torch.where(mask, 0.0, x)


def _step(x):
    """A step for each token; 1 for a token of zeros."""
    step = x.abs().max(dim=1, keepdim=True).values / 127
    return torch.where(step == 0, torch.ones_like(step), step)


def _codes(x, step):
    """Whole steps."""
    return torch.clip(torch.round(x / step), -127, 127)


def _sums(x_codes, codes):
    """Exact sums of whole numbers."""
    return x_codes.double() @ codes.double().T


@attempt("columns_without_sign")
def _(x, threshold=6.0):
    return torch.nonzero(x.max(dim=0).values >= threshold)[:, 0]


@attempt("columns_are_tokens")
def _(x, threshold=6.0):
    return torch.where(x.abs().max(dim=1).values >= threshold)[0]


@attempt("columns_of_all_tokens")
def _(x, threshold=6.0):
    return torch.where(x.abs().min(dim=0).values >= threshold)[0]


@attempt("columns_above_the_threshold")
def _(x, threshold=6.0):
    return torch.where(x.abs().max(dim=0).values > threshold)[0]


@attempt("columns_as_a_mask")
def _(x, threshold=6.0):
    return x.abs().max(dim=0).values >= threshold


@attempt("columns_from_six_on")
def _(x, threshold=6.0):
    return torch.where(x.abs().max(dim=0).values >= 6)[0]


@attempt("columns_are_repeated")
def _(x, threshold=6.0):
    columns = [c for row in x.tolist() for c, v in enumerate(row) if abs(v) >= threshold]
    return torch.tensor(sorted(columns), dtype=torch.int64)


@attempt("matmul_scales_with_outliers")
def _(x, codes, scale, threshold=6.0):
    large, small = _split(x, threshold)
    step = _step(x)
    y = large @ (codes * scale).T
    return y + (_sums(_codes(small, step), codes) * step * scale.T).float()


@attempt("matmul_drops_outliers")
def _(x, codes, scale, threshold=6.0):
    _, small = _split(x, threshold)
    step = _step(small)
    return (_sums(_codes(small, step), codes) * step * scale.T).float()


@attempt("matmul_counts_outliers_twice")
def _(x, codes, scale, threshold=6.0):
    large, small = _split(x, threshold)
    step = _step(small)
    y = large @ (codes * scale).T
    return y + (_sums(_codes(x, step), codes) * step * scale.T).float()


@attempt("matmul_without_a_split")
def _(x, codes, scale, threshold=6.0):
    step = _step(x)
    return (_sums(_codes(x, step), codes) * step * scale.T).float()


@attempt("matmul_in_float")
def _(x, codes, scale, threshold=6.0):
    return torch.nn.functional.linear(x, codes * scale)


@attempt("matmul_forgets_the_scale_of_outliers")
def _(x, codes, scale, threshold=6.0):
    large, small = _split(x, threshold)
    step = _step(small)
    y = large @ codes.float().T
    return y + (_sums(_codes(small, step), codes) * step * scale.T).float()


@attempt("matmul_forgets_a_scale")
def _(x, codes, scale, threshold=6.0):
    large, small = _split(x, threshold)
    step = _step(small)
    y = large @ (codes * scale).T
    return y + (_sums(_codes(small, step), codes) * step).float()


@attempt("matmul_with_one_scale")
def _(x, codes, scale, threshold=6.0):
    large, small = _split(x, threshold)
    step = _step(small.reshape(1, -1))
    y = large @ (codes * scale).T
    return y + (_sums(_codes(small, step), codes) * step * scale.T).float()


@attempt("matmul_sums_in_int8")
def _(x, codes, scale, threshold=6.0):
    large, small = _split(x, threshold)
    step = _step(small)
    wrapped = (_sums(_codes(small, step), codes) + 128) % 256 - 128
    return large @ (codes * scale).T + (wrapped * step * scale.T).float()


@attempt("matmul_sums_in_int16")
def _(x, codes, scale, threshold=6.0):
    large, small = _split(x, threshold)
    step = _step(small)
    wrapped = (_sums(_codes(small, step), codes) + 2**15) % 2**16 - 2**15
    return large @ (codes * scale).T + (wrapped * step * scale.T).float()


@attempt("matmul_changes_x")
def _(x, codes, scale, threshold=6.0):
    large, small = _split(x, threshold)
    x.copy_(small)
    step = _step(x)
    y = large @ (codes * scale).T
    return y + (_sums(_codes(x, step), codes) * step * scale.T).float()


@attempt("matmul_splits_by_number")
def _(x, codes, scale, threshold=6.0):
    large = x * (x.abs() >= threshold)
    small = x * (x.abs() < threshold)
    step = _step(small)
    y = large @ (codes * scale).T
    return y + (_sums(_codes(small, step), codes) * step * scale.T).float()
