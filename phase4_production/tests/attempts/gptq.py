"""The mistakes of `mistakes/gptq.py`, as others would write them."""

import torch

from phase4_production.solution import int4
from shared.mistakes import attempt


def _damped(G, amount):
    return G + amount * torch.eye(len(G), dtype=G.dtype)


@attempt("hessian_of_tokens")
def _(inputs, damp=0.01):
    X = inputs.to(torch.float64)
    G = torch.einsum("ic,jc->ij", X, X) * 2 / X.shape[0]
    return _damped(G, damp * G.trace() / len(G))


@attempt("hessian_not_averaged")
def _(inputs, damp=0.01):
    G = torch.zeros(inputs.shape[1], inputs.shape[1], dtype=torch.float64)
    for row in inputs.double():
        G += 2 * torch.outer(row, row)
    return _damped(G, damp * torch.diag(G).mean())


@attempt("hessian_fixed_damping")
def _(inputs, damp=0.01):
    X = inputs.double()
    return _damped(2 * torch.einsum("ni,nj->ij", X, X) / len(X), damp)


@attempt("hessian_own_damping")
def _(inputs, damp=0.01):
    X = inputs.double()
    G = (X.mT @ X) * (2 / X.shape[0])
    return G + damp * torch.diag(torch.diag(G))


@attempt("hessian_is_covariance")
def _(inputs, damp=0.01):
    G = 2 * torch.cov(inputs.double().T, correction=0)
    return _damped(G, damp * torch.diag(G).mean())


@attempt("hessian_undamped")
def _(inputs, damp=0.01):
    X = inputs.double()
    return torch.einsum("ni,nj->ij", X, X).mul(2).div(len(X))


def _grid(weight, group):
    """Scale and zero point of every column by itself, (out, in) each, float64."""
    _, scale, zero = int4.quantize(weight, group)
    wide = [t.repeat_interleave(group, 1)[:, : weight.shape[1]].double() for t in (scale, zero)]
    return scale, zero, *wide


def _nearest(w, scale, zero):
    return torch.clamp(torch.round(w / scale) + zero, min=0, max=15)


def _inverse_factor(H):
    return torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(H.double()))).T


def _permutation(H, act_order, largest=True):
    if not act_order:
        return list(range(len(H)))
    return sorted(range(len(H)), key=lambda j: -H[j, j].item() if largest else H[j, j].item())


def _march(weight, order, grid, passed_on):
    """Walk over the columns in place; `passed_on(place, k)` is the share of a later column k."""
    scale, zero, wide_scale, wide_zero = grid
    W, out = weight.detach().clone().double(), torch.zeros(weight.shape, dtype=torch.uint8)
    for place, c in enumerate(order):
        code = _nearest(W[:, c], wide_scale[:, c], wide_zero[:, c])
        lost = W[:, c] - (code - wide_zero[:, c]) * wide_scale[:, c]
        for k in range(place + 1, len(order)):
            W[:, order[k]] = W[:, order[k]] - lost * passed_on(place, k)
        out[:, c] = code.byte()
    return out, scale, zero


def _share(U):
    return lambda j, k: U[j, k] / U[j, j]


@attempt("quantize_without_feedback")
def _(weight, hessian, group=64, act_order=False):
    scale, zero, wide_scale, wide_zero = _grid(weight, group)
    return _nearest(weight.double(), wide_scale, wide_zero).byte(), scale, zero


@attempt("quantize_wrong_sign")
def _(weight, hessian, group=64, act_order=False):
    order = _permutation(hessian, act_order)
    U = _inverse_factor(hessian[order][:, order])
    return _march(weight, order, _grid(weight, group), lambda j, k: -U[j, k] / U[j, j])


@attempt("quantize_error_not_divided")
def _(weight, hessian, group=64, act_order=False):
    order = _permutation(hessian, act_order)
    U = _inverse_factor(hessian[order][:, order])
    return _march(weight, order, _grid(weight, group), lambda j, k: U[j, k])


