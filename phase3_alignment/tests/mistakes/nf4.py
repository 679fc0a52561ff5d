"""Classic wrong answers for `solution/nf4.py`."""

from math import prod

import torch

from phase3_alignment.solution.nf4 import BLOCK, LEVELS, TINY, in_blocks, nearest
from shared.mistakes import mistake


@mistake(
    "3.5",
    "nf4.normal_float",
    "Evenly spaced levels: a bell curve's weights crowd near zero, where these levels do not.",
)
def normal_float_is_uniform(bits):
    return torch.linspace(-1, 1, 2**bits)


@mistake(
    "3.5",
    "nf4.normal_float",
    "The same number of levels on both sides leaves no room for zero, and zero must be exact.",
)
def normal_float_without_zero(bits):
    h = 2 ** (bits - 1)
    p = 1 - (1 / (4 * h) + 1 / (4 * h - 2)) / 2
    levels = torch.special.ndtri(torch.linspace(1 - p, p, 2 * h, dtype=torch.float64))
    return (levels / levels.max()).float()


@mistake(
    "3.5",
    "nf4.normal_float",
    "The levels are not divided by the largest, so they do not end at -1 and 1.",
)
def normal_float_not_normalised(bits):
    h = 2 ** (bits - 1)
    p = 1 - (1 / (4 * h) + 1 / (4 * h - 2)) / 2
    above = torch.special.ndtri(torch.linspace(p, 0.5, h + 1, dtype=torch.float64)[:-1])
    below = -torch.special.ndtri(torch.linspace(p, 0.5, h, dtype=torch.float64)[:-1])
    return torch.cat([below, torch.zeros(1, dtype=torch.float64), above.flip(0)]).float()


@mistake(
    "3.5",
    "nf4.normal_float",
    "The sides are swapped: the one with one level more, 2^(bits - 1), lies above zero.",
)
def normal_float_mirrored(bits):
    h = 2 ** (bits - 1)
    p = 1 - (1 / (4 * h) + 1 / (4 * h - 2)) / 2
    above = torch.special.ndtri(torch.linspace(p, 0.5, h, dtype=torch.float64)[:-1])
    below = -torch.special.ndtri(torch.linspace(p, 0.5, h + 1, dtype=torch.float64)[:-1])
    levels = torch.cat([below, torch.zeros(1, dtype=torch.float64), above.flip(0)])
    return (levels / levels.max()).float()


