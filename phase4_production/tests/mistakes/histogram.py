"""Classic wrong answers for `solution/histogram.py`."""

import math

from shared.mistakes import mistake


def _bucket(cumulative, rank):
    return next(i for i, count in enumerate(cumulative) if count >= rank and count > 0)


@mistake(
    "4.21",
    "histogram.quantile",
    "The bucket's upper bound is returned; go as far into the bucket as the rank is.",
)
def quantile_upper_bound(bounds, cumulative, q):
    if cumulative[-1] == 0:
        return math.nan
    bucket = _bucket(cumulative, q * cumulative[-1])
    return bounds[-2] if bounds[bucket] == math.inf else bounds[bucket]


@mistake(
    "4.21",
    "histogram.quantile",
    "The middle of the bucket is returned; go as far into the bucket as the rank is.",
)
def quantile_middle(bounds, cumulative, q):
    if cumulative[-1] == 0:
        return math.nan
    bucket = _bucket(cumulative, q * cumulative[-1])
    if bounds[bucket] == math.inf:
        return bounds[-2]
    lower = bounds[bucket - 1] if bucket else 0.0
    return (lower + bounds[bucket]) / 2


@mistake(
    "4.21",
    "histogram.quantile",
    "The counts are already cumulative; here they are summed up once more.",
)
def quantile_sums_again(bounds, cumulative, q):
    if sum(cumulative) == 0:
        return math.nan
    sums = [sum(cumulative[: i + 1]) for i in range(len(cumulative))]
    rank = q * sums[-1]
    bucket = _bucket(sums, rank)
    if bounds[bucket] == math.inf:
        return bounds[-2]
    lower, below = (bounds[bucket - 1], sums[bucket - 1]) if bucket else (0.0, 0)
    return lower + (bounds[bucket] - lower) * (rank - below) / (sums[bucket] - below)


@mistake(
    "4.21",
    "histogram.quantile",
    "The share of all observations up to the bucket is taken; inside it only its own count.",
)
def quantile_share_of_all(bounds, cumulative, q):
    if cumulative[-1] == 0:
        return math.nan
    rank = q * cumulative[-1]
    bucket = _bucket(cumulative, rank)
    if bounds[bucket] == math.inf:
        return bounds[-2]
    lower = bounds[bucket - 1] if bucket else 0.0
    return lower + (bounds[bucket] - lower) * rank / cumulative[bucket]


@mistake(
    "4.21",
    "histogram.quantile",
    "The line begins at 0 in every bucket; it begins at the bucket's lower bound.",
)
def quantile_from_zero(bounds, cumulative, q):
    if cumulative[-1] == 0:
        return math.nan
    rank = q * cumulative[-1]
    bucket = _bucket(cumulative, rank)
    if bounds[bucket] == math.inf:
        return bounds[-2]
    below = cumulative[bucket - 1] if bucket else 0
    return bounds[bucket] * (rank - below) / (cumulative[bucket] - below)


@mistake(
    "4.21",
    "histogram.quantile",
    "The last bucket has no upper bound to go towards: the largest finite bound is all that is known.",
)
def quantile_of_infinity(bounds, cumulative, q):
    if cumulative[-1] == 0:
        return math.nan
    rank = q * cumulative[-1]
    bucket = _bucket(cumulative, rank)
    lower, below = (bounds[bucket - 1], cumulative[bucket - 1]) if bucket else (0.0, 0)
    return lower + (bounds[bucket] - lower) * (rank - below) / (cumulative[bucket] - below)


@mistake(
    "4.21",
    "histogram.quantile",
    "Of no observations there is no percentile; 0 would look like a very fast server.",
)
def quantile_zero_of_nothing(bounds, cumulative, q):
    if cumulative[-1] == 0:
        return 0.0
    rank = q * cumulative[-1]
    bucket = _bucket(cumulative, rank)
    if bounds[bucket] == math.inf:
        return bounds[-2]
    lower, below = (bounds[bucket - 1], cumulative[bucket - 1]) if bucket else (0.0, 0)
    return lower + (bounds[bucket] - lower) * (rank - below) / (cumulative[bucket] - below)


@mistake(
    "4.21",
    "histogram.quantile",
    "A count that reaches the rank exactly is enough; with > the next bucket's far end may be returned.",
)
def quantile_strictly_above(bounds, cumulative, q):
    if cumulative[-1] == 0:
        return math.nan
    rank = q * cumulative[-1]
    bucket = next((i for i, c in enumerate(cumulative) if c > rank), len(bounds) - 1)
    if bounds[bucket] == math.inf:
        return bounds[-2]
    lower, below = (bounds[bucket - 1], cumulative[bucket - 1]) if bucket else (0.0, 0)
    return lower + (bounds[bucket] - lower) * (rank - below) / (cumulative[bucket] - below)


