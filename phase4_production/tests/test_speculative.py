"""Guesses that pass, by hand and by counting every outcome; then chi-square, with real numbers."""

import itertools
from collections import Counter
from fractions import Fraction

import pytest
import torch

from phase4_production.solution import sampling, speculative
from phase4_production.solution.randomness import uniform
from shared import checks

P = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
Q = torch.tensor([0.2, 0.7, 0.1], dtype=torch.float64)


def accept(target, draft, proposed, coins, last=0.5):
    doubles = [torch.as_tensor(t, dtype=torch.float64) for t in (target, draft, coins, [last])]
    target, draft, coins, last = doubles
    V = target.shape[1]
    proposed = torch.tensor(proposed, dtype=torch.int64)
    return speculative.accept(target, draft.reshape(-1, V), proposed, coins, last)


def rows(*rows):
    return torch.stack(rows)


# -- by hand ------------------------------------------------------------------------------------


@pytest.mark.exercise("4.18")
def test_a_guess_passes_by_its_ratio():
    """Token 1 has p / q = 0.3 / 0.7 = 0.43; the target likes token 0 more than the draft does."""
    target = rows(P, torch.tensor([0.0, 0.0, 1.0]).double())
    found = accept(target, [Q.tolist()], [1], [0.4])
    checks.equal(found, torch.tensor([1, 2]), "tokens when the coin is 0.4 and p / q is 0.43")
    found = accept(target, [Q.tolist()], [0], [0.999])
    checks.equal(found, torch.tensor([0, 2]), "tokens when p is above q, whatever the coin")
    found = accept(target, [Q.tolist()], [1], [0.45], last=0.1)
    checks.equal(found, torch.tensor([0]), "tokens when the coin is 0.45 and p / q is 0.43")
    checks.equal(found.dtype, torch.int64, "dtype of the tokens")


@pytest.mark.exercise("4.18")
def test_arguments_stay_as_they_are():
    target, draft = rows(P, P), rows(Q)
    before = target.clone(), draft.clone()
    for coin in (0.1, 0.9):
        accept(target, draft, [1], [coin])
        checks.equal((target, draft), before, "target and draft afterwards")


@pytest.mark.exercise("4.18")
def test_the_rest_after_a_rejection():
    """max(p - q, 0) is 0.3, 0 and 0.1: three quarters of it is token 0, the rest token 2."""
    target = rows(P, P)
    for last, token in [(0.0, 0), (0.7, 0), (0.8, 2), (0.99, 2)]:
        found = accept(target, [Q.tolist()], [1], [0.9], last)
        checks.equal(found, torch.tensor([token]), f"token in place of the guess, at {last}")


@pytest.mark.exercise("4.18")
def test_the_first_rejection_ends_it():
    target = rows(P, P, P, P)
    found = accept(target, rows(Q, Q, Q), [1, 1, 1], [0.1, 0.9, 0.1], 0.1)
    checks.equal(found, torch.tensor([1, 0]), "tokens when the second of three guesses fails")
    found = accept(target, rows(Q, Q, Q), [1, 1, 1], [0.9, 0.1, 0.1], 0.1)
    checks.equal(found, torch.tensor([0]), "tokens when the first of three guesses fails")


@pytest.mark.exercise("4.18")
def test_each_guess_has_its_own_coin():
    """What was likely to fail and passed does not count against those that come later."""
    found = accept(rows(P, P, P), rows(Q, Q), [1, 1], [0.4, 0.4], 0.9)
    checks.equal(found, torch.tensor([1, 1, 2]), "tokens when both coins are 0.4, both p / q 0.43")


@pytest.mark.exercise("4.18")
def test_a_guess_that_was_looked_up():
    """It is certain for the draft, q = 1, and passes as often as the target would say it."""
    certain = torch.eye(3, dtype=torch.float64)[1:2]
    found = accept(rows(P, P), certain, [1], [0.25], 0.1)
    checks.equal(found, torch.tensor([1, 0]), "tokens when q is 1, p 0.3 and the coin 0.25")
    found = accept(rows(P, P), certain, [1], [0.35], 0.7)
    checks.equal(found, torch.tensor([0]), "tokens when q is 1, p 0.3 and the coin 0.35")


