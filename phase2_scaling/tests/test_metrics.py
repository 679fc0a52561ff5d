"""One number for all ranks: the mean over everything that they have counted."""

import math

import pytest
import torch
import torch.distributed as dist

from phase2_scaling.solution import metrics
from phase2_scaling.tests.traffic import watch_collectives
from shared import checks, ranks

FLOAT32_STOPS_AT = 2**24  # 16,777,216: adding 1 to it in float32 changes nothing


def scalar(value, dtype=torch.float32):
    return torch.tensor(value, dtype=dtype)


@pytest.mark.exercise("2.14")
def test_one_process_alone_needs_no_group():
    mean = metrics.global_mean(scalar(6.0), 4)
    checks.law(isinstance(mean, torch.Tensor), "the mean is a tensor", mean)
    checks.equal(mean.shape, (), "shape of the mean")
    checks.close(mean, 1.5, "mean of 6 nats over 4 tokens, one process")


def on_ranks():
    """Several cases in one group; each returns what this rank was told."""
    rank = dist.get_rank()
    told = {}

    # 2 tokens of 1 nat, 6 of 3 nats, 4 of 2.5 nats: (2 + 18 + 10) / 12; the mean of means is less.
    told["full"] = metrics.global_mean(scalar((2.0, 18.0, 10.0)[rank]), (2, 6, 4)[rank])

    counts, nats = (2, 6, 0), (2.0, 18.0, 0.0)
    total, count = scalar(nats[rank]), torch.tensor(counts[rank])
    told["uneven"] = metrics.global_mean(total, count)
    told["arguments"] = (total.item(), count.item())
    told["plain count"] = metrics.global_mean(scalar(nats[rank]), counts[rank])

    weight = torch.ones((), requires_grad=True)
    attached = metrics.global_mean(weight * nats[rank], counts[rank])
    told["needs grad"] = bool(getattr(attached, "requires_grad", None))

    big = (FLOAT32_STOPS_AT, 1, 1)[rank]
    double = scalar(float(big), torch.float64)
    told["many"], told["double"] = metrics.global_mean(double, big), double.item()
    # 1 nat on every token, but for one that has 2: the last digits are what it is about.
    told["digits"] = metrics.global_mean(scalar((float(FLOAT32_STOPS_AT), 1.0, 2.0)[rank]), big)

    half = scalar((256.0, 1.0, 0.0)[rank], torch.bfloat16)  # 256 + 1 is 256 in bfloat16
    told["half"] = metrics.global_mean(half, 1)
    messages = watch_collectives()
    told["nothing"] = metrics.global_mean(scalar(0.0), 0)
    told["messages"] = len(messages)
    return told


@pytest.mark.exercise("2.14")
def test_ranks_that_counted_differently():
    told = ranks.run(3, on_ranks)
    for rank, mine in enumerate(told):
        checks.close(mine["full"], 2.5, f"mean of 2, 6 and 4 tokens, told on rank {rank}")
    for rank, mine in enumerate(told):
        checks.close(mine["uneven"], 2.5, f"mean of 2, 6 and 0 tokens, told on rank {rank}")
    for rank, mine in enumerate(told):
        expected = ((2.0, 2), (18.0, 6), (0.0, 0))[rank]
        checks.equal(mine["arguments"], expected, f"total and count after the call, rank {rank}")
    doubles = [mine["double"] for mine in told]
    checks.equal(doubles, [16777216.0, 1.0, 1.0], "totals of float64 after the call, by rank")
    checks.close(told[0]["plain count"], 2.5, "mean where counts are plain integers")
    checks.equal(told[0]["needs grad"], False, "whether a gradient flows through the mean")
    checks.equal(str(told[0]["uneven"].dtype), "torch.float64", "dtype of the mean")
    checks.close(told[0]["many"], 1.0, "mean of 16,777,218 tokens of 1 nat", rtol=1e-12, atol=0)
    checks.close(
        told[0]["half"], 257 / 3, "mean of bfloat16 totals 256, 1 and 0", rtol=1e-12, atol=0
    )
    exact = (FLOAT32_STOPS_AT + 3) / (FLOAT32_STOPS_AT + 2)
    # The sums are whole numbers below 2**53: float64 rounds the quotient alone.
    checks.close(
        told[0]["digits"], exact, "mean over 16,777,218 tokens, one of 2 nats", rtol=1e-15, atol=0
    )
    checks.law(math.isnan(told[0]["nothing"]), "the mean of nothing is NaN", told[0]["nothing"])
    checks.equal(told[0]["messages"], 1, "messages for one mean")


def in_pairs():
    rank = dist.get_rank()
    groups = [dist.new_group([0, 1]), dist.new_group([2, 3])]  # every rank makes every group
    total = scalar((1.0, 5.0, 10.0, 90.0)[rank])
    return metrics.global_mean(total, (1, 2, 4, 6)[rank], groups[rank // 2])


@pytest.mark.exercise("2.14")
def test_only_the_group_takes_part():
    told = ranks.run(4, in_pairs)
    checks.close(told, [2.0, 2.0, 10.0, 10.0], "means of the groups of ranks 0, 1 and 2, 3")


def test_it_is_the_single_process_mean():
    """Oracle: all tokens in one tensor, however they are cut."""
    nats = torch.rand(1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for cuts in ([0, 1000], [10, 30, 960], [333, 333, 334, 0]):
        pieces = nats.split(cuts)

        def mean_here(pieces=pieces):
            mine = pieces[dist.get_rank()]
            return metrics.global_mean(mine.sum(), len(mine))

        for told in ranks.run(len(cuts), mean_here):
            assert told.item() == pytest.approx(nats.mean().item(), rel=1e-14)
