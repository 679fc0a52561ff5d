"""Classic wrong answers for `solution/double_quant.py`."""

import torch

from phase3_alignment.solution.double_quant import GROUP, Scales, dynamic_map, on_grid
from phase3_alignment.solution.nf4 import in_blocks, nearest
from shared.mistakes import mistake


def _decades(count, top, signed):
    """Middles of `count(i)` pieces in each decade, the last of which ends at `top`."""
    parts = []
    for i in range(7):
        edges = torch.linspace(0.1, 1, count(i) + 1)
        parts.append(10.0 ** (i - 6) * top * (edges[:-1] + edges[1:]) / 2)
    levels = torch.cat(parts)
    levels = torch.cat([levels, -levels]) if signed else levels
    return torch.cat([levels, torch.tensor([0.0, 1.0])]).sort().values


@mistake(
    "3.6",
    "double_quant.dynamic_map",
    "256 evenly spaced levels: this type is fine near zero and coarse far from it.",
)
def dynamic_map_is_linear(signed=True):
    return torch.linspace(-1 if signed else 0, 1, 256)


@mistake(
    "3.6",
    "double_quant.dynamic_map",
    "The decades run the wrong way: the coarsest is the smallest, and numbers near one need the most levels.",
)
def dynamic_map_upside_down(signed=True):
    return _decades(lambda i: 2 ** (6 - i) if signed else 2 ** (7 - i), 1, signed)


@mistake(
    "3.6",
    "double_quant.dynamic_map",
    "The levels are the lower edges of the pieces, not their middles.",
)
def dynamic_map_takes_edges(signed=True):
    parts = []
    for i in range(7):
        edges = torch.linspace(0.1, 1, (2**i if signed else 2 ** (i + 1)) + 1)
        parts.append(10.0 ** (i - 6) * edges[:-1])
    levels = torch.cat(parts)
    levels = torch.cat([levels, -levels]) if signed else levels
    return torch.cat([levels, torch.tensor([0.0, 1.0])]).sort().values


@mistake(
    "3.6",
    "double_quant.dynamic_map",
    "The largest decade ends at 0.1 here: decade 6 is [0.1, 1] itself.",
)
def dynamic_map_one_decade_low(signed=True):
    return _decades(lambda i: 2**i if signed else 2 ** (i + 1), 0.1, signed)


@mistake(
    "3.6",
    "double_quant.dynamic_map",
    "The levels are in the order in which they were made. Who looks for the nearest needs them ascending.",
)
def dynamic_map_not_sorted(signed=True):
    parts = [torch.tensor([0.0, 1.0])]
    for i in range(7):
        edges = torch.linspace(0.1, 1, (2**i if signed else 2 ** (i + 1)) + 1)
        middles = 10.0 ** (i - 6) * (edges[:-1] + edges[1:]) / 2
        parts += [middles, -middles] if signed else [middles]
    return torch.cat(parts)


@mistake(
    "3.6",
    "double_quant.dynamic_map",
    "Levels below zero though `signed` is False: half of the codes would never be used.",
)
def dynamic_map_always_signed(signed=True):
    return _decades(lambda i: 2**i, 1, True)


@mistake(
    "3.6",
    "double_quant.quantize",
    "The mean is not subtracted: scales are positive, so half of a signed type is wasted on them.",
)
def scales_quantize_without_offset(absmax):
    groups = in_blocks(absmax, GROUP)
    largest = groups.abs().amax(dim=1)
    scaled = (groups * (1 / largest)[:, None]).where(largest[:, None] > 0, -1.0)
    codes = nearest(on_grid(scaled), dynamic_map()).flatten()[: len(absmax)]
    return Scales(codes, largest, torch.zeros(()))


@mistake(
    "3.6",
    "double_quant.quantize",
    "Each group has its own mean here, a float32 more for each. There is one offset, the mean of all.",
)
def scales_quantize_mean_of_each_group(absmax):
    means = torch.stack([part.mean() for part in absmax.split(GROUP)])
    groups = in_blocks(absmax - means.repeat_interleave(GROUP)[: len(absmax)], GROUP)
    largest = groups.abs().amax(dim=1)
    scaled = (groups * (1 / largest)[:, None]).where(largest[:, None] > 0, -1.0)
    codes = nearest(on_grid(scaled), dynamic_map()).flatten()[: len(absmax)]
    return Scales(codes, largest, means.mean())


@mistake(
    "3.6",
    "double_quant.quantize",
    "The last group is filled up with zeros first and the mean subtracted then: what fills it up becomes -mean, and counts.",
)
def scales_quantize_pads_first(absmax):
    offset = absmax.mean()
    groups = in_blocks(absmax, GROUP) - offset
    largest = groups.abs().amax(dim=1)
    scaled = (groups * (1 / largest)[:, None]).where(largest[:, None] > 0, -1.0)
    codes = nearest(on_grid(scaled), dynamic_map()).flatten()[: len(absmax)]
    return Scales(codes, largest, offset)


