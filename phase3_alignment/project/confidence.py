"""How sure may a classifier be? Temperature, calibration error, and when to say nothing.

Guo et al. 2017 (arXiv:1706.04599): a network that is right 92 times in 100 may well say 99 %. One
number that divides all logits mends most of it, and moves no answer.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from phase3_alignment.project.calibration import Bin

N_BINS = 15  # as in Guo et al.
Z = 1.96  # 95 % of a normal distribution lie within so many standard deviations


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the temperature that gives held-out labels the smallest mean cross-entropy.

    Guo et al. 2017, section 4.2. In the inverse temperature the loss is convex; its slope is the
    mean logit that the model expects less that of the label, and bisection finds where it is 0.

    Args:
        logits: (N, V), which no training has seen.
        labels: (N,) int64.

    Returns:
        Between 0.1 and 10; at an end if none in between is best, as 0.1 where no answer is wrong.
    """
    logits = logits.double()
    of_labels = logits.gather(1, labels[:, None]).mean()
    low, high = -math.log(10), math.log(10)
    for _ in range(60):  # halves 4.6 until float64 has no more digits
        middle = (low + high) / 2
        expected = (logits.mul(math.exp(middle)).softmax(-1) * logits).sum(-1).mean()
        low, high = (middle, high) if expected <= of_labels else (low, middle)
    return math.exp(-low)


def reliability(confidence: Tensor, right: Tensor, n_bins: int = N_BINS) -> tuple[Bin, ...]:
    """Sort answers by confidence into bins of equal width from 0 to 1; empty ones are left out.

    Args:
        confidence: (N,) the probability of the answer.
        right: (N,) bool, whether it is the label.
        n_bins: bins; a confidence of 1 is in the last.
    """
    number = (confidence * n_bins).long().clamp(max=n_bins - 1)
    members = [number == i for i in range(n_bins)]
    return tuple(
        Bin(
            int(m.sum()),
            confidence[m].double().mean().item(),
            right[m].double().mean().item(),
        )
        for m in members
        if m.any()
    )


def precision_and_coverage(confidence: Tensor, right: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For every threshold: which share of the answers is right, and which share is answered.

    Args:
        confidence, right: (N,) each, as in `reliability`.

    Returns:
        thresholds, precision, coverage: (K,) float64 each, the highest threshold first. Answers of
        equal confidence are given or withheld together.
    """
    order = confidence.argsort(descending=True)
    confidence, right = confidence[order].double(), right[order].double()
    answered = torch.arange(1, len(right) + 1, dtype=torch.float64)
    last = torch.cat([confidence[1:] != confidence[:-1], torch.tensor([True])])
    precision = right.cumsum(0) / answered
    return confidence[last], precision[last], answered[last] / len(right)


def choose_threshold(confidence: Tensor, right: Tensor, precision: float) -> float | None:
    """Return the least confidence at which to answer, so that this share of the answers is right.

    Of all thresholds that do it on these held-out texts, the one that answers most of them. On
    other texts the share is near it, not above it for certain.

    Returns:
        The threshold, itself included; None if even the surest answers are not right so often.
    """
    thresholds, reached, _ = precision_and_coverage(confidence, right)
    enough = thresholds[reached >= precision]
    return enough[-1].item() if len(enough) else None


def wilson(n_right: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, Wilson 1927: which true shares fit to what was seen."""
    p, spread = n_right / n, Z**2 / n
    middle = (p + spread / 2) / (1 + spread)
    half = Z * math.sqrt(p * (1 - p) / n + spread / (4 * n)) / (1 + spread)
    return middle - half, middle + half
