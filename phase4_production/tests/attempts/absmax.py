"""The mistakes of `mistakes/absmax.py`, as others would write them."""

import torch

from shared.mistakes import attempt


def _tiles(x, rows, columns):
    """The tiles' rows and columns behind each other, in float32."""
    R, C = x.shape
    cut = x.detach().float().reshape(R // rows, rows, C // columns, columns)
    return cut.permute(0, 2, 1, 3).flatten(2)


def _each(x, scale):
    """The scale of every number."""
    R, C = x.shape
    r, c = scale.shape
    return scale[:, None, :, None].expand(r, R // r, c, C // c).reshape(R, C)


@attempt("scale_without_sign")
def _(x, rows, columns):
    found = torch.max(_tiles(x, rows, columns), dim=-1).values / 127
    return torch.where(found > 0, found, torch.ones_like(found))


@attempt("scale_over_128")
def _(x, rows, columns):
    found = _tiles(x, rows, columns).abs().max(-1).values * 2**-7
    found[found == 0] = 1
    return found


@attempt("scale_of_zeros_is_zero")
def _(x, rows, columns):
    return torch.max(_tiles(x, rows, columns).abs(), dim=-1).values / 127


@attempt("scale_is_the_reciprocal")
def _(x, rows, columns):
    peak = _tiles(x, rows, columns).abs().amax(-1)
    return torch.where(peak == 0, 1.0, 127.0 / peak)


@attempt("scale_swaps_rows_and_columns")
def _(x, rows, columns):
    rows, columns = columns, rows
    found = _tiles(x, rows, columns).abs().amax(-1) / 127
    found[found == 0] = 1
    return found


@attempt("scale_is_one_for_all")
def _(x, rows, columns):
    found = torch.full((x.shape[0] // rows, x.shape[1] // columns), x.detach().abs().max() / 127)
    found[found == 0] = 1
    return found


@attempt("scale_strides_over_groups")
def _(x, rows, columns):
    R, C = x.shape
    cut = x.detach().float().abs().reshape(rows, R // rows, columns, C // columns)
    found = cut.amax(0).amax(1) / 127
    return torch.where(found > 0, found, torch.ones_like(found))


@attempt("quantize_truncates")
def _(x, scale):
    codes = torch.trunc(x.detach().float() / _each(x, scale))
    return torch.clamp(codes, min=-127, max=127).to(torch.int8)


@attempt("quantize_rounds_half_up")
def _(x, scale):
    codes = torch.floor(x.detach().float() / _each(x, scale) + 0.5)
    return codes.clip(-127, 127).char()


@attempt("quantize_wraps_around")
def _(x, scale):
    codes = torch.round(x.detach().float() / _each(x, scale))
    return codes.long().char()


@attempt("quantize_keeps_minus_128")
def _(x, scale):
    limits = torch.iinfo(torch.int8)
    return torch.round(x.detach().float() / _each(x, scale)).clamp(limits.min, limits.max).char()


@attempt("quantize_stays_float")
def _(x, scale):
    return torch.round(x.detach().float().div(_each(x, scale))).clip(-127, 127)


@attempt("quantize_multiplies")
def _(x, scale):
    return (_each(x, scale) * x.detach().float()).round().clip(-127, 127).char()


@attempt("scale_takes_small_for_zero")
def _(x, rows, columns):
    R, C = x.shape
    peaks = x.detach().float().abs().reshape(R // rows, rows, C // columns, columns)
    step = peaks.amax(3).amax(1) / 127
    step[step < 1e-10] = 1
    return step
