"""Linear layers as the decoder calls them; others keep their weight in fewer bits.

A `Linear` is anything that turns (N, in) into (N, out) and says how large it is.
"""

from __future__ import annotations

from typing import Protocol

import torch.nn.functional as F
from torch import Tensor


class Linear(Protocol):
    """x W^T + bias.

    Attributes:
        in_features, out_features: the sizes.
        nbytes: what it keeps in memory; these bytes are read for every token that is written.
    """

    in_features: int
    out_features: int
    nbytes: int

    def __call__(self, x: Tensor) -> Tensor:
        """Turn (N, in) into (N, out), in the dtype of x."""


class Dense:
    """A linear layer with its weight as it is.

    Args:
        weight: (out, in).
        bias: (out,) or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self.weight, self.bias = weight, bias
        self.out_features, self.in_features = weight.shape

    @property
    def nbytes(self) -> int:
        """Of weight and bias."""
        return self.weight.nbytes + (0 if self.bias is None else self.bias.nbytes)

    def __call__(self, x: Tensor) -> Tensor:
        """Turn (N, in) into (N, out)."""
        return F.linear(x, self.weight, self.bias)
