"""Linear layers on our own kernels, made of what a decoder has.

For a few rows the kernels are as fast as the memory; for many float rows PyTorch's product, by
oneDNN, is faster, and takes their place.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from phase4_production.project import native
from phase4_production.project.decoder import Decoder
from phase4_production.project.linears import Dense, Linear
from phase4_production.project.quantized_linears import IntegerProduct, Quantized
from phase4_production.solution.quantized import Int4, Int8

GROUP = 64  # activations that share a scale, in native.cpp
PANEL = 16  # rows of quantised weights that lie side by side there
STEP = 64  # many rows are filled up to a multiple of it
FEW = 16  # rows up to which our float product is the faster one
_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


class Float(Dense):
    """A float32 or bfloat16 weight for float32 activations.

    Many rows that meet a bfloat16 weight are rounded to bfloat16, too; a few are not.

    Args:
        weight: (out, in).
        bias: (out,) float32 or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__(weight.contiguous(), bias)

    def __call__(self, x: Tensor) -> Tensor:
        """Turn (N, in) into (N, out)."""
        if len(x) <= FEW:
            return native.linear_float(x.contiguous(), self.weight, self.bias)
        # oneDNN keeps a kernel for every number of rows that it has met, hundreds of megabytes.
        found = self._many(F.pad(x, (0, 0, 0, -len(x) % STEP)))
        return found[: len(x)]

    def _many(self, x: Tensor) -> Tensor:
        if self.weight.dtype == torch.bfloat16:
            found = F.linear(x.bfloat16(), self.weight).float()
            return found if self.bias is None else found + self.bias
        if _ONEDNN:
            return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return F.linear(x, self.weight, self.bias)


class EightBit:
    """`Int8` codes; activations have eight bits, too, 64 of them under a scale of their own.

    Args:
        weight: with one scale a row, or groups of a multiple of 64 columns.
        bias: (out,) float32 or None.
    """

    def __init__(self, weight: Int8, bias: Tensor | None) -> None:
        self.out_features, self.in_features = weight.shape
        self.bias, per_row = bias, weight.scale.shape[1]
        # The kernel wants unsigned codes, and whole groups: a code of 128 is a weight of 0.
        codes = (weight.codes.to(torch.int16) + 128).to(torch.uint8)
        quads = _padded(codes, GROUP, value=128).unflatten(1, (-1, 4))
        self._codes = _in_panels(quads)
        repeats = 1 if per_row == 1 else self.in_features // per_row // GROUP
        self._scale = _in_panels(_padded(weight.scale.repeat_interleave(repeats, dim=1)))
        parts = (self._codes, self._scale, bias)
        self.nbytes = sum(part.nbytes for part in parts if part is not None)

    @staticmethod
    def takes(weight: Int8) -> bool:
        """Whether the kernel knows such groups."""
        n_groups = weight.scale.shape[1]
        return n_groups == 1 or weight.shape[1] // n_groups % GROUP == 0

    def __call__(self, x: Tensor) -> Tensor:
        """Turn (N, in) into (N, out)."""
        return native.linear_int8(
            x.contiguous(), self._codes, self._scale, self.bias, self.out_features
        )


class FourBit:
    """`Int4` codes in groups of a multiple of 64 columns.

    Args:
        weight: whose columns are padded to whole groups.
        bias: (out,) float32 or None.
    """

    def __init__(self, weight: Int4, bias: Tensor | None) -> None:
        self.out_features, self.in_features = weight.shape
        self.bias, repeats = bias, weight.group // GROUP
        quads = _padded(weight.codes(), GROUP).unflatten(1, (-1, 2, 4))
        self._codes = _in_panels(quads[:, :, 0] | quads[:, :, 1] << 4)
        n_groups = -(-self.in_features // GROUP)

        def spread(values: Tensor) -> Tensor:
            return _in_panels(_padded(values.repeat_interleave(repeats, dim=1)[:, :n_groups]))

        self._scale, self._shift = spread(weight.scale), spread(weight.scale * weight.zero)
        parts = (self._codes, self._scale, self._shift, bias)
        self.nbytes = sum(part.nbytes for part in parts if part is not None)

    @staticmethod
    def takes(weight: Int4) -> bool:
        """Whether the kernel knows such groups."""
        return weight.group % GROUP == 0

    def __call__(self, x: Tensor) -> Tensor:
        """Turn (N, in) into (N, out)."""
        return native.linear_int4(
            x.contiguous(), self._codes, self._scale, self._shift, self.bias, self.out_features
        )


def _padded(values: Tensor, columns: int = 1, value: int = 0) -> Tensor:
    """Fill (rows, columns) up to whole panels, and to a multiple of some columns."""
    n_rows, n_columns = values.shape
    return F.pad(values, (0, -n_columns % columns, 0, -n_rows % PANEL), value=value)


def _in_panels(values: Tensor) -> Tensor:
    """Turn (rows, columns, ...) into (rows / PANEL, columns, PANEL, ...)."""
    return values.unflatten(0, (-1, PANEL)).transpose(1, 2).contiguous()


def of(layer: Linear) -> Linear:
    """Return a layer that does the same by our kernels, or the layer if they do not know its kind.

    A layer with `IntegerProduct` stays: how its activations are rounded is what it is about.
    """
    if isinstance(layer, IntegerProduct):
        return layer
    if isinstance(layer, Quantized):
        for kind, taken in ((Int8, EightBit), (Int4, FourBit)):
            if isinstance(layer.weight, kind) and taken.takes(layer.weight):
                return taken(layer.weight, layer.bias)
        return layer
    if type(layer) is Dense and layer.weight.dtype in (torch.float32, torch.bfloat16):
        return Float(layer.weight, None if layer.bias is None else layer.bias.float())
    return layer


def exchange(decoder: Decoder) -> None:
    """Put our kernels into a decoder, if it computes in float32 on a CPU and they can be had."""
    if decoder.device.type != "cpu" or decoder.dtype != torch.float32 or not native.available():
        return
    for name, layer in decoder.linears.items():
        decoder.linears[name] = of(layer)
