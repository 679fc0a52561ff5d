"""The mistakes of `mistakes/nf4.py`, as others would write them."""

import torch
import torch.nn.functional as F

from phase3_alignment.solution.nf4 import LEVELS
from shared.mistakes import attempt


def _quantile(p):
    return torch.special.ndtri(torch.as_tensor(p, dtype=torch.float64))


def _outermost(bits):
    n = 2**bits
    return 1 - 0.5 * (1 / (2 * n) + 1 / (2 * n - 2))


def _rows_of_64(weight):
    x = weight.detach().to(torch.float32).reshape(-1)
    missing = (64 - x.numel() % 64) % 64
    return F.pad(x, (0, missing)).reshape(-1, 64)


def _index(x, levels=LEVELS):
    middle = (levels[:-1] + levels[1:]) / 2
    return (x[..., None] > middle).sum(-1)


def _pack(codes, n):
    codes = codes.reshape(-1)[: n + n % 2]
    pairs = codes.reshape(-1, 2)
    return (pairs[:, 0] * 16 + pairs[:, 1]).to(torch.uint8)


def _safe(scales):
    return torch.where(scales > 0, scales, torch.ones_like(scales))


def _halves(codes, n):
    out = torch.empty(2 * len(codes), dtype=torch.long)
    out[0::2], out[1::2] = codes // 16, codes % 16
    return out[:n]


def _count(shape):
    n = 1
    for size in shape:
        n *= size
    return n


@attempt("normal_float_is_uniform")
def _(bits):
    n = 2**bits
    return torch.tensor([2 * i / (n - 1) - 1 for i in range(n)])


@attempt("normal_float_without_zero")
def _(bits):
    n = 2**bits
    p = _outermost(bits)
    q = [_quantile(1 - p + (2 * p - 1) * i / (n - 1)).item() for i in range(n)]
    return torch.tensor(q) / q[-1]


@attempt("normal_float_not_normalised")
def _(bits):
    h, p = 2 ** (bits - 1), _outermost(bits)
    up = [_quantile(p + (0.5 - p) * i / h).item() for i in range(h)]
    down = [-_quantile(p + (0.5 - p) * i / (h - 1)).item() for i in range(h - 1)]
    return torch.tensor([*down, 0.0, *up[::-1]])


@attempt("normal_float_mirrored")
def _(bits):
    h, p = 2 ** (bits - 1), _outermost(bits)
    many = [_quantile(p + (0.5 - p) * i / h).item() for i in range(h)]
    few = [_quantile(p + (0.5 - p) * i / (h - 1)).item() for i in range(h - 1)]
    top = many[0]
    return torch.tensor([-x / top for x in many] + [0.0] + [x / top for x in few[::-1]])


@attempt("nf4_quantize_swaps_nibbles")
def _(weight):
    x = _rows_of_64(weight)
    scales = x.abs().max(dim=1).values
    codes = _index(x / _safe(scales)[:, None]).reshape(-1)
    n = weight.numel() + weight.numel() % 2
    first, second = codes[:n:2], codes[1:n:2]
    return (first + 16 * second).to(torch.uint8), scales


@attempt("nf4_quantize_signed_maximum")
def _(weight):
    x = _rows_of_64(weight)
    scales = x.max(dim=1).values
    scaled = x * (1 / scales.clamp_min(1e-38)).unsqueeze(1)
    return _pack(_index(scaled), weight.numel()), scales


@attempt("nf4_quantize_one_scale")
def _(weight):
    x = _rows_of_64(weight)
    scale = x.abs().max()
    scales = torch.ones(len(x)) * scale
    return _pack(_index(x / _safe(scale)), weight.numel()), scales


@attempt("nf4_quantize_rounds_down")
def _(weight):
    x = _rows_of_64(weight)
    scales = x.abs().max(dim=1).values
    scaled = x * (1 / scales.clamp_min(1e-38)).unsqueeze(1)
    codes = ((scaled[..., None] >= LEVELS).sum(-1) - 1).clamp(min=0)
    return _pack(codes, weight.numel()), scales


