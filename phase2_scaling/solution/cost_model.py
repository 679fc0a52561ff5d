"""What a collective costs: alpha seconds for each message, beta seconds for each byte of it.

The model is Hockney's (1994); the collectives' costs follow Thakur, Rabenseifner and Gropp 2005
("Optimization of collective communication operations in MPICH"), section 3, without the time of
the additions. n ranks, and `n_bytes` is always the whole tensor's. It assumes that a rank can send
and receive at once, and that pairs of ranks do not slow each other down.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Link:
    """The way from one rank to another."""

    alpha_s: float
    """seconds before the first byte of a message arrives"""
    beta_s_per_byte: float
    """seconds for each byte: 1 / bandwidth"""

    def message_s(self, n_bytes: float) -> float:
        """Seconds of one message."""
        return self.alpha_s + self.beta_s_per_byte * n_bytes


def fit(n_bytes: Sequence[float], seconds: Sequence[float]) -> Link:
    """Find the link whose messages would have taken these times.

    Least squares of the relative errors: otherwise the longest messages alone would decide, and
    alpha, which only the short ones show, would be noise.

    Args:
        n_bytes: of each message; two different sizes at least.
        seconds: that it took.

    Raises:
        ValueError: all messages are of one size.
    """
    if len(set(n_bytes)) < 2:
        raise ValueError("a line needs messages of two different sizes at least")
    sizes, times = np.asarray(n_bytes, float), np.asarray(seconds, float)
    design = np.stack([np.ones_like(sizes), sizes], axis=1) / times[:, None]
    alpha, beta = np.linalg.lstsq(design, np.ones_like(times), rcond=None)[0]
    return Link(float(alpha), float(beta))


def tree_rounds(n: int) -> int:
    """Rounds until all of n ranks have heard, when everyone who knows tells one other: log2 n."""
    return (n - 1).bit_length()


def broadcast_s(n_bytes: float, n: int, link: Link) -> float:
    """Seconds of a broadcast along a binomial tree: the whole tensor in each round."""
    return tree_rounds(n) * link.message_s(n_bytes)


def reduce_s(n_bytes: float, n: int, link: Link) -> float:
    """Seconds of a reduce along a binomial tree: the broadcast, backwards."""
    return broadcast_s(n_bytes, n, link)


def reduce_scatter_s(n_bytes: float, n: int, link: Link) -> float:
    """Seconds of a reduce-scatter around a ring: n - 1 steps with a chunk of 1 / n each."""
    return (n - 1) * link.message_s(n_bytes / n)


def all_gather_s(n_bytes: float, n: int, link: Link) -> float:
    """Seconds of an all-gather around a ring: as many steps, as many bytes."""
    return reduce_scatter_s(n_bytes, n, link)


def ring_all_reduce_s(n_bytes: float, n: int, link: Link) -> float:
    """Seconds of a ring all-reduce: 2 (n - 1) alpha + 2 (n - 1) / n * n_bytes * beta.

    The second part hardly grows with n; the first does, and is what stops rings on many ranks.
    """
    return reduce_scatter_s(n_bytes, n, link) + all_gather_s(n_bytes, n, link)


def tree_all_reduce_s(n_bytes: float, n: int, link: Link) -> float:
    """Seconds of a reduce and a broadcast: few rounds, but the whole tensor in each."""
    return reduce_s(n_bytes, n, link) + broadcast_s(n_bytes, n, link)
