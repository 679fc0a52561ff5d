"""Linear layers in few bits on a GPU, by the packed products that PyTorch brings.

They multiply bfloat16 activations. Whether a build of PyTorch has them, and for this GPU, is asked
by trying: `works` makes a small layer and compares it with the weights that it stands for.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from phase4_production.project.library_linears import TorchInt8
from phase4_production.project.linears import Linear
from phase4_production.solution.quantized import Int4, Int8

GROUP = 64
INNER_TILES = 8  # of the packed layout; the widest, for it reads the most at once


class GpuInt4:
    """Four bits in groups of 64 by `_weight_int4pack_mm`.

    Args:
        weight: (out, in) on a GPU; `out` is a multiple of 8, `in` of 128.
        bias: (out,) or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        int4, self.bias = Int4.of(weight.float(), GROUP), bias
        self.out_features, self.in_features = weight.shape
        codes = int4.codes().to(torch.uint8)
        # PyTorch wants the even column in the high half of a byte.
        pairs = codes[:, ::2] << 4 | codes[:, 1::2]
        self._packed = torch.ops.aten._convert_weight_to_int4pack(pairs.contiguous(), INNER_TILES)
        # Here a weight is (code - 8) * scale + shift.
        shift = (8 - int4.zero) * int4.scale
        self._scales = torch.stack([int4.scale.T, shift.T], dim=-1).bfloat16().contiguous()
        parts = (self._packed, self._scales, bias)
        self.nbytes = sum(part.nbytes for part in parts if part is not None)

    def __call__(self, x: Tensor) -> Tensor:
        """Turn (N, in) into (N, out), bfloat16."""
        y = torch.ops.aten._weight_int4pack_mm(x.bfloat16(), self._packed, GROUP, self._scales)
        return y if self.bias is None else y + self.bias


def int8(weight: Tensor, bias: Tensor | None) -> TorchInt8:
    """Make a layer of eight bits, one scale a row."""
    return TorchInt8(weight.float(), bias)


FORMATS: dict[str, Callable[[Tensor, Tensor | None], Linear]] = {"int8": int8, "int4": GpuInt4}
STANDS_FOR = {"int8": Int8.of, "int4": lambda weight: Int4.of(weight, GROUP)}


def works(name: str, device: str) -> bool:
    """Whether a format can be had on a device, and multiplies by the weights that it should."""
    source = torch.Generator().manual_seed(0)
    weight, x = (torch.randn(n, 256, generator=source).to(device) for n in (128, 3))
    try:
        found = FORMATS[name](weight, None)(x.bfloat16()).float()
    except (RuntimeError, NotImplementedError, AttributeError):  # PyTorch has no such product here
        return False
    expected = F.linear(x, STANDS_FOR[name](weight).dequantize().to(device))
    # Activations, scales and results are rounded to bfloat16, whose step is 2^-8 of a number.
    return bool((found - expected).norm() / expected.norm() < 0.02)
