"""Classic wrong answers for `solution/sampling.py`."""

import torch

from shared.mistakes import mistake


@mistake(
    "2.14",
    "sampling.shard_indices",
    "Each rank shuffles for itself: the shares overlap, and some samples are nobody's. One order for all, then each takes its places.",
)
def shard_indices_rank_in_seed(n, rank, world_size, epoch, seed, start=0):
    generator = torch.Generator().manual_seed(seed + epoch + rank)
    return torch.randperm(n, generator=generator)[start:][rank::world_size]


@mistake(
    "2.14",
    "sampling.shard_indices",
    "The epoch is not in the seed: every epoch goes through the samples in the same order.",
)
def shard_indices_same_epochs(n, rank, world_size, epoch, seed, start=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(n, generator=generator)[start:][rank::world_size]


@mistake(
    "2.14",
    "sampling.shard_indices",
    "The order is filled up with samples from its beginning until it comes out even: those count twice. Shares may differ by one.",
)
def shard_indices_pads(n, rank, world_size, epoch, seed, start=0):
    generator = torch.Generator().manual_seed(seed + epoch)
    order = torch.randperm(n, generator=generator)[start:]
    missing = -len(order) % world_size
    return torch.cat([order, order[:missing]])[rank::world_size]


@mistake(
    "2.14",
    "sampling.shard_indices",
    "The last samples are dropped where the deal does not come out even: nobody trains on them. The first ranks take one more.",
)
def shard_indices_drops(n, rank, world_size, epoch, seed, start=0):
    generator = torch.Generator().manual_seed(seed + epoch)
    order = torch.randperm(n, generator=generator)[start:]
    even = len(order) // world_size * world_size
    return order[:even][rank::world_size]


@mistake(
    "2.14",
    "sampling.shard_indices",
    "Each rank gets a block of neighbours in the order. Deal in turn: only then is the next batch the same for every number of ranks.",
)
def shard_indices_blocks(n, rank, world_size, epoch, seed, start=0):
    generator = torch.Generator().manual_seed(seed + epoch)
    order = torch.randperm(n, generator=generator)[start:]
    return order.tensor_split(world_size)[rank]


@mistake(
    "2.14",
    "sampling.shard_indices",
    "`start` is taken off each rank's share. It counts what all ranks together have done, so it comes off the order before the deal.",
)
def shard_indices_start_of_rank(n, rank, world_size, epoch, seed, start=0):
    generator = torch.Generator().manual_seed(seed + epoch)
    return torch.randperm(n, generator=generator)[rank::world_size][start:]


@mistake(
    "2.14",
    "sampling.shard_indices",
    "A share of `start` is taken off each rank's share: right only while it divides evenly and the number of ranks stays the same.",
)
def shard_indices_start_divided(n, rank, world_size, epoch, seed, start=0):
    generator = torch.Generator().manual_seed(seed + epoch)
    return torch.randperm(n, generator=generator)[rank::world_size][start // world_size :]


@mistake(
    "2.14",
    "sampling.shard_indices",
    "`start` is never used: a resumed run trains a second time on what it had done before.",
)
def shard_indices_start_unused(n, rank, world_size, epoch, seed, start=0):
    generator = torch.Generator().manual_seed(seed + epoch)
    return torch.randperm(n, generator=generator)[rank::world_size]


@mistake(
    "2.14",
    "sampling.shard_indices",
    "Nothing is shuffled: the samples come in the order of the file, in every epoch.",
)
def shard_indices_unshuffled(n, rank, world_size, epoch, seed, start=0):
    return torch.arange(start + rank, n, world_size)


@mistake(
    "2.14",
    "sampling.shard_indices",
    "What is left is shuffled anew after a start in the middle: the order belongs to the epoch, and `start` is a place in it.",
)
def shard_indices_shuffles_rest(n, rank, world_size, epoch, seed, start=0):
    generator = torch.Generator().manual_seed(seed + epoch)
    rest = torch.arange(start, n)
    return rest[torch.randperm(n - start, generator=generator)][rank::world_size]


@mistake(
    "2.14",
    "sampling.shard_indices",
    "The samples are dealt first and each rank shuffles its own: a rank sees the same samples in every epoch. Shuffle, then deal.",
)
def shard_indices_deals_first(n, rank, world_size, epoch, seed, start=0):
    generator = torch.Generator().manual_seed(seed + epoch)
    mine = torch.arange(start, n)[rank::world_size]
    return mine[torch.randperm(len(mine), generator=generator)]


@mistake(
    "2.14",
    "sampling.shard_indices",
    "The global random state is seeded: dropout goes on from there on every rank, the same after each call. Use a generator of its own.",
)
def shard_indices_global_seed(n, rank, world_size, epoch, seed, start=0):
    torch.manual_seed(seed + epoch)
    return torch.randperm(n)[start:][rank::world_size]
