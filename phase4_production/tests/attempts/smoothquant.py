"""The mistakes of `mistakes/smoothquant.py`, as others would write them."""

import torch

from shared.mistakes import attempt


def _columns(weights, of=lambda column: column.abs().max()):
    return torch.stack([of(column) for column in torch.vstack(list(weights)).float().T])


def _ones_at_zero(s, *sizes):
    for size in sizes:
        s = torch.where(size == 0, torch.ones_like(s), s)
    return s


@attempt("scales_exponents_swapped")
def _(x_max, weights, alpha=0.5):
    w = _columns(weights)
    return _ones_at_zero(torch.pow(x_max, 1 - alpha) * torch.pow(w, -alpha), x_max, w)


@attempt("scales_multiplied")
def _(x_max, weights, alpha=0.5):
    w = _columns(weights)
    return _ones_at_zero(torch.pow(x_max, alpha) / torch.pow(w, alpha - 1), x_max, w)


@attempt("scales_without_weights")
def _(x_max, weights, alpha=0.5):
    return _ones_at_zero(torch.pow(x_max, alpha), x_max, _columns(weights))


@attempt("scales_first_weight")
def _(x_max, weights, alpha=0.5):
    w = _columns(weights[:1])
    return _ones_at_zero(torch.pow(x_max, alpha) / torch.pow(w, 1 - alpha), x_max, w)


@attempt("scales_signed")
def _(x_max, weights, alpha=0.5):
    w = _columns(weights, torch.max).abs()
    return _ones_at_zero(torch.pow(x_max, alpha) / torch.pow(w, 1 - alpha), x_max, w)


@attempt("scales_mean_weight")
def _(x_max, weights, alpha=0.5):
    w = _columns(weights, lambda column: column.abs().sum() / len(column))
    return _ones_at_zero(torch.pow(x_max, alpha) / torch.pow(w, 1 - alpha), x_max, w)


@attempt("scales_of_zeros")
def _(x_max, weights, alpha=0.5):
    return torch.pow(x_max, alpha) / torch.pow(_columns(weights), 1 - alpha)


def _rows(t, factor):
    return t * factor if t.ndim == 1 else torch.diag(factor) @ t


@attempt("fold_inverted")
def _(scales, before, after):
    inverse = scales.reciprocal()
    return [_rows(t, scales) for t in before], [w @ torch.diag(inverse) for w in after]


@attempt("fold_weights_only")
def _(scales, before, after):
    return list(before), [w @ torch.diag(scales) for w in after]


@attempt("fold_forgets_the_bias")
def _(scales, before, after):
    first, others = before[:1], before[1:]
    divided = [_rows(t, 1 / scales) for t in first]
    return divided + list(others), [w @ torch.diag(scales) for w in after]


@attempt("fold_inputs_of_the_layer_before")
def _(scales, before, after):
    divided = [torch.div(t, scales.expand_as(t)) for t in before]
    return divided, [w @ torch.diag(scales) for w in after]


@attempt("fold_rows_of_the_weights")
def _(scales, before, after):
    multiplied = [torch.diag(scales[: len(w)]) @ w for w in after]
    return [_rows(t, 1 / scales) for t in before], multiplied


@attempt("fold_in_place")
def _(scales, before, after):
    for t in before:
        t.copy_(_rows(t, 1 / scales))
    for w in after:
        w *= scales
    return before, after


@attempt("scales_replaces_infinities")
def _(x_max, weights, alpha=0.5):
    s = torch.pow(x_max.float(), alpha) / torch.pow(_columns(weights).detach(), 1 - alpha)
    s = torch.nan_to_num(s, nan=1.0, posinf=1.0)
    return torch.where(s == 0, torch.ones_like(s), s)
