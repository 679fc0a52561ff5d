"""Read a percentile off a histogram, which is all that a server keeps of a million latencies."""

import math
from collections.abc import Sequence


def quantile(bounds: Sequence[float], cumulative: Sequence[float], q: float) -> float:
    """Estimate the value below which a share q of the observations lies.

    Prometheus' histogram_quantile: find the first bucket that is not empty and whose cumulative
    count reaches q times the number of observations, and suppose that those inside of it lie
    evenly from its lower bound to its upper one. The first bucket begins at 0. Nobody knows how
    far the last one, up to infinity, reaches: an answer that falls there is the largest finite
    bound.

    Args:
        bounds: upper bounds of the buckets, positive, ascending, the last one infinity; there are
            at least two. They stay as they are.
        cumulative: for each bound, how many observations were at most as large, in all or per
            second: they ascend, and the last one counts all observations. They stay as they are.
        q: from 0 to 1.

    Returns:
        The estimate, in the unit of the bounds; NaN if there are no observations.

    Raises:
        ValueError: if the lengths differ, the last bound is finite, or q is out of range.
    """
    if len(bounds) != len(cumulative) or len(bounds) < 2 or bounds[-1] != math.inf:
        raise ValueError(f"need a count for each bound, the last infinity, got {bounds}")
    if not 0 <= q <= 1:
        raise ValueError(f"q must be from 0 to 1, got {q}")
    if cumulative[-1] == 0:
        return math.nan
    rank = q * cumulative[-1]
    # Where q is 0, buckets before the first observation reach the rank, too.
    bucket = next(i for i, count in enumerate(cumulative) if count >= rank and count > 0)
    if bounds[bucket] == math.inf:
        return bounds[-2]
    lower, below = (bounds[bucket - 1], cumulative[bucket - 1]) if bucket else (0.0, 0)
    return lower + (bounds[bucket] - lower) * (rank - below) / (cumulative[bucket] - below)
