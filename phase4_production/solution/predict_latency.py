"""Before you believe a percentile: seven numbers about latency.

Answer by returning literals. The finished file builds each case, request by request, and looks.
"""

import math

import numpy as np

from phase4_production.solution import histogram


def p95_of_two_servers() -> float:
    """A fast server answers 900 requests in 100 ms each, a slow one 100 requests in 900 ms each.

    A dashboard shows the mean of their two p95s, 500 ms.

    Return the p95 of all 1000 requests in milliseconds, right to 2 %.
    """
    latencies = np.repeat([100.0, 900.0], [900, 100])
    return float(np.percentile(latencies, 95))


def p95_through_a_pause() -> float:
    """For 100 s a request arrives every 10 ms. The server answers each at once, at no cost.

    But from second 50 to second 60 it does not answer at all; then it answers everyone at once.

    Return the p95 of all requests, from arrival to answer, in seconds, right to 5 %.
    """
    arrivals = np.arange(0, 100, 0.01)
    pausing = (arrivals >= 50) & (arrivals < 60)
    latencies = np.where(pausing, 60 - arrivals, 0.0)
    return float(np.percentile(latencies, 95))


def late_requests_of_a_closed_loop() -> int:
    """The same server, the same 100 s, but one client: 10 ms after an answer it asks again.

    Return how many of its requests take longer than a millisecond: an exact number.
    """
    now, late = 0.0, 0
    while now < 100:
        answered = 60.0 if 50 <= now < 60 else now
        late += answered - now > 0.001
        now = answered + 0.01
    return late


def answers_in_flight() -> float:
    """Each second 4 requests arrive. The first token takes 0.5 s; 100 more follow, 25 ms each.

    Return how many answers are in flight at a time, on average, right to 5 %.
    """
    gaps = np.random.default_rng(0).exponential(1 / 4, 40_000)
    arrivals = np.cumsum(gaps)
    leaves = arrivals + 0.5 + 100 * 0.025
    looks = np.linspace(10, arrivals[-1], 10_000)  # the first seconds are still filling up
    return float(np.mean(np.searchsorted(arrivals, looks) - np.searchsorted(leaves, looks)))


def p95_from_buckets() -> float:
    """All of 100 requests took 0.26 s. The histogram's bounds are 0.1, 0.25, 0.5, 1 s and infinity.

    Return the p95 in seconds that Prometheus computes from it, right to 2 %.
    """
    bounds, latencies = [0.1, 0.25, 0.5, 1.0, math.inf], [0.26] * 100
    cumulative = [sum(latency <= bound for latency in latencies) for bound in bounds]
    return histogram.quantile(bounds, cumulative, 0.95)


def pages_with_a_slow_part() -> float:
    """A page asks 20 servers at once and waits for all. Each takes over 1 s in 5 % of cases.

    Return the share of pages that take longer than 1 s, from 0 to 1, right to 5 %.
    """
    slow = np.random.default_rng(0).random((100_000, 20)) < 0.05
    return float(slow.any(axis=1).mean())


def wait_when_busier() -> float:
    """Requests are served one at a time, for 100 ms on average; the others wait their turn.

    Gaps between arrivals and times of service are exponential. At a load of 90 % a request takes
    one second on average, its wait counted. The load grows to 95 %.

    Return how many seconds a request takes on average then, right to 3 %.
    """
    load, n = 0.95, np.arange(2000)
    # As often as n requests become n + 1 they become n again: P(n + 1) = load P(n).
    there = float(((1 - load) * load**n * n).sum())
    arrivals_per_s = load / 0.1
    return there / arrivals_per_s
