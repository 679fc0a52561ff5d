"""Best of n: every draw listed one by one, every subset too, and the bound that the formula is."""

import itertools
import math

import pytest
import torch

from phase3_alignment.solution import best_of_n
from shared import checks

EXACT = {"rtol": 1e-12, "atol": 1e-12}  # float64, sums of a few hundred terms of size 1
PROBS = torch.tensor([0.4, 0.1, 0.3, 0.2], dtype=torch.float64)


def by_listing(probs, scores, n):
    """All K^n draws; of equal scores, each of those drawn is as likely to be taken."""
    best = torch.zeros_like(probs)
    for draw in itertools.product(range(len(probs)), repeat=n):
        chance = math.prod(probs[i].item() for i in draw)
        top = [i for i in draw if scores[i] == max(scores[j] for j in draw)]
        for i in top:
            best[i] += chance / len(top)
    return best


@pytest.mark.parametrize("scores", [[3.0, 1.0, 4.0, 2.0], [1.0, 2.0, 2.0, 1.0], [5.0] * 4])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_distribution_is_that_of_all_draws(scores, n):
    scores = torch.tensor(scores)
    expected = by_listing(PROBS, scores, n)
    actual = best_of_n.distribution(PROBS, scores, n)
    checks.close(actual, expected, f"best of {n}", **EXACT)
    kl = sum(q * math.log(q / p) for q, p in zip(expected.tolist(), PROBS.tolist()) if q > 0)
    checks.close(best_of_n.exact_kl(PROBS, scores, n), kl, f"KL of the best of {n}", **EXACT)


def test_an_answer_that_never_comes():
    probs, scores = torch.tensor([0.5, 0.0, 0.5]), torch.tensor([1.0, 2.0, 3.0])
    expected = torch.tensor([0.25, 0.0, 0.75])
    checks.close(best_of_n.distribution(probs, scores, 2), expected, "best of 2")
    kl = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    checks.close(best_of_n.exact_kl(probs, scores, 2), kl, "KL of the best of 2")


@pytest.mark.parametrize("n", [1, 2, 4, 16, 64])
def test_the_formula_is_a_bound_that_many_answers_reach(n):
    g = torch.Generator().manual_seed(n)
    few = torch.rand(6, generator=g, dtype=torch.float64).softmax(0)
    exact = best_of_n.exact_kl(few, torch.rand(6, generator=g), n)
    checks.at_most(exact, best_of_n.kl(n) + 1e-12, f"KL of the best of {n}, six answers")
    many = torch.full((100_000,), 1e-5, dtype=torch.float64)
    exact = best_of_n.exact_kl(many, torch.arange(100_000), n)
    # A sum of 1e5 terms in place of an integral: the next term is of the order of n / 1e5.
    checks.close(exact, best_of_n.kl(n), f"KL of the best of {n}, 1e5 answers", rtol=0, atol=1e-3)


def test_two_answers_are_never_further_than_log_2():
    """The counterexample of Beirami et al., where the formula grows without end."""
    exact = best_of_n.exact_kl(torch.tensor([0.5, 0.5]), torch.tensor([0.0, 1.0]), 1000)
    checks.close(exact, math.log(2), "KL of the best of 1000 of two answers")
    checks.at_least(best_of_n.kl(1000), 5.9, "what the formula says")


def test_expected_best_is_the_mean_over_all_subsets():
    g = torch.Generator().manual_seed(0)
    gold = torch.randn(9, generator=g, dtype=torch.float64)
    proxy = torch.tensor([3.0, 1.0, 2.0, 2.0, 5.0, 0.0, 2.0, 4.0, 4.0])  # with ties
    for n in range(1, 10):
        subsets = [list(s) for s in itertools.combinations(range(9), n)]
        best = [gold[s].max().item() for s in subsets]
        checks.close(best_of_n.expected_best(gold, n), sum(best) / len(best), f"n={n}", **EXACT)
        chosen = [gold[s][proxy[s] == proxy[s].max()].mean().item() for s in subsets]
        expected = sum(chosen) / len(chosen)
        actual = best_of_n.expected_best(gold, n, by=proxy)
        checks.close(actual, expected, f"gold of the best by proxy, n={n}", **EXACT)


def test_expected_best_has_no_bias():
    """Over all draws of five from a list of answers, its mean is that of the best of three."""
    scores = torch.tensor([3.0, 1.0, 4.0, 2.0], dtype=torch.float64)
    mean = 0.0
    for draw in map(list, itertools.product(range(4), repeat=5)):
        mean += PROBS[draw].prod().item() * best_of_n.expected_best(scores[draw], 3)
    expected = best_of_n.distribution(PROBS, scores, 3) @ scores
    checks.close(mean, expected.item(), "mean of the estimate over all draws", **EXACT)


def test_many_samples():
    values = torch.arange(1024.0)
    # The mean of the largest of n out of 0 .. N - 1 is n (N + 1) / (n + 1) - 1.
    actual = best_of_n.expected_best(values, 300)
    checks.close(actual, 300 * 1025 / 301 - 1, "best of 300 out of 1024", rtol=1e-9)


def test_errors():
    for n in (0, 4):
        with pytest.raises(ValueError, match=f"1 <= n <= 3, got {n}"):
            best_of_n.expected_best(torch.zeros(3), n)
    with pytest.raises(ValueError, match="n >= 1"):
        best_of_n.kl(0)
