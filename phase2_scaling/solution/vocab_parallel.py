"""The vocabulary, cut over several ranks: embedding, head, and a loss that sees no whole logits.

Shoeybi et al. 2019, "Megatron-LM" (arXiv:1909.08053), section 3. With V tokens and n ranks, rank r
keeps S = ceil(V / n) rows of the table, those of the tokens r S to (r + 1) S - 1. Where V is not
divisible by n, rows of zeros stand at the end, for tokens that do not exist. The logits
(B, T, V) are the largest tensor of a small model; here nobody ever has more than (B, T, S) of them.

`group` is a process group, None for all ranks.
"""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from phase2_scaling.solution.model import IGNORED
from phase2_scaling.solution.tensor_parallel import Group, f, g, shard


class VocabEmbedding(nn.Module):
    """An embedding table of which this rank holds some rows.

    Args:
        embedding: the whole table (V, C), the same on all ranks; it is copied.
        group: the ranks that share it.

    Attributes:
        weight: (S, C), the rows of this rank's tokens.
    """

    def __init__(self, embedding: nn.Embedding, group: Group = None) -> None:
        super().__init__()
        self.group = group
        self.weight = nn.Parameter(vocab_shard(embedding.weight, group))

    def forward(self, idx: Tensor) -> Tensor:
        """Look up (...) token ids, the same on all ranks; return (..., C), the same on all ranks.

        Each rank looks up the ids that it owns and has exact zeros for the others; the sum over
        the group is the whole table's answer. A row's gradient arises where the row is. idx is
        left as it is.
        """
        size = self.weight.shape[0]
        local = idx - dist.get_rank(self.group) * size
        mine = (local >= 0) & (local < size)
        found = F.embedding(local.where(mine, 0), self.weight)
        return g(found.where(mine[..., None], 0), self.group)


class VocabHead(nn.Module):
    """The output layer, of which this rank holds the rows of its tokens: a column-cut layer.

    Args:
        head: the whole layer, (V, C) without a bias, the same on all ranks; it is copied.
        group: the ranks that share it.

    Attributes:
        weight: (S, C), the rows of this rank's tokens.
        n_real: how many of them stand for a token.
    """

    def __init__(self, head: nn.Linear, group: Group = None) -> None:
        super().__init__()
        self.group = group
        self.weight = nn.Parameter(vocab_shard(head.weight, group))
        size = self.weight.shape[0]
        self.n_real = min(max(head.out_features - dist.get_rank(group) * size, 0), size)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C), the same on all ranks, to this rank's logits (..., S).

        The logit of a token that does not exist is -inf.
        """
        logits = F.linear(f(x, self.group), self.weight)
        if self.n_real < logits.shape[-1]:
            logits[..., self.n_real :] = -torch.inf
        return logits


def cross_entropy(
    logits: Tensor, targets: Tensor, group: Group = None, reduction: str = "mean"
) -> Tensor:
    """Mean (or sum) of -log p(target) in nats, from logits of which each rank has its columns.

    log sum exp(z) = m + log sum exp(z - m), with the largest logit m and the sum taken over the
    whole vocabulary; the ranks exchange a few numbers for each target, never logits.

    Args:
        logits: (..., S), this rank's columns: those of the tokens rank * S to (rank + 1) * S - 1.
            A column that stands for no token is -inf, and a rank may have no other. Of any size;
            left as they are.
        targets: (...) token ids of the whole vocabulary, the same on all ranks; `IGNORED` where
            none counts.
        group: the ranks that share the vocabulary.
        reduction: "mean", over the targets that count, or "sum".

    Returns:
        A scalar of the logits' dtype, the same on all ranks; 0 if no target counts. Each rank's
        `backward()` gives its columns the gradient that they have in the whole.

    Raises:
        ValueError: if the shapes do not fit, or for another reduction.
    """
    if logits.shape[:-1] != targets.shape:
        raise ValueError(f"logits {tuple(logits.shape)} do not fit targets {tuple(targets.shape)}")
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction must be mean or sum, got {reduction!r}")
    size, counts = logits.shape[-1], targets != IGNORED
    largest = logits.detach().amax(-1)
    dist.all_reduce(largest, dist.ReduceOp.MAX, group)
    shifted = logits - largest[..., None]
    total = g(shifted.exp().sum(-1), group)
    local = targets - dist.get_rank(group) * size
    mine = (local >= 0) & (local < size)
    chosen = shifted.gather(-1, local.where(mine, 0)[..., None])[..., 0]
    nats = (total.log() - g(chosen.where(mine, 0), group)).where(counts, 0).sum()
    return nats / counts.sum().clamp(min=1) if reduction == "mean" else nats


def vocab_shard(table: Tensor, group: Group = None) -> Tensor:
    """Copy this rank's S rows of a table (V, C), padded with rows of zeros to n S rows."""
    n = dist.get_world_size(group)
    return shard(F.pad(table.detach(), (0, 0, 0, -len(table) % n)), 0, group)
