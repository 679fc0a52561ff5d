"""The finished collectives against torch's own."""

import pytest
import torch
import torch.distributed as dist

from phase2_scaling.solution import collectives
from phase2_scaling.tests.groups import of_members, watch_sends
from phase2_scaling.tests.test_collectives import SIZES, numbers, total
from shared import checks, ranks


def against_torch(sizes, dtypes):
    n = dist.get_world_size()
    rank = dist.get_rank()
    for dtype in dtypes:
        for size in sizes:
            mine = numbers(rank, size, dtype)
            summed = mine.clone()
            dist.all_reduce(summed)
            ours = mine.clone()
            collectives.ring_all_reduce(ours)
            checks.equal(ours, summed, f"all_reduce of {size} {dtype}")
            for root in range(n):
                theirs, ours = mine.clone(), mine.clone()
                dist.broadcast(theirs, root)
                collectives.broadcast(ours, source=root)
                checks.equal(ours, theirs, f"broadcast of {size} {dtype} from {root}")
                ours = collectives.reduce(mine, destination=root)
                checks.equal(ours, summed if rank == root else None, f"reduce to {root}")
                checks.equal(mine, numbers(rank, size, dtype), "what was reduced")


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_agrees_with_torch(n):
    ranks.run(n, against_torch, (0, *SIZES), (torch.float64, torch.int64, torch.bfloat16))


def equal_shards():
    n, rank = dist.get_world_size(), dist.get_rank()
    mine = numbers(rank, 4 * n)
    theirs = torch.empty(4, dtype=torch.float64)
    dist.reduce_scatter_tensor(theirs, mine)
    ours = collectives.reduce_scatter(mine)
    checks.equal(ours, theirs, "reduce_scatter")
    whole = torch.empty(4 * n, dtype=torch.float64)
    dist.all_gather_into_tensor(whole, theirs)
    checks.equal(collectives.all_gather(ours, 4 * n), whole, "all_gather")


@pytest.mark.parametrize("n", [2, 3, 4])
def test_shards_agree_with_torch(n):
    ranks.run(n, equal_shards)


def tree_in_a_group(group):
    rank = dist.get_rank(group)
    tensor = numbers(rank, 5)
    total_at_0 = collectives.reduce(tensor, group)
    collectives.broadcast(tensor, group, source=1)
    return tensor, total_at_0


def test_trees_in_a_group():
    (first, total_at_0), (second, nothing) = of_members(5, tree_in_a_group)
    checks.equal([first, second], [numbers(1, 5)] * 2, "broadcast from rank 1 of the group")
    checks.equal(total_at_0, total(2, 5), "reduce to rank 0 of the group")
    checks.equal(nothing, None, "reduce at rank 1 of the group")


def messages_of_a_broadcast():
    sizes = watch_sends()
    collectives.broadcast(torch.zeros(2))
    return len(sizes)


def test_a_tree_halves_the_rounds():
    # Of 5 ranks, 0 sends in three rounds (to 1, 2, 4), 1 in one (to 3).
    checks.equal(ranks.run(5, messages_of_a_broadcast), [3, 1, 0, 0, 0], "messages by rank")
