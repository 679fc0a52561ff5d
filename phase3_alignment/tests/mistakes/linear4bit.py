"""Classic wrong answers for `solution/linear4bit.py`."""

import torch
from transformers.pytorch_utils import Conv1D

from phase3_alignment.solution import nf4
from shared.mistakes import mistake


@mistake(
    "3.7",
    "linear4bit.MatMul4Bit.forward",
    "The dequantised weight is saved for the backward pass: the memory that four bits were to free is taken again.",
)
def matmul_forward_saves_the_weight(ctx, x, layer):
    weight = layer.dequantize(x.dtype)
    ctx.layer = layer
    ctx.save_for_backward(weight)
    return x @ weight.T


@mistake(
    "3.7",
    "linear4bit.MatMul4Bit.forward",
    "The dequantised weight stays in ctx until the backward pass. An attribute keeps memory as save_for_backward does.",
)
def matmul_forward_keeps_the_weight(ctx, x, layer):
    ctx.layer = layer
    ctx.weight = layer.dequantize(x.dtype)
    return x @ ctx.weight.T


@mistake(
    "3.7",
    "linear4bit.MatMul4Bit.forward",
    "The weight is (out, in) and is not transposed: x (..., in) meets its wrong side.",
)
def matmul_forward_not_transposed(ctx, x, layer):
    ctx.layer = layer
    return x @ layer.dequantize(x.dtype)


@mistake(
    "3.7",
    "linear4bit.MatMul4Bit.forward",
    "The product is taken in float32 whatever x is: ask for the weight in x's dtype.",
)
def matmul_forward_always_float32(ctx, x, layer):
    ctx.layer = layer
    return (x.float() @ layer.dequantize(torch.float32).T).to(x.dtype)


@mistake(
    "3.7",
    "linear4bit.MatMul4Bit.forward",
    "The result is detached: nothing below this layer will learn.",
)
def matmul_forward_detached(ctx, x, layer):
    ctx.layer = layer
    result = x @ layer.dequantize(x.dtype).T
    ctx.mark_non_differentiable(result)
    return result


@mistake(
    "3.7",
    "linear4bit.MatMul4Bit.backward",
    "The gradient goes through the transposed weight, as x did. Backward it is grad_output times W itself.",
)
def matmul_backward_transposed(ctx, grad_output):
    return grad_output @ ctx.layer.dequantize(grad_output.dtype).T, None


@mistake(
    "3.7",
    "linear4bit.MatMul4Bit.backward",
    "Frozen does not mean deaf: the weight gets no gradient, but x does, and the adapters below need it.",
)
def matmul_backward_none(ctx, grad_output):
    return None, None


@mistake(
    "3.7",
    "linear4bit.MatMul4Bit.backward",
    "The gradient of x is zero: the weight is frozen, not x.",
)
def matmul_backward_zeros(ctx, grad_output):
    weight = ctx.layer.dequantize(grad_output.dtype)
    return torch.zeros_like(grad_output @ weight), None


@mistake(
    "3.7",
    "linear4bit.MatMul4Bit.backward",
    "Straight through is for rounding. This is a product, and its derivative is the weight.",
)
def matmul_backward_straight_through(ctx, grad_output):
    n_in = ctx.layer.dequantize(grad_output.dtype).shape[1]
    ones = grad_output.new_ones(grad_output.shape[-1], n_in)
    return grad_output @ ones, None


@mistake(
    "3.7",
    "linear4bit.MatMul4Bit.backward",
    "Only the signs of the weight come back: dequantise it again, levels, scales and all.",
)
def matmul_backward_signs(ctx, grad_output):
    return grad_output @ ctx.layer.dequantize(grad_output.dtype).sign(), None


@mistake(
    "3.7",
    "linear4bit.MatMul4Bit.backward",
    "The weight is dequantised once for good and kept in the layer: after the first step it is all there in full.",
)
def matmul_backward_caches(ctx, grad_output):
    if not hasattr(ctx.layer, "cached"):
        ctx.layer.cached = ctx.layer.dequantize(grad_output.dtype)
    return grad_output @ ctx.layer.cached, None


@mistake(
    "3.7",
    "linear4bit.MatMul4Bit.backward",
    "The gradient is averaged over the rows of the batch: each row of x has its own.",
)
def matmul_backward_mean(ctx, grad_output):
    grad = grad_output @ ctx.layer.dequantize(grad_output.dtype)
    return grad.reshape(-1, grad.shape[-1]).mean(0).expand_as(grad), None


@mistake(
    "3.7",
    "linear4bit.Linear4Bit.from_linear",
    "A Conv1D keeps its weight as (in, out): without the transpose, in and out change places.",
)
def from_linear_ignores_conv1d(cls, linear):
    return cls(linear.weight, linear.bias)


@mistake(
    "3.7",
    "linear4bit.Linear4Bit.from_linear",
    "A view in another shape is no transpose: the sizes fit, the numbers are in the wrong places.",
)
def from_linear_reshapes_conv1d(cls, linear):
    weight = linear.weight
    if isinstance(linear, Conv1D):
        weight = weight.reshape(weight.shape[1], weight.shape[0])
    return cls(weight, linear.bias)


@mistake(
    "3.7",
    "linear4bit.Linear4Bit.from_linear",
    "Both kinds are transposed; nn.Linear's weight is (out, in) already.",
)
def from_linear_transposes_both(cls, linear):
    return cls(linear.weight.T, linear.bias)


@mistake(
    "3.7",
    "linear4bit.Linear4Bit.from_linear",
    "The bias is lost.",
)
def from_linear_without_bias(cls, linear):
    weight = linear.weight.T if isinstance(linear, Conv1D) else linear.weight
    return cls(weight)


@mistake(
    "3.7",
    "linear4bit.Linear4Bit.from_linear",
    "The bias learns. All that is frozen stays frozen; what learns is the adapter.",
)
def from_linear_trains_the_bias(cls, linear):
    weight = linear.weight.T if isinstance(linear, Conv1D) else linear.weight
    layer = cls(weight, linear.bias)
    if layer.bias is not None:
        layer.bias.requires_grad_(True)
    return layer


@mistake(
    "3.7",
    "linear4bit.Linear4Bit.from_linear",
    "The weight is rounded to levels before it is quantised by block, and without a scale: two roundings, one of them blind.",
)
def from_linear_quantises_twice(cls, linear):
    weight = linear.weight.T if isinstance(linear, Conv1D) else linear.weight
    weight = nf4.LEVELS[nf4.nearest(weight.detach().contiguous(), nf4.LEVELS).long()]
    return cls(weight, linear.bias)


@mistake(
    "3.7",
    "linear4bit.Linear4Bit.from_linear",
    "The layer that was given is changed: its own weight now holds the rounded one. It was to stay as it is.",
)
def from_linear_changes_the_given(cls, linear):
    conv = isinstance(linear, Conv1D)
    layer = cls(linear.weight.T if conv else linear.weight, linear.bias)
    rounded = layer.dequantize(linear.weight.dtype)
    linear.weight.data.copy_(rounded.T if conv else rounded)
    return layer
