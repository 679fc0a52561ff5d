"""A decoder and its paged cache: a `Batch` goes in, logits come out."""

from __future__ import annotations

from dataclasses import fields

import torch
from torch import Tensor

from phase4_production.project import attention as attentions
from phase4_production.project import pages
from phase4_production.project.architecture import Architecture
from phase4_production.project.attention import MakeAttention
from phase4_production.project.decoder import Decoder
from phase4_production.solution import kv_int8
from phase4_production.solution.batch import Batch


class Runner:
    """Runs steps of an engine.

    Args:
        decoder: the model.
        n_blocks, block_size: of the cache.
        cache_dtype: of keys and values; by default the model's own. torch.int8 keeps them in eight
            bits, as `kv_int8` does.
        attention: how a step attends; by default the fastest that works here.
    """

    def __init__(
        self,
        decoder: Decoder,
        n_blocks: int,
        block_size: int = 16,
        cache_dtype: torch.dtype | None = None,
        attention: MakeAttention | None = None,
    ) -> None:
        a = decoder.architecture
        self.decoder, self.n_blocks, self.block_size = decoder, n_blocks, block_size
        dtype = cache_dtype or decoder.dtype
        self._attention = attention or attentions.fastest(
            decoder.device, decoder.dtype, dtype, a.head_dim
        )
        shape = (n_blocks, block_size, a.n_kv_head, a.head_dim)
        self._caches = [
            tuple(pages.make(shape, dtype, decoder.device) for _ in ("keys", "values"))
            for _ in range(a.n_layer)
        ]

    @property
    def cache_nbytes(self) -> int:
        """Of all keys and values."""
        return sum(one.nbytes for caches in self._caches for one in caches)

    @torch.inference_mode()
    def run(self, batch: Batch) -> Tensor:
        """Write keys and values of the batch into their slots; return the wanted logits.

        Args:
            batch: of this step, on any device.

        Returns:
            (M, V) float32, on the decoder's device.
        """
        batch = moved(batch, self.decoder.device)
        look = self._attention(batch, self.block_size)

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            keys, values = self._caches[layer]
            pages.write(keys, batch.slots, k)
            pages.write(values, batch.slots, v)
            return look(q, keys, values)

        hidden = self.decoder.hidden(batch.ids, batch.positions, attend)
        return self.decoder.logits(hidden[batch.wanted]).float()


def bytes_per_token(a: Architecture, dtype: torch.dtype) -> int:
    """Count what a token takes in a cache of some dtype, torch.int8 with its scales."""
    if dtype == torch.int8:
        return kv_int8.bytes_per_token(a.n_layer, a.n_kv_head, a.head_dim)
    return a.kv_values_per_token * dtype.itemsize


def moved(batch: Batch, device: torch.device) -> Batch:
    """Return the batch on a device."""
    if batch.ids.device == device:
        return batch
    return Batch(**{field.name: getattr(batch, field.name).to(device) for field in fields(Batch)})
