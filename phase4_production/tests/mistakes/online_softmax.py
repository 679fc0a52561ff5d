"""Classic wrong answers for `solution/online_softmax.py`."""

import torch

from phase4_production.solution.online_softmax import State
from shared.mistakes import mistake


@mistake(
    "4.1",
    "online_softmax.update",
    "l is not rescaled: its terms were taken relative to the old maximum, and the new ones are not.",
)
def update_l_not_rescaled(state, scores, v, factors=None):
    m = torch.maximum(state.m, scores.amax(-1))
    pivot = m.where(m > -torch.inf, 0)
    decay = (state.m - pivot).exp()
    p = (scores - pivot[..., None]).exp()
    kept = p if factors is None else p * factors
    return State(m, state.l + p.sum(-1), decay[..., None] * state.o + kept @ v.to(p.dtype))


@mistake(
    "4.1",
    "online_softmax.update",
    "o is not rescaled: the values of before still weigh what they weighed under the old maximum.",
)
def update_o_not_rescaled(state, scores, v, factors=None):
    m = torch.maximum(state.m, scores.amax(-1))
    pivot = m.where(m > -torch.inf, 0)
    decay = (state.m - pivot).exp()
    p = (scores - pivot[..., None]).exp()
    kept = p if factors is None else p * factors
    return State(m, decay * state.l + p.sum(-1), state.o + kept @ v.to(p.dtype))


@mistake(
    "4.1",
    "online_softmax.update",
    "Neither l nor o is rescaled: sums that were taken relative to two maxima cannot be added.",
)
def update_nothing_rescaled(state, scores, v, factors=None):
    m = torch.maximum(state.m, scores.amax(-1))
    p = (scores - m.where(m > -torch.inf, 0)[..., None]).exp()
    kept = p if factors is None else p * factors
    return State(m, state.l + p.sum(-1), state.o + kept @ v.to(p.dtype))


@mistake(
    "4.1",
    "online_softmax.update",
    "The rescaling goes the wrong way: a larger maximum makes the old terms smaller, exp(old - new).",
)
def update_rescaled_backwards(state, scores, v, factors=None):
    m = torch.maximum(state.m, scores.amax(-1))
    pivot = m.where(m > -torch.inf, 0)
    decay = (pivot - state.m).exp().where(state.m > -torch.inf, 0)
    p = (scores - pivot[..., None]).exp()
    kept = p if factors is None else p * factors
    o = decay[..., None] * state.o + kept @ v.to(p.dtype)
    return State(m, decay * state.l + p.sum(-1), o)


@mistake(
    "4.1",
    "online_softmax.update",
    "The new maximum is that of the new scores alone; what came before may have been larger.",
)
def update_forgets_old_maximum(state, scores, v, factors=None):
    m = scores.amax(-1)
    pivot = m.where(m > -torch.inf, 0)
    decay = (state.m - pivot).exp()
    p = (scores - pivot[..., None]).exp()
    kept = p if factors is None else p * factors
    o = decay[..., None] * state.o + kept @ v.to(p.dtype)
    return State(m, decay * state.l + p.sum(-1), o)


@mistake(
    "4.1",
    "online_softmax.update",
    "The new terms are taken relative to the old maximum: a larger score overflows, and the sums do not match m.",
)
def update_keeps_old_pivot(state, scores, v, factors=None):
    m = torch.maximum(state.m, scores.amax(-1))
    pivot = state.m.where(state.m > -torch.inf, m.where(m > -torch.inf, 0))
    decay = (state.m - m.where(m > -torch.inf, 0)).exp()
    p = (scores - pivot[..., None]).exp()
    kept = p if factors is None else p * factors
    o = decay[..., None] * state.o + kept @ v.to(p.dtype)
    return State(m, decay * state.l + p.sum(-1), o)


@mistake(
    "4.1",
    "online_softmax.update",
    "Where nothing finite has been seen, -inf - -inf is NaN; subtract something finite there.",
)
def update_nan_at_start(state, scores, v, factors=None):
    m = torch.maximum(state.m, scores.amax(-1))
    decay = (state.m - m).exp()
    p = (scores - m[..., None]).exp()
    kept = p if factors is None else p * factors
    o = decay[..., None] * state.o + kept @ v.to(p.dtype)
    return State(m, decay * state.l + p.sum(-1), o)


