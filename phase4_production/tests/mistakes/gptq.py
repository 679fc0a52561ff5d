"""Classic wrong answers for `solution/gptq.py`."""

import torch

from phase4_production.solution import int4
from shared.mistakes import mistake


@mistake(
    "4.11",
    "gptq.hessian",
    "This relates tokens to tokens. H relates the inputs of a layer to each other: (in, in).",
)
def hessian_of_tokens(inputs, damp=0.01):
    x = inputs.detach().double()
    H = 2 / len(x) * x @ x.T
    H.diagonal().add_(damp * H.diagonal().mean())
    return H


@mistake("4.11", "gptq.hessian", "The sum over tokens is not divided by how many there are.")
def hessian_not_averaged(inputs, damp=0.01):
    x = inputs.detach().double()
    H = 2 * x.T @ x
    H.diagonal().add_(damp * H.diagonal().mean())
    return H


@mistake(
    "4.11",
    "gptq.hessian",
    "The damping does not know how large H is: it is a share of the mean of the diagonal.",
)
def hessian_fixed_damping(inputs, damp=0.01):
    x = inputs.detach().double()
    H = 2 / len(x) * x.T @ x
    H.diagonal().add_(damp)
    return H


@mistake(
    "4.11",
    "gptq.hessian",
    "Each diagonal entry grows by its own share; an input that is nearly always zero gets no help so.",
)
def hessian_own_damping(inputs, damp=0.01):
    x = inputs.detach().double()
    H = 2 / len(x) * x.T @ x
    H.diagonal().mul_(1 + damp)
    return H


@mistake(
    "4.11",
    "gptq.hessian",
    "The mean of the inputs is taken off. A layer multiplies inputs as they come: no covariance.",
)
def hessian_is_covariance(inputs, damp=0.01):
    x = inputs.detach().double()
    x = x - x.mean(dim=0)
    H = 2 / len(x) * x.T @ x
    H.diagonal().add_(damp * H.diagonal().mean())
    return H


@mistake("4.11", "gptq.hessian", "There is no damping: H of few tokens cannot be inverted.")
def hessian_undamped(inputs, damp=0.01):
    x = inputs.detach().double()
    return 2 / len(x) * x.T @ x


