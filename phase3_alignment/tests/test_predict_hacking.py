import math

import numpy as np
import pytest
import torch

from phase3_alignment.solution import best_of_n, predict_hacking
from shared import checks
from shared.checks import Near, Sealed


@pytest.mark.exercise("3.23")
def test_samples_for_three_nats():
    actual = predict_hacking.samples_for_three_nats()
    checks.guess(actual, Near(54, rtol=0.05), "answers to sample for 3 nats")


@pytest.mark.exercise("3.23")
def test_samples_for_twice_the_gain():
    actual = predict_hacking.samples_for_twice_the_gain()
    checks.guess(actual, Near(2864, rtol=0.25), "answers to sample for twice the gain of 16")


@pytest.mark.exercise("3.23")
def test_nats_of_the_best_gold():
    # The slope of a d - b d^2 is zero at d = a / 2 b.
    answer = Near((1.2 / (2 * 0.2)) ** 2, rtol=0.03)
    actual = predict_hacking.nats_of_the_best_gold()
    checks.guess(actual, answer, "nats at which the best of n has the highest gold")


@pytest.mark.exercise("3.23")
def test_nats_of_the_best_gold_by_rl():
    # The slope of a d - b d log d is a - b log d - b.
    answer = Near(math.exp(1 / 0.4 - 1) ** 2, rtol=0.05)
    actual = predict_hacking.nats_of_the_best_gold_by_rl()
    checks.guess(actual, answer, "nats at which reinforcement learning has the highest gold")


@pytest.mark.exercise("3.23")
def test_what_the_penalty_buys():
    actual = predict_hacking.what_the_penalty_buys()
    checks.guess(actual, Sealed("3.23 penalty", "7eb47d316414b3b2"), "what the penalty buys")


# -- the answers are those of the real thing ---------------------------------------------------


def test_three_nats_lie_between_two_numbers_of_answers():
    n = predict_hacking.samples_for_three_nats()
    checks.law(best_of_n.kl(n - 1) < 3 <= best_of_n.kl(n), "it is the first n with 3 nats", n)


def test_the_gain_by_integration():
    """The mean of the largest of n normal numbers: x n phi(x) Phi(x)^(n - 1), summed up."""
    x = np.linspace(-10, 10, 20_001)
    below = np.array([(1 + math.erf(v / math.sqrt(2))) / 2 for v in x])
    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)

    def gain(n):
        return float((x * n * density * below ** (n - 1)).sum() * (x[1] - x[0]))

    # Harter 1961 (Biometrika 48), table 1: 1.76599 for n = 16.
    checks.close(gain(16), 1.76599, "gain of the best of 16", rtol=0, atol=5e-6)
    n = predict_hacking.samples_for_twice_the_gain()
    # The solution's grid of scores is 0.004 wide.
    checks.close(gain(n), 2 * gain(16), "gain of the answer", rtol=0, atol=2e-3)


def test_without_a_penalty_the_policy_is_the_tilted_one():
    """Natural gradient on the proxy alone multiplies the reference by e^(s proxy)."""
    rng = np.random.default_rng(0)
    gold = rng.standard_normal(2000) - 3 * (np.arange(2000) < 20)
    proxy = gold + 8 * (np.arange(2000) < 20)
    nats, golds = predict_hacking._climb(kl_coef=0.0)
    for step in (0, 50, 199):
        p = np.exp(0.01 * step * proxy)
        p /= p.sum()
        checks.close(golds[step], p @ gold, f"gold before step {step}", rtol=1e-9)
        checks.close(nats[step], p @ np.log(2000 * p), f"KL before step {step}", atol=1e-9)
    checks.law(0 < golds.argmax() < 100, "gold rises and falls", golds)


def test_best_of_n_turns_over_too():
    """In the same world: gold is higher at 8 than at 1, and at 512 far below where it began."""
    rng = np.random.default_rng(0)
    gold = torch.from_numpy(rng.standard_normal(2000) - 3 * (np.arange(2000) < 20))
    proxy = gold + 8 * (torch.arange(2000) < 20)
    at = {n: best_of_n.expected_best(gold, n, by=proxy) for n in (1, 8, 64, 512)}
    checks.law(
        at[1] < at[8] > at[64] > at[512] and at[512] < at[1] - 1, "gold of the best of n", at
    )
