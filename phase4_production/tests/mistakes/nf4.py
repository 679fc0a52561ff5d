"""Classic wrong answers for `solution/nf4.py`."""

import torch
import torch.nn.functional as F

from phase4_production.solution.nf4 import BLOCK, OUTERMOST, TINY
from shared.mistakes import mistake


@mistake(
    "4.8",
    "nf4.codebook",
    "Evenly spaced levels: a bell curve's weights crowd near zero, where these do not.",
)
def codebook_is_uniform():
    below, above = torch.linspace(-1, 0, 8)[:-1], torch.linspace(0, 1, 9)
    return torch.cat([below, above])


@mistake(
    "4.8",
    "nf4.codebook",
    "Eight levels on either side leave no room for zero, and zero must be exact.",
)
def codebook_without_zero():
    side = torch.special.ndtri(torch.linspace(OUTERMOST, 0.5, 9)[:-1].double())
    levels = torch.cat([-side, side.flip(0)]).float()
    return levels / levels.max()


@mistake(
    "4.8",
    "nf4.codebook",
    "The sides are swapped: the one with eight levels lies above zero.",
)
def codebook_is_mirrored():
    above, below = (
        torch.special.ndtri(torch.linspace(OUTERMOST, 0.5, n)[:-1].double()) for n in (8, 9)
    )
    levels = torch.cat([-below, torch.zeros(1), above.flip(0)]).float()
    return levels / levels.max()


@mistake(
    "4.8",
    "nf4.codebook",
    "The levels are not divided by the largest, so they do not end at -1 and 1.",
)
def codebook_is_not_normalised():
    above, below = (
        torch.special.ndtri(torch.linspace(OUTERMOST, 0.5, n)[:-1].double()) for n in (9, 8)
    )
    return torch.cat([-below, torch.zeros(1), above.flip(0)]).float()


@mistake(
    "4.8",
    "nf4.codebook",
    "The distribution function where its inverse is wanted: a quantile is the number below which a share lies.",
)
def codebook_of_probabilities():
    above, below = (
        torch.special.ndtr(torch.linspace(OUTERMOST, 0, n)[:-1].double()) - 0.5 for n in (9, 8)
    )
    levels = torch.cat([-below / below[0], torch.zeros(1), (above / above[0]).flip(0)])
    return levels.float()


@mistake(
    "4.8",
    "nf4.codebook",
    "All digits are right, the order is not: levels that do not ascend have no midpoints to compare with.",
)
def codebook_does_not_ascend():
    above, below = (
        torch.special.ndtri(torch.linspace(OUTERMOST, 0.5, n)[:-1].double()) for n in (9, 8)
    )
    levels = torch.cat([-below, torch.zeros(1), above]).float()
    return levels / levels.max()


@mistake(
    "4.8",
    "nf4.codebook",
    "The probabilities are those between equal pieces; the outermost is OUTERMOST, from which 1/2 is reached evenly.",
)
def codebook_of_sixteenths():
    above = torch.special.ndtri(0.5 + torch.arange(1, 9, dtype=torch.float64) / 17)
    below = torch.special.ndtri(0.5 + torch.arange(1, 8, dtype=torch.float64) / 15)
    levels = torch.cat([-below.flip(0) / below[-1], torch.zeros(1), above / above[-1]])
    return levels.float()


@mistake(
    "4.8",
    "nf4.quantize",
    "The scale is the largest weight, not the largest absolute value: a block's most negative one is cut off.",
)
def nf4_scale_without_sign(weight, levels):
    flat = weight.detach().float().flatten()
    blocks = F.pad(flat, (0, -len(flat) % BLOCK)).view(-1, BLOCK)
    absmax = blocks.amax(dim=1)
    scaled = blocks * (1 / absmax.clamp(min=TINY))[:, None]
    codes = torch.bucketize(scaled, (levels[1:] + levels[:-1]) / 2).to(torch.uint8)
    return codes.flatten()[: len(flat)].view(weight.shape), absmax


@mistake(
    "4.8",
    "nf4.quantize",
    "One scale for the whole weight: a single outlier then coarsens everything.",
)
def nf4_with_one_scale(weight, levels):
    flat = weight.detach().float().flatten()
    blocks = F.pad(flat, (0, -len(flat) % BLOCK)).view(-1, BLOCK)
    absmax = flat.abs().max().expand(len(blocks)).clone()
    scaled = blocks * (1 / absmax.clamp(min=TINY))[:, None]
    codes = torch.bucketize(scaled, (levels[1:] + levels[:-1]) / 2).to(torch.uint8)
    return codes.flatten()[: len(flat)].view(weight.shape), absmax


