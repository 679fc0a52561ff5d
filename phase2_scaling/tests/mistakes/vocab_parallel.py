"""Classic wrong answers for `solution/vocab_parallel.py`."""

import torch
import torch.distributed as dist
import torch.nn.functional as F

from phase2_scaling.solution.model import IGNORED
from phase2_scaling.solution.tensor_parallel import f, g
from shared.mistakes import mistake


@mistake(
    "2.21",
    "vocab_parallel.VocabEmbedding.forward",
    "Every rank takes its rows for those of tokens 0 to S - 1; rank r's first row is token r S.",
)
def vocab_embedding_without_offset(self, idx):
    mine = idx < self.weight.shape[0]
    found = F.embedding(idx.where(mine, 0), self.weight)
    return g(found.where(mine[..., None], 0), self.group)


@mistake(
    "2.21",
    "vocab_parallel.VocabEmbedding.forward",
    "A rank that does not own a token adds some row of its own all the same; it must add zeros.",
)
def vocab_embedding_without_mask(self, idx):
    size = self.weight.shape[0]
    local = idx - dist.get_rank(self.group) * size
    mine = (local >= 0) & (local < size)
    return g(F.embedding(local.where(mine, 0), self.weight), self.group)


@mistake(
    "2.21",
    "vocab_parallel.VocabEmbedding.forward",
    "The ranks keep what they found to themselves: all others have zeros there.",
)
def vocab_embedding_alone(self, idx):
    size = self.weight.shape[0]
    local = idx - dist.get_rank(self.group) * size
    mine = (local >= 0) & (local < size)
    return F.embedding(local.where(mine, 0), self.weight).where(mine[..., None], 0)


@mistake(
    "2.21",
    "vocab_parallel.VocabEmbedding.forward",
    "Each rank's first row is never found: r S belongs to rank r, (r + 1) S does not.",
)
def vocab_embedding_without_first_row(self, idx):
    size = self.weight.shape[0]
    local = idx - dist.get_rank(self.group) * size
    mine = (local > 0) & (local < size)
    found = F.embedding(local.where(mine, 0), self.weight)
    return g(found.where(mine[..., None], 0), self.group)


@mistake(
    "2.21",
    "vocab_parallel.VocabEmbedding.forward",
    "The caller's idx is overwritten with local row numbers; work on a copy.",
)
def vocab_embedding_overwrites_idx(self, idx):
    size = self.weight.shape[0]
    idx -= dist.get_rank(self.group) * size
    mine = (idx >= 0) & (idx < size)
    found = F.embedding(idx.where(mine, 0), self.weight)
    return g(found.where(mine[..., None], 0), self.group)


@mistake(
    "2.21",
    "vocab_parallel.VocabEmbedding.forward",
    "The rank among all ranks is taken; which rows are here depends on the rank within the group.",
)
def vocab_embedding_rank_of_all(self, idx):
    size = self.weight.shape[0]
    local = idx - dist.get_rank() * size
    mine = (local >= 0) & (local < size)
    found = F.embedding(local.where(mine, 0), self.weight)
    return g(found.where(mine[..., None], 0), self.group)


