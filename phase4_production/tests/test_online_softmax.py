"""Online softmax: by hand, against torch's two-pass softmax in float64, and the laws of merging."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.solution import online_softmax
from phase4_production.solution.online_softmax import State
from shared import checks

LN2, LN3 = math.log(2), math.log(3)


def row(m, l, o):  # noqa: E741
    """One row with two columns of values."""
    return State(torch.tensor([m]), torch.tensor([l]), torch.tensor([o]))


def nothing(shape=(2, 3), D=4, dtype=torch.float64):
    return online_softmax.empty(torch.zeros(*shape, 1, dtype=dtype), D)


def make(n, seed=0, shape=(2, 3), D=4, spread=1.0, dtype=torch.float64):
    """Scores (*shape, n) and values (shape[0], n, D)."""
    g = torch.Generator().manual_seed(seed)
    scores = spread * torch.randn(*shape, n, generator=g, dtype=dtype)
    return scores, torch.randn(shape[0], n, D, generator=g, dtype=dtype)


def two_passes(scores, v):
    """The state of all keys, from the whole row: no running anything."""
    m = scores.max(-1).values
    p = torch.exp(scores - torch.nan_to_num(m, neginf=0.0).unsqueeze(-1))
    return State(m, p.sum(-1), p @ v)


def fed(scores, v, sizes):
    """The state after pieces of these sizes, one after the other."""
    state = nothing(scores.shape[:-1], v.shape[-1], scores.dtype)
    for s, w in zip(scores.split(sizes, -1), v.split(sizes, -2), strict=True):
        state = online_softmax.update(state, s, w)
    return state


def same(found, expected, name, **tolerance):
    """Check m, then l, then o, so that the first that is wrong is the one that is named."""
    law = isinstance(found, tuple) and len(found) == 3
    checks.law(law, f"{name}: a State is returned", found)
    for part, got, want in zip(("m", "l", "o"), found, expected, strict=True):
        checks.close(got, want, f"{part} {name}", **tolerance)


# -- update -------------------------------------------------------------------------------------


@pytest.mark.exercise("4.1")
def test_a_larger_score_by_hand():
    """Scores 0 and ln 2 with values (6, 0) and (0, 6): the old sums are worth a half each."""
    state = row(0.0, 1.0, [6.0, 0.0])
    scores, v = torch.tensor([[LN2]]), torch.tensor([[0.0, 6.0]])
    kept = [t.clone() for t in (*state, scores, v)]
    found = online_softmax.update(state, scores, v)
    same(found, row(LN2, 1.5, [3.0, 6.0]), "after scores of 0 and ln 2, one at a time")
    checks.equal([*state, scores, v], kept, "the arguments of update, which stay as they were")


@pytest.mark.exercise("4.1")
def test_a_smaller_score_by_hand():
    state = row(LN3, 2.0, [6.0, 3.0])
    found = online_softmax.update(state, torch.tensor([[0.0]]), torch.tensor([[3.0, 6.0]]))
    same(found, row(LN3, 2 + 1 / 3, [7.0, 5.0]), "after a score of 0 below a maximum of ln 3")


@pytest.mark.exercise("4.1")
def test_several_keys_at_once():
    state = row(0.0, 1.0, [1.0, 0.0])
    scores = torch.tensor([[LN2, 2 * LN2, 0.0]])
    v = torch.tensor([[8.0, 0.0], [0.0, 8.0], [4.0, 4.0]])
    found = online_softmax.update(state, scores, v)
    expected = row(2 * LN2, 1 / 4 + 1 / 2 + 1 + 1 / 4, [1 / 4 + 4 + 1, 8 + 1.0])
    same(found, expected, "after three keys more")


@pytest.mark.exercise("4.1")
def test_old_values_weigh_less():
    """By themselves, whatever became of l."""
    state = row(0.0, 1.0, [4.0, 8.0])
    found = online_softmax.update(state, torch.tensor([[2 * LN2]]), torch.tensor([[1.0, 1.0]]))
    checks.close(found[2], torch.tensor([[2.0, 3.0]]), "o after a score of 2 ln 2 above 0")


@pytest.mark.exercise("4.1")
@pytest.mark.parametrize("sizes", [[7], [1] * 7, [3, 4], [4, 1, 2]])
def test_any_pieces(sizes):
    scores, v = make(7)
    expected = two_passes(scores, v)
    same(fed(scores, v, sizes), expected, f"of 7 keys in pieces of {sizes}")


@pytest.mark.exercise("4.1")
def test_keys_that_are_not_seen():
    scores, v = make(6, seed=1)
    inf = torch.inf
    scores[..., :2] = -inf  # a first piece of which nobody sees anything
    scores[0, 1, :5] = -inf
    scores[1, 2] = -inf  # a row that never sees anything
    hidden = online_softmax.update(nothing(), scores[..., :2], v[..., :2, :])
    expected = two_passes(scores[..., :2], v[..., :2, :])
    same(hidden, expected, "of keys that are not seen: all scores -inf, and none before")
    same(fed(scores, v, [2, 2, 2]), two_passes(scores, v), "of pieces that begin with -inf")


@pytest.mark.exercise("4.1")
def test_large_scores():
    scores, v = make(6, seed=2, spread=300.0, dtype=torch.float32)
    for name, order in [("rising", scores.sort().values), ("falling", -(-scores).sort().values)]:
        found = fed(order, v, [2, 2, 2])
        expected = two_passes(order.double(), v.double())
        same(found, expected, f"of {name} scores in the hundreds, float32")
    low = scores - 1e5
    expected = two_passes(low.double(), v.double())
    same(fed(low, v, [2, 2, 2]), expected, "of scores near -100,000, float32")


@pytest.mark.exercise("4.1")
def test_factors_touch_o_only():
    scores, v = make(5, seed=3)
    factors = (torch.arange(30, dtype=torch.float64).view(2, 3, 5) % 3) * 0.75
    found = online_softmax.update(nothing(), scores[..., :2], v[..., :2, :], factors[..., :2])
    found = online_softmax.update(found, scores[..., 2:], v[..., 2:, :], factors[..., 2:])
    m, l, _ = two_passes(scores, v)  # noqa: E741
    o = (torch.exp(scores - m[..., None]) * factors) @ v
    same(found, (m, l, o), "with factors, as dropout has them")


@pytest.mark.exercise("4.1")
def test_values_of_fewer_bits():
    scores, v = make(5, seed=4, dtype=torch.float32)
    found = online_softmax.update(nothing(dtype=torch.bfloat16), scores, v.bfloat16())
    checks.equal(
        [t.dtype for t in found], [torch.float32] * 3, "dtypes of m, l, o, bfloat16 values"
    )
    same(found, two_passes(scores, v.bfloat16().float()), "of bfloat16 values")


# -- merge --------------------------------------------------------------------------------------


@pytest.mark.exercise("4.1")
def test_merge_by_hand():
    a, b = row(0.0, 2.0, [4.0, 2.0]), row(LN2, 3.0, [1.0, 5.0])
    kept = [t.clone() for t in (*a, *b)]
    found = online_softmax.merge(a, b)
    same(found, row(LN2, 4.0, [3.0, 6.0]), "of a merge, maxima 0 and ln 2")
    found = online_softmax.merge(b, a)
    same(found, row(LN2, 4.0, [3.0, 6.0]), "of a merge, maxima ln 2 and 0")
    checks.equal([*a, *b], kept, "the arguments of merge, which stay as they were")


@pytest.mark.exercise("4.1")
def test_merge_of_readers():
    scores, v = make(9, seed=5, spread=4.0)
    scores[0, 0, :3] = -torch.inf
    parts = [two_passes(s, w) for s, w in zip(scores.split(3, -1), v.split(3, -2), strict=True)]
    left = online_softmax.merge(online_softmax.merge(*parts[:2]), parts[2])
    same(left, two_passes(scores, v), "of three readers, merged from the left")
    right = online_softmax.merge(parts[0], online_softmax.merge(*parts[1:]))
    same(right, two_passes(scores, v), "of three readers, merged from the right")


@pytest.mark.exercise("4.1")
def test_merge_with_who_saw_nothing():
    scores, v = make(4, seed=6)
    state = two_passes(scores, v)
    same(online_softmax.merge(state, nothing()), state, "of a merge with an empty state")
    same(online_softmax.merge(nothing(), state), state, "of a merge of an empty state")
    both = online_softmax.merge(nothing(), nothing())
    same(both, nothing(), "of a merge of two empty states")
    scores[0, 1] = -torch.inf  # one row sees nothing in either half, the others see all
    halves = [two_passes(s, w) for s, w in zip(scores.split(2, -1), v.split(2, -2), strict=True)]
    found = online_softmax.merge(*halves)
    same(found, two_passes(scores, v), "of a merge in which one row of six saw nothing")


# -- finish -------------------------------------------------------------------------------------


@pytest.mark.exercise("4.1")
def test_finish_by_hand():
    state = State(
        torch.tensor([LN3, 5.0, -torch.inf]),
        torch.tensor([4.0, 1.0, 0.0]),
        torch.tensor([[6.0, 2.0], [7.0, -1.0], [0.0, 0.0]]),
    )
    kept = [t.clone() for t in state]
    found = online_softmax.finish(state)
    checks.law(isinstance(found, tuple) and len(found) == 2, "finish returns O and L", found)
    O, L = found  # noqa: E741
    checks.close(L[:2], torch.tensor([math.log(12), 5.0]), "L = m + ln l")
    checks.close(O[:2], torch.tensor([[1.5, 0.5], [7.0, -1.0]]), "O = o / l")
    checks.equal(O[2:], torch.zeros(1, 2), "O of a row that saw no key")
    checks.equal(L[2:], torch.full((1,), -torch.inf), "L of a row that saw no key")
    checks.equal(list(state), kept, "the state, which finish leaves as it was")


@pytest.mark.exercise("4.1")
@settings(max_examples=15)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(0, 99))
def test_softmax_of_any_pieces(sizes, seed):
    scores, v = make(sum(sizes), seed, spread=3.0)
    O, L = online_softmax.finish(fed(scores, v, sizes))  # noqa: E741
    checks.close(L, scores.logsumexp(-1), f"L of pieces of {sizes}")
    checks.close(O, scores.softmax(-1) @ v, f"O of pieces of {sizes}")


# -- proofs -------------------------------------------------------------------------------------


def test_float32_keeps_up_over_many_pieces():
    """512 updates in float32 against float64: the error of a decay does not pile up."""
    scores, v = make(4096, seed=7, spread=2.0, dtype=torch.float32)
    O, L = online_softmax.finish(fed(scores, v, [8] * 512))  # noqa: E741
    checks.close(O, scores.double().softmax(-1) @ v.double(), "O")
    checks.close(L, scores.double().logsumexp(-1), "L")


def test_updates_and_merges_agree_with_scaled_dot_product_attention():
    g = torch.Generator().manual_seed(8)
    q, k, v = torch.randn(3, 2, 10, 16, generator=g)
    scores = q @ k.mT / 4
    halves = [
        online_softmax.update(nothing((2, 10), 16, torch.float32), scores[..., s], v[..., s, :])
        for s in (slice(0, 7), slice(7, 10))
    ]
    O, _ = online_softmax.finish(online_softmax.merge(*halves))  # noqa: E741
    checks.close(O, torch.nn.functional.scaled_dot_product_attention(q, k, v), "O")


def test_what_does_not_fit_is_named():
    state = nothing()
    with pytest.raises(ValueError, match="values of 4"):
        online_softmax.update(state, torch.zeros(2, 3, 5), torch.zeros(2, 4, 4))
    with pytest.raises(ValueError, match="states of shapes"):
        online_softmax.merge(state, nothing(D=5))
