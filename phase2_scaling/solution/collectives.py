"""Collectives from sends and receives: what `torch.distributed` does in one call, step by step.

A ring moves the fewest bytes that an all-reduce can (Patarasuk and Yuan 2009, "Bandwidth optimal
all-reduce algorithms for clusters of workstations"), a tree takes the fewest steps; `cost_model`
says what each costs. Ranks are those of the group, which need not be those of the world.
"""

import torch
import torch.distributed as dist
from torch import Tensor

Group = dist.ProcessGroup | None


def exchange(sent: Tensor, received: Tensor, group: Group = None) -> Tensor:
    """Send a tensor to the next rank of the ring while the one of the rank before comes in.

    The rank after the last is the first. Both transfers are under way before either is waited for:
    if every rank waited for its send to be received before it received, nobody would ever receive.

    Args:
        sent: any shape and dtype; unchanged.
        received: filled in place with what the rank before sends, of its shape and dtype.
        group: the ring; None is all ranks.

    Returns:
        `received`, when both transfers have been waited for.
    """
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    transfers = [
        dist.P2POp(dist.isend, sent, group=group, group_peer=(rank + 1) % n),
        dist.P2POp(dist.irecv, received, group=group, group_peer=(rank - 1) % n),
    ]
    for work in dist.batch_isend_irecv(transfers):
        work.wait()
    return received


def reduce_scatter(tensor: Tensor, group: Group = None) -> Tensor:
    """Sum a tensor over the ranks and leave each rank one chunk of the sum.

    The n chunks are those of `tensor.flatten().tensor_split(n)`: as equal as can be, the first
    ones longer by a number if the size is no multiple of n. Chunk c sets out at rank c + 1 and goes
    once around the ring, n - 1 steps, to its home, rank c; each rank that it meets adds its own
    numbers. So a rank sends every chunk but its own, once, and all ranks agree on the order of the
    sum.

    Args:
        tensor: any shape and dtype, equal on all ranks; unchanged.
        group: the ring; None is all ranks.

    Returns:
        Chunk `rank` of the sum, of one dimension; it shares no memory with `tensor`.
    """
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    chunks = tensor.flatten().tensor_split(n)
    total = chunks[rank - 1].clone()
    for step in range(2, n + 1):
        own = chunks[rank - step]
        total = exchange(total, torch.empty_like(own), group).add_(own)
    return total


def all_gather(chunk: Tensor, size: int, group: Group = None) -> Tensor:
    """Put together, on every rank, a tensor of which each rank has one chunk.

    The chunks are those of `reduce_scatter`, not all equally long. Each goes around the ring in
    n - 1 steps, from its rank to the one before it; a rank hands on what it received in the step
    before.

    Args:
        chunk: chunk `rank` of the whole, of one dimension; unchanged.
        size: numbers in the whole.
        group: the ring; None is all ranks.

    Returns:
        (size,), the same on all ranks, the dtype of `chunk`; it shares no memory with it.
    """
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    whole = chunk.new_empty(size)
    chunks = whole.tensor_split(n)  # views: what is written here is written there
    chunks[rank].copy_(chunk)
    for step in range(n - 1):
        exchange(chunks[rank - step], chunks[rank - step - 1], group)
    return whole


def ring_all_reduce(tensor: Tensor, group: Group = None) -> None:
    """Sum a tensor over the ranks, in place: a reduce-scatter, then an all-gather.

    Each rank sends 2 (n - 1) / n of the tensor's bytes, however many ranks there are, and all of
    them end with the same bits.

    Args:
        tensor: any shape, strides and dtype, of one shape and dtype on all ranks.
        group: the ring; None is all ranks.
    """
    total = all_gather(reduce_scatter(tensor, group), tensor.numel(), group)
    tensor.copy_(total.view(tensor.shape))


def broadcast(tensor: Tensor, group: Group = None, source: int = 0) -> None:
    """Give every rank the tensor of one, in place, along a binomial tree.

    In each round every rank that has it sends it to one that has not: log2 n rounds, rounded up.

    Args:
        tensor: contiguous, of one shape and dtype on all ranks.
        group: of ranks; None is all.
        source: the rank, within the group, whose tensor it is.
    """
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    place = (rank - source) % n  # the root of the tree is place 0
    distance = 1
    while distance < n:
        if place < distance and place + distance < n:
            dist.send(tensor, group=group, group_dst=(rank + distance) % n)
        elif distance <= place < 2 * distance:
            dist.recv(tensor, group=group, group_src=(rank - distance) % n)
        distance *= 2


def reduce(tensor: Tensor, group: Group = None, destination: int = 0) -> Tensor | None:
    """Sum a tensor over the ranks, for one of them: the tree of `broadcast`, leaves first.

    Args:
        tensor: of one shape and dtype on all ranks; unchanged.
        group: of ranks; None is all.
        destination: the rank, within the group, that wants the sum.

    Returns:
        The sum at `destination`, None elsewhere.
    """
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    place = (rank - destination) % n
    total = tensor.clone(memory_format=torch.contiguous_format)
    distance = 1 << (n - 1).bit_length()
    while distance := distance // 2:
        if place < distance and place + distance < n:
            other = torch.empty_like(total)
            dist.recv(other, group=group, group_src=(rank + distance) % n)
            total += other
        elif distance <= place < 2 * distance:
            dist.send(total, group=group, group_dst=(rank - distance) % n)
    return total if place == 0 else None
