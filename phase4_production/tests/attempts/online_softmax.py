"""The mistakes of `mistakes/online_softmax.py`, as others would write them."""

import torch

from phase4_production.solution.online_softmax import State
from shared.mistakes import attempt


def _finite(m):
    return torch.nan_to_num(m, neginf=0.0)


def _weights(new_m, scores, factors):
    e = torch.exp(scores - _finite(new_m).unsqueeze(-1))
    return e, e * (1 if factors is None else factors)


def _top(state, scores):
    return torch.cat([state.m.unsqueeze(-1), scores], dim=-1).max(dim=-1).values


def _sum(weights, v):
    return torch.matmul(weights, v.type(weights.dtype))


@attempt("update_l_not_rescaled")
def _(state, scores, v, factors=None):
    new_m = _top(state, scores)
    e, w = _weights(new_m, scores, factors)
    alpha = torch.exp(state.m - _finite(new_m)).unsqueeze(-1)
    return State(new_m, e.sum(dim=-1) + state.l, _sum(w, v) + state.o * alpha)


@attempt("update_o_not_rescaled")
def _(state, scores, v, factors=None):
    new_m = _top(state, scores)
    e, w = _weights(new_m, scores, factors)
    alpha = torch.exp(state.m - _finite(new_m))
    return State(new_m, e.sum(dim=-1) + state.l * alpha, _sum(w, v) + state.o)


@attempt("update_nothing_rescaled")
def _(state, scores, v, factors=None):
    new_m = _top(state, scores)
    e, w = _weights(new_m, scores, factors)
    return State(new_m, e.sum(dim=-1) + state.l, _sum(w, v) + state.o)


@attempt("update_rescaled_backwards")
def _(state, scores, v, factors=None):
    new_m = _top(state, scores)
    e, w = _weights(new_m, scores, factors)
    first = torch.isinf(state.m)
    alpha = torch.exp(_finite(new_m) - state.m).masked_fill(first, 0.0)
    return State(new_m, e.sum(-1) + state.l * alpha, _sum(w, v) + state.o * alpha.unsqueeze(-1))


@attempt("update_forgets_old_maximum")
def _(state, scores, v, factors=None):
    new_m = scores.max(dim=-1).values
    e, w = _weights(new_m, scores, factors)
    alpha = torch.exp(state.m - _finite(new_m))
    return State(new_m, e.sum(-1) + state.l * alpha, _sum(w, v) + state.o * alpha.unsqueeze(-1))


@attempt("update_keeps_old_pivot")
def _(state, scores, v, factors=None):
    new_m = _top(state, scores)
    reference = torch.where(torch.isinf(state.m), _finite(new_m), state.m)
    e, w = _weights(reference, scores, factors)
    alpha = torch.exp(state.m - _finite(new_m))
    return State(new_m, e.sum(-1) + state.l * alpha, _sum(w, v) + state.o * alpha.unsqueeze(-1))


@attempt("update_nan_at_start")
def _(state, scores, v, factors=None):
    new_m = _top(state, scores)
    e = torch.exp(scores - new_m.unsqueeze(-1))
    w = e * (1 if factors is None else factors)
    alpha = torch.exp(state.m - new_m)
    return State(new_m, e.sum(-1) + state.l * alpha, _sum(w, v) + state.o * alpha.unsqueeze(-1))


@attempt("update_without_maximum")
def _(state, scores, v, factors=None):
    e = torch.exp(scores)
    w = e * (1 if factors is None else factors)
    return State(_top(state, scores), e.sum(dim=-1) + state.l, _sum(w, v) + state.o)


@attempt("update_divides")
def _(state, scores, v, factors=None):
    new_m = _top(state, scores)
    e, w = _weights(new_m, scores, factors)
    alpha = torch.exp(state.m - _finite(new_m))
    total = e.sum(-1) + state.l * alpha
    top = _sum(w, v) + state.o * alpha.unsqueeze(-1)
    return State(new_m, total, top / torch.where(total > 0, total, 1.0).unsqueeze(-1))


@attempt("update_factors_in_l")
def _(state, scores, v, factors=None):
    new_m = _top(state, scores)
    _, w = _weights(new_m, scores, factors)
    alpha = torch.exp(state.m - _finite(new_m))
    return State(new_m, w.sum(-1) + state.l * alpha, _sum(w, v) + state.o * alpha.unsqueeze(-1))


@attempt("update_without_factors")
def _(state, scores, v, factors=None):
    new_m = _top(state, scores)
    e, _ = _weights(new_m, scores, None)
    alpha = torch.exp(state.m - _finite(new_m))
    return State(new_m, e.sum(-1) + state.l * alpha, _sum(e, v) + state.o * alpha.unsqueeze(-1))


