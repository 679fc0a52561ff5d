"""AWQ: weights that meet large activations are rounded more finely than others.

A weight's rounding error is multiplied by its activation, so a few columns matter most. Multiplied
by s > 1, such a column uses more of its group's levels; its activations are divided by s to make up
for it. How far to go is found by trying. Lin et al. 2023 (arXiv:2306.00978), section 3.2.
"""

import torch
from torch import Tensor

from phase4_production.solution import int4

TINY = 1e-4  # importance of a column whose activations are all zero


def rounded(weight: Tensor, group: int) -> Tensor:
    """Return (out, in) weights as four bits give them back."""
    return int4.dequantize(*int4.quantize(weight, group), group)


def search(weight: Tensor, inputs: Tensor, group: int = 64, n_grid: int = 20) -> Tensor:
    """Find scales for the columns of a weight with which four bits change the outputs least.

    Lin et al. 2023, equations 4 and 5. A column's importance is the mean absolute value of its
    inputs, no less than TINY. Candidates are importance^alpha for alpha = 0, 1 / n_grid, ..., 1,
    each divided by sqrt(largest * smallest) of its scales, so that they lie evenly around 1. With
    scales s, the weight W becomes `rounded`(W diag(s)) and the inputs are divided by s. The error
    is the mean squared difference of the outputs from X W^T. Of equally good candidates the one of
    the smallest alpha is taken.

    Args:
        weight: (out, in), floating, left as it is.
        inputs: (N, in), activations of a calibration text, left as they are.
        group: weights of a row that share a scale of four bits.
        n_grid: steps of alpha.

    Returns:
        (in,) float32, positive, without gradients.

    Raises:
        ValueError: if the columns do not fit, or there is no step.
    """
    if weight.ndim != 2 or inputs.shape[1:] != weight.shape[1:] or n_grid < 1:
        shapes = tuple(weight.shape), tuple(inputs.shape)
        raise ValueError(f"expected (out, in), (N, in) and steps, got {shapes} and {n_grid}")
    # TODO 4.10: The scales of the columns, out of a grid, with which four bits change the outputs
    # least.
    raise NotImplementedError("exercise 4.10: search")
