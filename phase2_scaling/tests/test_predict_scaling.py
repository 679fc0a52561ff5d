import numpy as np
import pytest
import torch

from phase2_scaling.solution import collectives, predict_scaling, schedules
from shared import checks, ranks
from shared.checks import Near

LAW = predict_scaling.LAW


@pytest.mark.exercise("2.6")
def test_growth_of_the_model():
    answer = Near(100 ** (0.3658 / (0.3478 + 0.3658)), rtol=0.1)
    actual = predict_scaling.growth_of_the_model()
    checks.guess(actual, answer, "times as many parameters for a hundred times the operations")


@pytest.mark.exercise("2.6")
def test_work_of_half_the_size():
    # The optimum at 5.76e23: 72.25e9 parameters and 1.329e12 tokens.
    loss = LAW.loss(72.25e9, 1.329e12)
    n_tokens = (2085.43 / (loss - 1.8172 - 482.01 / 36.125e9**0.3478)) ** (1 / 0.3658)
    answer = Near(n_tokens / (2 * 1.329e12), rtol=0.08)
    actual = predict_scaling.work_of_half_the_size()
    checks.guess(actual, answer, "times the operations for half the size and the same loss")


@pytest.mark.exercise("2.6")
def test_bytes_of_a_sharded_optimiser():
    answer = Near(7e9 * (2 + 2 + 12 / 8), rtol=0.03)
    actual = predict_scaling.bytes_of_a_sharded_optimiser()
    checks.guess(actual, answer, "bytes on each of 8 GPUs under ZeRO-1")


@pytest.mark.exercise("2.6")
def test_bytes_sent_by_a_rank():
    answer = Near(1e9 * 2 * 3 / 4, rtol=0.03)
    actual = predict_scaling.bytes_sent_by_a_rank()
    checks.guess(actual, answer, "bytes that each of four GPUs sends")


@pytest.mark.exercise("2.6")
def test_idle_share_of_a_pipeline():
    answer = Near(7 / (24 + 7), rtol=0.02)
    actual = predict_scaling.idle_share_of_a_pipeline()
    checks.guess(actual, answer, "share of a step in which a GPU is idle")


# -- the answers are those of the real thing ----------------------------------------------------


def test_growth_by_brute_force():
    sizes = np.geomspace(1e10, 1e13, 100_001)
    best = [sizes[LAW.loss(sizes, C / (6 * sizes)).argmin()] for C in (5.76e23, 5.76e25)]
    checks.close(predict_scaling.growth_of_the_model(), best[1] / best[0], "growth", rtol=1e-3)


def sent_bytes():
    """On one of several ranks: bytes that it sends around the ring, over those of the tensor."""
    sent, exchange = [], collectives.exchange

    def counted(message, *rest):
        sent.append(message.nbytes)
        return exchange(message, *rest)

    collectives.exchange = counted  # in this forked process alone
    tensor = torch.zeros(1200)
    collectives.ring_all_reduce(tensor)
    return sum(sent) / tensor.nbytes


def test_bytes_counted_on_real_ranks():
    expected = predict_scaling.bytes_sent_by_a_rank() / 1e9
    checks.equal(ranks.run(4, sent_bytes), [expected] * 4, "bytes sent, over those of the tensor")


def test_idle_share_by_the_clock():
    """Every action starts when its stage is free and what it waits for is there."""
    p, m, seconds = 8, 24, {"forward": 1, "backward": 2}
    orders = [schedules.one_f_one_b(p, m, stage) for stage in range(p)]
    done, free, at = {}, [0] * p, [0] * p
    while any(at[s] < len(orders[s]) for s in range(p)):
        for s in range(p):
            if at[s] == len(orders[s]):
                continue
            kind, micro = orders[s][at[s]]
            if kind == "forward":
                needed = (s - 1, "forward", micro) if s else None
            else:
                needed = (s, "forward", micro) if s == p - 1 else (s + 1, "backward", micro)
            if needed is None or needed in done:
                free[s] = max(free[s], done.get(needed, 0)) + seconds[kind]
                done[s, kind, micro] = free[s]
                at[s] += 1
    idle = 1 - m * sum(seconds.values()) / max(free)
    checks.close(predict_scaling.idle_share_of_a_pipeline(), idle, "idle share by the clock")
