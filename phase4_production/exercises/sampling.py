"""Draw the next token of every row of a batch, where every row has wishes of its own.

top-k (Fan et al. 2018), top-p (Holtzman et al. 2020, section 3.1), min-p (Nguyen et al. 2024,
section 3). All of them rank a row's tokens by one order: the largest logit first and, among equal
logits, the smallest id first.
"""

import torch
from torch import Tensor


def filter_logits(logits: Tensor, top_k: Tensor, top_p: Tensor, min_p: Tensor) -> Tensor:
    """Cut unlikely tokens off, by each row's own limits: their logits become -inf.

    The limits apply one after another, and each sees only what the one before has left:

        top_k   the k tokens of the highest rank stay, exactly k; all, if there are no more.
        top_p   probabilities are those of the tokens that are left, and sum to 1. The shortest
                beginning of the ranks whose probability reaches top_p stays, which is at least
                one token. 1 keeps every token, also those that rounding would lose.
        min_p   a token stays if its probability is at least min_p times the largest; 0 keeps all.

    Probabilities and their sums are at least float32, whatever the dtype of logits.

    Args:
        logits: (B, V), floating point; stays as it is. May hold -inf, but no row only that.
        top_k: (B,), integers from 1.
        top_p: (B,), above 0 and at most 1.
        min_p: (B,), from 0 to 1.

    Returns:
        (B, V), a new tensor of the dtype of logits: their values where a token stays.

    Raises:
        ValueError: if the shapes do not fit.
    """
    B, V = logits.shape
    if not (top_k.shape == top_p.shape == min_p.shape == (B,)):
        shapes = [tuple(limit.shape) for limit in (top_k, top_p, min_p)]
        raise ValueError(f"top_k, top_p and min_p need the shape ({B},), got {shapes}")
    # TODO 4.17: Logits, -inf where one of the row's own limits cuts the token off.
    raise NotImplementedError("exercise 4.17: filter_logits")


def probabilities(
    logits: Tensor, temperature: Tensor, top_k: Tensor, top_p: Tensor, min_p: Tensor
) -> Tensor:
    """Turn logits into what each row draws from: divided by its temperature, then filtered.

    A row of temperature 0 is greedy, and no other: 1 for its token of the highest rank, 0 for all
    others. A temperature may be so small that a logit divided by it is infinite, even in float64;
    no probability is NaN then.

    Args:
        logits, top_k, top_p, min_p: as for `filter_logits`; they stay as they are.
        temperature: (B,), at least 0; stays as it is.

    Returns:
        (B, V) float64, rows that sum to 1 in float64's precision.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if temperature.shape != logits.shape[:1]:
        raise ValueError(f"temperature {tuple(temperature.shape)}, logits {tuple(logits.shape)}")
    # TODO 4.17: What each row draws from: temperature first, then the limits; 0 is greedy.
    raise NotImplementedError("exercise 4.17: probabilities")


def sample(weights: Tensor, uniforms: Tensor) -> Tensor:
    """Draw one token a row, each by its own random number: invert the cumulative distribution.

    The weights of a row lie end to end on a line, in the order of their ids. The token is the one
    in whose part the point u times the row's total falls; a point between two parts belongs to
    the later one. Nothing of one row enters another.

    Args:
        weights: (B, V), at least 0, not all 0 in a row, which need not sum to 1; stay as they are.
        uniforms: (B,) float64, in [0, 1).

    Returns:
        (B,) int64. A token of weight 0 is never drawn. Sums are taken in float64.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if uniforms.shape != weights.shape[:1]:
        raise ValueError(f"uniforms {tuple(uniforms.shape)}, weights {tuple(weights.shape)}")
    # TODO 4.17: One token a row, where the row's random number falls on the line of its weights.
    raise NotImplementedError("exercise 4.17: sample")
