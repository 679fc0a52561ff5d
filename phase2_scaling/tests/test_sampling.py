"""Who trains on which sample: dealt out once each, in one order for all ranks."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DistributedSampler

from phase2_scaling.solution import sampling
from shared import checks


def deal(n, world_size, epoch=0, seed=0, start=0):
    """Every rank's list of samples."""
    found = []
    for rank in range(world_size):
        mine = sampling.shard_indices(n, rank, world_size, epoch, seed, start=start)
        told = f"what shard_indices({n}, {rank}, {world_size}, ...) returns"
        checks.law(isinstance(mine, torch.Tensor), f"{told} is a tensor", mine)
        checks.equal(mine.ndim, 1, f"number of axes of {told}")
        checks.equal(str(mine.dtype), "torch.int64", f"dtype of {told}")
        found.append(mine.tolist())
    return found


def together(ranks):
    return [sample for mine in ranks for sample in mine]


def shuffled(n, seed):
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed)).tolist()


@pytest.mark.exercise("2.14")
def test_one_rank_has_the_whole_epoch_in_its_order():
    checks.equal(deal(6, 1, seed=3)[0], shuffled(6, 3), "samples of 1 rank in epoch 0, seed 3")


@pytest.mark.exercise("2.14")
def test_two_ranks_are_dealt_one_order_in_turn():
    order = shuffled(8, 5)
    ranks = deal(8, 2, seed=5)
    checks.equal(ranks[0], order[0::2], "samples of rank 0 of 2, n = 8")
    checks.equal(ranks[1], order[1::2], "samples of rank 1 of 2, n = 8")


@pytest.mark.exercise("2.14")
def test_every_sample_once_where_it_does_not_come_out_even():
    ranks = deal(11, 4, seed=1)
    checks.equal(sorted(together(ranks)), list(range(11)), "samples of 4 ranks together, n = 11")
    checks.equal([len(mine) for mine in ranks], [3, 3, 3, 2], "samples on each of 4 ranks, n = 11")


@pytest.mark.exercise("2.14")
def test_each_epoch_has_an_order_of_its_own():
    for epoch in (1, 2):
        mine = deal(9, 3, epoch=epoch, seed=4)[1]
        checks.equal(mine, shuffled(9, 4 + epoch)[1::3], f"samples of rank 1 in epoch {epoch}")


@pytest.mark.exercise("2.14")
def test_what_is_done_is_not_done_again():
    order = shuffled(13, 7)
    checks.equal(deal(13, 1, seed=7, start=4)[0], order[4:], "samples of 1 rank, 4 of 13 done")
    ranks = deal(13, 3, seed=7, start=4)  # 4 is no multiple of 3: somebody else trained on them
    checks.equal(ranks[0], order[4::3], "samples of rank 0 of 3, 4 of 13 done by 2 ranks")
    checks.equal(ranks[2], order[6::3], "samples of rank 2 of 3, 4 of 13 done by 2 ranks")
    checks.equal(sorted(together(ranks)), sorted(order[4:]), "samples left for 3 ranks together")
    checks.equal(deal(13, 2, seed=7, start=13), [[], []], "samples left when all are done")


@pytest.mark.exercise("2.14")
def test_the_next_batch_is_the_same_set_for_every_number_of_ranks():
    batch, start = 12, 12
    sets = {}
    for world_size in (1, 2, 3, 4):
        ranks = deal(50, world_size, epoch=2, seed=9, start=start)
        share = batch // world_size
        sets[world_size] = sorted(i for mine in ranks for i in mine[:share])
    for world_size in (2, 3, 4):
        name = f"second batch of 12 on {world_size} ranks, against 1 rank"
        checks.equal(sets[world_size], sets[1], name)


@pytest.mark.exercise("2.14")
def test_more_ranks_than_samples_leave_some_without():
    ranks = deal(2, 4, seed=2)
    checks.equal([len(mine) for mine in ranks], [1, 1, 0, 0], "samples on each of 4 ranks, n = 2")
    checks.equal(deal(0, 2), [[], []], "samples of 2 ranks, n = 0")


@pytest.mark.exercise("2.14")
def test_the_global_random_state_stays_as_it_is():
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    sampling.shard_indices(5, 1, 2, 0, 0)
    checks.equal(torch.rand(3), expected, "numbers drawn from the global generator afterwards")


def test_impossible_places_are_refused():
    checks.raises(lambda: sampling.shard_indices(5, 2, 2, 0, 0), ValueError, "rank 2 of 2", "rank")
    checks.raises(
        lambda: sampling.shard_indices(5, 0, 2, 0, 0, start=6), ValueError, "start 6 of 5", "start"
    )


@given(st.integers(0, 60), st.integers(1, 9), st.integers(0, 3), st.integers(0, 5), st.data())
def test_the_ranks_part_what_is_left(n, world_size, epoch, seed, data):
    start = data.draw(st.integers(0, n), label="start")
    ranks = deal(n, world_size, epoch, seed, start)
    assert sorted(together(ranks)) == sorted(deal(n, 1, epoch, seed)[0][start:])
    assert max(map(len, ranks)) - min(map(len, ranks)) <= 1


@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
@pytest.mark.parametrize("epoch", [0, 3])
def test_torchs_sampler_deals_the_same_where_it_comes_out_even(world_size, epoch):
    n = 24
    for rank in range(world_size):
        theirs = DistributedSampler(range(n), world_size, rank, shuffle=True, seed=6)
        theirs.set_epoch(epoch)
        assert sampling.shard_indices(n, rank, world_size, epoch, 6).tolist() == list(theirs)


def test_torchs_sampler_repeats_or_drops_where_it_does_not():
    """What the docstring says of it: 11 samples on 4 ranks."""
    for drop_last, n_dealt in ((False, 12), (True, 8)):
        dealt = [DistributedSampler(range(11), 4, rank, drop_last=drop_last) for rank in range(4)]
        assert sum(len(list(mine)) for mine in dealt) == n_dealt
