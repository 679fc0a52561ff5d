"""Quantise a decoder while it reads a calibration text, each layer by what reaches it.

One pass over all windows. A layer is quantised at the moment its inputs arrive, from predecessors
that are quantised already, and then answers in its new form. So each layer makes up for what those
before it lost (Frantar et al. 2022, section 4, "setup"), and only one layer's inputs are in memory.
Beside them, in the other half of the batch, goes what would arrive had nothing been quantised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from phase4_production.project import dense_attention
from phase4_production.project.decoder import Decoder
from phase4_production.project.linears import Dense, Linear
from phase4_production.project.quantized_linears import Quantized
from phase4_production.solution import smoothquant

# What a method does with a layer: its decoder, its name, its weights, what reaches it, (N, in), and
# what would reach it in the model as it was, (N, in).
Method = Callable[[Decoder, str, Dense, Tensor, Tensor], Linear]


@torch.no_grad()
def read(decoder: Decoder, windows: Tensor, method: Method) -> None:
    """Put every linear layer but the output layer into a new form, in place.

    Args:
        decoder: with dense layers.
        windows: (B, T) int64, the calibration text.
        method: makes the new layer. It may divide what makes the inputs of a layer, by `divide`.
    """
    for name, layer in list(decoder.linears.items()):
        if name != "head":
            decoder.linears[name] = _Waiting(decoder, name, layer, method)
    dense_attention.hidden(decoder, torch.cat([windows, windows]))


@dataclass
class _Waiting:
    """A layer that becomes another one when it is called for the first time."""

    decoder: Decoder
    name: str
    layer: Dense
    method: Method

    def __call__(self, x: Tensor) -> Tensor:
        x, dense_x = x.chunk(2)
        new = self.method(self.decoder, self.name, self.layer, x, dense_x)
        self.decoder.linears[self.name] = new
        # If the method has divided what makes these inputs, they were made before that.
        return torch.cat([new(x / getattr(new, "divided_by", 1)), self.layer(dense_x)])


def divide(decoder: Decoder, name: str, scales: Tensor) -> bool:
    """Divide what makes the inputs of a layer, so that they come divided by the scales.

    The norm in front of "qkv" and "up"; the values in front of "out", of which attention takes a
    weighted mean, so that their channels stay apart; the half of "up" that gate is multiplied with
    in front of "down".

    Returns:
        Whether that is possible. It is not where key-value heads are shared by several heads, nor
        behind GPT-2's GELU.
    """
    block, _, kind = name.rpartition(".")
    a = decoder.architecture
    if kind in ("qkv", "up"):
        norm = f"{block}.norm{1 if kind == 'qkv' else 2}"
        names = [key for key in (f"{norm}.weight", f"{norm}.bias") if key in decoder.tensors]
        before, _ = smoothquant.fold(scales, [decoder.tensors[key] for key in names], [])
        decoder.tensors |= dict(zip(names, before, strict=True))
        return True
    source, possible = {
        "out": (f"{block}.qkv", a.n_head == a.n_kv_head),
        "down": (f"{block}.up", a.family != "gpt2"),
    }[kind]
    if possible:
        decoder.linears[source] = _last_rows_divided(decoder.linears[source], scales)
    return possible


def _last_rows_divided(layer: Quantized, scales: Tensor) -> Quantized:
    """Divide the last len(scales) outputs: of codes only the scales change, so nothing is lost."""
    first = layer.out_features - len(scales)
    factors = torch.cat([scales.new_ones(first), scales])
    weight = replace(layer.weight, scale=layer.weight.scale / factors[:, None])
    return type(layer)(weight, None if layer.bias is None else layer.bias / factors)