@mistake(
    "4.1",
    "online_softmax.update",
    "No maximum is subtracted: right for small scores, and exp overflows from 89 on in float32.",
)
def update_without_maximum(state, scores, v, factors=None):
    m = torch.maximum(state.m, scores.amax(-1))
    p = scores.exp()
    kept = p if factors is None else p * factors
    return State(m, state.l + p.sum(-1), state.o + kept @ v.to(p.dtype))


@mistake(
    "4.1",
    "online_softmax.update",
    "o is divided at each step; keep the sum as it is, and let `finish` divide once.",
)
def update_divides(state, scores, v, factors=None):
    m = torch.maximum(state.m, scores.amax(-1))
    pivot = m.where(m > -torch.inf, 0)
    decay = (state.m - pivot).exp()
    p = (scores - pivot[..., None]).exp()
    kept = p if factors is None else p * factors
    l = decay * state.l + p.sum(-1)  # noqa: E741
    o = decay[..., None] * state.o + kept @ v.to(p.dtype)
    return State(m, l, o / l.where(l > 0, 1)[..., None])


@mistake(
    "4.1",
    "online_softmax.update",
    "The factors go into l as well: dropout leaves out terms of the softmax and does not normalise anew.",
)
def update_factors_in_l(state, scores, v, factors=None):
    m = torch.maximum(state.m, scores.amax(-1))
    pivot = m.where(m > -torch.inf, 0)
    decay = (state.m - pivot).exp()
    p = (scores - pivot[..., None]).exp()
    p = p if factors is None else p * factors
    o = decay[..., None] * state.o + p @ v.to(p.dtype)
    return State(m, decay * state.l + p.sum(-1), o)


@mistake(
    "4.1",
    "online_softmax.update",
    "The factors are not used: nothing is dropped.",
)
def update_without_factors(state, scores, v, factors=None):
    m = torch.maximum(state.m, scores.amax(-1))
    pivot = m.where(m > -torch.inf, 0)
    decay = (state.m - pivot).exp()
    p = (scores - pivot[..., None]).exp()
    o = decay[..., None] * state.o + p @ v.to(p.dtype)
    return State(m, decay * state.l + p.sum(-1), o)


@mistake(
    "4.1",
    "online_softmax.update",
    "The state that was given is changed in place; whoever holds it still needs it. Make a new one.",
)
def update_in_place(state, scores, v, factors=None):
    m = torch.maximum(state.m, scores.amax(-1))
    pivot = m.where(m > -torch.inf, 0)
    decay = (state.m - pivot).exp()
    p = (scores - pivot[..., None]).exp()
    kept = p if factors is None else p * factors
    state.l.mul_(decay).add_(p.sum(-1))
    state.o.mul_(decay[..., None]).add_(kept @ v.to(p.dtype))
    state.m.copy_(m)
    return state


@mistake(
    "4.1",
    "online_softmax.merge",
    "The sums are added as they are; each was taken relative to its own maximum.",
)
def merge_adds(a, b):
    return State(torch.maximum(a.m, b.m), a.l + b.l, a.o + b.o)


@mistake(
    "4.1",
    "online_softmax.merge",
    "Only the first reader is rescaled; the second one's maximum may be the smaller one.",
)
def merge_rescales_first(a, b):
    m = torch.maximum(a.m, b.m)
    decay = (a.m - m.where(m > -torch.inf, 0)).exp()
    return State(m, decay * a.l + b.l, decay[..., None] * a.o + b.o)


@mistake(
    "4.1",
    "online_softmax.merge",
    "o is weighed by l, as if it had been divided by it already; it has not, the factors exp(m - m') are all.",
)
def merge_weighs_by_l(a, b):
    m = torch.maximum(a.m, b.m)
    pivot = m.where(m > -torch.inf, 0)
    of_a, of_b = (a.m - pivot).exp() * a.l, (b.m - pivot).exp() * b.l
    return State(m, of_a + of_b, of_a[..., None] * a.o + of_b[..., None] * b.o)


