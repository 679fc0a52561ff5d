"""What one request wishes of its tokens: how they are drawn, and when they end."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class SamplingParams:
    """The wishes of one request, checked once, when they arrive.

    Attributes:
        temperature: the logits are divided by it; 0 is greedy, always the likeliest token.
        top_k: draw among the k likeliest tokens only; None means among all.
        top_p: draw among the fewest tokens that have this share of the probability; 1 means all.
        min_p: draw among the tokens that are at least this share as likely as the likeliest.
        repetition_penalty: above 1, tokens that the prompt or the answer has become less likely
            (Keskar et al. 2019, section 4.1).
        frequency_penalty: taken off a token's logit for each time that the answer has it, -2 to 2.
        presence_penalty: taken off once if the answer has the token at all, -2 to 2.
        max_tokens: the answer ends after as many tokens.
        stop: texts that end the answer; they do not belong to it.
        seed: makes the answer repeatable; None means that the server draws a seed.
        logprobs: report the log-probabilities of as many likeliest tokens; None means of none.
        ignore_eos: go on after the end-of-text token, as benchmarks do.

    Raises:
        ValueError: in one line, if a value is out of its range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    max_tokens: int = 128
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: int | None = None
    ignore_eos: bool = False

    def __post_init__(self):
        for name, holds, range_ in (
            ("temperature", 0 <= self.temperature < math.inf, "at least 0"),
            ("top_k", self.top_k is None or self.top_k >= 1, "at least 1, or None"),
            ("top_p", 0 < self.top_p <= 1, "above 0 and at most 1"),
            ("min_p", 0 <= self.min_p <= 1, "from 0 to 1"),
            ("repetition_penalty", 0 < self.repetition_penalty < math.inf, "above 0"),
            ("frequency_penalty", -2 <= self.frequency_penalty <= 2, "from -2 to 2"),
            ("presence_penalty", -2 <= self.presence_penalty <= 2, "from -2 to 2"),
            ("max_tokens", self.max_tokens >= 1, "at least 1"),
            ("stop", not isinstance(self.stop, str) and all(self.stop), "texts, none empty"),
            ("logprobs", self.logprobs is None or self.logprobs >= 0, "at least 0, or None"),
        ):
            if not holds:
                raise ValueError(f"{name} must be {range_}, got {getattr(self, name)!r}")

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is always taken."""
        return self.temperature == 0