@attempt("update_in_place")
def _(state, scores, v, factors=None):
    m, l, o = state  # noqa: E741
    new_m = _top(state, scores)
    e, w = _weights(new_m, scores, factors)
    alpha = torch.exp(m - _finite(new_m))
    l *= alpha  # noqa: E741
    l += e.sum(-1)  # noqa: E741
    o *= alpha.unsqueeze(-1)
    o += _sum(w, v)
    m[...] = new_m
    return State(m, l, o)


@attempt("merge_adds")
def _(a, b):
    return State(torch.stack([a.m, b.m]).amax(0), b.l + a.l, b.o + a.o)


@attempt("merge_rescales_first")
def _(a, b):
    top = torch.stack([a.m, b.m]).amax(0)
    factor = torch.exp(a.m - _finite(top))
    return State(top, b.l + a.l * factor, b.o + a.o * factor.unsqueeze(-1))


@attempt("merge_weighs_by_l")
def _(a, b):
    top = torch.stack([a.m, b.m]).amax(0)
    mass_a = a.l * torch.exp(a.m - _finite(top))
    mass_b = b.l * torch.exp(b.m - _finite(top))
    o = a.o * mass_a.unsqueeze(-1) + b.o * mass_b.unsqueeze(-1)
    return State(top, mass_a + mass_b, o)


@attempt("merge_takes_means")
def _(a, b):
    top = torch.stack([a.m, b.m]).amax(0)
    parts = []
    for part in (a, b):
        factor = torch.exp(part.m - _finite(top))
        parts.append((part.l * factor, part.o * factor.unsqueeze(-1)))
    (l_a, o_a), (l_b, o_b) = parts
    return State(top, 0.5 * (l_a + l_b), 0.5 * (o_a + o_b))


@attempt("merge_nan")
def _(a, b):
    top = torch.stack([a.m, b.m]).amax(0)
    l, o = 0.0, 0.0  # noqa: E741
    for part in (a, b):
        factor = torch.exp(part.m - top)
        l = l + part.l * factor  # noqa: E741
        o = o + part.o * factor.unsqueeze(-1)
    return State(top, l, o)


@attempt("merge_swaps_factors")
def _(a, b):
    top = torch.stack([a.m, b.m]).amax(0)
    factor_a, factor_b = torch.exp(b.m - _finite(top)), torch.exp(a.m - _finite(top))
    o = a.o * factor_a.unsqueeze(-1) + b.o * factor_b.unsqueeze(-1)
    return State(top, a.l * factor_a + b.l * factor_b, o)


def _divided(state):
    empty = state.l == 0
    return torch.where(empty.unsqueeze(-1), 0.0, state.o / state.l.unsqueeze(-1))


@attempt("finish_l_is_m")
def _(state):
    return _divided(state), state.m.clone()


@attempt("finish_l_without_m")
def _(state):
    return _divided(state), torch.log(state.l)


@attempt("finish_adds_l")
def _(state):
    return _divided(state), torch.add(state.l, state.m)


@attempt("finish_log2")
def _(state):
    return _divided(state), torch.log2(state.l) + state.m


@attempt("finish_divides_by_zero")
def _(state):
    return torch.div(state.o, state.l.unsqueeze(-1)), torch.log(state.l) + state.m


@attempt("finish_does_not_divide")
def _(state):
    return state.o.clone(), torch.log(state.l) + state.m


@attempt("finish_with_epsilon")
def _(state):
    total = state.l.add(1e-6)
    return torch.div(state.o, total.unsqueeze(-1)), torch.log(total) + state.m


@attempt("merge_asks_for_whole_states")
def _(a, b):
    if torch.isinf(a.m).all() or torch.isinf(b.m).all():
        return b if torch.isinf(a.m).all() else a
    pair = torch.stack([a.m, b.m])
    top = pair.max(0).values
    x, y = torch.exp(pair - top)
    o = a.o * x.unsqueeze(-1) + b.o * y.unsqueeze(-1)
    return State(top, a.l * x + b.l * y, o)


@attempt("update_pivot_has_a_floor")
def _(state, scores, v, factors=None):
    new_m = _top(state, scores)
    base = torch.maximum(new_m, torch.full_like(new_m, -9999.0))
    e = torch.exp(scores - base.unsqueeze(-1))
    alpha = torch.exp(state.m - base)
    o = alpha.unsqueeze(-1) * state.o + _sum(e * (1 if factors is None else factors), v)
    return State(new_m, alpha * state.l + e.sum(dim=-1), o)
