"""Best of n: sample n answers, keep the one with the highest score. No training at all.

The baseline that every trained policy has to beat, and an honest one: how far it moves from the
model that it samples from is known. This file has its price in nats, what it does to a distribution
that can be listed, and what it gains, estimated from samples.
"""

import math

import torch
from torch import Tensor


def kl(n: int) -> float:
    """How far the best of n is from the model that wrote them: log n - (n - 1) / n, in nats.

    Stiennon et al. 2020 (arXiv:2009.01325), appendix G.3. Beirami et al. 2024 (arXiv:2401.01879)
    show that it is an *upper bound*: it is reached where every answer is unlikely and no two scores
    are equal. With two equally likely answers no policy is further than log 2.

    Raises:
        ValueError: if n < 1.
    """
    if n < 1:
        raise ValueError(f"the best of n needs n >= 1, got {n}")
    return math.log(n) - (n - 1) / n


def distribution(probs: Tensor, scores: Tensor, n: int) -> Tensor:
    """What the best of n independent answers is, if there are few enough answers to list them.

    The best has a score of at most s if all n have: F(s)^n, F being the share of answers up to s
    (Beirami et al. 2024, section 2). Answers of equal score share what falls to that score in
    proportion to their probabilities.

    Args:
        probs: (K,) floating, of sum 1.
        scores: (K,) of the same answers, in any order.
        n: how many are drawn.

    Returns:
        (K,) probabilities, the dtype of probs, in the order of the answers.
    """
    levels, level = scores.unique(return_inverse=True)  # sorted, lowest first
    share = torch.zeros(len(levels), dtype=probs.dtype, device=probs.device).index_add(
        0, level, probs
    )
    best = share.cumsum(0).clamp(max=1).pow(n)
    best = best - torch.cat([best.new_zeros(1), best[:-1]])
    return best[level] * (probs / share[level].clamp(min=torch.finfo(probs.dtype).tiny))


def exact_kl(probs: Tensor, scores: Tensor, n: int) -> float:
    """KL of the best of n to the answers it is chosen from, in nats, for a list of all answers."""
    best = distribution(probs, scores, n)
    return torch.xlogy(best, best / probs).nan_to_num(0.0).sum().item()


def expected_best(values: Tensor, n: int, by: Tensor | None = None) -> float:
    """Mean value of the best of n, over all ways to choose n of the N samples that there are.

    Nakano et al. 2021 (arXiv:2112.09332), appendix I. No subset is drawn at random, and there is no
    bias for any n <= N: N samples tell what the best of each smaller number would have been.

    Args:
        values: (N,) what is averaged, such as the gold score of each sample.
        n: how many are compared at a time, 1 to N.
        by: (N,) what decides which one is best, such as the proxy score; None for `values`. Among
            samples that are equal here, each is as likely to be taken.

    Raises:
        ValueError: if n is not between 1 and N.
    """
    N = len(values)
    if not 1 <= n <= N:
        raise ValueError(f"the best of n samples needs 1 <= n <= {N}, got {n}")
    _, level, counts = (values if by is None else by).unique(
        return_inverse=True, return_counts=True
    )
    # The best of n is at most at this level if all n are: as F(s)^n above, without replacement.
    up_to = [math.comb(c, n) / math.comb(N, n) for c in [0, *counts.cumsum(0).tolist()]]
    share = torch.tensor(up_to, dtype=torch.float64, device=values.device).diff() / counts
    return (share[level] * values.double()).sum().item()
