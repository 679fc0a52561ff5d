"""Attention over pages by our own CPU kernel, for sequences that grow by a token or a few.

It reads the blocks where they lie: nothing is gathered, nothing padded. What is computed for one
sequence touches no other, so what lies in idle places does not matter either.
"""

from __future__ import annotations

from torch import Tensor

from phase4_production.project import native
from phase4_production.project.pages import Pages
from phase4_production.project.torch_attention import TorchAttention


class NativeAttention(TorchAttention):
    """Long prompts as `TorchAttention` reads them, the rest by `native.attend`."""

    reads_idle_places = False
    most_rows = 8

    def prepare(self, block_tables: Tensor, lengths: Tensor, block_size: int) -> None:
        """Keep what `grow` needs."""
        self._growing = block_tables.contiguous(), lengths.contiguous()

    def grow(self, q: Tensor, k_cache: Pages, v_cache: Pages) -> Tensor:
        """Attend for one token of each sequence that grows; (S, H, D) to (S, H, D)."""
        return native.attend(q, k_cache, v_cache, *self._growing)
