"""The mistakes of `mistakes/vocab_loss.py`, as others would write them."""

import torch
import torch.distributed as dist

from phase2_scaling.solution.tensor_parallel import Reduce
from shared.mistakes import attempt


def _row(logits, targets, group):
    """Where each target stands on this rank, and whether it does."""
    first = logits.size(-1) * dist.get_rank(group)
    here = torch.logical_and(targets >= first, targets < first + logits.size(-1))
    return torch.clip(targets - first, 0, logits.size(-1) - 1), here


def _score(logits, rows):
    return torch.take_along_dim(logits, rows.unsqueeze(-1), dim=-1).squeeze(-1)


def _largest(own, group):
    dist.all_reduce(own, op=dist.ReduceOp.MAX, group=group)
    return own


def _finish(nats, targets, reduction):
    kept = nats[targets != -100]
    return kept.sum() / (max(len(kept), 1) if reduction == "mean" else 1)


def _nats(logits, m, picked, group):
    sums = Reduce.apply(torch.exp(logits - m.unsqueeze(-1)).sum(dim=-1), group)
    return sums.log() - Reduce.apply(picked, group)


@attempt("cross_entropy_masks_by_product")
def _(logits, targets, group=None, reduction="mean"):
    m = _largest(logits.detach().max(dim=-1)[0], group)
    rows, here = _row(logits, targets, group)
    picked = here.to(logits.dtype) * (_score(logits, rows) - m)
    return _finish(_nats(logits, m, picked, group), targets, reduction)


@attempt("cross_entropy_target_clamped")
def _(logits, targets, group=None, reduction="mean"):
    m = _largest(logits.detach().max(dim=-1)[0], group)
    rows, _ = _row(logits, targets, group)
    picked = _score(logits, rows) - m
    return _finish(_nats(logits, m, picked, group), targets, reduction)


@attempt("cross_entropy_sum_of_logs")
def _(logits, targets, group=None, reduction="mean"):
    rows, here = _row(logits, targets, group)
    own = torch.logsumexp(logits, dim=-1) - _score(logits, rows) * here
    return _finish(Reduce.apply(own, group), targets, reduction)


@attempt("cross_entropy_maximum_attached")
def _(logits, targets, group=None, reduction="mean"):
    m = _largest(torch.amax(logits, dim=-1), group)
    rows, here = _row(logits, targets, group)
    picked = torch.where(here, _score(logits, rows) - m, 0.0)
    return _finish(_nats(logits, m, picked, group), targets, reduction)


@attempt("cross_entropy_maximum_by_index")
def _(logits, targets, group=None, reduction="mean"):
    m, _ = torch.max(logits, dim=-1)
    m = _largest(m, group)
    rows, here = _row(logits, targets, group)
    picked = torch.where(here, _score(logits, rows) - m, 0.0)
    return _finish(_nats(logits, m, picked, group), targets, reduction)
