"""A decoder and its paged cache: a `Batch` goes in, logits come out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from phase4_production.project.decoder import Decoder
from phase4_production.project.torch_attention import TorchAttention
from phase4_production.solution import paged_cache
from phase4_production.solution.batch import Batch

# Made once a step for all layers: (batch, block_size) -> (q, k_cache, v_cache) -> found.
MakeAttention = Callable[[Batch, int], Callable[[Tensor, Tensor, Tensor], Tensor]]


class Runner:
    """Runs steps of an engine.

    Args:
        decoder: the model.
        n_blocks, block_size: of the cache.
        cache_dtype: of keys and values; by default the model's own.
        attention: how a step attends.
    """

    def __init__(
        self,
        decoder: Decoder,
        n_blocks: int,
        block_size: int = 16,
        cache_dtype: torch.dtype | None = None,
        attention: MakeAttention = TorchAttention,
    ) -> None:
        a = decoder.architecture
        self.decoder, self._attention = decoder, attention
        self.n_blocks, self.block_size = n_blocks, block_size
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

        Returns:
            (M, V) float32.
        """
        look = self._attention(batch, self.block_size)

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            k_cache, v_cache = self._keys[layer], self._values[layer]
            paged_cache.write(k_cache, batch.slots, k)
            paged_cache.write(v_cache, batch.slots, v)
            return look(q, k_cache, v_cache)

        hidden = self.decoder.hidden(batch.ids, batch.positions, attend)
        return self.decoder.logits(hidden[batch.wanted]).float()
