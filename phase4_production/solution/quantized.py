"""The formats in which quantised weights are kept: `Int8`, `Int4` and `NF4`.

A weight is (out, in) and y = x W^T; groups run along `in`. Each format has the same few attributes,
so that whoever multiplies, counts or saves need not know which it is:

    weight.shape          (out, in)
    weight.nbytes         bytes of all its tensors
    weight.tensors()      its tensors by name, as they go into a file
    weight.dequantize()   (out, in) float32

and `of(weight, ...)` makes it from floating numbers, each to its nearest level. What a file needs
beside the tensors is `group` (`Int4`) or `shape` (`NF4`): `Int4(**tensors, group=64)`.
"""

from dataclasses import dataclass, fields
from math import prod
from typing import Self

from torch import Tensor

from phase4_production.solution import absmax, double_quant, int4, nf4


class Stored:
    """What the formats share: the fields that are tensors, and their size."""

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors by the names of their fields."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if isinstance(value, Tensor)}

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.nbytes for tensor in self.tensors().values())


@dataclass(frozen=True, eq=False)
class Int8(Stored):
    """Symmetric codes with a scale for each group: w = code * scale.

    Attributes:
        codes: (out, in) int8, from -127 to 127.
        scale: (out, n_groups) float32; n_groups divides `in`, and 1 is a scale for each channel.
    """

    codes: Tensor
    scale: Tensor

    def __post_init__(self):
        codes, scale = self.codes.shape, self.scale.shape
        if len(codes) != 2 or len(scale) != 2 or codes[0] != scale[0] or codes[1] % scale[1]:
            raise ValueError(f"scales {tuple(scale)} do not fit codes {tuple(codes)}")

    @classmethod
    def of(cls, weight: Tensor, group: int | None = None) -> Self:
        """Quantise (out, in) floating weights; `group` columns, None = all, share a scale.

        Raises:
            ValueError: if the group does not divide `in`.
        """
        scale = absmax.scale(weight, 1, weight.shape[1] if group is None else group)
        return cls(absmax.quantize(weight, scale), scale)

    @property
    def shape(self) -> tuple[int, int]:
        """Return (out, in)."""
        return tuple(self.codes.shape)

    def dequantize(self) -> Tensor:
        """Return the weights that the codes stand for, (out, in) float32."""
        return absmax.dequantize(self.codes, self.scale)


@dataclass(frozen=True, eq=False)
class Int4(Stored):
    """Codes from 0 to 15, two to a byte: w = (code - zero) * scale. Symmetric is zero = 8.

    Attributes:
        packed: (out, in / 2) uint8; the low four bits are the even column.
        scale: (out, ceil(in / group)) float32.
        zero: the same shape and dtype, in codes.
        group: columns that share a scale; the last group may have fewer.
    """

    packed: Tensor
    scale: Tensor
    zero: Tensor
    group: int

    def __post_init__(self):
        (n_out, n_in), scale = self.shape, tuple(self.scale.shape)
        if scale != (n_out, -(-n_in // self.group)) or scale != tuple(self.zero.shape):
            raise ValueError(f"scales {scale} do not fit {self.shape} in groups of {self.group}")

    @classmethod
    def of(cls, weight: Tensor, group: int = 64) -> Self:
        """Quantise (out, in) floating weights, `in` even, each to its nearest level."""
        return cls.of_codes(*int4.quantize(weight, group), group)

    @classmethod
    def of_codes(cls, codes: Tensor, scale: Tensor, zero: Tensor, group: int) -> Self:
        """Pack (out, in) uint8 codes that somebody else has chosen."""
        return cls(int4.pack(codes), scale, zero, group)

    @property
    def shape(self) -> tuple[int, int]:
        """Return (out, in)."""
        return self.packed.shape[0], 2 * self.packed.shape[1]

    def codes(self) -> Tensor:
        """Return (out, in) uint8, one code to a byte."""
        return int4.unpack(self.packed)

    def dequantize(self) -> Tensor:
        """Return the weights that the codes stand for, (out, in) float32."""
        return int4.dequantize(self.codes(), self.scale, self.zero, self.group)


@dataclass(frozen=True, eq=False)
class NF4(Stored):
    """NF4 with double quantisation, every bit as bitsandbytes keeps it.

    Attributes:
        packed: (N / 2,) uint8, N = out * in, even; the HIGH four bits are the first of two codes.
        absmax_codes: (ceil(N / 64),) uint8, the scales of blocks of 64 weights.
        absmax_scale: (ceil(N / 16384),) float32, the scales of 256 of these.
        absmax_offset: () float32, their mean.
        shape: (out, in).
    """

    packed: Tensor
    absmax_codes: Tensor
    absmax_scale: Tensor
    absmax_offset: Tensor
    shape: tuple[int, int]

    def __post_init__(self):
        n, blocks = prod(self.shape), len(self.absmax_codes)
        if n != 2 * len(self.packed) or blocks != -(-n // nf4.BLOCK):
            raise ValueError(f"{len(self.packed)} bytes, {blocks} scales do not fit {self.shape}")

    @classmethod
    def of(cls, weight: Tensor) -> Self:
        """Quantise (out, in) floating weights, an even number of them."""
        codes, scales = nf4.quantize(weight, nf4.codebook().to(weight.device))
        # `int4.pack` has the first of two in the low bits, bitsandbytes in the high ones.
        packed = int4.pack(codes.view(-1, 2).flip(1)).flatten()
        return cls(packed, *double_quant.quantize(scales), tuple(weight.shape))

    def absmax(self) -> Tensor:
        """Return the scales of the blocks, (ceil(N / 64),) float32."""
        return double_quant.dequantize(self.absmax_codes, self.absmax_scale, self.absmax_offset)

    def dequantize(self) -> Tensor:
        """Return the weights that the codes stand for, (out, in) float32."""
        codes = int4.unpack(self.packed).view(-1, 2).flip(1).view(self.shape)
        return nf4.dequantize(codes, self.absmax(), nf4.codebook().to(codes.device))
