"""Classic wrong answers for `solution/absmax.py`."""

import torch

from phase4_production.solution.absmax import LARGEST, spread
from shared.mistakes import mistake


@mistake(
    "4.6",
    "absmax.scale",
    "The largest number, not the largest absolute value: a tile whose peak is negative is cut off.",
)
def scale_without_sign(x, rows, columns):
    tiles = x.detach().float().unflatten(1, (-1, columns)).unflatten(0, (-1, rows))
    step = tiles.amax(dim=(1, 3)) / LARGEST
    return step.where(step > 0, 1.0)


@mistake(
    "4.6",
    "absmax.scale",
    "Divided by 128: the largest number gets the code 128, which does not exist. There are 127 codes above zero.",
)
def scale_over_128(x, rows, columns):
    tiles = x.detach().float().unflatten(1, (-1, columns)).unflatten(0, (-1, rows))
    step = tiles.abs().amax(dim=(1, 3)) / 128
    return step.where(step > 0, 1.0)


@mistake(
    "4.6",
    "absmax.scale",
    "A tile of zeros has scale 0, and whoever divides by it gets NaN.",
)
def scale_of_zeros_is_zero(x, rows, columns):
    tiles = x.detach().float().unflatten(1, (-1, columns)).unflatten(0, (-1, rows))
    return tiles.abs().amax(dim=(1, 3)) / LARGEST


@mistake(
    "4.6",
    "absmax.scale",
    "This is 127 over the largest, by which one multiplies; a scale is the size of a step, by which one divides.",
)
def scale_is_the_reciprocal(x, rows, columns):
    tiles = x.detach().float().unflatten(1, (-1, columns)).unflatten(0, (-1, rows))
    largest = tiles.abs().amax(dim=(1, 3))
    return (LARGEST / largest).where(largest > 0, 1.0)


@mistake(
    "4.6",
    "absmax.scale",
    "Rows and columns of a tile are swapped; with square tiles nobody notices.",
)
def scale_swaps_rows_and_columns(x, rows, columns):
    tiles = x.detach().float().unflatten(1, (-1, rows)).unflatten(0, (-1, columns))
    step = tiles.abs().amax(dim=(1, 3)) / LARGEST
    return step.where(step > 0, 1.0)


@mistake(
    "4.6",
    "absmax.scale",
    "A row's scale is wanted, and it is taken over all rows: the maximum runs over the wrong axes.",
)
def scale_is_one_for_all(x, rows, columns):
    R, C = x.shape
    step = (x.detach().float().abs().amax() / LARGEST).expand(R // rows, C // columns).clone()
    return step.where(step > 0, 1.0)


@mistake(
    "4.6",
    "absmax.scale",
    "Every columns-th number shares a scale here; a group is a run of neighbours.",
)
def scale_strides_over_groups(x, rows, columns):
    tiles = x.detach().float().unflatten(1, (columns, -1)).unflatten(0, (rows, -1))
    step = tiles.abs().amax(dim=(0, 2)) / LARGEST
    return step.where(step > 0, 1.0)


@mistake(
    "4.6",
    "absmax.quantize",
    "Quotients are cut off, not rounded: the error is up to a whole step, and all of it towards zero.",
)
def quantize_truncates(x, scale):
    steps = x.detach().float() / spread(scale, x.shape)
    return steps.clamp(-LARGEST, LARGEST).to(torch.int8)


@mistake(
    "4.6",
    "absmax.quantize",
    "Half is always added before rounding down: ties go up, and what lies below zero is off beside them.",
)
def quantize_rounds_half_up(x, scale):
    steps = x.detach().float() / spread(scale, x.shape)
    return (steps + 0.5).floor().clamp(-LARGEST, LARGEST).to(torch.int8)


@mistake(
    "4.6",
    "absmax.quantize",
    "Nothing stops codes at 127: in int8, the code 128 comes back as -128.",
)
def quantize_wraps_around(x, scale):
    steps = x.detach().float() / spread(scale, x.shape)
    return steps.round().to(torch.int32).to(torch.int8)


@mistake(
    "4.6",
    "absmax.quantize",
    "-128 is let in: then codes of -x are no longer those of x with the other sign.",
)
def quantize_keeps_minus_128(x, scale):
    steps = x.detach().float() / spread(scale, x.shape)
    return steps.round().clamp(-128, 127).to(torch.int8)


@mistake(
    "4.6",
    "absmax.quantize",
    "The values are right, but they are kept as float: that saves no byte.",
)
def quantize_stays_float(x, scale):
    steps = x.detach().float() / spread(scale, x.shape)
    return steps.round().clamp(-LARGEST, LARGEST)


@mistake(
    "4.6",
    "absmax.quantize",
    "Multiplied by the scale: a number is divided by the size of a step to count its steps.",
)
def quantize_multiplies(x, scale):
    steps = x.detach().float() * spread(scale, x.shape)
    return steps.round().clamp(-LARGEST, LARGEST).to(torch.int8)


@mistake(
    "4.6",
    "absmax.scale",
    "A small scale is taken for none, and a row of small numbers becomes zeros: only 0 is replaced.",
)
def scale_takes_small_for_zero(x, rows, columns):
    tiles = x.detach().float().unflatten(1, (-1, columns)).unflatten(0, (-1, rows))
    step = tiles.abs().amax(dim=(1, 3)) / LARGEST
    return step.where(step > 1e-8, 1.0)
