"""The average of the past, three ways: loops, one triangular matrix, a softmax of masked zeros.

The crudest way for a token to learn of those before it, and the last step before attention: the
third way has scores, all 0. Attention computes them from the tokens; nothing else changes.
"""

import torch
from torch import Tensor


def average_loops(x: Tensor) -> Tensor:
    """Replace each position by the mean of itself and the positions before it, one by one.

    Args:
        x: (B, T, C), floating.

    Returns:
        (B, T, C), the dtype of x: at [b, t] the mean of x[b, 0] .. x[b, t].
    """
    B, T, _ = x.shape
    out = torch.empty_like(x)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].mean(dim=0)
    return out


def average_matrix(x: Tensor) -> Tensor:
    """Do what `average_loops` does by one product with a (T, T) matrix.

    Row t of the matrix holds the weights that position t gives to every position: the rows sum to
    1, and what lies above the diagonal, the future, is 0.
    """
    T = x.shape[1]
    ones = torch.ones(T, T, dtype=x.dtype, device=x.device).tril()
    weights = ones / ones.sum(dim=1, keepdim=True)  # (T, T)
    return weights @ x  # (T, T) @ (B, T, C): the matrix meets every sequence


def average_softmax(x: Tensor) -> Tensor:
    """Do what `average_matrix` does, with weights that a softmax makes of scores.

    All scores are 0 but those of the future, which are -inf: softmax gives these the weight 0,
    and shares the rest evenly.
    """
    T = x.shape[1]
    future = torch.ones(T, T, dtype=torch.bool, device=x.device).triu(diagonal=1)
    scores = torch.zeros(T, T, dtype=x.dtype, device=x.device).masked_fill(future, float("-inf"))
    return scores.softmax(dim=-1) @ x
