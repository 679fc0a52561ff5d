"""The ways to quantise a decoder, by name.

    int8         eight bits, one scale for each output; nearest level
    int4         four bits, a scale and a zero point for each group; nearest level
    gptq         the same format; each column makes up for the ones before it
    gptq-tuned   GPTQ of weights that make up for earlier layers, refined, its scales then trained
    awq          the same format; columns of large inputs are scaled up first
    nf4          four bits at the quantiles of a bell curve, as bitsandbytes has it
    int8-dynamic eight bits for weights and activations
    smoothquant  the same; outliers of the activations are moved into the weights first

Norms stay as they are, and the embedding has 16 bits. The output layer has eight in all of them:
each word depends on it, and it is read once for a token.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from phase4_production.project import calibration, refinement, tuning
from phase4_production.project.decoder import Decoder
from phase4_production.project.linears import Dense, Linear
from phase4_production.project.quantized_linears import IntegerProduct, Quantized
from phase4_production.solution import awq, gptq, smoothquant
from phase4_production.solution.quantized import NF4, Int4, Int8, Stored

SEARCH_ROWS = 2048  # tokens on which AWQ compares candidates
SHARE = 0.5  # of what earlier layers lost, that a layer makes up for
TUNING_STEPS = 400
CALIBRATION_WINDOWS = 64  # by which layers are quantised; training takes as many as there are


def _nearest(make: Callable[[Tensor], Stored], kind: type[Quantized] = Quantized):
    def method(decoder: Decoder, name: str, layer: Dense, x: Tensor, dense_x: Tensor) -> Linear:
        return kind(make(layer.weight), layer.bias)

    return method


def _gptq(group: int) -> calibration.Method:
    def method(decoder: Decoder, name: str, layer: Dense, x: Tensor, dense_x: Tensor) -> Linear:
        codes = gptq.quantize(layer.weight, gptq.hessian(x), group, act_order=True)
        return Quantized(Int4.of_codes(*codes, group), layer.bias)

    return method


def _gptq_refined(group: int) -> calibration.Method:
    def method(decoder: Decoder, name: str, layer: Dense, x: Tensor, dense_x: Tensor) -> Linear:
        hessian = gptq.hessian(x)
        # The weights with which these inputs give what the others give with the layer's own. Half
        # way there: the rest is less sure on other texts, and later layers mend it, too.
        lost = 2 / len(x) * (dense_x - x).double().T @ x.double()
        weight = layer.weight + (SHARE * layer.weight.double() @ lost @ hessian.inverse()).float()
        codes = gptq.quantize(weight, hessian, group, act_order=True)
        codes = refinement.refine(weight, hessian, codes, group)
        return Quantized(Int4.of_codes(*codes, group), layer.bias)

    return method


def _scaled(
    find: Callable[[Tensor, Tensor], Tensor],
    make: Callable[[Tensor], Stored],
    kind: type[Quantized] = Quantized,
) -> calibration.Method:
    """Scale the columns of a weight by what `find(weight, inputs)` says, where that can be done."""

    def method(decoder: Decoder, name: str, layer: Dense, x: Tensor, dense_x: Tensor) -> Linear:
        scales = find(layer.weight, x)
        if not calibration.divide(decoder, name, scales):
            return kind(make(layer.weight), layer.bias)
        _, (weight,) = smoothquant.fold(scales, [], [layer.weight])
        new = kind(make(weight), layer.bias)
        new.divided_by = scales
        return new

    return method


def _awq(group: int) -> calibration.Method:
    def find(weight: Tensor, x: Tensor) -> Tensor:
        rows = torch.linspace(0, len(x) - 1, min(len(x), SEARCH_ROWS)).long()
        return awq.search(weight, x[rows], group)

    return _scaled(find, lambda weight: Int4.of(weight, group))


def _smoothquant() -> calibration.Method:
    def find(weight: Tensor, x: Tensor) -> Tensor:
        return smoothquant.scales(x.abs().amax(dim=0), [weight])

    return _scaled(find, Int8.of, IntegerProduct)


METHODS: dict[str, Callable[[int], calibration.Method]] = {
    "int8": lambda group: _nearest(Int8.of),
    "int4": lambda group: _nearest(lambda weight: Int4.of(weight, group)),
    "gptq": _gptq,
    "gptq-tuned": _gptq_refined,
    "awq": _awq,
    "nf4": lambda group: _nearest(NF4.of),
    "int8-dynamic": lambda group: _nearest(Int8.of, IntegerProduct),
    "smoothquant": lambda group: _smoothquant(),
}


def quantize(decoder: Decoder, method: str, group: int, windows: Tensor) -> None:
    """Quantise all linear layers of a dense decoder, in place.

    Args:
        decoder: with float32 weights.
        method: one of `METHODS`.
        group: weights of a row that share a scale, for the methods of four even bits.
        windows: (B, T) int64, a calibration text.

    Raises:
        ValueError: there is no such method.
    """
    if method not in METHODS:
        raise ValueError(f"there is no method {method!r}: {', '.join(METHODS)}")
    teacher = Decoder(decoder.architecture, decoder.tensors, decoder.linears)
    decoder.halve_embedding()
    calibration.read(decoder, windows[:CALIBRATION_WINDOWS], METHODS[method](group))
    head = decoder.linears["head"]
    decoder.linears["head"] = Quantized(Int8.of(head.weight), head.bias)
    if method == "gptq-tuned":
        tuning.tune(decoder, teacher, windows, TUNING_STEPS)
