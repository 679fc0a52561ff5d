"""Before you push harder: what does a reward model give, and when does it take? Five questions.

Answer by returning literals. The finished file asks `best_of_n`, the formulas of Gao, Schulman,
Hilton 2022 (arXiv:2210.10760), and a small world that can be hacked.

The *proxy* is the reward model that is optimised, *gold* is what it was meant to measure, d is the
square root of the KL between the policy and the model that it came from, in nats.
"""

from bisect import bisect_left

import numpy as np
import torch

from phase3_alignment.solution import best_of_n


def samples_for_three_nats() -> float:
    """How many answers do you sample, so that the best of them is 3 nats away by the formula?

    Return a number, right to 5 %.
    """
    # TODO 3.23: Return how many answers to sample, so that the formula gives 3 nats.
    raise NotImplementedError("exercise 3.23: samples_for_three_nats")


def samples_for_twice_the_gain() -> float:
    """The best of 16 answers gains something over one answer. How many for twice that gain?

    Scores are independent of each other, with the normal distribution; the gain is that of the mean
    score.

    Return a number, right to 25 %.
    """
    # TODO 3.23: Return how many answers to sample for twice the gain of 16.
    raise NotImplementedError("exercise 3.23: samples_for_twice_the_gain")


def nats_of_the_best_gold() -> float:
    """Best of n, and gold follows d (1.2 - 0.2 d). At how many nats of KL is it highest?

    Gao et al. 2022, section 3.1: this is how the gold score of the best of n by a proxy behaves.

    Return a number, right to 3 %.
    """
    # TODO 3.23: Return the KL, in nats, at which d (1.2 - 0.2 d) is highest.
    raise NotImplementedError("exercise 3.23: nats_of_the_best_gold")


def nats_of_the_best_gold_by_rl() -> float:
    """Reinforcement learning, and gold follows d (1 - 0.4 log d). At how many nats is it highest?

    Gao et al. 2022, section 3.1, with the natural logarithm.

    Return a number, right to 5 %.
    """
    # TODO 3.23: Return the KL, in nats, at which d (1 - 0.4 log d) is highest.
    raise NotImplementedError("exercise 3.23: nats_of_the_best_gold_by_rl")


def what_the_penalty_buys() -> str:
    """You run again with a KL penalty in the reward. What has changed about the gold score?

    A policy over 2,000 answers climbs the proxy. One answer in a hundred flatters its reader: gold
    is low, the proxy high. Compare the runs with and without the penalty at equal KL.

    A. At the same KL gold is higher: the penalty leads around the flattery.
    B. At the same KL gold is lower: the penalty costs quality.
    C. At the same KL gold is the same: the run with the penalty only stops earlier on the way.
    D. Gold never falls any more, however small the penalty.

    Return the letter, a string.
    """
    # TODO 3.23: Return the letter of what happens to gold at equal KL.
    raise NotImplementedError("exercise 3.23: what_the_penalty_buys")


def _climb(kl_coef: float, n_steps: int = 200, lr: float = 0.01) -> tuple[np.ndarray, np.ndarray]:
    """KL and gold of a policy before each step of natural gradient on proxy - kl_coef * KL."""
    rng = np.random.default_rng(0)
    flatters = np.arange(2000) < 20
    gold = rng.standard_normal(2000) - 3 * flatters
    proxy = gold + 8 * flatters
    log_ratio = np.zeros(2000)  # to the model that it came from, which likes all answers alike
    nats, golds = np.empty(n_steps), np.empty(n_steps)
    for step in range(n_steps):
        p = np.exp(log_ratio) / 2000
        nats[step], golds[step] = p @ log_ratio, p @ gold
        log_ratio += lr * (proxy - kl_coef * log_ratio)
        log_ratio -= np.log(np.exp(log_ratio).mean())  # the probabilities add up to 1
    return nats, golds