@mistake(
    "4.8",
    "nf4.quantize",
    "Each row begins a block of its own; blocks run on across the ends of rows.",
)
def nf4_blocks_by_row(weight, levels):
    rows = weight.detach().float().reshape(-1, weight.shape[-1])
    blocks = F.pad(rows, (0, -rows.shape[1] % BLOCK)).unflatten(1, (-1, BLOCK))
    absmax = blocks.abs().amax(dim=-1)
    scaled = blocks * (1 / absmax.clamp(min=TINY))[..., None]
    codes = torch.bucketize(scaled, (levels[1:] + levels[:-1]) / 2).to(torch.uint8)
    return codes.flatten(1)[:, : rows.shape[1]].reshape(weight.shape), absmax.flatten()


@mistake(
    "4.8",
    "nf4.quantize",
    "That is the level below, not the nearest: look up between the midpoints of the levels.",
)
def nf4_takes_the_level_below(weight, levels):
    flat = weight.detach().float().flatten()
    blocks = F.pad(flat, (0, -len(flat) % BLOCK)).view(-1, BLOCK)
    absmax = blocks.abs().amax(dim=1)
    scaled = blocks * (1 / absmax.clamp(min=TINY))[:, None]
    codes = (torch.bucketize(scaled, levels, right=True) - 1).clamp(min=0).to(torch.uint8)
    return codes.flatten()[: len(flat)].view(weight.shape), absmax


@mistake(
    "4.8",
    "nf4.quantize",
    "Sixteen evenly spaced codes: the levels that were given are never looked at.",
)
def nf4_ignores_the_levels(weight, levels):
    flat = weight.detach().float().flatten()
    blocks = F.pad(flat, (0, -len(flat) % BLOCK)).view(-1, BLOCK)
    absmax = blocks.abs().amax(dim=1)
    scaled = blocks * (1 / absmax.clamp(min=TINY))[:, None]
    codes = (7.5 * (scaled + 1)).round().to(torch.uint8)
    return codes.flatten()[: len(flat)].view(weight.shape), absmax


@mistake(
    "4.8",
    "nf4.quantize",
    "Halfway between two levels the upper one is taken; the lower one is to be.",
)
def nf4_ties_go_up(weight, levels):
    flat = weight.detach().float().flatten()
    blocks = F.pad(flat, (0, -len(flat) % BLOCK)).view(-1, BLOCK)
    absmax = blocks.abs().amax(dim=1)
    scaled = blocks * (1 / absmax.clamp(min=TINY))[:, None]
    borders = (levels[1:] + levels[:-1]) / 2
    codes = torch.bucketize(scaled, borders, right=True).to(torch.uint8)
    return codes.flatten()[: len(flat)].view(weight.shape), absmax


@mistake(
    "4.8",
    "nf4.quantize",
    "A quotient is not a product with the reciprocal: the last bit differs, and at a border so does the code.",
)
def nf4_divides(weight, levels):
    flat = weight.detach().float().flatten()
    blocks = F.pad(flat, (0, -len(flat) % BLOCK)).view(-1, BLOCK)
    absmax = blocks.abs().amax(dim=1)
    scaled = blocks / absmax.clamp(min=TINY)[:, None]
    codes = torch.bucketize(scaled, (levels[1:] + levels[:-1]) / 2).to(torch.uint8)
    return codes.flatten()[: len(flat)].view(weight.shape), absmax


@mistake(
    "4.8",
    "nf4.quantize",
    "A block of zeros is divided by zero: NaN goes to the last level, and zero becomes the largest weight.",
)
def nf4_divides_by_zero(weight, levels):
    flat = weight.detach().float().flatten()
    blocks = F.pad(flat, (0, -len(flat) % BLOCK)).view(-1, BLOCK)
    absmax = blocks.abs().amax(dim=1)
    scaled = blocks * (1 / absmax)[:, None]
    codes = torch.bucketize(scaled, (levels[1:] + levels[:-1]) / 2).to(torch.uint8)
    return codes.flatten()[: len(flat)].view(weight.shape), absmax


@mistake(
    "4.8",
    "nf4.quantize",
    "A block of small weights is divided by more than its largest, and goes to zero; TINY is smaller.",
)
def nf4_floor_is_too_high(weight, levels):
    flat = weight.detach().float().flatten()
    blocks = F.pad(flat, (0, -len(flat) % BLOCK)).view(-1, BLOCK)
    absmax = blocks.abs().amax(dim=1)
    scaled = blocks * (1 / absmax.clamp(min=1e-8))[:, None]
    codes = torch.bucketize(scaled, (levels[1:] + levels[:-1]) / 2).to(torch.uint8)
    return codes.flatten()[: len(flat)].view(weight.shape), absmax
