"""Classic wrong answers for `solution/awq.py`."""

import torch

from phase4_production.solution.awq import TINY, rounded
from shared.mistakes import mistake


def _importance(inputs):
    return inputs.abs().mean(dim=0).clamp(min=TINY)


def _centred(scales):
    return scales / (scales.max() * scales.min()).sqrt()


def _candidates(importance, n_grid):
    return [_centred(importance ** (step / n_grid)) for step in range(n_grid + 1)]


def _error(weight, inputs, scales, group):
    outputs = (inputs / scales) @ rounded(weight * scales, group).T
    return (outputs - inputs @ weight.T).square().mean().item()


@mistake(
    "4.10",
    "awq.search",
    "The weight is scaled and the inputs are not: then even exact weights give other outputs.",
)
def search_inputs_not_divided(weight, inputs, group=64, n_grid=20):
    weight, inputs = weight.detach().float(), inputs.float()
    target = inputs @ weight.T

    def error(s):
        return (inputs @ rounded(weight * s, group).T - target).square().mean().item()

    return min(_candidates(_importance(inputs), n_grid), key=error)


@mistake(
    "4.10",
    "awq.search",
    "Columns are weighed by their weights. It is large inputs that make a rounding error large.",
)
def search_importance_of_weights(weight, inputs, group=64, n_grid=20):
    weight, inputs = weight.detach().float(), inputs.float()
    found = _candidates(_importance(weight), n_grid)
    return min(found, key=lambda s: _error(weight, inputs, s, group))


@mistake(
    "4.10",
    "awq.search",
    "The largest input of a column is its importance here; asked for is the mean absolute value.",
)
def search_importance_by_maximum(weight, inputs, group=64, n_grid=20):
    weight, inputs = weight.detach().float(), inputs.float()
    found = _candidates(inputs.abs().amax(dim=0).clamp(min=TINY), n_grid)
    return min(found, key=lambda s: _error(weight, inputs, s, group))


@mistake(
    "4.10",
    "awq.search",
    "The mean is taken with signs: large inputs of both signs then look unimportant.",
)
def search_importance_with_sign(weight, inputs, group=64, n_grid=20):
    weight, inputs = weight.detach().float(), inputs.float()
    found = _candidates(inputs.mean(dim=0).abs().clamp(min=TINY), n_grid)
    return min(found, key=lambda s: _error(weight, inputs, s, group))


@mistake(
    "4.10",
    "awq.search",
    "Candidates are compared by the weights that come back; what counts is the outputs.",
)
def search_error_of_weights(weight, inputs, group=64, n_grid=20):
    weight, inputs = weight.detach().float(), inputs.float()

    def error(s):
        return (rounded(weight * s, group) / s - weight).square().mean().item()

    return min(_candidates(_importance(inputs), n_grid), key=error)


@mistake("4.10", "awq.search", "The worst candidate is kept: the least error is wanted.")
def search_keeps_the_worst(weight, inputs, group=64, n_grid=20):
    weight, inputs = weight.detach().float(), inputs.float()
    found = _candidates(_importance(inputs), n_grid)
    return max(found, key=lambda s: _error(weight, inputs, s, group))


@mistake(
    "4.10",
    "awq.search",
    "The scales do not lie around 1: divide by the root of the largest times the smallest.",
)
def search_not_centred(weight, inputs, group=64, n_grid=20):
    weight, inputs = weight.detach().float(), inputs.float()
    importance = _importance(inputs)
    found = [importance ** (step / n_grid) for step in range(n_grid + 1)]
    return min(found, key=lambda s: _error(weight, inputs, s, group))


@mistake(
    "4.10",
    "awq.search",
    "Nothing is searched: all of the importance goes into the scales, whatever error that makes.",
)
def search_always_alpha_one(weight, inputs, group=64, n_grid=20):
    return _centred(_importance(inputs.float()))


@mistake(
    "4.10",
    "awq.search",
    "Scaled weights are compared without rounding: then all candidates are alike, up to float noise.",
)
def search_without_rounding(weight, inputs, group=64, n_grid=20):
    return torch.ones_like(_importance(inputs.float()))


@mistake(
    "4.10",
    "awq.search",
    "The last step is left out of the grid: alpha goes from 0 to 1, both included.",
)
def search_without_last_step(weight, inputs, group=64, n_grid=20):
    weight, inputs = weight.detach().float(), inputs.float()
    found = _candidates(_importance(inputs), n_grid)[:-1]
    return min(found, key=lambda s: _error(weight, inputs, s, group))


@mistake(
    "4.10",
    "awq.search",
    "A candidate that is only as good replaces the one before: of equals, the smallest alpha is meant.",
)
def search_keeps_the_last_of_equals(weight, inputs, group=64, n_grid=20):
    weight, inputs = weight.detach().float(), inputs.float()
    found = _candidates(_importance(inputs), n_grid)[::-1]
    return min(found, key=lambda s: _error(weight, inputs, s, group))


@mistake(
    "4.10",
    "awq.search",
    "The grid begins after 0: alpha 0, no scales at all, may be the best, and is never tried.",
)
def search_without_first_step(weight, inputs, group=64, n_grid=20):
    weight, inputs = weight.detach().float(), inputs.float()
    found = _candidates(_importance(inputs), n_grid)[1:]
    return min(found, key=lambda s: _error(weight, inputs, s, group))
