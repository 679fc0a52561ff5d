"""Classic wrong answers for `solution/int4.py`."""

import torch

from phase4_production.solution.int4 import LARGEST, in_groups
from shared.mistakes import mistake


@mistake(
    "4.7",
    "int4.pack",
    "The two codes of a byte are swapped: the even column belongs into the low four bits.",
)
def pack_swaps_nibbles(codes):
    return codes[..., 0::2] << 4 | codes[..., 1::2]


@mistake(
    "4.7",
    "int4.pack",
    "The halves of a row are paired; a byte holds two neighbours.",
)
def pack_pairs_halves(codes):
    half = codes.shape[-1] // 2
    return codes[..., :half] | codes[..., half:] << 4


@mistake(
    "4.7",
    "int4.pack",
    "The second code is not moved into the high four bits, so both lie on top of each other.",
)
def pack_without_a_shift(codes):
    return codes[..., 0::2] | codes[..., 1::2]


@mistake(
    "4.7",
    "int4.pack",
    "Four bits are 16 codes: the second one is multiplied by 16, not by 15.",
)
def pack_multiplies_by_15(codes):
    return codes[..., 0::2] + codes[..., 1::2] * 15


@mistake(
    "4.7",
    "int4.pack",
    "Bytes are kept as int64: eight times as large as what they hold.",
)
def pack_in_wide_integers(codes):
    wide = codes.long()
    return wide[..., 0::2] | wide[..., 1::2] << 4


@mistake(
    "4.7",
    "int4.unpack",
    "The high four bits come first; pack has put the even column into the low ones.",
)
def unpack_swaps_nibbles(packed):
    return torch.stack([packed >> 4, packed & 15], dim=-1).flatten(-2)


@mistake(
    "4.7",
    "int4.unpack",
    "All low codes come first and all high ones behind; they belong side by side, in turn.",
)
def unpack_in_halves(packed):
    return torch.cat([packed & 15, packed >> 4], dim=-1)


@mistake(
    "4.7",
    "int4.unpack",
    "Codes above 7 come back negative: these four bits have no sign.",
)
def unpack_with_a_sign(packed):
    codes = torch.stack([packed & 15, packed >> 4], dim=-1).flatten(-2).to(torch.int8)
    return torch.where(codes > 7, codes - 16, codes)


@mistake(
    "4.7",
    "int4.unpack",
    "The low code is not cut out of the byte: the other one is still on top of it.",
)
def unpack_without_a_mask(packed):
    return torch.stack([packed, packed >> 4], dim=-1).flatten(-2)


@mistake(
    "4.7",
    "int4.unpack",
    "The mask keeps three bits; four of them are 15.",
)
def unpack_with_a_short_mask(packed):
    return torch.stack([packed & 7, packed >> 4], dim=-1).flatten(-2)


@mistake(
    "4.7",
    "int4.quantize",
    "Groups run along the outputs, down the columns; they run along the inputs, within a row.",
)
def int4_groups_down_the_columns(weight, group):
    groups = in_groups(weight.detach().float().T, group)
    low, high = groups.amin(-1).clamp(max=0), groups.amax(-1).clamp(min=0)
    scale = (high - low) / LARGEST
    scale = scale.where(scale > 0, 1.0)
    zero = (-low / scale).round()
    codes = (groups / scale[..., None]).round() + zero[..., None]
    codes = codes.clamp(0, LARGEST).flatten(1)[:, : weight.shape[0]]
    return codes.to(torch.uint8).T, scale.T, zero.T


@mistake(
    "4.7",
    "int4.quantize",
    "One scale for each whole row: the point of groups is that few weights share one.",
)
def int4_without_groups(weight, group):
    groups = in_groups(weight.detach().float(), group)
    low = groups.amin((1, 2), keepdim=True).clamp(max=0)[..., 0].expand(-1, groups.shape[1])
    high = groups.amax((1, 2), keepdim=True).clamp(min=0)[..., 0].expand(-1, groups.shape[1])
    scale = (high - low) / LARGEST
    scale = scale.where(scale > 0, 1.0)
    zero = (-low / scale).round()
    codes = (groups / scale[..., None]).round() + zero[..., None]
    codes = codes.clamp(0, LARGEST).flatten(1)[:, : weight.shape[1]]
    return codes.to(torch.uint8), scale, zero


