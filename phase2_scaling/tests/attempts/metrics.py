"""The mistakes of `mistakes/metrics.py`, as others would write them."""

import torch
import torch.distributed as dist

from shared.mistakes import attempt


def both(total, count):
    return torch.tensor([float(total.detach()), float(count)], dtype=torch.float64)


@attempt("global_mean_of_means")
def _(total, count, group=None):
    own = both(total, count)
    mean = own[0] / own[1] if own[1] > 0 else torch.zeros((), dtype=torch.float64)
    if not dist.is_initialized():
        return mean
    means = [torch.zeros_like(mean) for _ in range(dist.get_world_size(group))]
    dist.all_gather(means, mean, group=group)
    return torch.stack(means).mean()


@attempt("global_mean_local")
def _(total, count, group=None):
    own = both(total, count)
    return own[0] / own[1]


@attempt("global_mean_own_count")
def _(total, count, group=None):
    own = both(total, count)
    if dist.is_initialized():
        summed = own[0].clone()
        dist.all_reduce(summed, op=dist.ReduceOp.SUM, group=group)
        own[0] = summed
    return own[0] / own[1]


@attempt("global_mean_average_total")
def _(total, count, group=None):
    own = both(total, count)
    summed = own[0].clone()
    n = 1
    if dist.is_initialized():
        n = dist.get_world_size(group)
        dist.all_reduce(summed, group=group)
    return summed / n / own[1]


@attempt("global_mean_in_place")
def _(total, count, group=None):
    if not isinstance(count, torch.Tensor):
        count = torch.tensor(count)
    if dist.is_available() and dist.is_initialized():
        for number in (total.data, count):
            dist.all_reduce(number, group=group)
    return total.data.to(torch.float64) / count.to(torch.float64)


@attempt("global_mean_float32")
def _(total, count, group=None):
    sums = both(total, count).to(torch.float32)
    if dist.is_initialized():
        dist.all_reduce(sums, dist.ReduceOp.SUM, group)
    mean = sums[0] / sums[1]
    return mean.to(torch.float64)


@attempt("global_mean_own_dtype")
def _(total, count, group=None):
    sums = both(total, count).to(total.dtype)
    if dist.is_initialized():
        dist.all_reduce(sums, group=group)
    mean = sums[0] / sums[1]
    return mean.to(torch.float64)


@attempt("global_mean_every_group")
def _(total, count, group=None):
    sums = both(total, count)
    if dist.is_initialized():
        dist.all_reduce(sums, op=dist.ReduceOp.SUM)
    return sums[0] / sums[1]


@attempt("global_mean_needs_group")
def _(total, count, group=None):
    gathered = [torch.zeros(2, dtype=torch.float64) for _ in range(dist.get_world_size(group))]
    dist.all_gather(gathered, both(total, count), group=group)
    sums = torch.stack(gathered).sum(dim=0)
    return sums[0] / sums[1]


@attempt("global_mean_first_rank")
def _(total, count, group=None):
    summed, counted = both(total, count).unbind()
    summed, counted = summed.clone(), counted.clone()
    if dist.is_initialized():
        dist.reduce(summed, group=group, group_dst=0)
        dist.reduce(counted, group=group, group_dst=0)
    return summed / counted


@attempt("global_mean_keeps_graph")
def _(total, count, group=None):
    sums = both(total, count)
    if dist.is_initialized():
        dist.all_reduce(sums, group=group)
    others = sums[0] - total.detach().double()
    return (total.double() + others) / sums[1]


@attempt("global_mean_zero_of_nothing")
def _(total, count, group=None):
    sums = both(total, count)
    if dist.is_initialized():
        dist.all_reduce(sums, group=group)
    if sums[1] == 0:
        return torch.zeros((), dtype=torch.float64)
    return sums[0] / sums[1]


@attempt("global_mean_in_a_view")
def _(total, count, group=None):
    summed = total.detach().to(torch.float64)
    counted = both(total, count)[1].clone()
    if dist.is_initialized():
        for number in (summed, counted):
            dist.all_reduce(number, group=group)
    return summed / counted


@attempt("global_mean_leaves_early")
def _(total, count, group=None):
    own = both(total, count)
    if own[1] > 0 and dist.is_initialized():
        dist.all_reduce(own, group=group)
    return own[0] / own[1]


@attempt("global_mean_in_two_messages")
def _(total, count, group=None):
    summed, counted = (number.clone() for number in both(total, count))
    if dist.is_initialized():
        works = [dist.all_reduce(x, group=group, async_op=True) for x in (summed, counted)]
        [work.wait() for work in works]
    return summed / counted
