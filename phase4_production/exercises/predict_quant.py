"""Before you quantise: six numbers of fewer bits.

Answer by returning literals. The finished file quantises, and counts.
"""

import torch
from torch import Tensor

from phase4_production.solution import absmax, int4, llm_int8, nf4
from phase4_production.solution.quantized import Int4


def normal_weights() -> Tensor:
    """A matrix of 16 x 4096 numbers from a bell curve, always the same ones."""
    return torch.randn(16, 4096, generator=torch.Generator().manual_seed(0))


def rms(x: Tensor) -> float:
    """Root mean square."""
    return x.square().mean().sqrt().item()


def bits_of_a_weight() -> float:
    """Count the bits that each number takes in an `Int4` of 4096 x 4096 in groups of 64.

    A group has a scale and a zero point, float32 both.

    Return a number, exactly.
    """
    # TODO 4.12: Return bits per number, scales and zero points included.
    raise NotImplementedError("exercise 4.12: bits_of_a_weight")


def codes_beside_an_outlier() -> int:
    """A row holds 4096 weights, spread evenly from -1 to 1. Then one of them becomes 100.

    The row is quantised to symmetric int8 with one scale. How many different codes do the others
    have?

    Return a number, exactly.
    """
    # TODO 4.12: Return how many different codes are left.
    raise NotImplementedError("exercise 4.12: codes_beside_an_outlier")


def codes_of_a_relu() -> int:
    """What comes out of a ReLU is quantised to symmetric int8. How many of the 255 codes can occur?

    Return a number, exactly.
    """
    # TODO 4.12: Return how many of the 255 codes can occur.
    raise NotImplementedError("exercise 4.12: codes_of_a_relu")


def error_of_smaller_groups() -> float:
    """Rows of 4096 normal weights go to int8 with one scale a row; then in groups of 64.

    What share of its first size has the error (root mean square) in the end?

    Return a number below 1, right to 8 %.
    """
    # TODO 4.12: Return the second error over the first.
    raise NotImplementedError("exercise 4.12: error_of_smaller_groups")


def inputs_until_overflow() -> int:
    """An int32 adds up products of int8 codes from -127 to 127. How many products always fit?

    Return the largest such number, right to 0.5 %.
    """
    # TODO 4.12: Return how many products always fit.
    raise NotImplementedError("exercise 4.12: inputs_until_overflow")


def closer_on_uniform_weights() -> str:
    """Weights are spread evenly from -1 to 1. Which of two formats comes closer to them?

    a. NF4 in blocks of 64, for its levels lie where weights are.
    b. `Int4` in groups of 64, for its levels are evenly spaced.
    c. Neither: both have sixteen levels, and their errors are within 10 % of each other.

    Return a letter.
    """
    # TODO 4.12: Return the letter of the format.
    raise NotImplementedError("exercise 4.12: closer_on_uniform_weights")
