"""Classic wrong answers for `solution/layers.py`."""

import torch

from shared.mistakes import mistake


@mistake(
    "1.11",
    "layers.SwiGLU.forward",
    "gate and up have changed roles: Swish is applied to the gate, and up stays linear.",
)
def swiglu_swapped(self, x):
    return self.proj(self.gate(x) * self.ops.silu(self.up(x)))


@mistake(
    "1.11",
    "layers.SwiGLU.forward",
    "Swish is applied to the product; it belongs to the gate alone, before the two meet.",
)
def swiglu_silu_of_product(self, x):
    return self.proj(self.ops.silu(self.gate(x) * self.up(x)))


@mistake(
    "1.11",
    "layers.SwiGLU.forward",
    "Both halves go through Swish; up must stay linear.",
)
def swiglu_silu_of_both(self, x):
    return self.proj(self.ops.silu(self.gate(x)) * self.ops.silu(self.up(x)))


@mistake(
    "1.11",
    "layers.SwiGLU.forward",
    "The gate is a bare sigmoid: that is the GLU of 2016; Swish is x sigmoid(x).",
)
def swiglu_sigmoid(self, x):
    return self.proj(torch.sigmoid(self.gate(x)) * self.up(x))


@mistake(
    "1.11",
    "layers.SwiGLU.forward",
    "The gate goes through GELU: that is GEGLU, the neighbouring equation of the paper.",
)
def swiglu_gelu(self, x):
    return self.proj(self.ops.gelu(self.gate(x)) * self.up(x))


@mistake(
    "1.11",
    "layers.SwiGLU.forward",
    "The two halves are added; a gate multiplies, so that it can shut.",
)
def swiglu_adds(self, x):
    return self.proj(self.ops.silu(self.gate(x)) + self.up(x))


@mistake(
    "1.11",
    "layers.SwiGLU.forward",
    "up is not used: what is left is an ordinary feed-forward layer with Swish.",
)
def swiglu_without_up(self, x):
    return self.proj(self.ops.silu(self.gate(x)))


@mistake(
    "1.11",
    "layers.SwiGLU.forward",
    "The gate has no activation: a product of two linear maps, which nothing can shut softly.",
)
def swiglu_bilinear(self, x):
    return self.proj(self.gate(x) * self.up(x))


@mistake(
    "1.11",
    "layers.SwiGLU.forward",
    "The projection is missing: the result is as wide as the hidden layer, and cannot be added to the stream.",
)
def swiglu_without_proj(self, x):
    return self.ops.silu(self.gate(x)) * self.up(x)
