"""The mistakes of `mistakes/nf4.py`, as others would write them."""

import statistics

import numpy as np
import torch

from shared.mistakes import attempt

P = 0.9677083


def _side(n):
    """The quantiles of n probabilities from P to 1/2, the largest first, without the last."""
    found = [statistics.NormalDist().inv_cdf(p) for p in np.linspace(P, 0.5, n)[:-1]]
    return torch.tensor(found, dtype=torch.float64)


def _joined(below, above):
    """From the lowest to the highest, with a zero between."""
    return torch.tensor([*(-below).tolist(), 0.0, *above.flip(0).tolist()])


def _by_blocks(weight, levels, peak, find):
    """Cut into lists of 64; `peak` gives their scale, `find` the codes of one."""
    flat = weight.detach().float().reshape(-1)
    codes, scales = [], []
    for block in flat.split(64):
        scales.append(peak(block))
        codes.append(find(block, scales[-1], levels))
    return torch.cat(codes).byte().reshape(weight.shape), torch.stack(scales)


def _largest(block):
    return block.abs().max()


def _nearest(block, scale, levels):
    scaled = block * (1 / torch.clip(scale, min=1e-38))
    return (scaled[:, None] > (levels[1:] + levels[:-1]) / 2).sum(1)


@attempt("codebook_is_uniform")
def _():
    return torch.tensor([i / 7 for i in range(-7, 0)] + [i / 8 for i in range(9)])


@attempt("codebook_without_zero")
def _():
    side = _side(9)
    levels = torch.cat([-side, side.flip(0)])
    return (levels / side[0]).float()


@attempt("codebook_is_mirrored")
def _():
    levels = _joined(_side(9), _side(8))
    return levels / levels[-1]


@attempt("codebook_is_not_normalised")
def _():
    return _joined(_side(8), _side(9))


@attempt("codebook_of_probabilities")
def _():
    cdf = statistics.NormalDist().cdf

    def side(n):
        found = [cdf(p) - 0.5 for p in np.linspace(P, 0, n)[:-1]]
        return torch.tensor(found, dtype=torch.float64) / found[0]

    return _joined(side(8), side(9))


@attempt("codebook_does_not_ascend")
def _():
    levels = _joined(_side(8), _side(9).flip(0))
    return levels / levels.max()


@attempt("codebook_of_sixteenths")
def _():
    quantile = statistics.NormalDist().inv_cdf
    above = torch.tensor([quantile(0.5 + i / 17) for i in range(8, 0, -1)]).double()
    below = torch.tensor([quantile(0.5 + i / 15) for i in range(7, 0, -1)]).double()
    return _joined(below / below[0], above / above[0])


@attempt("nf4_scale_without_sign")
def _(weight, levels):
    return _by_blocks(weight, levels, torch.max, _nearest)


@attempt("nf4_with_one_scale")
def _(weight, levels):
    peak = weight.detach().float().abs().max()
    return _by_blocks(weight, levels, lambda block: peak, _nearest)


@attempt("nf4_blocks_by_row")
def _(weight, levels):
    rows = weight.reshape(-1, weight.shape[-1])
    parts = [_by_blocks(row, levels, _largest, _nearest) for row in rows]
    codes, scales = zip(*parts, strict=True)
    return torch.stack(codes).reshape(weight.shape), torch.cat(scales)


@attempt("nf4_takes_the_level_below")
def _(weight, levels):
    def find(block, scale, levels):
        scaled = block * (1 / torch.clip(scale, min=1e-38))
        return torch.clip((scaled[:, None] >= levels).sum(1) - 1, min=0)

    return _by_blocks(weight, levels, _largest, find)


@attempt("nf4_ignores_the_levels")
def _(weight, levels):
    def find(block, scale, levels):
        scaled = block * (1 / torch.clip(scale, min=1e-38))
        return torch.round((scaled + 1) * 15 / 2)

    return _by_blocks(weight, levels, _largest, find)


@attempt("nf4_ties_go_up")
def _(weight, levels):
    def find(block, scale, levels):
        scaled = block * (1 / torch.clip(scale, min=1e-38))
        return (scaled[:, None] >= (levels[1:] + levels[:-1]) / 2).sum(1)

    return _by_blocks(weight, levels, _largest, find)


@attempt("nf4_divides")
def _(weight, levels):
    def find(block, scale, levels):
        scaled = block / torch.clip(scale, min=1e-38)
        return (scaled[:, None] > (levels[1:] + levels[:-1]) / 2).sum(1)

    return _by_blocks(weight, levels, _largest, find)


@attempt("nf4_divides_by_zero")
def _(weight, levels):
    def find(block, scale, levels):
        scaled = block * (1 / scale)
        return torch.searchsorted((levels[1:] + levels[:-1]) / 2, scaled)

    return _by_blocks(weight, levels, _largest, find)


@attempt("nf4_floor_is_too_high")
def _(weight, levels):
    def find(block, scale, levels):
        return _nearest(block, torch.clip(scale, min=1e-12), levels)

    return _by_blocks(weight, levels, _largest, find)
