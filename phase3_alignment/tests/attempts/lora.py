"""The mistakes of `mistakes/lora.py`, as others would write them."""

import torch
from torch import nn
from torch.nn.functional import dropout as drop

from shared.mistakes import attempt


def dropped(self, x):
    x = x.to(dtype=self.lora_B.dtype)
    return drop(x, p=self.dropout, training=self.training)


@attempt("scaling_without_rank")
def _(r, alpha, rslora=False):
    factor = alpha * 1.0
    return factor


@attempt("scaling_upside_down")
def _(r, alpha, rslora=False):
    return (r**0.5 if rslora else r) / alpha


@attempt("scaling_without_rslora")
def _(r, alpha, rslora=False):
    return alpha * r**-1


@attempt("scaling_root_of_all")
def _(r, alpha, rslora=False):
    ratio = alpha / r
    if rslora:
        ratio = ratio**0.5
    return ratio


@attempt("reset_parameters_both_zero")
def _(self):
    for p in (self.lora_A, self.lora_B):
        p.data.zero_()


@attempt("reset_parameters_both_random")
def _(self):
    with torch.no_grad():
        bound = self.lora_A.shape[1] ** -0.5
        self.lora_A.uniform_(-bound, bound)
        bound = self.lora_B.shape[1] ** -0.5
        self.lora_B.uniform_(-bound, bound)


@attempt("reset_parameters_swapped")
def _(self):
    self.lora_B.data.uniform_(-1, 1).mul_(self.lora_B.shape[1] ** -0.5)
    self.lora_A.data.fill_(0)


@attempt("reset_parameters_unit_normal")
def _(self):
    self.lora_A.data = torch.randn_like(self.lora_A)
    self.lora_B.data = torch.zeros_like(self.lora_B)


@attempt("forward_without_scaling")
def _(self, x):
    return dropped(self, x) @ self.lora_A.T @ self.lora_B.T


@attempt("forward_scales_twice")
def _(self, x):
    low = self.scaling * (dropped(self, x) @ self.lora_A.T)
    return self.scaling * (low @ self.lora_B.T)


@attempt("forward_dropout_always")
def _(self, x):
    layer = nn.Dropout(self.dropout)
    return layer(x.to(self.lora_A.dtype)) @ self.lora_A.T @ self.lora_B.T * self.scaling


@attempt("forward_without_dropout")
def _(self, x):
    low = x.to(self.lora_A.dtype) @ self.lora_A.t()
    return self.scaling * (low @ self.lora_B.t())


@attempt("forward_dropout_on_output")
def _(self, x):
    y = x.to(self.lora_A.dtype) @ self.lora_A.T @ self.lora_B.T
    if self.training:
        y = drop(y, self.dropout)
    return y * self.scaling


@attempt("forward_dropout_in_between")
def _(self, x):
    low = x.to(self.lora_A.dtype) @ self.lora_A.T
    if self.training:
        low = drop(low, self.dropout)
    return low @ self.lora_B.T * self.scaling


@attempt("forward_makes_the_matrix")
def _(self, x):
    matrix = torch.einsum("or,ri->io", self.lora_B, self.lora_A)
    return dropped(self, x) @ (matrix * self.scaling)


@attempt("forward_without_history")
def _(self, x):
    A, B = self.lora_A.data, self.lora_B.data
    return (dropped(self, x) @ A.T @ B.T * self.scaling).detach()
