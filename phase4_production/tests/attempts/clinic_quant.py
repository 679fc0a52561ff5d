"""The mistakes of `mistakes/clinic_quant.py`, as others would write them."""

import torch

from shared.mistakes import attempt


def _peak(x, axis):
    """The size of a step, with its axis kept."""
    return torch.max(x.abs(), dim=axis, keepdim=True).values / 127


def _codes(x, step):
    """Whole steps."""
    return torch.clip(torch.round(x / step), -127, 127)


def _product(x_codes, weight_codes):
    """A product of whole numbers."""
    return (x_codes.double() @ weight_codes.double().T).float()


@attempt("linear_quantises_by_columns")
def _(x, weight):
    a, b = _peak(x, 1), _peak(weight, 0)
    return _product(_codes(x, a), _codes(weight, b)) * a * b


@attempt("linear_mends_only_the_maximum")
def _(x, weight):
    a, b = _peak(x, 1), _peak(weight, 1).T
    return _product(_codes(x, a), _codes(weight, b)) * a * b


@attempt("linear_mends_only_the_division")
def _(x, weight):
    a, b = _peak(x, 1), _peak(weight, 0)
    return _product(_codes(x, a), _codes(weight, b.T)) * a * b


@attempt("linear_with_one_scale")
def _(x, weight):
    a, b = _peak(x, 1), weight.abs().max().item() / 127
    return _product(_codes(x, a), _codes(weight, b)) * a * b


@attempt("linear_rebuilds_the_weight")
def _(x, weight):
    a, b = _peak(x, 1), _peak(weight, 0)
    rebuilt = _codes(weight, b) * b
    return torch.nn.functional.linear(_codes(x, a) * a, rebuilt)


@attempt("linear_leaves_x_in_float")
def _(x, weight):
    step = _peak(weight, 1)
    return x.matmul(_codes(weight, step).T).mul(step.flatten())


@attempt("linear_gives_tokens_one_scale")
def _(x, weight):
    a, b = x.abs().max().item() / 127, _peak(weight, 1)
    return _product(_codes(x, a), _codes(weight, b)) * a * b.T


@attempt("linear_transposes_the_weight")
def _(x, weight):
    a, b = _peak(x, 1), _peak(weight, 0)
    return _product(_codes(x, a), _codes(weight, b).T) * a * b


@attempt("linear_blames_the_sums")
def _():
    return "A"


@attempt("linear_blames_the_rounding")
def _():
    return chr(98)


@attempt("linear_blames_the_activations")
def _():
    letter = "c"
    return letter


@attempt("linear_blames_the_step")
def _():
    return "abcde"[3]


@attempt("linear_leaves_the_scales_in_a_column")
def _(x, weight):
    a, b = _peak(x, 1), _peak(weight, 1)
    return a * (b * _product(_codes(x, a), _codes(weight, b)))


@attempt("linear_in_float64")
def _(x, weight):
    a, b = _peak(x, 1), _peak(weight, 1)
    sums = torch.einsum("ni,mi->nm", _codes(x, a).double(), _codes(weight, b).double())
    return sums * torch.outer(a.flatten(), b.flatten())