@mistake(
    "3.6",
    "double_quant.quantize",
    "One scale for all groups: each group of 256 has its own.",
)
def scales_quantize_one_group(absmax):
    offset = absmax.mean()
    groups = in_blocks(absmax - offset, GROUP)
    largest = groups.abs().max().expand(len(groups)).clone()
    scaled = (groups * (1 / largest)[:, None]).where(largest[:, None] > 0, -1.0)
    codes = nearest(on_grid(scaled), dynamic_map()).flatten()[: len(absmax)]
    return Scales(codes, largest, offset)


@mistake(
    "3.6",
    "double_quant.quantize",
    "Groups of 64, as for weights: the scales of scales would cost four times as much.",
)
def scales_quantize_groups_of_64(absmax):
    offset = absmax.mean()
    groups = in_blocks(absmax - offset, 64)
    largest = groups.abs().amax(dim=1)
    scaled = (groups * (1 / largest)[:, None]).where(largest[:, None] > 0, -1.0)
    codes = nearest(on_grid(scaled), dynamic_map()).flatten()[: len(absmax)]
    return Scales(codes, largest, offset)


@mistake(
    "3.6",
    "double_quant.quantize",
    "The largest value is taken without the sign removed: after the mean is off, the farthest may be negative.",
)
def scales_quantize_signed_largest(absmax):
    offset = absmax.mean()
    groups = in_blocks(absmax - offset, GROUP)
    largest = groups.amax(dim=1)
    scaled = (groups * (1 / largest)[:, None]).where(largest[:, None] > 0, -1.0)
    codes = nearest(on_grid(scaled), dynamic_map()).flatten()[: len(absmax)]
    return Scales(codes, largest, offset)


@mistake(
    "3.6",
    "double_quant.quantize",
    "The values go to their nearest levels directly. That is finer, but bitsandbytes asks its grid first: see `on_grid`.",
)
def scales_quantize_without_the_grid(absmax):
    offset = absmax.mean()
    groups = in_blocks(absmax - offset, GROUP)
    largest = groups.abs().amax(dim=1)
    scaled = (groups * (1 / largest)[:, None]).where(largest[:, None] > 0, -1.0)
    codes = nearest(scaled, dynamic_map()).flatten()[: len(absmax)]
    return Scales(codes, largest, offset)


@mistake(
    "3.6",
    "double_quant.quantize",
    "The unsigned map: what is below the mean has nowhere to go.",
)
def scales_quantize_unsigned(absmax):
    offset = absmax.mean()
    groups = in_blocks(absmax - offset, GROUP)
    largest = groups.abs().amax(dim=1)
    scaled = (groups * (1 / largest)[:, None]).where(largest[:, None] > 0, -1.0)
    codes = nearest(on_grid(scaled), dynamic_map(signed=False)).flatten()[: len(absmax)]
    return Scales(codes, largest, offset)


@mistake(
    "3.6",
    "double_quant.quantize",
    "Equal scales: zero is divided by zero, and NaN gets a code. Such a group has the codes 0.",
)
def scales_quantize_zero_over_zero(absmax):
    offset = absmax.mean()
    groups = in_blocks(absmax - offset, GROUP)
    largest = groups.abs().amax(dim=1)
    scaled = (groups / largest[:, None]).nan_to_num(nan=2.0).clamp(max=1)
    codes = nearest(on_grid(scaled), dynamic_map()).flatten()[: len(absmax)]
    return Scales(codes, largest, offset)


@mistake(
    "3.6",
    "double_quant.dequantize",
    "The mean is not added back: half of the scales come out negative.",
)
def scales_dequantize_without_offset(scales):
    codes, absmax, _ = scales
    levels = dynamic_map()[codes.long()]
    return (in_blocks(levels, GROUP) * absmax[:, None]).flatten()[: len(codes)]


@mistake(
    "3.6",
    "double_quant.dequantize",
    "The mean is added before the multiplication, so it is scaled, too.",
)
def scales_dequantize_offset_first(scales):
    codes, absmax, offset = scales
    levels = dynamic_map()[codes.long()] + offset
    return (in_blocks(levels, GROUP) * absmax[:, None]).flatten()[: len(codes)]


@mistake(
    "3.6",
    "double_quant.dequantize",
    "A code is taken for the number itself, as in a plain eight-bit integer. It is an index into the map.",
)
def scales_dequantize_as_integers(scales):
    codes, absmax, offset = scales
    levels = (codes.float() - 128) / 127
    return (in_blocks(levels, GROUP) * absmax[:, None]).flatten()[: len(codes)] + offset


@mistake(
    "3.6",
    "double_quant.dequantize",
    "The groups' scales are repeated one after the other, over and over; each belongs to 256 neighbours.",
)
def scales_dequantize_tiles_groups(scales):
    codes, absmax, offset = scales
    return dynamic_map()[codes.long()] * absmax.repeat(GROUP)[: len(codes)] + offset
