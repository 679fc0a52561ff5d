"""The mistakes of `mistakes/ddp.py`, as others would write them."""

import itertools

import torch
import torch.distributed as dist

from phase2_scaling.solution import ddp
from shared.mistakes import attempt


def everything(module):
    return itertools.chain(module.parameters(), module.buffers())


def wanted(module, group):
    candidates = list(filter(lambda p: p.requires_grad, module.parameters()))
    flags = ddp.used_anywhere(candidates, group)
    return [candidates[i] for i in range(len(candidates)) if flags[i]]


def gradient_or_zero(p):
    if p.grad is None:
        p.grad = torch.zeros(p.shape, dtype=p.dtype)
    return p.grad


@attempt("broadcast_parameters_only")
def _(module, group=None, source=0):
    with torch.no_grad():
        for _, p in module.named_parameters():
            dist.broadcast(p, group_src=source, group=group)


@attempt("broadcast_parameters_trained_ones")
def _(module, group=None, source=0):
    for tensor in everything(module):
        if isinstance(tensor, torch.nn.Parameter) and not tensor.requires_grad:
            continue
        dist.broadcast(tensor.data, group_src=source, group=group)


@attempt("broadcast_parameters_of_state_dict")
def _(module, group=None, source=0):
    state = module.state_dict()
    for name in sorted(state):
        dist.broadcast(state[name], group_src=source, group=group)


@attempt("broadcast_parameters_as_mean")
def _(module, group=None, source=0):
    n = dist.get_world_size(group)
    with torch.no_grad():
        for tensor in everything(module):
            dist.all_reduce(tensor, group=group)
            tensor.copy_(tensor / n)


@attempt("broadcast_parameters_from_zero")
def _(module, group=None, source=0):
    root = dist.get_global_rank(group, 0) if group else 0
    for tensor in everything(module):
        dist.broadcast(tensor.data, root, group)


@attempt("broadcast_parameters_from_the_world")
def _(module, group=None, source=0):
    with torch.no_grad():
        for tensor in everything(module):
            dist.broadcast(tensor, src=source, group=group)


@attempt("broadcast_parameters_into_copies")
def _(module, group=None, source=0):
    for tensor in everything(module):
        message = tensor.data + 0
        dist.broadcast(message, group=group, group_src=source)
        tensor = message


@attempt("average_gradients_sum")
def _(module, group=None):
    for p in wanted(module, group):
        dist.all_reduce(gradient_or_zero(p), op=dist.ReduceOp.SUM, group=group)


@attempt("average_gradients_skips_absent")
def _(module, group=None):
    n = dist.get_world_size(group)
    have = [p for p in module.parameters() if p.grad is not None]
    for p in have:
        p.grad.div_(n)
        dist.all_reduce(p.grad, group=group)


@attempt("average_gradients_fills_all")
def _(module, group=None):
    n = dist.get_world_size(group)
    for p in filter(lambda p: p.requires_grad, module.parameters()):
        gradient_or_zero(p).div_(n)
        dist.all_reduce(p.grad, group=group)


@attempt("average_gradients_over_users")
def _(module, group=None):
    for p in wanted(module, group):
        has = torch.tensor([float(p.grad is not None)])
        dist.all_reduce(has, group=group)
        dist.all_reduce(gradient_or_zero(p), group=group)
        p.grad.div_(has.item())


@attempt("average_gradients_by_the_world")
def _(module, group=None):
    world = torch.distributed.get_world_size()
    for p in wanted(module, group):
        gradient_or_zero(p).mul_(1 / world)
        dist.all_reduce(p.grad, group=group)


@attempt("average_gradients_keeps_none")
def _(module, group=None):
    n = dist.get_world_size(group)
    for p in wanted(module, group):
        if p.grad is None:
            dist.all_reduce(torch.zeros_like(p), group=group)
        else:
            dist.all_reduce(p.grad, group=group)
            p.grad.div_(n)


@attempt("average_gradients_flat_stays_flat")
def _(module, group=None):
    n, kinds = dist.get_world_size(group), {}
    for p in wanted(module, group):
        kinds.setdefault(p.dtype, []).append(gradient_or_zero(p).reshape(-1))
    for pieces in kinds.values():
        message = torch.cat(pieces) / n
        dist.all_reduce(message, group=group)


@attempt("average_gradients_flat_mixes_dtypes")
def _(module, group=None):
    members = wanted(module, group)
    message = torch.cat([gradient_or_zero(p).reshape(-1) for p in members])
    dist.all_reduce(message, group=group)
    message = message / dist.get_world_size(group)
    start = 0
    for p in members:
        p.grad = message[start : start + p.numel()].reshape(p.shape)
        start += p.numel()


@attempt("average_gradients_flat_one_by_one")
def _(module, group=None):
    ddp.average_gradients(module, group)


@attempt("average_gradients_flat_sum")
def _(module, group=None):
    kinds = {}
    for p in wanted(module, group):
        kinds.setdefault(p.dtype, []).append(p)
    for members in kinds.values():
        message = torch.cat([gradient_or_zero(p).reshape(-1) for p in members])
        dist.all_reduce(message, group=group)
        start = 0
        for p in members:
            p.grad.copy_(message[start : start + p.numel()].reshape(p.shape))
            start += p.numel()


@attempt("global_mean_loss_of_means")
def _(loss_sum, count, group=None):
    mean = loss_sum * (1 / count)
    return mean


@attempt("global_mean_loss_without_n")
def _(loss_sum, count, group=None):
    counts = torch.tensor([count.item()])
    dist.all_reduce(counts, group=group)
    return loss_sum / counts[0]


@attempt("global_mean_loss_overwrites_count")
def _(loss_sum, count, group=None):
    n = dist.get_world_size(group)
    dist.all_reduce(count, op=dist.ReduceOp.SUM, group=group)
    return loss_sum * (n / count)


@attempt("global_mean_loss_of_all")
def _(loss_sum, count, group=None):
    both = torch.stack([loss_sum.detach(), count.to(loss_sum.dtype)])
    dist.all_reduce(both, group=group)
    mean = both[0] / both[1]
    return mean * (loss_sum / loss_sum.detach().clamp(min=1e-9))
