"""The mistakes of `mistakes/histogram.py`, as others would write them."""

import math

import numpy as np

from shared.mistakes import attempt


def _walk(bounds, cumulative, rank, inside, reached=lambda count, rank: count >= rank > -1):
    """Bucket by bucket; `inside(lower, upper, rank - below, own count, count so far)`."""
    lower, below = 0.0, 0
    for upper, count in zip(bounds, cumulative, strict=True):
        if count > 0 and reached(count, rank):
            return (
                bounds[-2]
                if upper == math.inf
                else inside(lower, upper, rank - below, count - below, count)
            )
        lower, below = upper, count
    return bounds[-2]


def _line(lower, upper, ahead, own, so_far):
    return lower + (upper - lower) * ahead / own


@attempt("quantile_upper_bound")
def _(bounds, cumulative, q):
    n = cumulative[-1]
    if not n:
        return math.nan
    return _walk(bounds, cumulative, q * n, lambda lower, upper, *_: upper)


@attempt("quantile_middle")
def _(bounds, cumulative, q):
    n = cumulative[-1]
    if not n:
        return math.nan
    return _walk(bounds, cumulative, q * n, lambda lower, upper, *_: lower + 0.5 * (upper - lower))


@attempt("quantile_sums_again")
def _(bounds, cumulative, q):
    sums = np.cumsum(cumulative).tolist()
    return _walk(bounds, sums, q * sums[-1], _line) if sums[-1] else math.nan


@attempt("quantile_share_of_all")
def _(bounds, cumulative, q):
    n = cumulative[-1]
    if not n:
        return math.nan

    def inside(lower, upper, ahead, own, so_far):
        return lower + (upper - lower) * q * n / so_far

    return _walk(bounds, cumulative, q * n, inside)


@attempt("quantile_from_zero")
def _(bounds, cumulative, q):
    n = cumulative[-1]
    if not n:
        return math.nan
    return _walk(bounds, cumulative, q * n, lambda lower, upper, ahead, own, _: upper * ahead / own)


@attempt("quantile_of_infinity")
def _(bounds, cumulative, q):
    if not cumulative[-1]:
        return math.nan
    rank, lower, below = q * cumulative[-1], 0.0, 0
    for upper, count in zip(bounds, cumulative, strict=True):
        if count and count >= rank:
            return lower + (rank - below) / (count - below) * (upper - lower)
        lower, below = upper, count


@attempt("quantile_zero_of_nothing")
def _(bounds, cumulative, q):
    return _walk(bounds, cumulative, q * cumulative[-1], _line) if cumulative[-1] else 0


@attempt("quantile_strictly_above")
def _(bounds, cumulative, q):
    n = cumulative[-1]
    if not n:
        return math.nan
    return _walk(bounds, cumulative, q * n, _line, reached=lambda count, rank: count > rank)


@attempt("quantile_without_the_slowest")
def _(bounds, cumulative, q):
    if not cumulative[-1]:
        return math.nan
    return _walk(bounds, cumulative, q * cumulative[-2], _line)


@attempt("quantile_in_an_empty_bucket")
def _(bounds, cumulative, q):
    n = cumulative[-1]
    if not n:
        return math.nan
    return 0.0 if q == 0 else _walk(bounds, cumulative, q * n, _line)


@attempt("quantile_of_a_whole_rank")
def _(bounds, cumulative, q):
    if not cumulative[-1]:
        return float("nan")
    return _walk(
        bounds,
        cumulative,
        int(np.ceil(q * cumulative[-1])),
        lambda lower, upper, n, own, _: lower + n / own * (upper - lower),
    )


@attempt("quantile_as_of_a_list")
def _(bounds, cumulative, q):
    n = cumulative[-1]
    return _walk(bounds, cumulative, q * n - q, _line, lambda c, r: c >= r) if n else math.nan


@attempt("quantile_begins_at_the_first_bound")
def _(bounds, cumulative, q):
    def inside(lower, upper, ahead, own, _):
        lower = lower or upper
        return lower + (upper - lower) * ahead / own

    n = cumulative[-1]
    return _walk(bounds, cumulative, q * n, inside) if n else math.nan


@attempt("quantile_begins_before_empty_buckets")
def _(bounds, cumulative, q):
    full = [i for i, c in enumerate(cumulative) if c > (cumulative[i - 1] if i else 0)]
    kept = full if full[-1:] == [len(bounds) - 1] else [*full, len(bounds) - 1]
    if not full:
        return math.nan
    rank = q * cumulative[-1]
    found = _walk([bounds[i] for i in kept], [cumulative[i] for i in kept], rank, _line)
    return bounds[-2] if kept == full and rank > cumulative[-2] else found


@attempt("quantile_of_less_than_one")
def _(bounds, cumulative, q):
    n = int(cumulative[-1])
    return _walk(bounds, cumulative, q * cumulative[-1], _line) if n else float("nan")


@attempt("quantile_in_place")
def _(bounds, cumulative, q):
    n = cumulative[-1]
    if not n:
        return math.nan
    found = _walk(bounds, cumulative, q * n, _line)
    for i in reversed(range(1, len(cumulative))):
        cumulative[i] = cumulative[i] - cumulative[i - 1]
    return found
