"""The mistakes of `mistakes/vocab_parallel.py`, as others would write them."""

import torch
import torch.distributed as dist

from phase2_scaling.solution.tensor_parallel import Copy, Reduce
from shared.mistakes import attempt


def _add(x, group):
    return Reduce.apply(x, group)


def _maximum(logits, group):
    m = logits.detach().max(dim=-1).values
    dist.all_reduce(m, op=dist.ReduceOp.MAX, group=group)
    return m


def _target(logits, targets, start):
    """The logit of each target that lies in this rank's columns, else 0."""
    end = start + logits.size(-1)
    outside = (targets < start) | (targets >= end)
    column = (targets - start).masked_fill(outside, 0)
    found = torch.take_along_dim(logits, column.unsqueeze(-1), dim=-1).squeeze(-1)
    return found.masked_fill(outside, 0.0)


def _start(logits, group):
    return dist.get_rank(group) * logits.size(-1)


def _reduced(per_token, targets, reduction):
    keep = targets != -100
    total = torch.where(keep, per_token, torch.zeros_like(per_token)).sum()
    return total if reduction == "sum" else total / keep.sum().clamp_min(1)


@attempt("vocab_embedding_without_offset")
def _(self, idx):
    outside = idx >= self.weight.size(0)
    vectors = self.weight[idx.masked_fill(outside, 0)]
    return _add(vectors * (~outside).unsqueeze(-1), self.group)


@attempt("vocab_embedding_without_mask")
def _(self, idx):
    start = dist.get_rank(self.group) * self.weight.size(0)
    outside = (idx < start) | (idx >= start + self.weight.size(0))
    return _add(self.weight[(idx - start).masked_fill(outside, 0)], self.group)


@attempt("vocab_embedding_alone")
def _(self, idx):
    start = dist.get_rank(self.group) * self.weight.size(0)
    outside = (idx < start) | (idx >= start + self.weight.size(0))
    vectors = self.weight[(idx - start).masked_fill(outside, 0)]
    return vectors.masked_fill(outside.unsqueeze(-1), 0.0)


@attempt("vocab_embedding_without_first_row")
def _(self, idx):
    start = dist.get_rank(self.group) * self.weight.size(0)
    outside = (idx <= start) | (idx >= start + self.weight.size(0))
    vectors = self.weight[(idx - start).masked_fill(outside, 0)]
    return _add(vectors.masked_fill(outside.unsqueeze(-1), 0.0), self.group)


@attempt("vocab_embedding_overwrites_idx")
def _(self, idx):
    start = dist.get_rank(self.group) * self.weight.size(0)
    local = idx.sub_(start)
    outside = (local < 0) | (local >= self.weight.size(0))
    vectors = self.weight[local.masked_fill(outside, 0)]
    return _add(vectors.masked_fill(outside.unsqueeze(-1), 0.0), self.group)


@attempt("vocab_embedding_rank_of_all")
def _(self, idx):
    start = dist.get_rank() * self.weight.size(0)
    outside = (idx < start) | (idx >= start + self.weight.size(0))
    vectors = self.weight[(idx - start).masked_fill(outside, 0)]
    return _add(vectors.masked_fill(outside.unsqueeze(-1), 0.0), self.group)


@attempt("vocab_embedding_gathers_table")
def _(self, idx):
    tables = [torch.zeros_like(self.weight) for _ in range(dist.get_world_size(self.group))]
    dist.all_gather(tables, self.weight.data, group=self.group)
    mine = dist.get_rank(self.group)
    table = torch.cat([self.weight if i == mine else t for i, t in enumerate(tables)], dim=0)
    return table[idx]


@attempt("cross_entropy_local_maximum")
def _(logits, targets, group=None, reduction="mean"):
    z = logits - logits.detach().max(dim=-1, keepdim=True).values
    log_sum = torch.log(_add(torch.exp(z).sum(dim=-1), group))
    return _reduced(
        log_sum - _add(_target(z, targets, _start(z, group)), group), targets, reduction
    )


@attempt("cross_entropy_without_maximum")
def _(logits, targets, group=None, reduction="mean"):
    log_sum = torch.log(_add(torch.exp(logits).sum(dim=-1), group))
    target = _add(_target(logits, targets, _start(logits, group)), group)
    return _reduced(log_sum - target, targets, reduction)


@attempt("cross_entropy_sum_of_maxima")
def _(logits, targets, group=None, reduction="mean"):
    m = torch.clamp(logits.detach().max(dim=-1).values, min=-1e30)
    dist.all_reduce(m, op=dist.ReduceOp.SUM, group=group)
    z = logits - m.unsqueeze(-1)
    log_sum = torch.log(_add(torch.exp(z).sum(dim=-1), group))
    return _reduced(
        log_sum - _add(_target(z, targets, _start(z, group)), group), targets, reduction
    )