def _run(weight, hessian, group, act_order, factor, spread, descending=True, back=True):
    """The loop: `factor(H)` is U or what is taken for it, `spread` changes the later columns."""
    codes, scale, zero = int4.quantize(weight, group)
    order = torch.arange(len(hessian))
    if act_order:
        order = hessian.diagonal().argsort(descending=descending, stable=True)
    U = factor(hessian[order][:, order].double())
    w = weight.detach().double()[:, order]
    for j, column in enumerate(order.tolist()):
        s, z = scale[:, column // group], zero[:, column // group]
        code = ((w[:, j] / s).round() + z).clamp(0, 15)
        spread(w, j, w[:, j] - (code - z) * s, U)
        codes[:, column if back else j] = code.to(torch.uint8)
    return codes, scale, zero


def _upper(H):
    return torch.linalg.cholesky(torch.linalg.inv(H), upper=True)


def _later(w, j, lost, U):
    w[:, j + 1 :] -= torch.outer(lost / U[j, j], U[j, j + 1 :])


@mistake(
    "4.11",
    "gptq.quantize",
    "Each weight goes to its nearest level, whatever the others lost: no error is passed on.",
)
def quantize_without_feedback(weight, hessian, group=64, act_order=False):
    return int4.quantize(weight, group)


@mistake(
    "4.11",
    "gptq.quantize",
    "The error is passed on with the wrong sign, so that later columns make it larger.",
)
def quantize_wrong_sign(weight, hessian, group=64, act_order=False):
    def spread(w, j, lost, U):
        w[:, j + 1 :] += torch.outer(lost / U[j, j], U[j, j + 1 :])

    return _run(weight, hessian, group, act_order, _upper, spread)


@mistake("4.11", "gptq.quantize", "The error is not divided by U[j, j] before it is passed on.")
def quantize_error_not_divided(weight, hessian, group=64, act_order=False):
    def spread(w, j, lost, U):
        w[:, j + 1 :] -= torch.outer(lost, U[j, j + 1 :])

    return _run(weight, hessian, group, act_order, _upper, spread)


@mistake(
    "4.11",
    "gptq.quantize",
    "U is made of H; it is the Cholesky factor of the inverse of H that tells how columns make up.",
)
def quantize_factor_of_hessian(weight, hessian, group=64, act_order=False):
    def factor(H):
        return torch.linalg.cholesky(H, upper=True)

    return _run(weight, hessian, group, act_order, factor, _later)


@mistake(
    "4.11",
    "gptq.quantize",
    "Rows of H^-1 are used for all columns; but once a column is fixed, the inverse of what is left is another.",
)
def quantize_inverse_stays(weight, hessian, group=64, act_order=False):
    return _run(weight, hessian, group, act_order, torch.linalg.inv, _later)


@mistake(
    "4.11",
    "gptq.quantize",
    "Errors end at the border of a group; every later column can make up for them.",
)
def quantize_within_groups(weight, hessian, group=64, act_order=False):
    def spread(w, j, lost, U):
        end = (j // group + 1) * group
        w[:, j + 1 : end] -= torch.outer(lost / U[j, j], U[j, j + 1 : end])

    return _run(weight, hessian, group, act_order, _upper, spread)


@mistake(
    "4.11",
    "gptq.quantize",
    "Only the next column makes up for the error; all later ones have a part in it.",
)
def quantize_next_column_only(weight, hessian, group=64, act_order=False):
    def spread(w, j, lost, U):
        w[:, j + 1 : j + 2] -= torch.outer(lost / U[j, j], U[j, j + 1 : j + 2])

    return _run(weight, hessian, group, act_order, _upper, spread)


@mistake(
    "4.11",
    "gptq.quantize",
    "The order begins with the least important column; the largest entry of the diagonal comes first.",
)
def quantize_ascending(weight, hessian, group=64, act_order=False):
    return _run(weight, hessian, group, act_order, _upper, _later, descending=False)


@mistake(
    "4.11",
    "gptq.quantize",
    "The codes stay in the order in which they were made: put each back in its own column.",
)
def quantize_left_in_order(weight, hessian, group=64, act_order=False):
    return _run(weight, hessian, group, act_order, _upper, _later, back=False)


@mistake(
    "4.11",
    "gptq.quantize",
    "act_order is ignored: columns are taken from left to right in any case.",
)
def quantize_without_order(weight, hessian, group=64, act_order=False):
    return _run(weight, hessian, group, False, _upper, _later)


@mistake(
    "4.11",
    "gptq.quantize",
    "The weight is in the new order, but U is still that of H in the old one.",
)
def quantize_factor_in_old_order(weight, hessian, group=64, act_order=False):
    codes, scale, zero = int4.quantize(weight, group)
    order = torch.arange(len(hessian))
    if act_order:
        order = hessian.diagonal().argsort(descending=True, stable=True)
    U = _upper(hessian.double())
    w = weight.detach().double()[:, order]
    for j, column in enumerate(order.tolist()):
        s, z = scale[:, column // group], zero[:, column // group]
        code = ((w[:, j] / s).round() + z).clamp(0, 15)
        _later(w, j, w[:, j] - (code - z) * s, U)
        codes[:, column] = code.to(torch.uint8)
    return codes, scale, zero


@mistake(
    "4.11",
    "gptq.quantize",
    "With act_order, scales are looked up by the place in the order: a column keeps its own group.",
)
def quantize_group_of_place(weight, hessian, group=64, act_order=False):
    codes, scale, zero = int4.quantize(weight, group)
    order = torch.arange(len(hessian))
    if act_order:
        order = hessian.diagonal().argsort(descending=True, stable=True)
    U = _upper(hessian[order][:, order].double())
    w = weight.detach().double()[:, order]
    for j, column in enumerate(order.tolist()):
        s, z = scale[:, j // group], zero[:, j // group]
        code = ((w[:, j] / s).round() + z).clamp(0, 15)
        _later(w, j, w[:, j] - (code - z) * s, U)
        codes[:, column] = code.to(torch.uint8)
    return codes, scale, zero


@mistake(
    "4.11",
    "gptq.quantize",
    "A code that errors have pushed beyond 15 or below 0 wraps around: clamp before the dtype changes.",
)
def quantize_not_clamped(weight, hessian, group=64, act_order=False):
    codes, scale, zero = int4.quantize(weight, group)
    order = torch.arange(len(hessian))
    if act_order:
        order = hessian.diagonal().argsort(descending=True, stable=True)
    U = _upper(hessian[order][:, order].double())
    w = weight.detach().double()[:, order]
    for j, column in enumerate(order.tolist()):
        s, z = scale[:, column // group], zero[:, column // group]
        code = (w[:, j] / s).round() + z
        _later(w, j, w[:, j] - (code - z) * s, U)
        codes[:, column] = (code.long() % 16).to(torch.uint8)
    return codes, scale, zero


@mistake(
    "4.11",
    "gptq.quantize",
    "The ascending order is turned round, and with it the order of equal ones: the first comes first.",
)
def quantize_equals_turned_round(weight, hessian, group=64, act_order=False):
    if not act_order:
        return _run(weight, hessian, group, False, _upper, _later)
    order = hessian.diagonal().argsort(stable=True).flip(0)
    codes, scale, zero = int4.quantize(weight, group)
    U, w = _upper(hessian[order][:, order].double()), weight.detach().double()[:, order]
    for j, column in enumerate(order.tolist()):
        s, z = scale[:, column // group], zero[:, column // group]
        code = ((w[:, j] / s).round() + z).clamp(0, 15)
        _later(w, j, w[:, j] - (code - z) * s, U)
        codes[:, column] = code.to(torch.uint8)
    return codes, scale, zero
