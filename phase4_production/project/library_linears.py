"""The same layers by other people's libraries, behind the same interface: swap them in and compare.

    torch-int8   PyTorch's packed product of bfloat16 activations with `Int8` codes, one scale a row
    torch-int4   the same with `Int4` codes in groups
    bnb-int8     bitsandbytes' LLM.int8(): outliers apart, the rest in eight bits
    bnb-nf4      bitsandbytes' NF4 with double quantisation

They are for `loading.load(folder, method)`, `--method` of `serve` and `generate`, and the bench.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from phase4_production.project.linears import Linear
from phase4_production.solution.quantized import Int4, Int8

GROUP = 64
THRESHOLD = 6.0  # of LLM.int8(): an activation as large makes its column an outlier
Make = Callable[[Tensor, Tensor | None], Linear]


class _Sized:
    def __init__(self, weight: Tensor, bias: Tensor | None, nbytes: int) -> None:
        self.out_features, self.in_features = weight.shape
        self.bias = bias
        self.nbytes = nbytes + (0 if bias is None else bias.nbytes)

    def _with_bias(self, y: Tensor, x: Tensor) -> Tensor:
        y = y.to(x.dtype)
        return y if self.bias is None else y + self.bias


class TorchInt8(_Sized):
    """Eight bits by `_weight_int8pack_mm`.

    Args:
        weight: (out, in) float32.
        bias: (out,) or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        int8 = Int8.of(weight)
        self._codes, self._scale = int8.codes, int8.scale[:, 0].bfloat16()
        super().__init__(weight, bias, self._codes.nbytes + self._scale.nbytes)

    def __call__(self, x: Tensor) -> Tensor:
        """Turn (N, in) into (N, out)."""
        y = torch.ops.aten._weight_int8pack_mm(x.bfloat16(), self._codes, self._scale)
        return self._with_bias(y, x)


class TorchInt4(_Sized):
    """Four bits in groups by `_weight_int4pack_mm_for_cpu`.

    Args:
        weight: (out, in) float32; `in` is a multiple of the group.
        bias: (out,) or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        int4 = Int4.of(weight, GROUP)
        self._packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(int4.codes().int(), 1)
        # Here a weight is (code - 8) * scale + shift.
        shift = (8 - int4.zero) * int4.scale
        self._scales = torch.stack([int4.scale.T, shift.T], dim=-1).bfloat16().contiguous()
        super().__init__(weight, bias, self._packed.nbytes + self._scales.nbytes)

    def __call__(self, x: Tensor) -> Tensor:
        """Turn (N, in) into (N, out)."""
        y = torch.ops.aten._weight_int4pack_mm_for_cpu(
            x.bfloat16(), self._packed, GROUP, self._scales
        )
        return self._with_bias(y, x)


class BitsandbytesInt8(_Sized):
    """LLM.int8() by `Linear8bitLt`.

    Args:
        weight: (out, in) float32.
        bias: (out,) or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        import bitsandbytes as bnb

        n_out, n_in = weight.shape
        self._layer = bnb.nn.Linear8bitLt(
            n_in, n_out, bias=False, has_fp16_weights=False, threshold=THRESHOLD
        )
        self._layer.weight = bnb.nn.Int8Params(
            weight.clone(), requires_grad=False, has_fp16_weights=False
        )
        self._layer = self._layer.to(weight.device)
        super().__init__(weight, bias, weight.numel() + 4 * n_out)

    def __call__(self, x: Tensor) -> Tensor:
        """Turn (N, in) into (N, out)."""
        return self._with_bias(self._layer(x), x)


class BitsandbytesNF4(_Sized):
    """NF4 by `matmul_4bit`.

    Args:
        weight: (out, in) float32.
        bias: (out,) or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        import bitsandbytes.functional as bnb

        self._packed, self._state = bnb.quantize_4bit(
            weight, quant_type="nf4", compress_statistics=True
        )
        state = self._state
        kept = (self._packed, state.absmax, state.state2.absmax)
        super().__init__(weight, bias, sum(tensor.nbytes for tensor in kept))

    def __call__(self, x: Tensor) -> Tensor:
        """Turn (N, in) into (N, out)."""
        import bitsandbytes as bnb

        return self._with_bias(bnb.matmul_4bit(x, self._packed.t(), self._state), x)


LIBRARIES: dict[str, Make] = {
    "torch-int8": TorchInt8,
    "torch-int4": TorchInt4,
    "bnb-int8": BitsandbytesInt8,
    "bnb-nf4": BitsandbytesNF4,
}
