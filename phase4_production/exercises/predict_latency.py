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
    # TODO 4.22: Return the p95 of all requests in milliseconds.
    raise NotImplementedError("exercise 4.22: p95_of_two_servers")


def p95_through_a_pause() -> float:
    """For 100 s a request arrives every 10 ms. The server answers each at once, at no cost.

    But from second 50 to second 60 it does not answer at all; then it answers everyone at once.

    Return the p95 of all requests, from arrival to answer, in seconds, right to 5 %.
    """
    # TODO 4.22: Return the p95 of requests that keep coming, in seconds.
    raise NotImplementedError("exercise 4.22: p95_through_a_pause")


def late_requests_of_a_closed_loop() -> int:
    """The same server, the same 100 s, but one client: 10 ms after an answer it asks again.

    Return how many of its requests take longer than a millisecond: an exact number.
    """
    # TODO 4.22: Return how many requests of one waiting client are late.
    raise NotImplementedError("exercise 4.22: late_requests_of_a_closed_loop")


def answers_in_flight() -> float:
    """Each second 4 requests arrive. The first token takes 0.5 s; 100 more follow, 25 ms each.

    Return how many answers are in flight at a time, on average, right to 5 %.
    """
    # TODO 4.22: Return how many answers are in flight on average.
    raise NotImplementedError("exercise 4.22: answers_in_flight")


def p95_from_buckets() -> float:
    """All of 100 requests took 0.26 s. The histogram's bounds are 0.1, 0.25, 0.5, 1 s and infinity.

    Return the p95 in seconds that Prometheus computes from it, right to 2 %.
    """
    # TODO 4.22: Return the p95 that the histogram gives, in seconds.
    raise NotImplementedError("exercise 4.22: p95_from_buckets")


def pages_with_a_slow_part() -> float:
    """A page asks 20 servers at once and waits for all. Each takes over 1 s in 5 % of cases.

    Return the share of pages that take longer than 1 s, from 0 to 1, right to 5 %.
    """
    # TODO 4.22: Return the share of pages that are slow, from 0 to 1.
    raise NotImplementedError("exercise 4.22: pages_with_a_slow_part")


def wait_when_busier() -> float:
    """Requests are served one at a time, for 100 ms on average; the others wait their turn.

    Gaps between arrivals and times of service are exponential. At a load of 90 % a request takes
    one second on average, its wait counted. The load grows to 95 %.

    Return how many seconds a request takes on average then, right to 3 %.
    """
    # TODO 4.22: Return the mean seconds of a request at 95 % load.
    raise NotImplementedError("exercise 4.22: wait_when_busier")
