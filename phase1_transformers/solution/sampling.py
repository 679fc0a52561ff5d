"""From scores to a token: cut off what is unlikely, then roll the dice.

A filter takes logits (..., V) and returns new ones in which a dropped token has -inf, so that
softmax gives it probability 0 and the rest share what is left. Its argument stays as it is.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn. The defaults draw from the model's own distribution."""

    temperature: float = 1.0
    """logits are divided by it; 0 always takes the likeliest token"""
    top_k: int | None = None
    """keep so many tokens"""
    top_p: float | None = None
    """keep the likeliest tokens that together have this probability"""
    min_p: float | None = None
    """keep tokens at least this likely, as a share of the likeliest one's probability"""
    repetition_penalty: float = 1.0
    """above 1, tokens of the text so far become less likely"""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"temperature must be 0 or more, got {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k must be 1 or more, got {self.top_k}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must lie in (0, 1], got {self.top_p}")
        if self.min_p is not None and not 0 <= self.min_p <= 1:
            raise ValueError(f"min_p must lie in [0, 1], got {self.min_p}")
        if not 0 < self.repetition_penalty < math.inf:
            raise ValueError(f"repetition_penalty must be > 0, got {self.repetition_penalty}")


UNFILTERED = Sampling()
GREEDY = Sampling(temperature=0.0)


def top_k(logits: Tensor, k: int) -> Tensor:
    """Keep the k highest logits of each row.

    Fan et al. 2018 (arXiv:1805.04833), section 5.4.

    Args:
        logits: (..., V).
        k: how many to keep; never more than k stay, so of equal logits the smaller ids win. With
            k >= V all stay.

    Returns:
        (..., V), a new tensor with -inf at the others.

    Raises:
        ValueError: if k < 1.
    """
    if k < 1:
        raise ValueError(f"k must be 1 or more, got {k}")
    order = logits.argsort(dim=-1, descending=True, stable=True)
    return logits.scatter(-1, order[..., k:], -math.inf)


def top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the nucleus: the fewest tokens, likeliest first, that have probability p together.

    Holtzman et al. 2019 (arXiv:1904.09751), section 3.1. The token with which the sum reaches p is
    kept, and so at least one always is. Of equal logits the smaller ids come first.

    Args:
        logits: (..., V).
        p: probability that the kept tokens reach; with 1 nothing is dropped, however unlikely.

    Returns:
        (..., V), a new tensor with -inf at the others.

    Raises:
        ValueError: if p is not in (0, 1].
    """
    if not 0 < p <= 1:
        raise ValueError(f"p must lie in (0, 1], got {p}")
    ranked, order = logits.sort(dim=-1, descending=True, stable=True)
    probs = ranked.softmax(dim=-1)
    likelier = probs.cumsum(dim=-1) - probs  # what the tokens before this one have together
    dropped = (likelier >= p) & (p < 1)  # a sum of many roundings may reach 1 too early
    return logits.scatter(-1, order, ranked.masked_fill(dropped, -math.inf))


def min_p(logits: Tensor, p: float) -> Tensor:
    """Keep the tokens whose probability is at least p times that of the likeliest.

    Nguyen et al. 2024 (arXiv:2407.01082), section 3. Where the model is sure, few tokens pass;
    where it is not, many do.

    Args:
        logits: (..., V).
        p: share of the highest probability; 0 keeps all, 1 only the likeliest (all, if several).

    Returns:
        (..., V), a new tensor with -inf at the others.

    Raises:
        ValueError: if p is not in [0, 1].
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p must lie in [0, 1], got {p}")
    probs = logits.softmax(dim=-1)
    return logits.masked_fill(probs < p * probs.amax(dim=-1, keepdim=True), -math.inf)


def repetition_penalty(logits: Tensor, idx: Tensor, penalty: float) -> Tensor:
    """Make the tokens of the text so far less likely: a positive logit is divided, others grow.

    Keskar et al. 2019 (arXiv:1909.05858), section 4.1; that a negative logit is multiplied instead
    is what implementations have agreed on since. However often a token occurs, it counts once.

    Args:
        logits: (B, V).
        idx: (B, T), the text so far.
        penalty: 1 changes nothing, below 1 invites repetition.

    Returns:
        (B, V), a new tensor.
    """
    seen = logits.gather(-1, idx)  # (B, T)
    return logits.scatter(-1, idx, torch.where(seen > 0, seen / penalty, seen * penalty))


def sample(logits: Tensor, sampling: Sampling, generator: torch.Generator | None = None) -> Tensor:
    """Draw a token for each row, as `sampling` says.

    Temperature comes first, then `top_k`, `top_p` and `min_p`, those of them that are not None;
    each looks at what the one before has left. Temperature 0 takes the highest logit, of equal
    ones the smallest id, and draws nothing. The repetition penalty needs the text, so it is not
    applied here.

    Args:
        logits: (B, V), any floating dtype; the probabilities are computed in float32 at least.
        sampling: how to draw.
        generator: the only source of chance, on the device of the logits.

    Returns:
        (B,) int64 token ids.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    logits = logits / sampling.temperature
    if sampling.top_k is not None:
        logits = top_k(logits, sampling.top_k)
    if sampling.top_p is not None:
        logits = top_p(logits, sampling.top_p)
    if sampling.min_p is not None:
        logits = min_p(logits, sampling.min_p)
    return torch.multinomial(logits.softmax(dim=-1), 1, generator=generator).squeeze(-1)