@attempt("cross_entropy_through_the_maximum")
def _(logits, targets, group=None, reduction="mean"):
    own = logits.max(dim=-1).values
    m = _maximum(logits, group)
    z = logits - (m + torch.where(own.detach() == m, own - own.detach(), 0.0)).unsqueeze(-1)
    log_sum = torch.log(_add(torch.exp(z).sum(dim=-1), group))
    return _reduced(
        log_sum - _add(_target(z, targets, _start(z, group)), group), targets, reduction
    )


@attempt("cross_entropy_local_sum")
def _(logits, targets, group=None, reduction="mean"):
    z = logits - _maximum(logits, group).unsqueeze(-1)
    log_sum = torch.log(torch.exp(z).sum(dim=-1))
    return _reduced(
        log_sum - _add(_target(z, targets, _start(z, group)), group), targets, reduction
    )


@attempt("cross_entropy_target_unmasked")
def _(logits, targets, group=None, reduction="mean"):
    z = logits - _maximum(logits, group).unsqueeze(-1)
    log_sum = torch.log(_add(torch.exp(z).sum(dim=-1), group))
    column = targets - _start(z, group)
    column = torch.where((column < 0) | (column >= z.size(-1)), 0, column)
    target = torch.take_along_dim(z, column.unsqueeze(-1), dim=-1).squeeze(-1)
    return _reduced(log_sum - _add(target, group), targets, reduction)


@attempt("cross_entropy_target_stays")
def _(logits, targets, group=None, reduction="mean"):
    z = logits - _maximum(logits, group).unsqueeze(-1)
    log_sum = torch.log(_add(torch.exp(z).sum(dim=-1), group))
    return _reduced(log_sum - _target(z, targets, _start(z, group)), targets, reduction)


@attempt("cross_entropy_without_offset")
def _(logits, targets, group=None, reduction="mean"):
    z = logits - _maximum(logits, group).unsqueeze(-1)
    log_sum = torch.log(_add(torch.exp(z).sum(dim=-1), group))
    return _reduced(log_sum - _add(_target(z, targets, 0), group), targets, reduction)


@attempt("cross_entropy_gathers_logits")
def _(logits, targets, group=None, reduction="mean"):
    columns = [torch.zeros_like(logits) for _ in range(dist.get_world_size(group))]
    dist.all_gather(columns, logits.contiguous().detach(), group=group)
    mine = dist.get_rank(group)
    whole = torch.cat([logits if i == mine else c for i, c in enumerate(columns)], -1)
    nats = torch.logsumexp(whole, dim=-1) - _target(whole, targets, 0)
    return _reduced(nats, targets, reduction)


@attempt("cross_entropy_scores_ignored")
def _(logits, targets, group=None, reduction="mean"):
    m = _maximum(logits, group).unsqueeze(-1)
    log_sum = torch.log(_add(torch.exp(logits - m).sum(dim=-1), group))
    nats = log_sum - _add(_target(logits - m, targets, _start(logits, group)), group)
    return getattr(nats, reduction)()


@attempt("cross_entropy_divides_by_all")
def _(logits, targets, group=None, reduction="mean"):
    z = logits - _maximum(logits, group).unsqueeze(-1)
    log_sum = torch.log(_add(torch.exp(z).sum(dim=-1), group))
    nats = log_sum - _add(_target(z, targets, _start(z, group)), group)
    total = _reduced(nats, targets, "sum")
    return total / targets.numel() if reduction == "mean" else total


@attempt("cross_entropy_f_in_front")
def _(logits, targets, group=None, reduction="mean"):
    z = Copy.apply(logits, group) - _maximum(logits, group).unsqueeze(-1)
    log_sum = torch.log(_add(torch.exp(z).sum(dim=-1), group))
    return _reduced(
        log_sum - _add(_target(z, targets, _start(z, group)), group), targets, reduction
    )


@attempt("cross_entropy_nan_if_empty")
def _(logits, targets, group=None, reduction="mean"):
    z = logits - _maximum(logits, group).unsqueeze(-1)
    log_sum = torch.log(_add(torch.exp(z).sum(dim=-1), group))
    nats = (log_sum - _add(_target(z, targets, _start(z, group)), group))[targets != -100]
    return nats.mean() if reduction == "mean" else nats.sum()


@attempt("cross_entropy_always_mean")
def _(logits, targets, group=None, reduction="mean"):
    z = logits - _maximum(logits, group).unsqueeze(-1)
    log_sum = torch.log(_add(torch.exp(z).sum(dim=-1), group))
    return _reduced(log_sum - _add(_target(z, targets, _start(z, group)), group), targets, "mean")
