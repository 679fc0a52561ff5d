"""The feed-forward layer: what each token does with what it has gathered, by itself."""

import math

import torch
from torch import Tensor


def gelu(x: Tensor) -> Tensor:
    """Let large numbers through and stop small ones, softly: x Phi(x), with Phi's shape by tanh.

    Hendrycks and Gimpel 2016 (arXiv:1606.08415), section 2, the approximation that GPT-2 uses:
    0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). Phi itself, by erf, differs by up to 5e-4.

    Args:
        x: any shape.

    Returns:
        The shape and dtype of x, which stays as it was.
    """
    # TODO 1.11: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), element by element.
    raise NotImplementedError("exercise 1.11: gelu")


def silu(x: Tensor) -> Tensor:
    """Swish, x sigmoid(x), element by element: Ramachandran et al. 2017 (arXiv:1710.05941)."""
    return x * torch.sigmoid(x)
