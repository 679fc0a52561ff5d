"""A decoder through torch.compile: norms, rotary positions and gates become few kernels.

The compiler cannot look into attention, which writes into a cache and asks how long sequences are.
So it sees one opaque operator there, and everything around it is one graph: compiled once for one
token, which is the common case, and once for any other number.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from phase4_production.project.architecture import Architecture
from phase4_production.project.decoder import Attend, Decoder

# An operator takes numbers and tensors, so each decoder has a number, and its attention lies here.
_attends: dict[int, Attend] = {}
_numbers = itertools.count()


@torch.library.custom_op("course::attend", mutates_args=())
def _attend(number: int, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return _attends[number](layer, q, k, v).contiguous()


@_attend.register_fake
def _(number: int, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return q.new_empty(q.shape)


class CompiledDecoder:
    """A decoder whose blocks are compiled at first use; a `Runner` takes it in its place.

    Args:
        decoder: its linear layers must be PyTorch's operators, such as those of dense weights.
        backend: of torch.compile.
    """

    def __init__(self, decoder: Decoder, backend: str = "inductor") -> None:
        self._decoder, self._number = decoder, next(_numbers)
        self._hidden = torch.compile(self._eager, backend=backend, fullgraph=True)

    def hidden(self, ids: Tensor, positions: Tensor, attend: Attend) -> Tensor:
        """Run all blocks and the last norm, as `Decoder.hidden` does; (N, C)."""
        if len(ids) > 1:  # or each length of a prompt would be compiled for itself
            for x in (ids, positions):
                torch._dynamo.mark_dynamic(x, 0)
        _attends[self._number] = attend
        try:
            return self._hidden(ids, positions)
        finally:
            del _attends[self._number]  # it holds a cache

    def logits(self, hidden: Tensor) -> Tensor:
        """Turn (M, C) into scores of every token, (M, V)."""
        return self._decoder.logits(hidden)

    @property
    def architecture(self) -> Architecture:
        """Of the decoder."""
        return self._decoder.architecture

    @property
    def dtype(self) -> torch.dtype:
        """Of what flows between the layers."""
        return self._decoder.dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._decoder.device

    def _eager(self, ids: Tensor, positions: Tensor) -> Tensor:
        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return _attend(self._number, layer, q, k, v)

        return self._decoder.hidden(ids, positions, attend)