@attempt("nf4_quantize_evenly")
def _(weight):
    x = _rows_of_64(weight)
    scales = x.abs().max(dim=1).values
    scaled = x / _safe(scales)[:, None]
    even = torch.arange(16) / 7.5 - 1
    return _pack(_index(scaled, even), weight.numel()), scales


@attempt("nf4_quantize_blocks_of_rows")
def _(weight):
    matrix = weight.detach().float().reshape(-1, weight.shape[-1])
    scales, codes = [], []
    for row in matrix:
        for start in range(0, len(row), 64):
            part = row[start : start + 64]
            scales.append(part.abs().max())
            codes.append(_index(part / _safe(scales[-1])))
    codes = torch.cat([*codes, torch.tensor([7])])
    return _pack(codes, weight.numel()), torch.stack(scales)


@attempt("nf4_quantize_drops_the_rest")
def _(weight):
    x = weight.detach().float().reshape(-1)
    whole = x.numel() - x.numel() % 64
    x = x[:whole].reshape(-1, 64)
    scales = x.abs().amax(1)
    return _pack(_index(x / _safe(scales)[:, None]), whole), scales


@attempt("nf4_quantize_keeps_padding")
def _(weight):
    x = _rows_of_64(weight)
    scales = x.abs().max(dim=1).values
    return _pack(_index(x / _safe(scales)[:, None]), x.numel()), scales


@attempt("nf4_quantize_never_scales")
def _(weight):
    x = _rows_of_64(weight)
    return _pack(_index(x), weight.numel()), x.abs().max(dim=1).values


@attempt("nf4_quantize_zero_over_zero")
def _(weight):
    x = _rows_of_64(weight)
    scales = x.abs().max(dim=1).values
    codes = torch.bucketize(x * scales.reciprocal()[:, None], (LEVELS[:-1] + LEVELS[1:]) / 2)
    return _pack(codes, weight.numel()), scales


@attempt("nf4_quantize_divides")
def _(weight):
    x = _rows_of_64(weight)
    scales = x.abs().max(dim=1).values
    x = x / scales.clamp_min(1e-38).unsqueeze(1)
    return _pack(torch.bucketize(x, (LEVELS[:-1] + LEVELS[1:]) / 2), weight.numel()), scales


@attempt("nf4_dequantize_swaps_nibbles")
def _(codes, absmax, shape, dtype=torch.float32):
    n = _count(shape)
    values = LEVELS[torch.stack((codes % 16, codes // 16), -1).reshape(-1)[:n].int()]
    return (values * absmax.repeat_interleave(64)[:n]).reshape(shape).to(dtype)


@attempt("nf4_dequantize_halves_in_a_row")
def _(codes, absmax, shape, dtype=torch.float32):
    n = _count(shape)
    values = torch.hstack([LEVELS[(codes // 16).int()], LEVELS[(codes % 16).int()]])[:n]
    return (values * absmax.repeat_interleave(64)[:n]).reshape(shape).to(dtype)


@attempt("nf4_dequantize_without_scales")
def _(codes, absmax, shape, dtype=torch.float32):
    return LEVELS[_halves(codes, _count(shape))].reshape(shape).to(dtype)


@attempt("nf4_dequantize_tiles_scales")
def _(codes, absmax, shape, dtype=torch.float32):
    n = _count(shape)
    where = torch.arange(n) % len(absmax)
    return (LEVELS[_halves(codes, n)] * absmax[where]).reshape(shape).to(dtype)


@attempt("nf4_dequantize_rounds_early")
def _(codes, absmax, shape, dtype=torch.float32):
    n = _count(shape)
    values, scales = LEVELS[_halves(codes, n)], absmax.repeat_interleave(64)[:n]
    return (values.to(dtype) * scales.to(dtype)).reshape(shape)


@attempt("nf4_dequantize_evenly")
def _(codes, absmax, shape, dtype=torch.float32):
    n = _count(shape)
    values = torch.linspace(-1, 1, 16)[_halves(codes, n)]
    return (values * absmax.repeat_interleave(64)[:n]).reshape(shape).to(dtype)
