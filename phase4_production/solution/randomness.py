"""Random numbers that depend on a request's seed and the place of a token, and on nothing else.

A generator that is drawn from remembers how often: share it, and what one request gets depends on
its neighbours in the batch; keep one for each, and a request that was preempted and begins again
goes on from the wrong place. A number that is computed from (seed, index) has no memory to go
wrong.
"""

import hashlib

BITS = 53  # of a float64's fraction: every result is below 1


def uniform(seed: int, index: int, draw: int = 0) -> float:
    """Return the number in [0, 1) that belongs to one token of one request.

    Args:
        seed: the request's; any integer.
        index: the token's place in the answer, from 0.
        draw: which one, where a token needs several that have nothing to do with each other.
    """
    digest = hashlib.blake2b(f"{seed} {index} {draw}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> (64 - BITS)) / 2**BITS
