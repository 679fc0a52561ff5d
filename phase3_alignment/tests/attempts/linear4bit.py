"""The mistakes of `mistakes/linear4bit.py`, as others would write them."""

import torch
import torch.nn.functional as F
from torch import nn

from phase3_alignment.solution.nf4 import LEVELS
from shared.mistakes import attempt


def _is_conv(layer):
    return not isinstance(layer, nn.Linear)


def _matrix(layer):
    return layer.weight.t() if _is_conv(layer) else layer.weight


@attempt("matmul_forward_saves_the_weight")
def _(ctx, x, layer):
    w = layer.dequantize(dtype=x.dtype)
    ctx.save_for_backward(w)
    ctx.layer = layer
    return F.linear(x, w)


@attempt("matmul_forward_keeps_the_weight")
def _(ctx, x, layer):
    ctx.layer, ctx.w = layer, layer.dequantize(dtype=x.dtype)
    return F.linear(x, ctx.w)


@attempt("matmul_forward_not_transposed")
def _(ctx, x, layer):
    ctx.layer = layer
    w = layer.dequantize(dtype=x.dtype)
    return torch.matmul(x, w)


@attempt("matmul_forward_always_float32")
def _(ctx, x, layer):
    ctx.layer = layer
    w = layer.dequantize()
    return F.linear(x.to(w.dtype), w).to(x.dtype)


@attempt("matmul_forward_detached")
def _(ctx, x, layer):
    ctx.layer = layer
    y = F.linear(x, layer.dequantize(dtype=x.dtype))
    ctx.mark_non_differentiable(y)
    return y


@attempt("matmul_backward_transposed")
def _(ctx, grad_output):
    w = ctx.layer.dequantize(dtype=grad_output.dtype)
    return F.linear(grad_output, w), None


@attempt("matmul_backward_none")
def _(ctx, grad_output):
    ctx.layer.dequantize(dtype=grad_output.dtype)
    return (None,) * 2


@attempt("matmul_backward_zeros")
def _(ctx, grad_output):
    w = ctx.layer.dequantize(dtype=grad_output.dtype)
    shape = (*grad_output.shape[:-1], w.shape[1])
    return torch.zeros(shape, dtype=w.dtype), None


@attempt("matmul_backward_straight_through")
def _(ctx, grad_output):
    w = ctx.layer.dequantize(dtype=grad_output.dtype)
    shape = (*grad_output.shape[:-1], w.shape[1])
    return grad_output.sum(-1, keepdim=True).expand(shape), None


@attempt("matmul_backward_signs")
def _(ctx, grad_output):
    w = ctx.layer.dequantize(dtype=grad_output.dtype)
    w = torch.where(w > 0, 1, torch.where(w < 0, -1, 0)).to(w.dtype)
    return torch.matmul(grad_output, w), None


@attempt("matmul_backward_caches")
def _(ctx, grad_output):
    layer = ctx.layer
    layer.full = getattr(layer, "full", None)
    if layer.full is None:
        layer.full = layer.dequantize(dtype=grad_output.dtype)
    return torch.matmul(grad_output, layer.full), None


@attempt("matmul_backward_mean")
def _(ctx, grad_output):
    w = ctx.layer.dequantize(dtype=grad_output.dtype)
    rows = grad_output.reshape(-1, grad_output.shape[-1])
    mean = (rows @ w).sum(0) / len(rows)
    return mean.repeat(*grad_output.shape[:-1], 1), None


@attempt("from_linear_ignores_conv1d")
def _(cls, linear):
    weight, bias = linear.weight.data, linear.bias
    return cls(weight, bias=bias)


@attempt("from_linear_reshapes_conv1d")
def _(cls, linear):
    w = linear.weight.detach()
    return cls(w.view(w.shape[::-1]) if _is_conv(linear) else w, linear.bias)


@attempt("from_linear_transposes_both")
def _(cls, linear):
    return cls(linear.weight.detach().transpose(0, 1), bias=linear.bias)


@attempt("from_linear_without_bias")
def _(cls, linear):
    return cls(_matrix(linear), bias=None)


@attempt("from_linear_trains_the_bias")
def _(cls, linear):
    made = cls(_matrix(linear), linear.bias)
    if linear.bias is not None:
        made.bias = nn.Parameter(linear.bias.data.clone())
    return made


@attempt("from_linear_quantises_twice")
def _(cls, linear):
    w = _matrix(linear).detach()
    middles = (LEVELS[1:] + LEVELS[:-1]) / 2
    rounded = LEVELS[(w[..., None] > middles).sum(-1)]
    return cls(rounded, linear.bias)


@attempt("from_linear_changes_the_given")
def _(cls, linear):
    made = cls(_matrix(linear), linear.bias)
    with torch.no_grad():
        _matrix(linear).copy_(made.dequantize())
    return made
