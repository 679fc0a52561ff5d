"""The mistakes of `mistakes/awq.py`, as others would write them."""

import torch

from phase4_production.solution import int4
from shared.mistakes import attempt


def _trip(w, group):
    codes, scale, zero = int4.quantize(w, group)
    return int4.dequantize(codes, scale, zero, group)


def _sizes(x):
    return torch.maximum(x.abs().sum(0) / len(x), torch.tensor(1e-4))


def _scan(sizes, n_grid, loss, first=0, last=0, centre=True):
    best = None
    for alpha in torch.arange(first, n_grid + 1 - last) / n_grid:
        s = sizes.pow(alpha.item())
        if centre:
            s = s / torch.sqrt(s.amax() * s.amin())
        found = loss(s)
        if best is None or found < best[0]:
            best = found, s
    return best[1]


def _outputs(w, x, group):
    return lambda s: torch.mean((torch.div(x, s) @ _trip(w * s, group).mT - x @ w.mT) ** 2)


@attempt("search_inputs_not_divided")
def _(weight, inputs, group=64, n_grid=20):
    y = inputs @ weight.T
    return _scan(
        _sizes(inputs),
        n_grid,
        lambda s: torch.mean((inputs @ _trip(weight * s, group).T - y) ** 2).detach(),
    )


@attempt("search_importance_of_weights")
def _(weight, inputs, group=64, n_grid=20):
    w = weight.detach()
    return _scan(_sizes(w), n_grid, _outputs(w, inputs, group))


@attempt("search_importance_by_maximum")
def _(weight, inputs, group=64, n_grid=20):
    sizes = torch.stack([column.abs().max() for column in inputs.T]).clamp_min(1e-4)
    return _scan(sizes, n_grid, _outputs(weight.detach(), inputs, group))


@attempt("search_importance_with_sign")
def _(weight, inputs, group=64, n_grid=20):
    sizes = (inputs.sum(0) / len(inputs)).abs().clamp_min(1e-4)
    return _scan(sizes, n_grid, _outputs(weight.detach(), inputs, group))


@attempt("search_error_of_weights")
def _(weight, inputs, group=64, n_grid=20):
    w = weight.detach()
    return _scan(_sizes(inputs), n_grid, lambda s: torch.dist(_trip(w * s, group) / s, w))


@attempt("search_keeps_the_worst")
def _(weight, inputs, group=64, n_grid=20):
    loss = _outputs(weight.detach(), inputs, group)
    return _scan(_sizes(inputs), n_grid, lambda s: -loss(s))


@attempt("search_not_centred")
def _(weight, inputs, group=64, n_grid=20):
    return _scan(_sizes(inputs), n_grid, _outputs(weight.detach(), inputs, group), centre=False)


@attempt("search_always_alpha_one")
def _(weight, inputs, group=64, n_grid=20):
    sizes = _sizes(inputs)
    return sizes / torch.sqrt(sizes.min()) / torch.sqrt(sizes.max())


@attempt("search_without_rounding")
def _(weight, inputs, group=64, n_grid=20):
    return _scan(_sizes(inputs), n_grid, lambda s: 0.0)


@attempt("search_without_last_step")
def _(weight, inputs, group=64, n_grid=20):
    return _scan(_sizes(inputs), n_grid, _outputs(weight.detach(), inputs, group), last=1)


@attempt("search_keeps_the_last_of_equals")
def _(weight, inputs, group=64, n_grid=20):
    loss, best = _outputs(weight.detach(), inputs, group), None
    for step in range(n_grid + 1):
        s = _sizes(inputs) ** (step / n_grid)
        s = s / (s.max() * s.min()) ** 0.5
        if best is None or loss(s) <= loss(best):
            best = s
    return best


@attempt("search_without_first_step")
def _(weight, inputs, group=64, n_grid=20):
    return _scan(_sizes(inputs), n_grid, _outputs(weight.detach(), inputs, group), first=1)
