"""The mistakes of `mistakes/collectives.py`, as others would write them."""

import torch
import torch.distributed as dist

from phase2_scaling.solution import collectives as parts
from phase2_scaling.solution.collectives import all_gather, exchange, reduce_scatter
from shared.mistakes import attempt


def neighbours(group):
    me, all_of_us = dist.get_rank(group), dist.get_world_size(group)
    return (me - 1 + all_of_us) % all_of_us, (me + 1) % all_of_us


@attempt("exchange_sends_first")
def _(sent, received, group=None):
    left, right = neighbours(group)
    work = dist.isend(sent, group=group, group_dst=right)
    work.wait()
    work = dist.irecv(received, group=group, group_src=left)
    work.wait()
    return received


@attempt("exchange_turns_back")
def _(sent, received, group=None):
    left, right = neighbours(group)
    ops = [
        dist.P2POp(dist.irecv, received, group=group, group_peer=right),
        dist.P2POp(dist.isend, sent, group=group, group_peer=left),
    ]
    [request.wait() for request in dist.batch_isend_irecv(ops)]
    return received


@attempt("exchange_does_not_wait")
def _(sent, received, group=None):
    left, right = neighbours(group)
    dist.batch_isend_irecv(
        [
            dist.P2POp(dist.isend, sent, group=group, group_peer=right),
            dist.P2POp(dist.irecv, received, group=group, group_peer=left),
        ]
    )
    return received


@attempt("exchange_drops_the_send")
def _(sent, received, group=None):
    left, right = neighbours(group)
    coming = dist.irecv(received, group=group, group_src=left)
    dist.isend(sent, group=group, group_dst=right)
    coming.wait()
    return received


@attempt("exchange_rank_of_all")
def _(sent, received, group=None):
    me, n = dist.get_rank(), dist.get_world_size(group)
    ops = [
        dist.P2POp(dist.isend, sent, group=group, group_peer=(me + 1) % n),
        dist.P2POp(dist.irecv, received, group=group, group_peer=(me + n - 1) % n),
    ]
    [request.wait() for request in dist.batch_isend_irecv(ops)]
    return received


@attempt("exchange_takes_ranks_of_the_world")
def _(sent, received, group=None):
    left, right = neighbours(group)
    going = dist.isend(sent, dst=right, group=group)
    coming = dist.irecv(received, src=left, group=group)
    going.wait()
    coming.wait()
    return received


@attempt("exchange_ignores_the_group")
def _(sent, received, group=None):
    left, right = neighbours(None)
    coming = dist.irecv(received, src=left)
    going = dist.isend(sent, dst=right)
    coming.wait()
    going.wait()
    return received


@attempt("reduce_scatter_sets_out_from_home")
def _(tensor, group=None):
    world, me = dist.get_world_size(group), dist.get_rank(group)
    pieces = torch.tensor_split(tensor.flatten(), world)
    running = pieces[me]
    for i in range(world - 1):
        mine = pieces[(me - i - 1) % world]
        incoming = torch.zeros_like(mine)
        exchange(running, incoming, group)
        running = incoming + mine
    return running.clone()


@attempt("reduce_scatter_overwrites")
def _(tensor, group=None):
    world, me = dist.get_world_size(group), dist.get_rank(group)
    pieces = tensor.reshape(-1).tensor_split(world)
    for i in range(world - 1):
        target = pieces[(me - i - 2) % world]
        incoming = target.new_empty(target.shape)
        exchange(pieces[(me - i - 1) % world], incoming, group)
        target.add_(incoming)
    return pieces[me].clone()


@attempt("reduce_scatter_adds_its_own_chunk")
def _(tensor, group=None):
    world, me = dist.get_world_size(group), dist.get_rank(group)
    pieces = list(torch.tensor_split(tensor.flatten(), world))
    running = pieces[(me - 1) % world].clone()
    for i in range(world - 1):
        incoming = torch.zeros_like(pieces[(me - i - 2) % world])
        exchange(running, incoming, group)
        running = incoming + pieces[me]
    return running


@attempt("reduce_scatter_loses_the_rest")
def _(tensor, group=None):
    world, me = dist.get_world_size(group), dist.get_rank(group)
    per_rank = tensor.numel() // world
    pieces = tensor.flatten()[: per_rank * world].reshape(world, per_rank)
    running = pieces[me - 1].clone()
    for i in range(world - 1):
        incoming = torch.empty_like(running)
        exchange(running, incoming, group)
        running = incoming + pieces[(me - i - 2) % world]
    return running


