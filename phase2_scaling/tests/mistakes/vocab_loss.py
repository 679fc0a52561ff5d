"""More classic wrong answers for `cross_entropy` in `solution/vocab_parallel.py`."""

import torch
import torch.distributed as dist

from phase2_scaling.solution.model import IGNORED
from phase2_scaling.solution.tensor_parallel import g
from shared.mistakes import mistake


def maximum(logits, group):
    largest = logits.detach().amax(-1)
    dist.all_reduce(largest, dist.ReduceOp.MAX, group)
    return largest


def owned(logits, targets, group):
    size = logits.shape[-1]
    local = targets - dist.get_rank(group) * size
    return local.clamp(0, size - 1), (local >= 0) & (local < size)


def reduced(nats, targets, reduction):
    counts = targets != IGNORED
    total = nats.where(counts, 0).sum()
    return total / counts.sum().clamp(min=1) if reduction == "mean" else total


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "The target's logit is multiplied by 0 where the rank does not own it; -inf times 0 is nan. Choose with where instead.",
)
def cross_entropy_masks_by_product(logits, targets, group=None, reduction="mean"):
    shifted = logits - maximum(logits, group)[..., None]
    total = g(shifted.exp().sum(-1), group)
    local, mine = owned(logits, targets, group)
    chosen = shifted.gather(-1, local[..., None])[..., 0] * mine
    return reduced(total.log() - g(chosen, group), targets, reduction)


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "Ranks that do not own the target add the logit of their nearest column; only its owner knows it, the others add 0.",
)
def cross_entropy_target_clamped(logits, targets, group=None, reduction="mean"):
    shifted = logits - maximum(logits, group)[..., None]
    total = g(shifted.exp().sum(-1), group)
    local, _ = owned(logits, targets, group)
    chosen = shifted.gather(-1, local[..., None])[..., 0]
    return reduced(total.log() - g(chosen, group), targets, reduction)


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "The ranks' log-sum-exps are added up: the sums belong inside one logarithm.",
)
def cross_entropy_sum_of_logs(logits, targets, group=None, reduction="mean"):
    local, mine = owned(logits, targets, group)
    chosen = logits.gather(-1, local[..., None])[..., 0].where(mine, 0)
    nats = g(logits.logsumexp(-1), group) - g(chosen, group)
    return reduced(nats, targets, reduction)


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "The maximum is not detached: autograd goes through the rank's own one, whose number the all-reduce has changed behind its back.",
)
def cross_entropy_maximum_attached(logits, targets, group=None, reduction="mean"):
    largest = logits.amax(-1)
    dist.all_reduce(largest, dist.ReduceOp.MAX, group)
    shifted = logits - largest[..., None]
    total = g(shifted.exp().sum(-1), group)
    local, mine = owned(logits, targets, group)
    chosen = shifted.gather(-1, local[..., None])[..., 0].where(mine, 0)
    return reduced(total.log() - g(chosen, group), targets, reduction)


@mistake(
    "2.21",
    "vocab_parallel.cross_entropy",
    "The maximum is not detached: each rank's largest column gets a gradient that only the whole row would cancel.",
)
def cross_entropy_maximum_by_index(logits, targets, group=None, reduction="mean"):
    largest = logits.max(dim=-1).values
    dist.all_reduce(largest, dist.ReduceOp.MAX, group)
    shifted = logits - largest[..., None]
    total = g(shifted.exp().sum(-1), group)
    local, mine = owned(logits, targets, group)
    chosen = shifted.gather(-1, local[..., None])[..., 0].where(mine, 0)
    return reduced(total.log() - g(chosen, group), targets, reduction)
