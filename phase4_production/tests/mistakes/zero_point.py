"""Classic wrong answers for `solution/zero_point.py`."""

import torch

from phase4_production.solution.zero_point import LARGEST
from shared.mistakes import mistake


@mistake(
    "4.6",
    "zero_point.quantize",
    "The range is not widened to hold zero: where all numbers lie on one side, zero has no code.",
)
def affine_without_zero(x, low, high):
    low, high = low.detach().float(), high.detach().float()
    scale = (high - low) / LARGEST
    scale = scale.where(scale > 0, 1.0)
    zero = (-low / scale).round()
    codes = (x.detach().float() / scale).round() + zero
    return codes.clamp(0, LARGEST).to(torch.uint8), scale, zero


@mistake(
    "4.6",
    "zero_point.quantize",
    "The zero point is no whole number, so no code stands for zero exactly.",
)
def affine_with_a_broken_zero(x, low, high):
    low, high = low.detach().float().clamp(max=0), high.detach().float().clamp(min=0)
    scale = (high - low) / LARGEST
    scale = scale.where(scale > 0, 1.0)
    zero = -low / scale
    codes = (x.detach().float() / scale + zero).round()
    return codes.clamp(0, LARGEST).to(torch.uint8), scale, zero


@mistake(
    "4.6",
    "zero_point.quantize",
    "Codes are not clamped: what lies beyond the range comes back at its other end.",
)
def affine_wraps_around(x, low, high):
    low, high = low.detach().float().clamp(max=0), high.detach().float().clamp(min=0)
    scale = (high - low) / LARGEST
    scale = scale.where(scale > 0, 1.0)
    zero = (-low / scale).round()
    codes = (x.detach().float() / scale).round() + zero
    return codes.to(torch.int64).to(torch.uint8), scale, zero


@mistake(
    "4.6",
    "zero_point.quantize",
    "x is clamped to the range before rounding; two roundings up may still meet beyond 255. Clamp the codes.",
)
def affine_clamps_before_rounding(x, low, high):
    low, high = low.detach().float().clamp(max=0), high.detach().float().clamp(min=0)
    scale = (high - low) / LARGEST
    scale = scale.where(scale > 0, 1.0)
    zero = (-low / scale).round()
    inside = x.detach().float().clamp(low, high)
    codes = (inside / scale).round() + zero
    return codes.to(torch.int64).to(torch.uint8), scale, zero


@mistake(
    "4.6",
    "zero_point.quantize",
    "Between 256 levels there are 255 steps: the range is divided by the number of steps.",
)
def affine_over_256(x, low, high):
    low, high = low.detach().float().clamp(max=0), high.detach().float().clamp(min=0)
    scale = (high - low) / 256
    scale = scale.where(scale > 0, 1.0)
    zero = (-low / scale).round()
    codes = (x.detach().float() / scale).round() + zero
    return codes.clamp(0, LARGEST).to(torch.uint8), scale, zero


@mistake(
    "4.6",
    "zero_point.quantize",
    "The zero point has the wrong sign: what is zero belongs -low / scale steps above the lowest code.",
)
def affine_with_the_wrong_sign(x, low, high):
    low, high = low.detach().float().clamp(max=0), high.detach().float().clamp(min=0)
    scale = (high - low) / LARGEST
    scale = scale.where(scale > 0, 1.0)
    zero = (low / scale).round()
    codes = (x.detach().float() / scale).round() - zero
    return codes.clamp(0, LARGEST).to(torch.uint8), scale, zero


@mistake(
    "4.6",
    "zero_point.quantize",
    "Quotients are cut off, not rounded.",
)
def affine_truncates(x, low, high):
    low, high = low.detach().float().clamp(max=0), high.detach().float().clamp(min=0)
    scale = (high - low) / LARGEST
    scale = scale.where(scale > 0, 1.0)
    zero = (-low / scale).round()
    codes = (x.detach().float() / scale).trunc() + zero
    return codes.clamp(0, LARGEST).to(torch.uint8), scale, zero


@mistake(
    "4.6",
    "zero_point.quantize",
    "The range is taken from x; it is what calibration has seen that counts, and x may lie beyond it.",
)
def affine_ignores_the_range(x, low, high):
    if low.ndim:
        low, high = x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)
    else:
        low, high = x.min(), x.max()
    low, high = low.detach().float().clamp(max=0), high.detach().float().clamp(min=0)
    scale = (high - low) / LARGEST
    scale = scale.where(scale > 0, 1.0)
    zero = (-low / scale).round()
    codes = (x.detach().float() / scale).round() + zero
    return codes.clamp(0, LARGEST).to(torch.uint8), scale, zero


@mistake(
    "4.6",
    "zero_point.quantize",
    "A range of zeros has scale 0, and 0 / 0 has no code.",
)
def affine_divides_by_zero(x, low, high):
    low, high = low.detach().float().clamp(max=0), high.detach().float().clamp(min=0)
    scale = (high - low) / LARGEST
    zero = (-low / scale).round()
    codes = (x.detach().float() / scale).round() + zero
    return codes.clamp(0, LARGEST).to(torch.uint8), scale, zero


@mistake(
    "4.6",
    "zero_point.quantize",
    "Rounded after the zero point was added: where it is odd, halves go the other way.",
)
def affine_rounds_the_sum(x, low, high):
    low, high = low.detach().float().clamp(max=0), high.detach().float().clamp(min=0)
    scale = (high - low) / LARGEST
    scale = scale.where(scale > 0, 1.0)
    zero = (-low / scale).round()
    codes = (x.detach().float() / scale + zero).round()
    return codes.clamp(0, LARGEST).to(torch.uint8), scale, zero
