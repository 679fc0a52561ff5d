"""The mistakes of `mistakes/sampling.py`, as others would write them."""

import torch

from shared.mistakes import attempt


def permuted(n, seed):
    g = torch.Generator()
    g.manual_seed(seed)
    return torch.randperm(n, generator=g)


@attempt("shard_indices_rank_in_seed")
def _(n, rank, world_size, epoch, seed, start=0):
    everything = permuted(n, seed + rank + epoch)
    left = everything[start:]
    return left[torch.arange(rank, len(left), world_size)]


@attempt("shard_indices_same_epochs")
def _(n, rank, world_size, epoch, seed, start=0):
    places = range(start + rank, n, world_size)
    order = permuted(n, seed).tolist()
    return torch.tensor([order[place] for place in places], dtype=torch.int64)


@attempt("shard_indices_pads")
def _(n, rank, world_size, epoch, seed, start=0):
    left = permuted(n, seed + epoch)[start:].tolist()
    whole = -(-len(left) // world_size) * world_size
    left += left[: whole - len(left)]
    return torch.tensor(left[rank:whole:world_size], dtype=torch.int64)


@attempt("shard_indices_drops")
def _(n, rank, world_size, epoch, seed, start=0):
    left = permuted(n, seed + epoch)[start:]
    each = len(left) // world_size
    return left[rank::world_size][:each]


@attempt("shard_indices_blocks")
def _(n, rank, world_size, epoch, seed, start=0):
    left = permuted(n, seed + epoch)[start:]
    size, extra = divmod(len(left), world_size)
    begin = rank * size + min(rank, extra)
    return left[begin : begin + size + (rank < extra)]


@attempt("shard_indices_start_of_rank")
def _(n, rank, world_size, epoch, seed, start=0):
    order = permuted(n, epoch + seed)
    mine = [int(order[i]) for i in range(rank, n, world_size)]
    return torch.tensor(mine[start:], dtype=torch.int64)


@attempt("shard_indices_start_divided")
def _(n, rank, world_size, epoch, seed, start=0):
    done = int(start / world_size)
    mine = permuted(n, epoch + seed)[torch.arange(rank, n, world_size)]
    return mine[done:]


@attempt("shard_indices_start_unused")
def _(n, rank, world_size, epoch, seed, start=0):
    order = permuted(n, epoch + seed)
    return order[torch.arange(n) % world_size == rank]


@attempt("shard_indices_unshuffled")
def _(n, rank, world_size, epoch, seed, start=0):
    left = torch.tensor(list(range(n)), dtype=torch.int64)[start:]
    return left[rank::world_size]


@attempt("shard_indices_shuffles_rest")
def _(n, rank, world_size, epoch, seed, start=0):
    order = permuted(n - start, seed + epoch) + start
    return order[rank::world_size]


@attempt("shard_indices_deals_first")
def _(n, rank, world_size, epoch, seed, start=0):
    mine = torch.arange(start + rank, n, world_size)
    return mine[permuted(mine.numel(), seed + epoch)]


@attempt("shard_indices_global_seed")
def _(n, rank, world_size, epoch, seed, start=0):
    torch.random.manual_seed(epoch + seed)
    order = torch.randperm(n).tolist()
    return torch.tensor(order[start + rank :: world_size], dtype=torch.int64)