@mistake(
    "4.1",
    "online_softmax.merge",
    "The mean of the two outputs is taken; a reader weighs what its keys weigh, exp(m - m') l.",
)
def merge_takes_means(a, b):
    m = torch.maximum(a.m, b.m)
    pivot = m.where(m > -torch.inf, 0)
    of_a, of_b = (a.m - pivot).exp(), (b.m - pivot).exp()
    o = (of_a[..., None] * a.o + of_b[..., None] * b.o) / 2
    return State(m, (of_a * a.l + of_b * b.l) / 2, o)


@mistake(
    "4.1",
    "online_softmax.merge",
    "Two readers who saw nothing make NaN: -inf - -inf. Subtract something finite there.",
)
def merge_nan(a, b):
    m = torch.maximum(a.m, b.m)
    of_a, of_b = (a.m - m).exp(), (b.m - m).exp()
    o = of_a[..., None] * a.o + of_b[..., None] * b.o
    return State(m, of_a * a.l + of_b * b.l, o)


@mistake(
    "4.1",
    "online_softmax.merge",
    "The factors are turned: the reader with the smaller maximum is the one that shrinks.",
)
def merge_swaps_factors(a, b):
    m = torch.maximum(a.m, b.m)
    pivot = m.where(m > -torch.inf, 0)
    of_b, of_a = (a.m - pivot).exp(), (b.m - pivot).exp()
    o = of_a[..., None] * a.o + of_b[..., None] * b.o
    return State(m, of_a * a.l + of_b * b.l, o)


@mistake(
    "4.1",
    "online_softmax.finish",
    "L is m alone; the sum is exp(m) l, so ln l belongs to its logarithm.",
)
def finish_l_is_m(state):
    divisor = state.l.where(state.l > 0, 1)
    return state.o / divisor[..., None], state.m


@mistake(
    "4.1",
    "online_softmax.finish",
    "L is ln l alone: without m it is relative to a maximum that nobody knows any more.",
)
def finish_l_without_m(state):
    divisor = state.l.where(state.l > 0, 1)
    return state.o / divisor[..., None], state.l.log().where(state.l > 0, -torch.inf)


@mistake(
    "4.1",
    "online_softmax.finish",
    "m + l adds a logarithm to what is none: take ln l.",
)
def finish_adds_l(state):
    divisor = state.l.where(state.l > 0, 1)
    return state.o / divisor[..., None], state.m + state.l


@mistake(
    "4.1",
    "online_softmax.finish",
    "A logarithm to the base 2; the others here are natural.",
)
def finish_log2(state):
    divisor = state.l.where(state.l > 0, 1)
    return state.o / divisor[..., None], state.m + state.l.log2()


@mistake(
    "4.1",
    "online_softmax.finish",
    "A row that saw no key is divided by zero; its O is 0.",
)
def finish_divides_by_zero(state):
    return state.o / state.l[..., None], state.m + state.l.log()


@mistake(
    "4.1",
    "online_softmax.finish",
    "O is not divided by l: the weights do not add up to 1.",
)
def finish_does_not_divide(state):
    return state.o, state.m + state.l.log()


@mistake(
    "4.1",
    "online_softmax.finish",
    "A small number added to l biases every row; only rows that saw nothing need help.",
)
def finish_with_epsilon(state):
    l = state.l + 1e-6  # noqa: E741
    return state.o / l[..., None], state.m + l.log()


@mistake(
    "4.1",
    "online_softmax.merge",
    "Only a state that is empty as a whole is taken care of; a single row may have seen nothing, too.",
)
def merge_asks_for_whole_states(a, b):
    for one, other in ((a, b), (b, a)):
        if (one.m == -torch.inf).all():
            return other
    m = torch.maximum(a.m, b.m)
    of_a, of_b = (a.m - m).exp(), (b.m - m).exp()
    return State(m, of_a * a.l + of_b * b.l, of_a[..., None] * a.o + of_b[..., None] * b.o)


@mistake(
    "4.1",
    "online_softmax.update",
    "Scores may all lie below any number that one thinks of; only -inf itself needs another pivot.",
)
def update_pivot_has_a_floor(state, scores, v, factors=None):
    m = torch.maximum(state.m, scores.amax(-1))
    pivot = m.clamp(min=-1e4)
    decay = (state.m - pivot).exp()
    p = (scores - pivot[..., None]).exp()
    weighted = p if factors is None else p * factors
    o = decay[..., None] * state.o + weighted @ v.to(p.dtype)
    return State(m, decay * state.l + p.sum(-1), o)
