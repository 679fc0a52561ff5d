"""Ring attention: a sequence too long for one rank, with keys and values that travel.

Liu, Zaharia, Abbeel 2023 (arXiv:2310.01889), section 3. Each rank keeps its tokens' queries. A
block of keys and values is handed round the ring, and each rank takes from it what its queries
want, with the running maximum m and denominator of Milakov and Gimelshein 2018
(arXiv:1805.02867). After n - 1 hops everyone has seen everything, and nobody has held more than
two blocks besides his own, or the scores of more than one. In the backward pass the blocks go
round once more, each with the gradient that the ranks add to as it comes by; after n hops it is
at home, complete.

Attention is causal, so a query leaves keys of its future unread. Which tokens a rank has is the
`layout`: see `contiguous` and `zigzag`. `group` is a process group, None for all ranks.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from phase2_scaling.solution.tensor_parallel import Group

Index = tuple[Any, slice, slice]  # of (B, H, T, D)


def contiguous(T: int, n: int) -> list[Tensor]:
    """Cut the positions 0 to T - 1 into n runs, the first T % n of them longer by one.

    Simple, and unfair where attention is causal: the last rank has something to read in every
    block, the first only in its own.
    """
    return list(torch.arange(T).tensor_split(n))


def zigzag(T: int, n: int) -> list[Tensor]:
    """Cut the positions 0 to T - 1 into 2n runs; rank r takes the r-th and the r-th from the end.

    An early run and a late one: each rank then has about the same number of pairs to score
    (Llama 3, Dubey et al. 2024, arXiv:2407.21783, section 3.3.2, on context parallelism).
    """
    runs = torch.arange(T).tensor_split(2 * n)
    return [torch.cat([runs[r], runs[-1 - r]]) for r in range(n)]


def ring_attention(
    q: Tensor, k: Tensor, v: Tensor, layout: list[Tensor], group: Group = None
) -> Tensor:
    """Causal attention over all ranks' tokens: softmax(q k^T / sqrt(D)) v for this rank's q.

    Args:
        q, k, v: (B, H, T_r, D), of this rank's tokens; B, H, D and the dtype are the same on all.
        layout: for each rank of the group, the positions (T_r,) of its tokens, ascending. Together
            they are all positions, each once; how many a rank has may differ.
        group: the ranks.

    Returns:
        (B, H, T_r, D). All ranks must run the backward pass too, or none.

    Raises:
        ValueError: if the tokens are not those of the layout.
    """
    if any(x.shape[-2] != len(layout[dist.get_rank(group)]) for x in (q, k, v)):
        shapes = [tuple(x.shape) for x in (q, k, v)]
        expected = len(layout[dist.get_rank(group)])
        raise ValueError(f"the layout has {expected} tokens for this rank, q, k, v are {shapes}")
    return RingAttention.apply(q, k, v, layout, group)


class RingAttention(torch.autograd.Function):
    """Forward with an online softmax; backward by recomputing each block's weights."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, layout: list[Tensor], group: Group
    ) -> Tensor:
        """Return (B, H, T_r, D). Saved for backward: q, k, v, the result, and log(total) + m."""
        ring = ctx.ring = _Ring(layout, group)
        o, total = torch.zeros_like(q), q.new_zeros((*q.shape[:-1], 1))
        m = torch.full_like(total, -torch.inf)
        for source, (k_block, v_block) in ring.blocks(torch.stack([k, v])):
            if not (window := ring.window(source)):
                continue
            rows, keys, hidden = window
            scores = _scores(q[rows], k_block[keys], hidden)
            m_new = torch.maximum(m[rows], scores.amax(-1, keepdim=True))
            weights, shrink = (scores - m_new).exp(), (m[rows] - m_new).exp()
            o[rows] = o[rows] * shrink + weights @ v_block[keys]
            total[rows] = total[rows] * shrink + weights.sum(-1, keepdim=True)
            m[rows] = m_new
        o /= total
        ctx.save_for_backward(q, k, v, o, total.log() + m)
        return o

    @staticmethod
    def backward(ctx: Any, do: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of q, k, v. Dao et al. 2022 (arXiv:2205.14135), appendix B.2."""
        q, k, v, o, log_total = ctx.saved_tensors
        ring, scale = ctx.ring, 1 / math.sqrt(q.shape[-1])
        kv = torch.stack([k, v])
        dq, d_block = torch.zeros_like(q), torch.zeros_like(kv)
        through_total = (do * o).sum(-1, keepdim=True)
        for source, (k_block, v_block) in ring.blocks(kv):
            if window := ring.window(source):
                rows, keys, hidden = window
                scores = _scores(q[rows], k_block[keys], hidden)
                weights = (scores - log_total[rows]).exp()
                d_scores = weights * (do[rows] @ v_block[keys].mT - through_total[rows]) * scale
                dq[rows] += d_scores @ k_block[keys]
                d_block[0][keys] += d_scores.mT @ q[rows]
                d_block[1][keys] += weights.mT @ do[rows]
            d_block = ring.hand_on(d_block, source)
        return dq, d_block[0], d_block[1], None, None


class _Ring:
    """Ranks that hand blocks to their neighbour on the right, and know whose they are."""

    def __init__(self, layout: list[Tensor], group: Group) -> None:
        self.layout, self.group = layout, group
        self.n, self.rank = dist.get_world_size(group), dist.get_rank(group)

    def blocks(self, own: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Yield (source rank, its block), the own one first, while the next one travels."""
        block = own
        for hop in range(self.n):
            source = (self.rank - hop) % self.n
            is_last = hop == self.n - 1
            pending, incoming = ([], block) if is_last else self._start(block, source)
            yield source, block
            for request in pending:
                request.wait()
            block = incoming

    def hand_on(self, block: Tensor, source: int) -> Tensor:
        """Send the block that began at rank `source`; return the one that comes in for it."""
        if self.n == 1:
            return block
        requests, incoming = self._start(block, source)
        for request in requests:
            request.wait()
        return incoming

    def _start(self, block: Tensor, source: int) -> tuple[list[dist.Work], Tensor]:
        size = len(self.layout[(source - 1) % self.n])  # the neighbour's came from one before
        incoming = block.new_empty((*block.shape[:-2], size, block.shape[-1]))
        left, right = (self.rank - 1) % self.n, (self.rank + 1) % self.n
        send = dist.P2POp(dist.isend, block.contiguous(), group=self.group, group_peer=right)
        receive = dist.P2POp(dist.irecv, incoming, group=self.group, group_peer=left)
        return dist.batch_isend_irecv([send, receive]), incoming

    def window(self, source: int) -> tuple[Index, Index, Tensor] | None:
        """Index the queries that see something of a block, and the keys that somebody sees.

        Positions ascend, so these are the last queries and the first keys. With them comes which
        of their pairs stay hidden, (T_q, T_k). None: the whole block is in the future.
        """
        queries, keys = self.layout[self.rank], self.layout[source]
        first = int((queries[:, None] < keys[:1]).all(1).sum())
        end = int((keys[:, None] <= queries[-1:]).any(1).sum())
        if first == len(queries):
            return None
        hidden = keys[:end] > queries[first:, None]
        return (..., slice(first, None), slice(None)), (..., slice(end), slice(None)), hidden


def _scores(q: Tensor, k: Tensor, hidden: Tensor) -> Tensor:
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    return scores.masked_fill(hidden.to(q.device), -torch.inf)
