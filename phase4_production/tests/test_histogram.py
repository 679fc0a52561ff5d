"""Quantiles by hand; then against numpy on the values that the buckets have forgotten."""

import math

import numpy as np
import pytest

from phase4_production.solution import histogram
from shared import checks

INF = math.inf
BOUNDS = [0.1, 0.2, 0.5, 1.0, INF]


def quantile(counts, q, bounds=BOUNDS):
    return histogram.quantile(list(bounds), list(counts), q)


@pytest.mark.exercise("4.21")
def test_inside_a_bucket():
    """100 observations, 40 of them from 0.2 to 0.5: the 50th is the 10th of these 40."""
    counts = [10, 40, 80, 90, 100]
    checks.close(quantile(counts, 0.5), 0.2 + 0.3 / 4, "median of 10, 40, 80, 90, 100")
    checks.close(quantile(counts, 0.85), 0.75, "85th percentile, half way from 0.5 to 1")
    checks.close(quantile([0, 0, 0, 1, 1], 0.5), 0.75, "median of one from 0.5 to 1")


@pytest.mark.exercise("4.21")
def test_at_the_edges():
    counts = [10, 40, 80, 90, 100]
    checks.close(quantile(counts, 0.4), 0.2, "40th percentile: exactly the first two buckets")
    checks.close(quantile(counts, 0.05), 0.05, "5th percentile, half way from 0 to 0.1")
    checks.close(quantile(counts, 0.0), 0.0, "smallest: where the first bucket begins")


@pytest.mark.exercise("4.21")
def test_beyond_the_last_bound():
    counts = [10, 40, 80, 90, 100]
    checks.close(quantile(counts, 0.95), 1.0, "95th percentile above all finite bounds")
    checks.close(quantile([0, 0, 0, 0, 7], 0.5), 1.0, "median of seven above all finite bounds")


@pytest.mark.exercise("4.21")
def test_empty_buckets():
    checks.close(quantile([0, 0, 8, 8, 8], 0.5), 0.35, "median of eight in one bucket")
    checks.close(quantile([0, 0, 8, 8, 8], 1.0), 0.5, "largest of eight in one bucket")
    checks.close(quantile([0, 0, 8, 8, 8], 0.0), 0.2, "smallest of eight in one bucket")
    checks.close(quantile([4, 4, 4, 4, 8], 0.5), 0.1, "median, reached before empty buckets")


@pytest.mark.exercise("4.21")
def test_counts_that_are_rates():
    """A percentile does not depend on the unit: observations in all, or so many a second."""
    rates = [0.01, 0.04, 0.08, 0.09, 0.1]
    checks.close(
        quantile(rates, 0.5), 0.2 + 0.3 / 4, "median of a tenth of an observation a second"
    )


@pytest.mark.exercise("4.21")
def test_no_observations():
    checks.equal(math.isnan(quantile([0] * 5, 0.95)), True, "whether p95 of nothing is NaN")


@pytest.mark.exercise("4.21")
def test_arguments_stay_as_they_are():
    bounds, counts = list(BOUNDS), [1, 2, 3, 4, 5]
    histogram.quantile(bounds, counts, 0.5)
    checks.equal((bounds, counts), (BOUNDS, [1, 2, 3, 4, 5]), "bounds and counts afterwards")
    found = histogram.quantile(tuple(BOUNDS), (1, 2, 4, 4, 4), 0.5)
    checks.close(found, 0.2, "median, from tuples")


def test_within_a_bucket_of_the_truth():
    """As fine as the buckets are, and no finer: 5 % wide here."""
    values = np.random.default_rng(0).lognormal(-2, 0.7, 5000)
    bounds = [*np.geomspace(0.005, 5, 150), INF]
    counts = [int((values <= bound).sum()) for bound in bounds]
    for q in (0.01, 0.5, 0.95, 0.99, 0.999):
        true = np.quantile(values, q)
        checks.close(quantile(counts, q, bounds), true, f"quantile {q}", rtol=0.05)


def test_evenly_spread_values_exactly():
    values = (np.arange(1000) + 0.5) / 1000
    counts = [int((values <= bound).sum()) for bound in BOUNDS]
    for q in np.linspace(0.01, 1, 100):
        checks.close(quantile(counts, float(q)), float(q), f"quantile {q:.2f} of an even spread")


def test_bad_arguments_are_refused():
    checks.raises(lambda: quantile([1, 2], 0.5), ValueError, "too few counts")
    checks.raises(lambda: quantile([1, 2], 0.5, [1.0, 2.0]), ValueError, "no bucket to infinity")
    checks.raises(lambda: quantile([1] * 5, 95), ValueError, "95 for 0.95")