@mistake(
    "4.21",
    "histogram.quantile",
    "q is taken of what lies below the largest finite bound; the slowest belong to all observations.",
)
def quantile_without_the_slowest(bounds, cumulative, q):
    if cumulative[-1] == 0:
        return math.nan
    rank = q * cumulative[-2]
    bucket = next((i for i, c in enumerate(cumulative) if c >= rank and c), len(bounds) - 1)
    if bounds[bucket] == math.inf:
        return bounds[-2]
    lower, below = (bounds[bucket - 1], cumulative[bucket - 1]) if bucket else (0.0, 0)
    return lower + (bounds[bucket] - lower) * (rank - below) / (cumulative[bucket] - below)


@mistake(
    "4.21",
    "histogram.quantile",
    "For q = 0 an empty first bucket is taken; the smallest observation is where the first one with any begins.",
)
def quantile_in_an_empty_bucket(bounds, cumulative, q):
    if cumulative[-1] == 0:
        return math.nan
    rank = q * cumulative[-1]
    bucket = next(i for i, count in enumerate(cumulative) if count >= rank)
    if bounds[bucket] == math.inf:
        return bounds[-2]
    lower, below = (bounds[bucket - 1], cumulative[bucket - 1]) if bucket else (0.0, 0)
    inside = cumulative[bucket] - below
    return lower + (bounds[bucket] - lower) * (rank - below) / max(inside, 1)


@mistake(
    "4.21",
    "histogram.quantile",
    "The rank was rounded to a whole observation: Prometheus goes a part of one into the bucket as well.",
)
def quantile_of_a_whole_rank(bounds, cumulative, q):
    if cumulative[-1] == 0:
        return math.nan
    rank = math.ceil(q * cumulative[-1])
    bucket = _bucket(cumulative, rank)
    if bounds[bucket] == math.inf:
        return bounds[-2]
    lower, below = (bounds[bucket - 1], cumulative[bucket - 1]) if bucket else (0.0, 0)
    return lower + (bounds[bucket] - lower) * (rank - below) / (cumulative[bucket] - below)


@mistake(
    "4.21",
    "histogram.quantile",
    "The rank is q (n - 1), as of a sorted list that begins at 0; here it is q times the number.",
)
def quantile_as_of_a_list(bounds, cumulative, q):
    if cumulative[-1] == 0:
        return math.nan
    rank = q * (cumulative[-1] - 1)
    bucket = _bucket(cumulative, rank)
    if bounds[bucket] == math.inf:
        return bounds[-2]
    lower, below = (bounds[bucket - 1], cumulative[bucket - 1]) if bucket else (0.0, 0)
    return lower + (bounds[bucket] - lower) * (rank - below) / (cumulative[bucket] - below)


@mistake(
    "4.21",
    "histogram.quantile",
    "The first bucket begins at 0, not at its own upper bound: nothing is left to go through.",
)
def quantile_begins_at_the_first_bound(bounds, cumulative, q):
    if cumulative[-1] == 0:
        return math.nan
    rank = q * cumulative[-1]
    bucket = _bucket(cumulative, rank)
    if bounds[bucket] == math.inf:
        return bounds[-2]
    lower, below = (bounds[bucket - 1], cumulative[bucket - 1]) if bucket else (bounds[0], 0)
    return lower + (bounds[bucket] - lower) * (rank - below) / (cumulative[bucket] - below)


@mistake(
    "4.21",
    "histogram.quantile",
    "A bucket begins where the one before it ends, also if that one is empty.",
)
def quantile_begins_before_empty_buckets(bounds, cumulative, q):
    if cumulative[-1] == 0:
        return math.nan
    rank = q * cumulative[-1]
    bucket = _bucket(cumulative, rank)
    if bounds[bucket] == math.inf:
        return bounds[-2]
    below = cumulative[bucket - 1] if bucket else 0
    lower = max((b for b, count in zip(bounds, cumulative) if 0 < count < rank), default=0.0)
    return lower + (bounds[bucket] - lower) * (rank - below) / (cumulative[bucket] - below)


@mistake(
    "4.21",
    "histogram.quantile",
    "Less than one observation counts as none; counts may be rates, and 0.1 a second is something.",
)
def quantile_of_less_than_one(bounds, cumulative, q):
    if cumulative[-1] < 1:
        return math.nan
    rank = q * cumulative[-1]
    bucket = _bucket(cumulative, rank)
    if bounds[bucket] == math.inf:
        return bounds[-2]
    lower, below = (bounds[bucket - 1], cumulative[bucket - 1]) if bucket else (0.0, 0)
    return lower + (bounds[bucket] - lower) * (rank - below) / (cumulative[bucket] - below)


@mistake(
    "4.21",
    "histogram.quantile",
    "The caller's counts are changed: they are the server's, and go on being counted.",
)
def quantile_in_place(bounds, cumulative, q):
    if cumulative[-1] == 0:
        return math.nan
    rank = q * cumulative[-1]
    bucket = _bucket(cumulative, rank)
    for i in range(len(cumulative) - 1, 0, -1):
        cumulative[i] -= cumulative[i - 1]
    if bounds[bucket] == math.inf:
        return bounds[-2]
    lower, below = (bounds[bucket - 1], sum(cumulative[:bucket])) if bucket else (0.0, 0)
    return lower + (bounds[bucket] - lower) * (rank - below) / cumulative[bucket]
