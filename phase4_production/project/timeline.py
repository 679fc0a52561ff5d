"""When an answer was asked for and when its tokens came."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Timeline:
    """Moments of one answer, in seconds of `time.perf_counter`.

    Attributes:
        asked: when the request arrived, before any queue.
        first: when its first token was there.
        last: when its newest token was there.
        n_tokens: tokens so far.
    """

    asked: float = field(default_factory=time.perf_counter)
    first: float | None = None
    last: float | None = None
    n_tokens: int = 0

    def tokens(self, n: int, now: float | None = None) -> float | None:
        """Note that n tokens came; return the seconds since the one before, None for the first."""
        now = time.perf_counter() if now is None else now
        before, self.last = self.last, now
        self.n_tokens += n
        if self.first is None:
            self.first = now
            return None
        return now - before

    @property
    def ttft_s(self) -> float | None:
        """Time to the first token."""
        return None if self.first is None else self.first - self.asked

    @property
    def tpot_s(self) -> float | None:
        """Mean time per output token after the first."""
        if self.first is None or self.n_tokens < 2:
            return None
        return (self.last - self.first) / (self.n_tokens - 1)