@attempt("quantize_factor_of_hessian")
def _(weight, hessian, group=64, act_order=False):
    order = _permutation(hessian, act_order)
    U = torch.linalg.cholesky(hessian[order][:, order].double()).mT
    return _march(weight, order, _grid(weight, group), _share(U))


@attempt("quantize_inverse_stays")
def _(weight, hessian, group=64, act_order=False):
    order = _permutation(hessian, act_order)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian[order][:, order].double()))
    return _march(weight, order, _grid(weight, group), _share(inverse))


@attempt("quantize_within_groups")
def _(weight, hessian, group=64, act_order=False):
    order = _permutation(hessian, act_order)
    U = _inverse_factor(hessian[order][:, order])
    keep = torch.arange(len(U)) // group
    U = torch.where(keep[:, None] == keep[None, :], U, torch.zeros_like(U))
    return _march(weight, order, _grid(weight, group), _share(U))


@attempt("quantize_next_column_only")
def _(weight, hessian, group=64, act_order=False):
    order = _permutation(hessian, act_order)
    U = _inverse_factor(hessian[order][:, order])
    U = U.tril(diagonal=1)
    return _march(weight, order, _grid(weight, group), _share(U))


@attempt("quantize_ascending")
def _(weight, hessian, group=64, act_order=False):
    order = _permutation(hessian, act_order, largest=False)
    U = _inverse_factor(hessian[order][:, order])
    return _march(weight, order, _grid(weight, group), _share(U))


@attempt("quantize_left_in_order")
def _(weight, hessian, group=64, act_order=False):
    order = _permutation(hessian, act_order)
    U = _inverse_factor(hessian[order][:, order])
    codes, scale, zero = _march(weight, order, _grid(weight, group), _share(U))
    return codes[:, order], scale, zero


@attempt("quantize_without_order")
def _(weight, hessian, group=64, act_order=False):
    order = list(range(len(hessian)))
    return _march(weight, order, _grid(weight, group), _share(_inverse_factor(hessian)))


@attempt("quantize_factor_in_old_order")
def _(weight, hessian, group=64, act_order=False):
    order = _permutation(hessian, act_order)
    return _march(weight, order, _grid(weight, group), _share(_inverse_factor(hessian)))


@attempt("quantize_group_of_place")
def _(weight, hessian, group=64, act_order=False):
    order = _permutation(hessian, act_order)
    U = _inverse_factor(hessian[order][:, order])
    scale, zero, wide_scale, wide_zero = _grid(weight, group)
    back = torch.tensor(order).argsort()
    grid = scale, zero, wide_scale[:, back], wide_zero[:, back]
    return _march(weight, order, grid, _share(U))


@attempt("quantize_not_clamped")
def _(weight, hessian, group=64, act_order=False):
    order = _permutation(hessian, act_order)
    U = _inverse_factor(hessian[order][:, order])
    scale, zero, wide_scale, wide_zero = _grid(weight, group)
    W, out = weight.clone().double(), torch.zeros(weight.shape, dtype=torch.uint8)
    for place, c in enumerate(order):
        code = torch.round(W[:, c] / wide_scale[:, c]) + wide_zero[:, c]
        lost = W[:, c] - (code - wide_zero[:, c]) * wide_scale[:, c]
        for k in range(place + 1, len(order)):
            W[:, order[k]] -= lost * U[place, k] / U[place, place]
        out[:, c] = torch.tensor([int(x) & 15 for x in code], dtype=torch.uint8)
    return out, scale, zero


@attempt("quantize_equals_turned_round")
def _(weight, hessian, group=64, act_order=False):
    order = list(range(len(hessian)))
    if act_order:
        order = sorted(order, key=lambda j: (hessian[j, j].item(), j), reverse=True)
    U = _inverse_factor(hessian[order][:, order])
    return _march(weight, order, _grid(weight, group), _share(U))