@mistake(
    "3.5",
    "nf4.quantize",
    "The two codes of each byte are swapped: the first belongs into the high four bits.",
)
def nf4_quantize_swaps_nibbles(weight):
    blocks = in_blocks(weight.detach().float(), BLOCK)
    absmax = blocks.abs().amax(dim=1)
    scaled = blocks * (1 / absmax.clamp(min=TINY))[:, None]
    codes = nearest(scaled, LEVELS).flatten()[: 2 * -(-weight.numel() // 2)]
    return codes[1::2] << 4 | codes[0::2], absmax


@mistake(
    "3.5",
    "nf4.quantize",
    "The scale is the largest value, not the largest absolute value: a block's most negative weight is cut off.",
)
def nf4_quantize_signed_maximum(weight):
    blocks = in_blocks(weight.detach().float(), BLOCK)
    absmax = blocks.amax(dim=1)
    scaled = blocks * (1 / absmax.clamp(min=TINY))[:, None]
    codes = nearest(scaled, LEVELS).flatten()[: 2 * -(-weight.numel() // 2)]
    return codes[0::2] << 4 | codes[1::2], absmax


@mistake(
    "3.5",
    "nf4.quantize",
    "One scale for the whole weight: a single outlier then coarsens everything. Each block of 64 has its own.",
)
def nf4_quantize_one_scale(weight):
    flat = weight.detach().float().flatten()
    blocks = in_blocks(flat, BLOCK)
    absmax = flat.abs().max().expand(len(blocks)).clone()
    scaled = blocks * (1 / absmax.clamp(min=TINY))[:, None]
    codes = nearest(scaled, LEVELS).flatten()[: 2 * -(-weight.numel() // 2)]
    return codes[0::2] << 4 | codes[1::2], absmax


@mistake(
    "3.5",
    "nf4.quantize",
    "Each value goes to the level below it, so errors are twice as large and all of one sign. Take the nearest.",
)
def nf4_quantize_rounds_down(weight):
    blocks = in_blocks(weight.detach().float(), BLOCK)
    absmax = blocks.abs().amax(dim=1)
    scaled = blocks * (1 / absmax.clamp(min=TINY))[:, None]
    codes = (torch.bucketize(scaled, LEVELS, right=True) - 1).clamp(0, 15).to(torch.uint8)
    codes = codes.flatten()[: 2 * -(-weight.numel() // 2)]
    return codes[0::2] << 4 | codes[1::2], absmax


@mistake(
    "3.5",
    "nf4.quantize",
    "Codes of 16 evenly spaced levels, as in plain int4: dequantise will read them as NF4's.",
)
def nf4_quantize_evenly(weight):
    blocks = in_blocks(weight.detach().float(), BLOCK)
    absmax = blocks.abs().amax(dim=1)
    scaled = blocks * (1 / absmax.clamp(min=TINY))[:, None]
    codes = nearest(scaled, torch.linspace(-1, 1, 16))
    codes = codes.flatten()[: 2 * -(-weight.numel() // 2)]
    return codes[0::2] << 4 | codes[1::2], absmax


@mistake(
    "3.5",
    "nf4.quantize",
    "Blocks start anew in each row here. They follow the weight as it is read, across the ends of rows.",
)
def nf4_quantize_blocks_of_rows(weight):
    rows = weight.detach().float().reshape(-1, weight.shape[-1])
    scales, codes = [], []
    for row in rows:
        blocks = in_blocks(row, BLOCK)
        scales.append(blocks.abs().amax(dim=1))
        scaled = blocks * (1 / scales[-1].clamp(min=TINY))[:, None]
        codes.append(nearest(scaled, LEVELS).flatten()[: len(row)])
    codes = torch.cat(codes)
    codes = torch.cat([codes, codes.new_full((len(codes) % 2,), 7)])
    return codes[0::2] << 4 | codes[1::2], torch.cat(scales)


@mistake(
    "3.5",
    "nf4.quantize",
    "What does not fill a block of 64 is dropped. The last block may be shorter.",
)
def nf4_quantize_drops_the_rest(weight):
    flat = weight.detach().float().flatten()
    blocks = flat[: len(flat) // BLOCK * BLOCK].view(-1, BLOCK)
    absmax = blocks.abs().amax(dim=1)
    scaled = blocks * (1 / absmax.clamp(min=TINY))[:, None]
    codes = nearest(scaled, LEVELS).flatten()
    return codes[0::2] << 4 | codes[1::2], absmax


@mistake(
    "3.5",
    "nf4.quantize",
    "The zeros that fill up the last block are stored, too: as many codes as weights, and one if that is odd.",
)
def nf4_quantize_keeps_padding(weight):
    blocks = in_blocks(weight.detach().float(), BLOCK)
    absmax = blocks.abs().amax(dim=1)
    scaled = blocks * (1 / absmax.clamp(min=TINY))[:, None]
    codes = nearest(scaled, LEVELS).flatten()
    return codes[0::2] << 4 | codes[1::2], absmax


@mistake(
    "3.5",
    "nf4.quantize",
    "Nothing is divided by the scale, so the levels of [-1, 1] meet weights of any size.",
)
def nf4_quantize_never_scales(weight):
    blocks = in_blocks(weight.detach().float(), BLOCK)
    absmax = blocks.abs().amax(dim=1)
    codes = nearest(blocks, LEVELS).flatten()[: 2 * -(-weight.numel() // 2)]
    return codes[0::2] << 4 | codes[1::2], absmax


@mistake(
    "3.5",
    "nf4.quantize",
    "Zero over zero: a block of zeros gets codes of NaN. Divide by no less than TINY.",
)
def nf4_quantize_zero_over_zero(weight):
    blocks = in_blocks(weight.detach().float(), BLOCK)
    absmax = blocks.abs().amax(dim=1)
    codes = nearest(blocks * (1 / absmax)[:, None], LEVELS).flatten()
    codes = codes[: 2 * -(-weight.numel() // 2)]
    return codes[0::2] << 4 | codes[1::2], absmax


@mistake(
    "3.5",
    "nf4.quantize",
    "A quotient is not always the product with the reciprocal: at a border its last bit decides.",
)
def nf4_quantize_divides(weight):
    blocks = in_blocks(weight.detach().float(), BLOCK)
    absmax = blocks.abs().amax(dim=1)
    codes = nearest(blocks / absmax.clamp(min=TINY)[:, None], LEVELS).flatten()
    codes = codes[: 2 * -(-weight.numel() // 2)]
    return codes[0::2] << 4 | codes[1::2], absmax


@mistake(
    "3.5",
    "nf4.dequantize",
    "The low four bits of a byte come first here: all weights are there, but exchanged in pairs.",
)
def nf4_dequantize_swaps_nibbles(codes, absmax, shape, dtype=torch.float32):
    n = prod(shape)
    halves = torch.stack([codes & 15, codes >> 4], dim=1).flatten()[:n]
    blocks = in_blocks(LEVELS[halves.long()], BLOCK) * absmax[:, None]
    return blocks.flatten()[:n].view(*shape).to(dtype)


@mistake(
    "3.5",
    "nf4.dequantize",
    "First all high halves, then all low ones: the two codes of a byte are neighbours in the weight.",
)
def nf4_dequantize_halves_in_a_row(codes, absmax, shape, dtype=torch.float32):
    n = prod(shape)
    halves = torch.cat([codes >> 4, codes & 15])[:n]
    blocks = in_blocks(LEVELS[halves.long()], BLOCK) * absmax[:, None]
    return blocks.flatten()[:n].view(*shape).to(dtype)


@mistake(
    "3.5",
    "nf4.dequantize",
    "The levels come back without their scales.",
)
def nf4_dequantize_without_scales(codes, absmax, shape, dtype=torch.float32):
    n = prod(shape)
    halves = torch.stack([codes >> 4, codes & 15], dim=1).flatten()[:n]
    return LEVELS[halves.long()].view(*shape).to(dtype)


@mistake(
    "3.5",
    "nf4.dequantize",
    "The scales are repeated one after the other, over and over; each belongs to 64 neighbours.",
)
def nf4_dequantize_tiles_scales(codes, absmax, shape, dtype=torch.float32):
    n = prod(shape)
    halves = torch.stack([codes >> 4, codes & 15], dim=1).flatten()[:n]
    scales = absmax.repeat(BLOCK)[:n]
    return (LEVELS[halves.long()] * scales).view(*shape).to(dtype)


@mistake(
    "3.5",
    "nf4.dequantize",
    "Levels and scales are rounded before the product: two errors more. Multiply in float32, round once.",
)
def nf4_dequantize_rounds_early(codes, absmax, shape, dtype=torch.float32):
    n = prod(shape)
    halves = torch.stack([codes >> 4, codes & 15], dim=1).flatten()[:n]
    blocks = in_blocks(LEVELS.to(dtype)[halves.long()], BLOCK) * absmax.to(dtype)[:, None]
    return blocks.flatten()[:n].view(*shape)


@mistake(
    "3.5",
    "nf4.dequantize",
    "Evenly spaced levels come back: the codes are indices into NF4's.",
)
def nf4_dequantize_evenly(codes, absmax, shape, dtype=torch.float32):
    n = prod(shape)
    halves = torch.stack([codes >> 4, codes & 15], dim=1).flatten()[:n]
    blocks = in_blocks(halves.float() / 7.5 - 1, BLOCK) * absmax[:, None]
    return blocks.flatten()[:n].view(*shape).to(dtype)
