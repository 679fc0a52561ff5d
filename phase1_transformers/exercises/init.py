"""Weights before the first step.

Two recipes. GPT-2's draws everything from one narrow distribution, whatever the width. The modern
one follows the width, and lets every block begin as the identity.
"""

import math

import torch
from torch import nn

STD = 0.02  # that of GPT and GPT-2, about 1 / sqrt(n_embd) for the widths of its time
SCHEMES = ("gpt2", "modern")


def init_weights(
    model: nn.Module, generator: torch.Generator | None = None, scheme: str = "gpt2"
) -> None:
    """Draw the weights of a GPT anew, in place.

    "gpt2": N(0, STD^2) for all linear layers and embeddings (Radford et al. 2018, section 4.1), but
    with a standard deviation smaller by 1 / sqrt(2 n_layer) for the 2 n_layer projections that
    write into the residual stream, so that it does not grow with depth (2019, section 2.3).

    "modern": N(0, 1 / fan_in) for linear layers (LeCun et al. 1998, section 4.6), fan_in being what
    one output sums over, and 0 for the projections into the residual stream, so that each block
    begins as the identity (Zhang, Dauphin, Ma 2019, arXiv:1901.09321, section 3); embeddings and
    the head, tied or not, as in "gpt2".

    Biases are 0 in both. Norms stay as they are: they were made as the identity.

    Args:
        model: with a `config`; its projections into the residual stream are the linear layers
            called `proj`, its head is the one called `head`.
        generator: where all numbers come from.
        scheme: one of `SCHEMES`.

    Raises:
        ValueError: if there is no such scheme.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"scheme must be {' or '.join(SCHEMES)}, got {scheme!r}")
    # TODO 1.15: Every linear layer and table is drawn from a normal distribution around 0 whose
    # standard deviation the docstring gives for its kind and scheme; biases are 0, norms stay, and
    # all numbers come from the generator.
    raise NotImplementedError("exercise 1.15: init_weights")