@attempt("reduce_scatter_shares_memory")
def _(tensor, group=None):
    world, me = dist.get_world_size(group), dist.get_rank(group)
    if world == 1:
        return tensor.view(-1)
    return parts_of(tensor, world, me, group)


def parts_of(tensor, world, me, group):
    pieces = tensor.flatten().tensor_split(world)
    running = pieces[me - 1]
    for i in range(world - 1):
        mine = pieces[(me - i - 2) % world]
        running = exchange(running, torch.zeros_like(mine), group) + mine
    return running


@attempt("reduce_scatter_sends_all")
def _(tensor, group=None):
    world, me = dist.get_world_size(group), dist.get_rank(group)
    seen = [tensor.flatten().clone()]
    while len(seen) < world:
        seen.append(exchange(seen[-1], torch.zeros_like(seen[-1]), group))
    summed = seen[0].clone()
    for other in seen[1:]:
        summed += other
    return torch.tensor_split(summed, world)[me].clone()


@attempt("all_gather_sends_its_own")
def _(chunk, size, group=None):
    world, me = dist.get_world_size(group), dist.get_rank(group)
    result = torch.zeros(size, dtype=chunk.dtype)
    slots = result.tensor_split(world)
    slots[me][:] = chunk
    for i in range(1, world):
        exchange(slots[me], slots[(me - i) % world], group)
    return result


@attempt("all_gather_stores_backwards")
def _(chunk, size, group=None):
    world, me = dist.get_world_size(group), dist.get_rank(group)
    lengths = [len(slot) for slot in torch.zeros(size).tensor_split(world)]
    order, latest = [chunk], chunk
    for i in range(1, world):
        incoming = chunk.new_zeros(lengths[(me - i) % world])
        latest = exchange(latest, incoming, group)
        order.append(latest)
    placed = [order[(slot - me) % world] for slot in range(world)]
    return torch.cat(placed)


@attempt("all_gather_ends_early")
def _(chunk, size, group=None):
    world, me = dist.get_world_size(group), dist.get_rank(group)
    result = torch.zeros(size, dtype=chunk.dtype)
    slots = result.tensor_split(world)
    slots[me][:] = chunk
    step = 1
    while step < world - 1:
        exchange(slots[(me - step + 1) % world], slots[(me - step) % world], group)
        step += 1
    return result


@attempt("all_gather_in_float32")
def _(chunk, size, group=None):
    world, me = dist.get_world_size(group), dist.get_rank(group)
    result = torch.zeros(size)
    slots = result.tensor_split(world)
    slots[me][:] = chunk
    for i in range(world - 1):
        exchange(slots[(me - i) % world], slots[(me - i - 1) % world], group)
    return result


@attempt("ring_all_reduce_returns")
def _(tensor, group=None):
    chunk = reduce_scatter(tensor.contiguous(), group)
    tensor = all_gather(chunk, tensor.numel(), group).reshape(tensor.size())
    return tensor


@attempt("ring_all_reduce_averages")
def _(tensor, group=None):
    n = dist.get_world_size(group)
    chunk = reduce_scatter(tensor, group) / n
    whole = all_gather(chunk, tensor.numel(), group)
    tensor[...] = whole.reshape(tensor.shape)


@attempt("ring_all_reduce_into_a_copy")
def _(tensor, group=None):
    flat = tensor.contiguous()
    chunk = reduce_scatter(flat, group)
    flat[...] = all_gather(chunk, flat.numel(), group).reshape(flat.shape)


@attempt("ring_all_reduce_whole")
def _(tensor, group=None):
    parcels = [tensor.contiguous().clone()]
    for _ in range(1, dist.get_world_size(group)):
        parcels.append(exchange(parcels[-1], torch.zeros_like(parcels[-1]), group))
    for parcel in parcels[1:]:
        tensor.add_(parcel)


@attempt("ring_all_reduce_by_tree")
def _(tensor, group=None):
    at_root = parts.reduce(tensor, group, 0)
    buffer = tensor.contiguous().clone() if at_root is None else at_root
    parts.broadcast(buffer, group, 0)
    tensor[...] = buffer
