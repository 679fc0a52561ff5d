"""The mistakes of `mistakes/layers.py`, as others would write them."""

import torch
import torch.nn.functional as F

from shared.mistakes import attempt


@attempt("swiglu_swapped")
def _(self, x):
    hidden = F.silu(self.up(x))
    return self.proj(hidden * self.gate(x))


@attempt("swiglu_silu_of_product")
def _(self, x):
    hidden = self.up(x) * self.gate(x)
    return self.proj(hidden * torch.sigmoid(hidden))


@attempt("swiglu_silu_of_both")
def _(self, x):
    gate, up = F.silu(self.gate(x)), F.silu(self.up(x))
    return self.proj(up * gate)


@attempt("swiglu_sigmoid")
def _(self, x):
    halves = torch.cat([self.up(x), self.gate(x)], dim=-1)
    return self.proj(F.glu(halves, dim=-1))


@attempt("swiglu_gelu")
def _(self, x):
    share = F.gelu(self.gate(x), approximate="tanh")
    return self.proj(self.up(x) * share)


@attempt("swiglu_adds")
def _(self, x):
    hidden = self.up(x)
    hidden = hidden + F.silu(self.gate(x))
    return self.proj(hidden)


@attempt("swiglu_without_up")
def _(self, x):
    gate = self.gate(x)
    return self.proj(gate * gate.sigmoid())


@attempt("swiglu_bilinear")
def _(self, x):
    return self.proj(torch.mul(self.up(x), self.gate(x)))


@attempt("swiglu_without_proj")
def _(self, x):
    gate = self.gate(x)
    return self.up(x) * gate * gate.sigmoid()
