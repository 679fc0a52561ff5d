"""Attention of one step over a paged cache by PyTorch's own kernels.

Sequences that grow by one token, which are nearly all of them nearly all of the time, are gathered
into one padded batch. A sequence that reads its prompt is attended to alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from phase4_production.solution import paged_cache
from phase4_production.solution.batch import Batch


class TorchAttention:
    """What must be known of a batch once, for all layers.

    Args:
        batch: of this step.
        block_size: of the cache.
    """

    def __init__(self, batch: Batch, block_size: int) -> None:
        starts, lengths = batch.starts.tolist(), batch.lengths.tolist()
        spans = list(zip(starts, starts[1:], lengths))
        self._tables = batch.block_tables
        self._growing = [s for s, (a, b, _) in enumerate(spans) if b - a == 1]
        self._reading = [(s, *span) for s, span in enumerate(spans) if span[1] - span[0] > 1]
        if not self._growing:
            return
        n_blocks = max(-(-lengths[s] // block_size) for s in self._growing)
        chosen = torch.tensor(self._growing, device=self._tables.device)
        self._rows = batch.starts[chosen].long()
        self._blocks = self._tables[chosen, :n_blocks].long()
        places = torch.arange(n_blocks * block_size, device=chosen.device)
        known = batch.lengths[chosen]
        self._sees = None  # without a mask the kernel is faster
        if bool((known != len(places)).any()):
            self._sees = (places < known[:, None])[:, None, None]

    def __call__(self, q: Tensor, k_cache: Tensor, v_cache: Tensor) -> Tensor:
        """Attend as `solution.paged_attention.attend` does; (N, H, D) to (N, H, D)."""
        grouped = q.shape[1] != k_cache.shape[2]
        found = torch.empty_like(q)
        if self._growing:
            k, v = (
                cache[self._blocks].flatten(1, 2).transpose(1, 2).to(q.dtype)
                for cache in (k_cache, v_cache)
            )
            one = q[self._rows][:, :, None]  # (S, H, 1, D)
            answer = F.scaled_dot_product_attention(
                one, k, v, attn_mask=self._sees, enable_gqa=grouped
            )
            found[self._rows] = answer[:, :, 0]
        for s, start, end, length in self._reading:
            k, v = (
                paged_cache.gather(cache, self._tables[s], length).transpose(0, 1).to(q.dtype)
                for cache in (k_cache, v_cache)
            )
            n = end - start
            how = {"is_causal": True}
            if n < length:  # SDPA aligns its causal mask at the beginning, we at the end
                sees = torch.ones(n, length, dtype=torch.bool, device=q.device).tril(length - n)
                how = {"attn_mask": sees}
            chunk = q[start:end].transpose(0, 1)
            answer = F.scaled_dot_product_attention(
                chunk[None], k[None], v[None], enable_gqa=grouped, **how
            )
            found[start:end] = answer[0].transpose(0, 1)
        return found
