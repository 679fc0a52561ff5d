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
    # TODO 1.7: Position t becomes the mean of the positions 0 to t, by plain loops.
    raise NotImplementedError("exercise 1.7: average_loops")


def average_matrix(x: Tensor) -> Tensor:
    """Do what `average_loops` does by one product with a (T, T) matrix.

    Row t of the matrix holds the weights that position t gives to every position: the rows sum to
    1, and what lies above the diagonal, the future, is 0.
    """
    # TODO 1.7: The same by one product with a (T, T) matrix of weights whose rows sum to 1.
    raise NotImplementedError("exercise 1.7: average_matrix")


def average_softmax(x: Tensor) -> Tensor:
    """Do what `average_matrix` does, with weights that a softmax makes of scores.

    All scores are 0 but those of the future, which are -inf: softmax gives these the weight 0,
    and shares the rest evenly.
    """
    # TODO 1.7: The same, with weights that a softmax makes of zeros and of -inf for the future.
    raise NotImplementedError("exercise 1.7: average_softmax")