@mistake(
    "2.21",
    "vocab_parallel.VocabEmbedding.forward",
    "The whole table is gathered for every lookup: send the vectors that were asked for, not all of them.",
)
def vocab_embedding_gathers_table(self, idx):
    parts = [torch.empty_like(self.weight) for _ in range(dist.get_world_size(self.group))]
    dist.all_gather(parts, self.weight.detach(), group=self.group)
    parts[dist.get_rank(self.group)] = self.weight
    return F.embedding(idx, torch.cat(parts))


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "Each rank shifts by its own largest logit: sums of exponentials with different shifts cannot be added.",
)
def cross_entropy_local_maximum(logits, targets, group=None, reduction="mean"):
    size, counts = logits.shape[-1], targets != IGNORED
    largest = logits.detach().amax(-1)
    shifted = logits - largest[..., None]
    total = g(shifted.exp().sum(-1), group)
    local = targets - dist.get_rank(group) * size
    mine = (local >= 0) & (local < size)
    chosen = shifted.gather(-1, local.where(mine, 0)[..., None])[..., 0]
    nats = (total.log() - g(chosen.where(mine, 0), group)).where(counts, 0).sum()
    return nats / counts.sum().clamp(min=1) if reduction == "mean" else nats


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "Nothing is subtracted before exp: scores of some hundred are too large for it.",
)
def cross_entropy_without_maximum(logits, targets, group=None, reduction="mean"):
    size, counts = logits.shape[-1], targets != IGNORED
    total = g(logits.exp().sum(-1), group)
    local = targets - dist.get_rank(group) * size
    mine = (local >= 0) & (local < size)
    chosen = logits.gather(-1, local.where(mine, 0)[..., None])[..., 0]
    nats = (total.log() - g(chosen.where(mine, 0), group)).where(counts, 0).sum()
    return nats / counts.sum().clamp(min=1) if reduction == "mean" else nats


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "The ranks' maxima are added up: that is a shift like any other, until it lies far from the largest logit.",
)
def cross_entropy_sum_of_maxima(logits, targets, group=None, reduction="mean"):
    size, counts = logits.shape[-1], targets != IGNORED
    largest = logits.detach().amax(-1).clamp(min=-1e30)
    dist.all_reduce(largest, group=group)
    shifted = logits - largest[..., None]
    total = g(shifted.exp().sum(-1), group)
    local = targets - dist.get_rank(group) * size
    mine = (local >= 0) & (local < size)
    chosen = shifted.gather(-1, local.where(mine, 0)[..., None])[..., 0]
    nats = (total.log() - g(chosen.where(mine, 0), group)).where(counts, 0).sum()
    return nats / counts.sum().clamp(min=1) if reduction == "mean" else nats


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "A gradient flows through the maximum: over all columns it would cancel, but no rank has them all. It is a constant; detach it.",
)
def cross_entropy_through_the_maximum(logits, targets, group=None, reduction="mean"):
    size, counts = logits.shape[-1], targets != IGNORED
    own = logits.amax(-1)
    largest = own.detach().clone()
    dist.all_reduce(largest, dist.ReduceOp.MAX, group)
    largest = torch.where(own == largest, own, largest)
    shifted = logits - largest[..., None]
    total = g(shifted.exp().sum(-1), group)
    local = targets - dist.get_rank(group) * size
    mine = (local >= 0) & (local < size)
    chosen = shifted.gather(-1, local.where(mine, 0)[..., None])[..., 0]
    nats = (total.log() - g(chosen.where(mine, 0), group)).where(counts, 0).sum()
    return nats / counts.sum().clamp(min=1) if reduction == "mean" else nats


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "The softmax is over this rank's columns only: its denominator is the sum over the whole vocabulary.",
)
def cross_entropy_local_sum(logits, targets, group=None, reduction="mean"):
    size, counts = logits.shape[-1], targets != IGNORED
    largest = logits.detach().amax(-1)
    dist.all_reduce(largest, dist.ReduceOp.MAX, group)
    shifted = logits - largest[..., None]
    total = shifted.exp().sum(-1)
    local = targets - dist.get_rank(group) * size
    mine = (local >= 0) & (local < size)
    chosen = shifted.gather(-1, local.where(mine, 0)[..., None])[..., 0]
    nats = (total.log() - g(chosen.where(mine, 0), group)).where(counts, 0).sum()
    return nats / counts.sum().clamp(min=1) if reduction == "mean" else nats


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "Ranks that do not own the target add a logit of theirs; only its owner knows it, the others add 0.",
)
def cross_entropy_target_unmasked(logits, targets, group=None, reduction="mean"):
    size, counts = logits.shape[-1], targets != IGNORED
    largest = logits.detach().amax(-1)
    dist.all_reduce(largest, dist.ReduceOp.MAX, group)
    shifted = logits - largest[..., None]
    total = g(shifted.exp().sum(-1), group)
    local = targets - dist.get_rank(group) * size
    mine = (local >= 0) & (local < size)
    chosen = shifted.gather(-1, local.where(mine, 0)[..., None])[..., 0]
    nats = (total.log() - g(chosen, group)).where(counts, 0).sum()
    return nats / counts.sum().clamp(min=1) if reduction == "mean" else nats


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "The target's logit stays on the rank that owns it: the others' losses lack it.",
)
def cross_entropy_target_stays(logits, targets, group=None, reduction="mean"):
    size, counts = logits.shape[-1], targets != IGNORED
    largest = logits.detach().amax(-1)
    dist.all_reduce(largest, dist.ReduceOp.MAX, group)
    shifted = logits - largest[..., None]
    total = g(shifted.exp().sum(-1), group)
    local = targets - dist.get_rank(group) * size
    mine = (local >= 0) & (local < size)
    chosen = shifted.gather(-1, local.where(mine, 0)[..., None])[..., 0]
    nats = (total.log() - chosen.where(mine, 0)).where(counts, 0).sum()
    return nats / counts.sum().clamp(min=1) if reduction == "mean" else nats


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "Each rank counts its columns from 0: column j of rank r is token r S + j.",
)
def cross_entropy_without_offset(logits, targets, group=None, reduction="mean"):
    size, counts = logits.shape[-1], targets != IGNORED
    largest = logits.detach().amax(-1)
    dist.all_reduce(largest, dist.ReduceOp.MAX, group)
    shifted = logits - largest[..., None]
    total = g(shifted.exp().sum(-1), group)
    mine = (targets >= 0) & (targets < size)
    chosen = shifted.gather(-1, targets.where(mine, 0)[..., None])[..., 0]
    nats = (total.log() - g(chosen.where(mine, 0), group)).where(counts, 0).sum()
    return nats / counts.sum().clamp(min=1) if reduction == "mean" else nats


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "The whole logits are gathered on every rank: right, and just what was to be avoided. A few numbers per target are enough.",
)
def cross_entropy_gathers_logits(logits, targets, group=None, reduction="mean"):
    parts = [torch.empty_like(logits) for _ in range(dist.get_world_size(group))]
    dist.all_gather(parts, logits.detach().contiguous(), group=group)
    parts[dist.get_rank(group)] = logits
    whole, counts = torch.cat(parts, dim=-1), targets != IGNORED
    chosen = whole.gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    nats = (whole.logsumexp(-1) - chosen).where(counts, 0).sum()
    return nats / counts.sum().clamp(min=1) if reduction == "mean" else nats


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "Ignored targets are scored: nobody owns them, so they cost the log of the sum.",
)
def cross_entropy_scores_ignored(logits, targets, group=None, reduction="mean"):
    size = logits.shape[-1]
    largest = logits.detach().amax(-1)
    dist.all_reduce(largest, dist.ReduceOp.MAX, group)
    shifted = logits - largest[..., None]
    total = g(shifted.exp().sum(-1), group)
    local = targets - dist.get_rank(group) * size
    mine = (local >= 0) & (local < size)
    chosen = shifted.gather(-1, local.where(mine, 0)[..., None])[..., 0]
    nats = total.log() - g(chosen.where(mine, 0), group)
    return nats.mean() if reduction == "mean" else nats.sum()


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "The sum is divided by all positions; the mean is over the targets that count.",
)
def cross_entropy_divides_by_all(logits, targets, group=None, reduction="mean"):
    size, counts = logits.shape[-1], targets != IGNORED
    largest = logits.detach().amax(-1)
    dist.all_reduce(largest, dist.ReduceOp.MAX, group)
    shifted = logits - largest[..., None]
    total = g(shifted.exp().sum(-1), group)
    local = targets - dist.get_rank(group) * size
    mine = (local >= 0) & (local < size)
    chosen = shifted.gather(-1, local.where(mine, 0)[..., None])[..., 0]
    nats = (total.log() - g(chosen.where(mine, 0), group)).where(counts, 0)
    return nats.mean() if reduction == "mean" else nats.sum()


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "f stands in front of the logits: it adds up gradients over the ranks, and their columns are different tokens.",
)
def cross_entropy_f_in_front(logits, targets, group=None, reduction="mean"):
    size, counts = logits.shape[-1], targets != IGNORED
    logits = f(logits, group)
    largest = logits.detach().amax(-1)
    dist.all_reduce(largest, dist.ReduceOp.MAX, group)
    shifted = logits - largest[..., None]
    total = g(shifted.exp().sum(-1), group)
    local = targets - dist.get_rank(group) * size
    mine = (local >= 0) & (local < size)
    chosen = shifted.gather(-1, local.where(mine, 0)[..., None])[..., 0]
    nats = (total.log() - g(chosen.where(mine, 0), group)).where(counts, 0).sum()
    return nats / counts.sum().clamp(min=1) if reduction == "mean" else nats


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "If no target counts this is 0 / 0; the docstring wants 0.",
)
def cross_entropy_nan_if_empty(logits, targets, group=None, reduction="mean"):
    size, counts = logits.shape[-1], targets != IGNORED
    largest = logits.detach().amax(-1)
    dist.all_reduce(largest, dist.ReduceOp.MAX, group)
    shifted = logits - largest[..., None]
    total = g(shifted.exp().sum(-1), group)
    local = targets - dist.get_rank(group) * size
    mine = (local >= 0) & (local < size)
    chosen = shifted.gather(-1, local.where(mine, 0)[..., None])[..., 0]
    nats = (total.log() - g(chosen.where(mine, 0), group)).where(counts, 0).sum()
    return nats / counts.sum() if reduction == "mean" else nats


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "The mean is returned whatever the reduction is.",
)
def cross_entropy_always_mean(logits, targets, group=None, reduction="mean"):
    size, counts = logits.shape[-1], targets != IGNORED
    largest = logits.detach().amax(-1)
    dist.all_reduce(largest, dist.ReduceOp.MAX, group)
    shifted = logits - largest[..., None]
    total = g(shifted.exp().sum(-1), group)
    local = targets - dist.get_rank(group) * size
    mine = (local >= 0) & (local < size)
    chosen = shifted.gather(-1, local.where(mine, 0)[..., None])[..., 0]
    nats = (total.log() - g(chosen.where(mine, 0), group)).where(counts, 0).sum()
    return nats / counts.sum().clamp(min=1)
