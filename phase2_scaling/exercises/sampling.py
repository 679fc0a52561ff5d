"""Who trains on which sample: one order for all ranks, and each takes its places in it."""

import torch
from torch import Tensor


def shard_indices(
    n: int, rank: int, world_size: int, epoch: int, seed: int, start: int = 0
) -> Tensor:
    """List the samples of one rank in one epoch, in the order in which it trains on them.

    The samples 0 to n - 1 are shuffled: `torch.randperm(n)`, drawn from a generator of its own that
    is seeded with seed + epoch, as by torch's DistributedSampler. That order is the same on every
    rank. Its first `start` samples are done: an earlier process, of whatever number of ranks, has
    trained on them. What is left is dealt like cards: rank 0 takes the first, rank 1 the second,
    and after the last rank it is rank 0's turn again. So the first k * world_size samples of what
    is left are the first k of every rank, and a global batch is the same set of samples on 2 ranks
    as on 4.

    Nothing is repeated and nothing dropped: where n - start is no multiple of world_size, the first
    ranks have one sample more. torch's DistributedSampler repeats samples there, or drops some.

    Args:
        n: samples in all, 0 or more.
        rank: 0 to world_size - 1.
        world_size: ranks that share the epoch.
        epoch: counts from 0.
        seed: of the run; the global random state is neither used nor changed.
        start: samples of this epoch that are done, by all ranks together, 0 to n.

    Returns:
        1-D int64 tensor, on the CPU.

    Raises:
        ValueError: there is no such rank, or no such place to start from.
    """
    if not 0 <= rank < world_size:
        raise ValueError(f"rank must lie in 0 to {world_size - 1}, got {rank}")
    if not 0 <= start <= n:
        raise ValueError(f"start must lie in 0 to {n}, got {start}")
    # TODO 2.14: the ranks' shares are one shuffled order, dealt in turn: every sample once, another
    # order each epoch, nothing done twice after a start in the middle
    raise NotImplementedError("exercise 2.14: shard_indices")
