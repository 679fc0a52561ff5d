import pytest
import torch

from phase2_scaling.solution import collectives, predict_parallel, schedules
from shared import checks, ranks
from shared.checks import Near


@pytest.mark.exercise("2.17")
def test_bytes_sent_when_sharded():
    # Three walks around the ring, of three chunks each: replicas' all-reduce is two (Rajbhandari et
    # al. 2019, section 7.2: 1.5 times the traffic).
    answer = Near(1e9 * 3 * 3 / 4, rtol=0.03)
    actual = predict_parallel.bytes_sent_when_sharded()
    checks.guess(actual, answer, "bytes that each of four GPUs sends")


@pytest.mark.exercise("2.17")
def test_idle_share_of_a_pipeline():
    answer = Near(7 / (24 + 7), rtol=0.02)
    actual = predict_parallel.idle_share_of_a_pipeline()
    checks.guess(actual, answer, "share of a step in which a GPU is idle")


# -- the answers are those of the real thing ----------------------------------------------------


def sent_bytes():
    """On one of several ranks: bytes that it sends in a step, over those of the parameters."""
    sent, exchange = [], collectives.exchange

    def counted(message, *rest):
        sent.append(message.nbytes)
        return exchange(message, *rest)

    collectives.exchange = counted  # in this forked process alone
    parameters, gradients = torch.zeros(1200), torch.zeros(1200)
    for _ in ("forward", "backward"):
        collectives.all_gather(parameters[:300], parameters.numel())
    collectives.reduce_scatter(gradients)
    return sum(sent) / parameters.nbytes


def test_bytes_counted_on_real_ranks():
    expected = predict_parallel.bytes_sent_when_sharded() / 1e9
    checks.equal(ranks.run(4, sent_bytes), [expected] * 4, "bytes sent, over the parameters'")


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
    checks.close(predict_parallel.idle_share_of_a_pipeline(), idle, "idle share by the clock")
