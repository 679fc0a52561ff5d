"""The mistakes of `mistakes/double_quant.py`, as others would write them."""

import torch
import torch.nn.functional as F

from phase3_alignment.solution.double_quant import Scales, dynamic_map, on_grid
from shared.mistakes import attempt


def _code(values, levels):
    return (values[..., None] > (levels[1:] + levels[:-1]) / 2).sum(-1).to(torch.uint8)


def _cut(x, size=256):
    rows = -(-len(x) // size)
    return F.pad(x, (0, rows * size - len(x))).reshape(rows, size)


def _finish(groups, largest, offset, n, levels=None, grid=on_grid):
    scaled = torch.where(largest[:, None] > 0, groups / largest[:, None], torch.tensor(-1.0))
    codes = _code(grid(scaled), dynamic_map() if levels is None else levels)
    return Scales(codes.reshape(-1)[:n], largest, offset)


def _spread(absmax, n):
    return absmax.repeat_interleave(256)[:n]


def _levels(pieces, signed, shift=0.5, exponent=6):
    found = [0.0, 1.0]
    for i in range(7):
        n = pieces(i)
        for k in range(n):
            level = (0.1 + 0.9 * (k + shift) / n) * 10.0 ** (i - exponent)
            found += [level, -level] if signed else [level]
    return torch.tensor(sorted(found))


@attempt("dynamic_map_is_linear")
def _(signed=True):
    steps = torch.arange(256) / 255
    return 2 * steps - 1 if signed else steps


@attempt("dynamic_map_upside_down")
def _(signed=True):
    extra = 0 if signed else 1
    return _levels(lambda i: 2 ** (6 - i + extra), signed)


@attempt("dynamic_map_takes_edges")
def _(signed=True):
    extra = 0 if signed else 1
    return _levels(lambda i: 2 ** (i + extra), signed, shift=0)


@attempt("dynamic_map_one_decade_low")
def _(signed=True):
    extra = 0 if signed else 1
    return _levels(lambda i: 2 ** (i + extra), signed, exponent=7)


@attempt("dynamic_map_not_sorted")
def _(signed=True):
    found = [0.0, 1.0]
    for i in range(7):
        n = 2**i if signed else 2 * 2**i
        middles = [(0.1 + 0.9 * (k + 0.5) / n) * 10.0 ** (i - 6) for k in range(n)]
        found.extend(middles)
        if signed:
            found.extend(-x for x in middles)
    return torch.tensor(found)


@attempt("dynamic_map_always_signed")
def _(signed=True):
    return _levels(lambda i: 2**i, True)


@attempt("scales_quantize_without_offset")
def _(absmax):
    groups = _cut(absmax)
    return _finish(groups, groups.abs().max(1).values, torch.tensor(0.0), len(absmax))


@attempt("scales_quantize_mean_of_each_group")
def _(absmax):
    parts = list(torch.split(absmax, 256))
    means = [part.mean() for part in parts]
    groups = _cut(torch.cat([part - mean for part, mean in zip(parts, means)]))
    return _finish(groups, groups.abs().max(1).values, sum(means) / len(means), len(absmax))


@attempt("scales_quantize_pads_first")
def _(absmax):
    mean = absmax.mean()
    groups = _cut(absmax).sub(mean)
    return _finish(groups, groups.abs().max(1).values, mean, len(absmax))


@attempt("scales_quantize_one_group")
def _(absmax):
    mean = absmax.mean()
    groups = _cut(absmax - mean)
    largest = torch.full((len(groups),), groups.abs().max().item())
    return _finish(groups, largest, mean, len(absmax))


@attempt("scales_quantize_groups_of_64")
def _(absmax):
    mean = absmax.mean()
    groups = _cut(absmax - mean, 64)
    return _finish(groups, groups.abs().max(1).values, mean, len(absmax))


@attempt("scales_quantize_signed_largest")
def _(absmax):
    mean = absmax.mean()
    groups = _cut(absmax - mean)
    return _finish(groups, groups.max(1).values, mean, len(absmax))


@attempt("scales_quantize_without_the_grid")
def _(absmax):
    mean = absmax.mean()
    groups = _cut(absmax - mean)
    largest = groups.abs().max(1).values
    return _finish(groups, largest, mean, len(absmax), grid=lambda values: values)


@attempt("scales_quantize_unsigned")
def _(absmax):
    mean = absmax.mean()
    groups = _cut(absmax - mean)
    largest = groups.abs().max(1).values
    return _finish(groups, largest, mean, len(absmax), dynamic_map(False))


@attempt("scales_quantize_zero_over_zero")
def _(absmax):
    mean = absmax.mean()
    groups = _cut(absmax - mean)
    largest = groups.abs().max(1).values
    scaled = groups / largest[:, None]
    scaled[scaled.isnan()] = 1.0
    codes = _code(on_grid(scaled), dynamic_map()).reshape(-1)[: len(absmax)]
    return Scales(codes, largest, mean)


@attempt("scales_dequantize_without_offset")
def _(scales):
    values = torch.take(dynamic_map(), scales.codes.long())
    return values * _spread(scales.absmax, len(values))


@attempt("scales_dequantize_offset_first")
def _(scales):
    values = torch.take(dynamic_map(), scales.codes.long())
    return (values + scales.offset) * _spread(scales.absmax, len(values))


@attempt("scales_dequantize_as_integers")
def _(scales):
    values = (scales.codes.int() - 128) / 127
    return values * _spread(scales.absmax, len(values)) + scales.offset


@attempt("scales_dequantize_tiles_groups")
def _(scales):
    values = torch.take(dynamic_map(), scales.codes.long())
    which = torch.arange(len(values)) % len(scales.absmax)
    return values * scales.absmax[which] + scales.offset
