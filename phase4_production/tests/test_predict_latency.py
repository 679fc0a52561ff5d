"""The answers by a formula, where the solution looks at single requests; then by simulation."""

import numpy as np
import pytest

from phase4_production.solution import predict_latency
from shared import checks
from shared.checks import Near


@pytest.mark.exercise("4.22")
def test_p95_of_two_servers():
    # The slowest 5 % of all are half of what the slow server answers.
    actual = predict_latency.p95_of_two_servers()
    checks.guess(actual, Near(900, rtol=0.02), "p95 of both servers' requests, in milliseconds")


@pytest.mark.exercise("4.22")
def test_p95_through_a_pause():
    # A tenth arrive in the pause, and half of them wait longer than 5 s.
    actual = predict_latency.p95_through_a_pause()
    checks.guess(actual, Near(5, rtol=0.05), "p95 of requests that keep coming, in seconds")


@pytest.mark.exercise("4.22")
def test_late_requests_of_a_closed_loop():
    actual = predict_latency.late_requests_of_a_closed_loop()
    checks.guess(actual, checks.Sealed("closed", "070f3c3fa8e5ab19"), "late requests of one client")


@pytest.mark.exercise("4.22")
def test_answers_in_flight():
    answer = Near(4 * (0.5 + 100 * 0.025), rtol=0.05)  # Little's law
    checks.guess(predict_latency.answers_in_flight(), answer, "answers in flight at a time")


@pytest.mark.exercise("4.22")
def test_p95_from_buckets():
    answer = Near(0.25 + 0.95 * 0.25, rtol=0.02)
    actual = predict_latency.p95_from_buckets()
    checks.guess(actual, answer, "p95 that the histogram gives, in seconds")


@pytest.mark.exercise("4.22")
def test_pages_with_a_slow_part():
    answer = Near(1 - 0.95**20, rtol=0.05)
    actual = predict_latency.pages_with_a_slow_part()
    checks.guess(actual, answer, "share of pages that take longer than a second")


@pytest.mark.exercise("4.22")
def test_wait_when_busier():
    answer = Near(0.1 / (1 - 0.95), rtol=0.03)
    actual = predict_latency.wait_when_busier()
    checks.guess(actual, answer, "mean seconds of a request at 95 % load")


# -- the answers are those of the real thing ------------------------------------------------------


def test_a_queue_request_by_request():
    """Lindley 1952: a request waits for what was left of the one before, less the gap."""
    source = np.random.default_rng(0)
    n = 400_000
    service, gaps = source.exponential(0.1, n), source.exponential(0.1 / 0.95, n)
    steps = np.concatenate([[0], np.cumsum(service[:-1] - gaps[1:])])
    waits = steps - np.minimum.accumulate(steps)
    # Waits of neighbours are much alike: the mean of 400,000 still has a deviation of 4 %.
    found = float((waits + service).mean())
    checks.close(found, predict_latency.wait_when_busier(), "mean seconds of a request", rtol=0.12)
