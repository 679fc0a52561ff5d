"""Matrix products by oneDNN: on some processors twice as fast as by MKL, and as precise.

PyTorch has both libraries in it and gives float32 products to MKL, which leaves half the speed of
an AMD processor with AVX-512 unused. PyTorch's compiler calls oneDNN through the operator that is
called here; where a PyTorch has none, or the numbers are not float32 on a CPU, all is as ever.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x W^T + bias, for which there is no gradient.

    Args:
        x: (N, in), in any layout.
        weight: (out, in), in any layout.
        bias: (out,).
    """
    if _ONEDNN and x.dtype == weight.dtype == torch.float32 and x.device.type == "cpu":
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return F.linear(x, weight, bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x W^T + bias, as `F.linear` has it: (..., in) to (..., out)."""
    multiply = Linear.apply if torch.is_grad_enabled() else product  # `apply` takes its time
    return multiply(x.reshape(-1, x.shape[-1]), weight, bias).view(*x.shape[:-1], -1)


def exchange(model: nn.Module) -> int:
    """Let every plain linear layer and Conv1D of a model multiply by oneDNN.

    Args:
        model: changed in place. Its layers keep their parameters and their kind.

    Returns:
        How many there are.
    """
    from transformers.pytorch_utils import Conv1D

    class FastConv1D(Conv1D):
        def forward(self, x: Tensor) -> Tensor:
            return linear(x, self.weight.T, self.bias)

    kinds = {nn.Linear: FastLinear, Conv1D: FastConv1D}
    places = [module for module in model.modules() if type(module) in kinds]
    for module in places:
        module.__class__ = kinds[type(module)]
    return len(places)


class FastLinear(nn.Linear):
    """A linear layer that multiplies by oneDNN."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x W^T + bias."""
        return linear(x, self.weight, self.bias)


class Linear(torch.autograd.Function):
    """`product` with its gradients, which are products."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Multiply; keep what the gradients need."""
        ctx.save_for_backward(x, weight)
        return product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of x, weight and bias, of those that are asked for."""
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        grad_weight = None
        if of_weight and weight.is_contiguous():
            grad_weight = product(grad_output.T, x.T)
        elif of_weight:  # a transposed parameter: in its own layout nothing has to be copied
            grad_weight = product(x.T, grad_output.T).T
        grad_x = product(grad_output, weight.T) if of_x else None
        return grad_x, grad_weight, grad_output.sum(dim=0) if of_bias else None