@pytest.mark.exercise("4.18")
def test_one_more_after_all():
    """The last token comes from the row after the last guess, which no draft has seen."""
    end = torch.tensor([0.0, 0.25, 0.75], dtype=torch.float64)
    for last, token in [(0.2, 1), (0.3, 2)]:
        found = accept(rows(P, P, end), rows(P, P), [2, 0], [0.999, 0.999], last)
        checks.equal(found, torch.tensor([2, 0, token]), "tokens when the draft is the target")
    found = accept(rows(end), torch.zeros(0, 3), [], [], 0.1)
    checks.equal(found, torch.tensor([1]), "the token without any guess")


@pytest.mark.exercise("4.18")
def test_each_guess_has_its_own_row():
    one_hot = torch.eye(3, dtype=torch.float64)
    target = rows(one_hot[1], one_hot[2], one_hot[0], one_hot[1])
    found = accept(target, one_hot[[1, 2, 2]], [1, 2, 2], [0.0, 0.0, 0.0])
    checks.equal(found, torch.tensor([1, 2, 0]), "greedy: two guesses right, the third wrong")
    found = accept(target, one_hot[[1, 2, 0]], [1, 2, 0], [0.9, 0.9, 0.9])
    checks.equal(found, torch.tensor([1, 2, 0, 1]), "greedy: three guesses right")


@pytest.mark.exercise("4.18")
def test_a_token_that_must_not_come():
    """The coin may be 0, and the target's probability, too: that does not pass."""
    target = rows(torch.tensor([0.5, 0.0, 0.5]).double(), P)
    found = accept(target, [Q.tolist()], [1], [0.0], 0.1)
    checks.equal(found, torch.tensor([0]), "tokens when the target excludes the guess")


@pytest.mark.exercise("4.18")
def test_when_rounding_leaves_nothing():
    """p below q everywhere, as rounding may have it: the rest is empty, and p takes its place."""
    smaller = torch.tensor([0.5, 0.2499, 0.25], dtype=torch.float64)
    draft = torch.tensor([[0.5, 0.25, 0.25]], dtype=torch.float64)
    # Token 0 has 0.5 of 0.9999 in p, just more than 0.50002, and 0.5 of 1 in q, just less.
    for last, token in [(0.9, 2), (0.4, 0), (0.50002, 0)]:
        found = accept(rows(smaller, P), draft, [1], [0.9999], last)
        checks.equal(found, torch.tensor([token]), f"the token from p itself, at {last}")


@pytest.mark.exercise("4.18")
def test_little_is_not_nothing():
    """2^-30 is more than rounding in float64: where it is all that is left, it decides."""
    tiny = 2.0**-30
    draft = torch.tensor([[0.5, 0.25, 0.25]], dtype=torch.float64)
    target = draft[0] + torch.tensor([0.0, tiny, -tiny], dtype=torch.float64)
    found = accept(rows(target, P), draft, [2], [1 - tiny], 0.1)
    checks.equal(found, torch.tensor([1]), "the token where p is above q by 2^-30")
    rare = torch.tensor([1 - tiny**2, tiny**2, 0.0], dtype=torch.float64)
    found = accept(rows(rare, P), rows(rare), [1], [0.999], 0.1)
    checks.equal(
        found, torch.tensor([1, 0]), "tokens when p and q are both 2^-60, and the coin 0.999"
    )


# -- the law: what comes out is the target's ----------------------------------------------------


def grid(n):
    return [(i + 0.5) / n for i in range(n)]