@mistake(
    "4.7",
    "int4.quantize",
    "The range is not widened to hold zero: a group of only positive weights has no level for it.",
)
def int4_without_zero(weight, group):
    R, C = weight.shape
    codes, scales, zeros = [], [], []
    for start in range(0, C, group):
        part = weight.detach().float()[:, start : start + group]
        low, high = part.amin(1, keepdim=True), part.amax(1, keepdim=True)
        scale = (high - low) / LARGEST
        scale = scale.where(scale > 0, 1.0)
        zero = (-low / scale).round().clamp(0, LARGEST)
        codes.append(((part / scale).round() + zero).clamp(0, LARGEST).to(torch.uint8))
        scales.append(scale)
        zeros.append(zero)
    return torch.cat(codes, 1), torch.cat(scales, 1), torch.cat(zeros, 1)


@mistake(
    "4.7",
    "int4.quantize",
    "The zero point is no whole number, so zero itself comes back as something else.",
)
def int4_with_a_broken_zero(weight, group):
    groups = in_groups(weight.detach().float(), group)
    low, high = groups.amin(-1).clamp(max=0), groups.amax(-1).clamp(min=0)
    scale = (high - low) / LARGEST
    scale = scale.where(scale > 0, 1.0)
    zero = -low / scale
    codes = (groups / scale[..., None] + zero[..., None]).round()
    codes = codes.clamp(0, LARGEST).flatten(1)[:, : weight.shape[1]]
    return codes.to(torch.uint8), scale, zero


@mistake(
    "4.7",
    "int4.quantize",
    "Sixteen levels have fifteen steps between them: the range is divided by 15.",
)
def int4_over_16(weight, group):
    groups = in_groups(weight.detach().float(), group)
    low, high = groups.amin(-1).clamp(max=0), groups.amax(-1).clamp(min=0)
    scale = (high - low) / 16
    scale = scale.where(scale > 0, 1.0)
    zero = (-low / scale).round()
    codes = (groups / scale[..., None]).round() + zero[..., None]
    codes = codes.clamp(0, LARGEST).flatten(1)[:, : weight.shape[1]]
    return codes.to(torch.uint8), scale, zero


@mistake(
    "4.7",
    "int4.quantize",
    "Codes are not clamped: where both ends are rounded up, code 16 needs a fifth bit.",
)
def int4_without_a_clamp(weight, group):
    groups = in_groups(weight.detach().float(), group)
    low, high = groups.amin(-1).clamp(max=0), groups.amax(-1).clamp(min=0)
    scale = (high - low) / LARGEST
    scale = scale.where(scale > 0, 1.0)
    zero = (-low / scale).round()
    codes = (groups / scale[..., None]).round() + zero[..., None]
    return codes.flatten(1)[:, : weight.shape[1]].to(torch.uint8), scale, zero


@mistake(
    "4.7",
    "int4.quantize",
    "Symmetric: zero is always code 8. Where a group lies more on one side, half of its levels are idle.",
)
def int4_is_symmetric(weight, group):
    groups = in_groups(weight.detach().float(), group)
    scale = groups.abs().amax(-1) / 7
    scale = scale.where(scale > 0, 1.0)
    zero = torch.full_like(scale, 8)
    codes = (groups / scale[..., None]).round() + 8
    codes = codes.clamp(0, LARGEST).flatten(1)[:, : weight.shape[1]]
    return codes.to(torch.uint8), scale, zero


@mistake(
    "4.7",
    "int4.quantize",
    "Quotients are cut off, not rounded.",
)
def int4_truncates(weight, group):
    groups = in_groups(weight.detach().float(), group)
    low, high = groups.amin(-1).clamp(max=0), groups.amax(-1).clamp(min=0)
    scale = (high - low) / LARGEST
    scale = scale.where(scale > 0, 1.0)
    zero = (-low / scale).round()
    codes = (groups / scale[..., None]).trunc() + zero[..., None]
    codes = codes.clamp(0, LARGEST).flatten(1)[:, : weight.shape[1]]
    return codes.to(torch.uint8), scale, zero
