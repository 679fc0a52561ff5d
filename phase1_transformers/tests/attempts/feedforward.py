"""The mistakes of `mistakes/feedforward.py`, as others would write them."""

import torch
import torch.nn.functional as F

from shared.mistakes import attempt


@attempt("gelu_exact")
def _(x):
    return F.gelu(x)


@attempt("gelu_by_sigmoid")
def _(x):
    return x / (1 + torch.exp(-1.702 * x))


@attempt("gelu_only_the_share")
def _(x):
    inner = (2 / torch.pi) ** 0.5 * (x + 0.044715 * x * x * x)
    return (1 + inner.tanh()) / 2


@attempt("gelu_without_half")
def _(x):
    inner = (2 / torch.pi) ** 0.5 * (x + 0.044715 * x * x * x)
    return x + x * inner.tanh()


@attempt("gelu_squares")
def _(x):
    inner = (2 / torch.pi) ** 0.5 * (x + 0.044715 * torch.square(x))
    return x * (1 + inner.tanh()) / 2


@attempt("gelu_scales_x_only")
def _(x):
    inner = (2 / math.pi) ** 0.5 * x + 0.044715 * x.pow(3)
    return x * (1 + inner.tanh()) / 2


@attempt("gelu_without_root")
def _(x):
    inner = (2 / torch.pi) * x * (1 + 0.044715 * x * x)
    return x * (1 + inner.tanh()) / 2


@attempt("gelu_without_cube")
def _(x):
    return x * torch.sigmoid(2 * (2 / torch.pi) ** 0.5 * x)


@attempt("gelu_in_place")
def _(x):
    inner = (2 / torch.pi) ** 0.5 * (x + 0.044715 * x.pow(3))
    return x.mul_((1 + inner.tanh()) / 2)
