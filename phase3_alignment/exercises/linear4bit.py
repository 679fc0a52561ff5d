"""A frozen linear layer whose weight lies in four bits, and is there in full only while it works.

Dettmers et al. 2023 (arXiv:2305.14314), equations 5 and 6: the weight is dequantised for the
product forward, thrown away, and dequantised again for the product backward. What learns is a
low-rank correction beside it.
"""

from collections.abc import Callable, Iterable
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from phase3_alignment.solution import double_quant, nf4


class MatMul4Bit(torch.autograd.Function):
    """y = x W^T for a W that is frozen and must not stay in memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: "Linear4Bit") -> Tensor:
        """Multiply by the dequantised weight, and keep nothing of its size.

        Args:
            ctx: takes the layer along to the backward pass; no floating point tensor.
            x: (..., in_features).
            layer: `layer.dequantize(dtype)` gives W, (out_features, in_features).

        Returns:
            (..., out_features), of x's dtype, in which the weight is asked for.
        """
        # TODO 3.7: x times the transposed dequantised weight, in x's dtype; nothing of the weight's
        # size is kept.
        raise NotImplementedError("exercise 3.7: MatMul4Bit.forward")

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        """Dequantise once more for the gradient of x; the weight itself gets none.

        Args:
            ctx: as `forward` left it; may be asked twice.
            grad_output: (..., out_features).

        Returns:
            The gradient of x, (..., in_features), in grad_output's dtype, and None for the layer.
        """
        # TODO 3.7: The gradient of x, from a weight that is dequantised again, and none for the
        # layer.
        raise NotImplementedError("exercise 3.7: MatMul4Bit.backward")


class Linear4Bit(nn.Module):
    """x W^T + b with W in NF4 under double quantisation; nothing in it learns.

    Gradients pass through it to x. Convert a model's dtype before its layers are quantised:
    `module.to(torch.bfloat16)` would round the float32 parts of the scales.

    Args:
        weight: (out_features, in_features), in any floating dtype; not kept.
        bias: (out_features,); kept as it is.

    Attributes:
        codes, scale_codes, scale_absmax, scale_offset: buffers, all that is left of the weight.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        codes, absmax = nf4.quantize(weight)
        scales = double_quant.quantize(absmax)
        self.register_buffer("codes", codes)
        self.register_buffer("scale_codes", scales.codes)
        self.register_buffer("scale_absmax", scales.absmax)
        self.register_buffer("scale_offset", scales.offset)
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone(), False)

    @classmethod
    def from_linear(cls, linear: nn.Linear | Conv1D) -> Self:
        """Quantise a layer of either kind; it stays as it is.

        The weight of GPT-2's `Conv1D` is (in_features, out_features): transposed.

        Returns:
            A layer of the same sizes and bias, on the same device.

        Raises:
            ValueError: if it is neither nn.Linear nor Conv1D.
        """
        if not isinstance(linear, nn.Linear | Conv1D):
            raise ValueError(f"expected nn.Linear or Conv1D, got {type(linear).__name__}")
        # TODO 3.7: The same layer in four bits, with its bias, from an nn.Linear or a Conv1D.
        raise NotImplementedError("exercise 3.7: Linear4Bit.from_linear")

    def dequantize(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The weight as the codes describe it: (out_features, in_features), new at each call."""
        scales = double_quant.Scales(self.scale_codes, self.scale_absmax, self.scale_offset)
        shape = (self.out_features, self.in_features)
        return nf4.dequantize(self.codes, double_quant.dequantize(scales), shape, dtype)

    def weight_bytes(self) -> int:
        """Count the bytes of everything that stands for the weight."""
        return sum(buffer.nbytes for buffer in self.buffers())

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features), in x's dtype."""
        y = MatMul4Bit.apply(x, self)
        return y if self.bias is None else y + self.bias.to(y.dtype)

    def extra_repr(self) -> str:
        """Say the sizes where the module is printed."""
        return f"in_features={self.in_features}, out_features={self.out_features}"


def replace(
    model: nn.Module,
    names: Iterable[str],
    from_linear: Callable[[nn.Module], nn.Module] = Linear4Bit.from_linear,
) -> None:
    """Put layers of a model into four bits, before adapters go beside them.

        replace(model, inject.matching(model, ["q_proj", "v_proj"]))

    Args:
        model: changed in place.
        names: full names of its layers.
        from_linear: makes the new layer from the old one; `project/bitsandbytes_linear.py` has
            another.
    """
    for name in names:
        model.set_submodule(name, from_linear(model.get_submodule(name)))