@pytest.mark.exercise("4.18")
def test_every_outcome_counted():
    """All guesses, twelve coins, eight last numbers: the shares are those of the target exactly."""
    target = torch.tensor([0.25, 0.5, 0.125, 0.125], dtype=torch.float64)
    draft = torch.tensor([0.375, 0.25, 0.0, 0.375], dtype=torch.float64)  # p / q: 2/3, 2, -, 1/3
    share: Counter[int] = Counter()
    for token, coin, last in itertools.product(range(4), grid(12), grid(6)):
        if draft[token] > 0:
            found = accept(rows(target, target), draft[None], [token], [coin], last)
            share[int(found[0])] += float(draft[token]) / (12 * 6)
    counted = torch.tensor([share[token] for token in range(4)], dtype=torch.float64)
    checks.close(counted, target, "share of each first token, over all guesses and numbers")


def test_every_pair_counted():
    """Two guesses, exact fractions: the first two tokens are distributed as the target's own."""
    half, quarter = Fraction(1, 2), Fraction(1, 4)
    first = [half, quarter, quarter]
    second = {0: [quarter, half, quarter], 1: [0, half, half], 2: [1, 0, 0]}
    q_first, q_second = [quarter, half, quarter], [half, quarter, quarter]
    found: Counter[tuple[int, int]] = Counter()
    as_row = [float(x) for x in q_second]
    for a, b in itertools.product(range(3), repeat=2):
        target = [[float(x) for x in row] for row in (first, second[a], [1, 0, 0])]
        draft = [[float(x) for x in q_first], as_row]
        for c, d, last in itertools.product(grid(4), grid(4), grid(4)):
            tokens = accept(target, draft, [a, b], [c, d], last).tolist()
            weight = q_first[a] * q_second[b] / 4**3
            if len(tokens) > 1:
                found[tuple(tokens[:2])] += weight
                continue
            for then, share in enumerate(second[tokens[0]]):  # drawn in the next step
                found[tokens[0], then] += weight * share
    for a, b in itertools.product(range(3), repeat=2):
        checks.equal(found[a, b], first[a] * second[a][b], f"share of the pair {a}, {b}")


def test_the_number_of_guesses_that_pass():
    """Leviathan et al., equation 1: (1 - alpha^(k + 1)) / (1 - alpha), alpha = sum min(p, q)."""
    k, rounds = 4, 4000
    alpha = torch.minimum(P, Q).sum().item()
    guesses = sampling.sample(
        Q.expand(rounds * k, 3),
        torch.tensor([uniform(1, i, 2) for i in range(rounds * k)], dtype=torch.float64),
    ).view(rounds, k)
    total = 0
    for i, proposed in enumerate(guesses.tolist()):
        coins = [uniform(1, i * k + j, 1) for j in range(k)]
        total += len(accept(P.expand(k + 1, 3), Q.expand(k, 3), proposed, coins, uniform(1, i)))
    # The count has a deviation of about 1.3: the mean of 4000 is within 0.02 two times in three.
    checks.close(total / rounds, (1 - alpha ** (k + 1)) / (1 - alpha), "tokens a round", atol=0.08)


def test_chi_square():
    """Four degrees of freedom: 18.5 is passed once in a thousand times."""
    g = torch.Generator().manual_seed(3)
    target = torch.rand(5, generator=g, dtype=torch.float64)
    draft = torch.rand(5, generator=g, dtype=torch.float64)
    target, draft = target / target.sum(), draft / draft.sum()
    n, counts = 30_000, torch.zeros(5, dtype=torch.float64)
    numbers = [[uniform(5, i, d) for d in range(3)] for i in range(n)]
    numbers = torch.tensor(numbers, dtype=torch.float64)
    guesses = sampling.sample(draft.expand(n, 5), numbers[:, 2])
    both = target.expand(2, 5)
    for guess, (last, coin, _) in zip(guesses, numbers, strict=True):
        found = speculative.accept(both, draft[None], guess[None], coin[None], last[None])
        counts[found[0]] += 1
    checks.at_most(((counts - n * target) ** 2 / (n * target)).sum(), 18.5, "chi-square")


def test_bad_shapes_are_refused():
    checks.raises(lambda: accept(rows(P), rows(Q), [1], [0.5]), ValueError, "one row too few")
    checks.raises(lambda: accept(rows(P, P), rows(Q), [1], []), ValueError, "a coin too few")
