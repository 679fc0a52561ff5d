"""Linear layers on the formats of `solution/quantized.py`, by the plainest way to multiply.

`Quantized` makes floating weights again for each call: right, and slow for one token at a time.
What calibrates and evaluates whole windows needs no more; what serves brings kernels of its own.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from phase4_production.solution import dynamic_int8
from phase4_production.solution.quantized import Int8, Stored


class Quantized:
    """A linear layer whose weight is kept in fewer bits.

    Args:
        weight: in one of the formats.
        bias: (out,) or None.
    """

    activations = "float"

    def __init__(self, weight: Stored, bias: Tensor | None = None) -> None:
        self.weight, self.bias = weight, bias
        self.out_features, self.in_features = weight.shape

    @property
    def nbytes(self) -> int:
        """Of weight and bias."""
        return self.weight.nbytes + (0 if self.bias is None else self.bias.nbytes)

    def __call__(self, x: Tensor) -> Tensor:
        """Turn (N, in) into (N, out)."""
        return F.linear(x, self.weight.dequantize().to(x.dtype), self.bias)


class IntegerProduct(Quantized):
    """A linear layer that also gives each token of its input eight bits, and multiplies integers.

    Args:
        weight: with one scale for each output.
        bias: (out,) or None.
    """

    activations = "int8"

    def __init__(self, weight: Int8, bias: Tensor | None = None) -> None:
        super().__init__(weight, bias)

    def __call__(self, x: Tensor) -> Tensor:
        """Turn (N, in) into (N, out)."""
        found = dynamic_int8.linear(x, self.weight.codes, self.weight.scale).to(x.dtype)
        return found if self.bias is None else found + self.bias
