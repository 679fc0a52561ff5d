"""Classic wrong answers for `solution/adam8bit.py`: the codes."""

import torch

from phase3_alignment.solution.double_quant import GROUP
from phase3_alignment.solution.nf4 import TINY, in_blocks, nearest
from shared.mistakes import mistake


@mistake(
    "3.8",
    "adam8bit.quantize",
    "One scale for the whole tensor: where one gradient is large, all small ones become zero. Blocks confine it.",
)
def moments_quantize_one_scale(x, levels):
    blocks = in_blocks(x, GROUP)
    absmax = blocks.abs().max().expand(len(blocks)).clone()
    codes = nearest(blocks / absmax.clamp(min=TINY)[:, None], levels)
    return codes.flatten()[: x.numel()], absmax


@mistake(
    "3.8",
    "adam8bit.quantize",
    "The scale is the largest value, not the largest absolute value.",
)
def moments_quantize_signed_maximum(x, levels):
    blocks = in_blocks(x, GROUP)
    absmax = blocks.amax(dim=1)
    codes = nearest(blocks / absmax.clamp(min=TINY)[:, None], levels)
    return codes.flatten()[: x.numel()], absmax


@mistake(
    "3.8",
    "adam8bit.quantize",
    "Each row of a matrix is a block of its own here. Blocks of 256 follow the numbers row by row.",
)
def moments_quantize_rows(x, levels):
    rows = x.reshape(-1, x.shape[-1])
    absmax, codes = [], []
    for row in rows:
        blocks = in_blocks(row, GROUP)
        absmax.append(blocks.abs().amax(dim=1))
        scaled = blocks / absmax[-1].clamp(min=TINY)[:, None]
        codes.append(nearest(scaled, levels).flatten()[: len(row)])
    return torch.cat(codes), torch.cat(absmax)


@mistake(
    "3.8",
    "adam8bit.quantize",
    "Zero over zero in a block of zeros: NaN gets the code of the largest level. Divide by no less than TINY.",
)
def moments_quantize_zero_over_zero(x, levels):
    blocks = in_blocks(x, GROUP)
    absmax = blocks.abs().amax(dim=1)
    codes = nearest(blocks / absmax[:, None], levels)
    return codes.flatten()[: x.numel()], absmax


@mistake(
    "3.8",
    "adam8bit.quantize",
    "The level below instead of the nearest one: each step then shrinks the moments a little.",
)
def moments_quantize_rounds_down(x, levels):
    blocks = in_blocks(x, GROUP)
    absmax = blocks.abs().amax(dim=1)
    scaled = blocks / absmax.clamp(min=TINY)[:, None]
    codes = (torch.bucketize(scaled, levels, right=True) - 1).clamp(min=0)
    return codes.to(torch.uint8).flatten()[: x.numel()], absmax


@mistake(
    "3.8",
    "adam8bit.quantize",
    "Evenly spaced codes, as round(127 x): the levels are given, and they are not even.",
)
def moments_quantize_evenly(x, levels):
    blocks = in_blocks(x, GROUP)
    absmax = blocks.abs().amax(dim=1)
    scaled = blocks / absmax.clamp(min=TINY)[:, None]
    codes = (scaled * 127 + 128).round().to(torch.uint8)
    return codes.flatten()[: x.numel()], absmax


@mistake(
    "3.8",
    "adam8bit.dequantize",
    "The levels come back without their scales.",
)
def moments_dequantize_without_scales(codes, absmax, levels):
    return levels[codes.long()]


@mistake(
    "3.8",
    "adam8bit.dequantize",
    "The scales are repeated one after the other, over and over; each belongs to 256 neighbours.",
)
def moments_dequantize_tiles_scales(codes, absmax, levels):
    return levels[codes.long()] * absmax.repeat(GROUP)[: len(codes)]


@mistake(
    "3.8",
    "adam8bit.dequantize",
    "A code is an index into the levels, not the number itself.",
)
def moments_dequantize_as_integers(codes, absmax, levels):
    blocks = in_blocks((codes.float() - 128) / 127, GROUP)
    return (blocks * absmax[:, None]).flatten()[: len(codes)]
