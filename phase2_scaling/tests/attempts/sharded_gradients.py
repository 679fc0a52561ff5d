"""The mistakes of `mistakes/sharded_gradients.py`, as others would write them."""

import torch
import torch.distributed as dist

from shared.mistakes import attempt


def present(parameters):
    return [p for p in parameters if p.grad is not None]


def length(params):
    return torch.cat([p.grad.flatten() for p in params]).norm()


def shorten(params, max_norm, norm):
    if norm > max_norm:
        for p in params:
            p.grad *= max_norm / norm


@attempt("clip_grad_norm_of_the_share")
def _(parameters, max_norm, group):
    params = present(parameters)
    norm = length(params)
    shorten(params, max_norm, norm)
    return norm


@attempt("clip_grad_norm_adds_norms")
def _(parameters, max_norm, group):
    params = present(parameters)
    norm = length(params)
    dist.all_reduce(norm, group=group)
    shorten(params, max_norm, norm)
    return norm


@attempt("clip_grad_norm_takes_the_longest")
def _(parameters, max_norm, group):
    params = present(parameters)
    lengths = [torch.zeros_like(length(params)) for _ in range(dist.get_world_size(group))]
    params = list(params)
    dist.all_gather(lengths, length(params), group=group)
    norm = torch.stack(lengths).max()
    shorten(params, max_norm, norm)
    return norm


@attempt("clip_grad_norm_averages")
def _(parameters, max_norm, group):
    params = present(parameters)
    total = length(params) ** 2 / dist.get_world_size(group)
    dist.all_reduce(total, group=group)
    norm = total**0.5
    shorten(params, max_norm, norm)
    return norm


@attempt("clip_grad_norm_stretches")
def _(parameters, max_norm, group):
    params = present(parameters)
    total = length(params) ** 2
    dist.all_reduce(total, group=group)
    norm = total**0.5
    for p in params:
        p.grad *= max_norm / norm
    return norm


@attempt("clip_grad_norm_forgets_the_group")
def _(parameters, max_norm, group):
    params = present(parameters)
    total = length(params) ** 2
    dist.all_reduce(total, op=dist.ReduceOp.SUM)
    norm = total**0.5
    shorten(params, max_norm, norm)
    return norm


@attempt("clip_grad_norm_tells_the_new_one")
def _(parameters, max_norm, group):
    params = present(parameters)
    total = length(params) ** 2
    dist.all_reduce(total, group=group)
    norm = total**0.5
    shorten(params, max_norm, norm)
    return torch.minimum(norm, torch.full_like(norm, max_norm))


@attempt("clip_grad_norm_is_squared")
def _(parameters, max_norm, group):
    params = present(parameters)
    total = length(params) ** 2
    dist.all_reduce(total, group=group)
    shorten(params, max_norm, total)
    return total


@attempt("clip_grad_norm_asks_for_the_value")
def _(parameters, max_norm, group):
    params = present(parameters)
    total = length(params) ** 2
    dist.all_reduce(total, group=group)
    norm = float(total) ** 0.5
    shorten(params, max_norm, norm)
    return norm


@attempt("clip_grad_norm_compares")
def _(parameters, max_norm, group):
    params = present(parameters)
    total = length(params) ** 2
    dist.all_reduce(total, group=group)
    shorten(params, max_norm, total**0.5)
    return total**0.5


@attempt("clip_grad_norm_walks_twice")
def _(parameters, max_norm, group):
    total = length([p for p in parameters if p.grad is not None]) ** 2
    dist.all_reduce(total, group=group)
    norm = total**0.5
    shorten([p for p in parameters if p.grad is not None], max_norm, norm)
    return norm
