"""Classic wrong answers for `solution/smoothquant.py`."""

import torch

from shared.mistakes import mistake


def _largest(weights):
    return torch.cat([w.detach().float() for w in weights]).abs().amax(dim=0)


def _safe(found, x_max, w_max):
    return found.where((x_max > 0) & (w_max > 0), 1.0)


@mistake(
    "4.10",
    "smoothquant.scales",
    "The exponents have changed places: alpha is the activations' share.",
)
def scales_exponents_swapped(x_max, weights, alpha=0.5):
    x_max, w_max = x_max.float(), _largest(weights)
    return _safe(x_max ** (1 - alpha) / w_max**alpha, x_max, w_max)


@mistake(
    "4.10",
    "smoothquant.scales",
    "Large weights make the scale larger still; they are to be divided by.",
)
def scales_multiplied(x_max, weights, alpha=0.5):
    x_max, w_max = x_max.float(), _largest(weights)
    return _safe(x_max**alpha * w_max ** (1 - alpha), x_max, w_max)


@mistake(
    "4.10",
    "smoothquant.scales",
    "The weights have no say: all of the difficulty that alpha allows is moved to them.",
)
def scales_without_weights(x_max, weights, alpha=0.5):
    x_max = x_max.float()
    return _safe(x_max**alpha, x_max, _largest(weights))


@mistake(
    "4.10",
    "smoothquant.scales",
    "Only the first weight is looked at; all that read the same activations are scaled together.",
)
def scales_first_weight(x_max, weights, alpha=0.5):
    x_max, w_max = x_max.float(), weights[0].float().abs().amax(dim=0)
    return _safe(x_max**alpha / w_max ** (1 - alpha), x_max, w_max)


@mistake(
    "4.10",
    "smoothquant.scales",
    "The largest weight is taken with its sign; a column of large negative weights is large.",
)
def scales_signed(x_max, weights, alpha=0.5):
    x_max, w_max = x_max.float(), torch.cat([w.float() for w in weights]).amax(dim=0)
    return _safe(x_max**alpha / w_max.abs() ** (1 - alpha), x_max, w_max.abs())


@mistake(
    "4.10",
    "smoothquant.scales",
    "Column by column the mean of the weights is taken; their largest one decides about the scale.",
)
def scales_mean_weight(x_max, weights, alpha=0.5):
    x_max = x_max.float()
    w_max = torch.cat([w.float() for w in weights]).abs().mean(dim=0)
    return _safe(x_max**alpha / w_max ** (1 - alpha), x_max, w_max)


@mistake(
    "4.10",
    "smoothquant.scales",
    "A column of zeros gets a scale of zero or infinity, by which somebody will divide: it is 1.",
)
def scales_of_zeros(x_max, weights, alpha=0.5):
    return x_max.float() ** alpha / _largest(weights) ** (1 - alpha)


@mistake(
    "4.10",
    "smoothquant.fold",
    "What comes before is multiplied and what comes after divided: the wrong way round.",
)
def fold_inverted(scales, before, after):
    multiplied = [t * scales.view(-1, *[1] * (t.ndim - 1)) for t in before]
    return multiplied, [w / scales for w in after]


@mistake(
    "4.10",
    "smoothquant.fold",
    "Only the weights change; what makes the activations must be divided, or the outputs are others.",
)
def fold_weights_only(scales, before, after):
    return [t.clone() for t in before], [w * scales for w in after]


@mistake(
    "4.10",
    "smoothquant.fold",
    "Only the first tensor before is divided: a bias adds to the same activations.",
)
def fold_forgets_the_bias(scales, before, after):
    divided = [t.clone() for t in before]
    divided[0] = before[0] / scales.view(-1, *[1] * (before[0].ndim - 1))
    return divided, [w * scales for w in after]


@mistake(
    "4.10",
    "smoothquant.fold",
    "A linear layer before is divided along its inputs; its outputs are the activations: the first axis.",
)
def fold_inputs_of_the_layer_before(scales, before, after):
    return [t / scales for t in before], [w * scales for w in after]


@mistake(
    "4.10",
    "smoothquant.fold",
    "The weights after are scaled by rows, their outputs; the activations meet their columns.",
)
def fold_rows_of_the_weights(scales, before, after):
    divided = [t / scales.view(-1, *[1] * (t.ndim - 1)) for t in before]
    return divided, [w * scales.view(-1, 1)[: len(w)] for w in after]


@mistake(
    "4.10",
    "smoothquant.fold",
    "The arguments themselves are changed: a caller who keeps them folds twice.",
)
def fold_in_place(scales, before, after):
    for t in before:
        t.div_(scales.view(-1, *[1] * (t.ndim - 1)))
    for w in after:
        w.mul_(scales)
    return list(before), list(after)


@mistake(
    "4.10",
    "smoothquant.scales",
    "Only infinities and zeros become 1: with alpha 0 or 1, a column of zeros makes neither.",
)
def scales_replaces_infinities(x_max, weights, alpha=0.5):
    found = x_max.float() ** alpha / _largest(weights) ** (1 - alpha)
    return found.where(found.isfinite() & (found > 0), 1.0)
