"""The feed-forward layer: what each token does with what it has gathered, by itself."""

import math

import torch
from torch import Tensor


def gelu(x: Tensor) -> Tensor:
    """Let through what is likely to be large, in GPT-2's approximation by tanh.

    Hendrycks and Gimpel 2016 (arXiv:1606.08415), section 2:
    0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
    """
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def silu(x: Tensor) -> Tensor:
    """X * sigmoid(x), also called swish."""
    return x * torch.sigmoid(x)
