"""Attention of one step over a paged cache by PyTorch's own kernels.

Sequences that grow by one token, which are nearly all of them nearly all of the time, are gathered
into one padded batch. A sequence that reads its prompt is attended to alone. One that grows by a
few, because they were guessed, may be taken for as many sequences with one table of blocks.

What is padding is masked, yet still multiplied, and 0 times NaN is NaN. So padding must not be what
another sequence wrote, or has left behind: it is a sequence's own keys, or zeros.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from phase4_production.project import pages
from phase4_production.project.pages import Pages
from phase4_production.solution.batch import Batch


class TorchAttention:
    """What must be known of a batch once, for all layers.

    A kernel of one's own for the sequences that grow takes the place of `prepare` and `grow`.

    Args:
        batch: of this step, on the device of the cache.
        block_size: of the cache.

    Attributes:
        reads_idle_places: whether `grow` touches places of a block that no token has taken yet.
        most_rows: new tokens of a sequence, up to which `grow` takes each for a sequence.
    """

    reads_idle_places = True
    most_rows = 1

    def __init__(self, batch: Batch, block_size: int) -> None:
        starts, lengths = batch.starts.tolist(), batch.lengths.tolist()
        spans = list(zip(starts, starts[1:], lengths, strict=False))
        growing = [
            (row, s, length - (end - 1 - row))  # and the tokens that this row sees
            for s, (start, end, length) in enumerate(spans)
            for row in range(start, end)
            if end - start <= self.most_rows
        ]
        self._all_grow = len(growing) == len(batch.ids)
        self._reading = [
            (start, end, length, batch.block_tables[s, : -(-length // block_size)])
            for s, (start, end, length) in enumerate(spans)
            if end - start > self.most_rows
        ]
        self._idle = None
        if self.reads_idle_places:
            self._idle = _idle_slots(spans, batch.block_tables, block_size)
        self._rows = None
        if growing:
            self._rows, owners, seen = torch.tensor(growing, device=batch.starts.device).unbind(1)
            n_blocks = -(-max(length for _, _, length in growing) // block_size)
            self.prepare(batch.block_tables[owners, :n_blocks], seen.int(), block_size)

    def __call__(self, q: Tensor, k_cache: Pages, v_cache: Pages) -> Tensor:
        """Attend as `solution.paged_attention.attend` does; (N, H, D) to (N, H, D)."""
        if self._idle is not None:
            pages.clear(k_cache, self._idle)
            pages.clear(v_cache, self._idle)
        if self._all_grow:
            return self.grow(q, k_cache, v_cache)
        found = torch.empty_like(q)
        if self._rows is not None:
            found[self._rows] = self.grow(q[self._rows], k_cache, v_cache)
        for start, end, length, table in self._reading:
            k, v = (
                pages.read(cache, table, q.dtype).flatten(0, 1)[:length]
                for cache in (k_cache, v_cache)
            )
            found[start:end] = attend_last(q[start:end], k, v)
        return found

    # -- sequences that grow ----------------------------------------------------------------------

    def prepare(self, block_tables: Tensor, lengths: Tensor, block_size: int) -> None:
        """Keep what `grow` needs.

        Args:
            block_tables: (S, n_blocks) int32, of the sequences that grow, no wider than they need.
            lengths: (S,) int32, keys that each of them sees.
            block_size: of the cache.
        """
        places = torch.arange(block_tables.shape[1] * block_size, device=lengths.device)
        sees = places < lengths[:, None]
        own = sees[:, ::block_size]
        self._shape = block_tables.shape
        self._blocks = block_tables.where(own, block_tables[:, :1]).flatten()
        # Without a mask the kernel is faster.
        self._sees = None if bool(sees.all()) else sees[:, None, None]

    def grow(self, q: Tensor, k_cache: Pages, v_cache: Pages) -> Tensor:
        """Attend for one token of each sequence that grows; (S, H, D) to (S, H, D)."""
        k, v = (
            pages.read(cache, self._blocks, q.dtype)
            .view(self._shape[0], -1, *cache.shape[2:])
            .transpose(1, 2)
            for cache in (k_cache, v_cache)
        )
        return F.scaled_dot_product_attention(
            q[:, :, None], k, v, attn_mask=self._sees, enable_gqa=q.shape[1] != k.shape[1]
        )[:, :, 0]


def attend_last(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attend for the last tokens of one sequence: the last of them sees every key.

    Args:
        q: (n, H, D).
        k, v: (length, H_kv, D), the dtype of q.

    Returns:
        (n, H, D), the dtype of q.
    """
    n, length = len(q), len(k)
    how = {"is_causal": True}
    if n < length:  # SDPA aligns its causal mask at the beginning
        sees = torch.ones(n, length, dtype=torch.bool, device=q.device).tril(length - n)
        how = {"attn_mask": sees}
    q, k, v = (x.transpose(0, 1)[None] for x in (q, k, v))
    found = F.scaled_dot_product_attention(q, k, v, enable_gqa=q.shape[1] != k.shape[1], **how)
    return found[0].transpose(0, 1)


def _idle_slots(
    spans: list[tuple[int, int, int]], block_tables: Tensor, block_size: int
) -> Tensor | None:
    """Find the places behind the last token of each block that was begun in this step."""
    found = []
    for s, (start, end, length) in enumerate(spans):
        last = (length - 1) // block_size
        if (length - (end - start)) <= last * block_size and length % block_size:
            block = int(block_tables[s, last])
            found += range(block * block_size + length % block_size, (block + 1) * block_size)
    return torch.tensor(found, device=block_tables.device) if found else None
