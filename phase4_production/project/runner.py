"""A decoder and its paged cache: a `Batch` goes in, logits come out."""

from __future__ import annotations

from dataclasses import fields

import torch
from torch import Tensor

from phase4_production.project import attention as attentions
from phase4_production.project.attention import MakeAttention
from phase4_production.project.decoder import Decoder
from phase4_production.solution.batch import Batch


class Runner:
    """Runs steps of an engine.

    Args:
        decoder: the model.
        n_blocks, block_size: of the cache.
        cache_dtype: of keys and values; by default the model's own.
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
        self._attention = attention or attentions.fastest(decoder.device, a.head_dim)
        shape = (2, a.n_layer, n_blocks, block_size, a.n_kv_head, a.head_dim)
        dtype = cache_dtype or decoder.dtype
        self._keys, self._values = torch.zeros(shape, dtype=dtype, device=decoder.device)

    @property
    def cache_nbytes(self) -> int:
        """Of all keys and values."""
        return self._keys.nbytes + self._values.nbytes

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
            for cache, new in ((self._keys, k), (self._values, v)):
                # As paged_cache.write does, without dividing a slot into block and offset again.
                cache[layer].flatten(0, 1).index_copy_(0, batch.slots, new.to(cache.dtype))
            return look(q, self._keys[layer], self._values[layer])

        hidden = self.decoder.hidden(batch.ids, batch.positions, attend)
        return self.decoder.logits(hidden[batch.wanted]).float()


def moved(batch: Batch, device: torch.device) -> Batch:
    """Return the batch on a device."""
    if batch.ids.device == device:
        return batch
    return Batch(**{field.name: getattr(batch, field.name).to(device) for field in fields(Batch)})
