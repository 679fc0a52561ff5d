"""What a policy has become: its score, and what it paid for it.

The same prompts and the same luck every time, so that two looks differ by the policy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from phase3_alignment.project import policy as policies
from phase3_alignment.project.policy import Policy
from phase3_alignment.project.situations import Situation
from phase3_alignment.solution import logprobs, rollout
from phase3_alignment.solution.rollout import Rollout

ROWS = 64  # responses that are sampled at a time


@dataclass(frozen=True)
class Outcome:
    """Means over the responses to a set of prompts.

    Attributes:
        score: the judge's.
        probability: mean of sigmoid(score): for a judge of two classes, that of its class.
        kl: nats per response by which the policy has moved from its reference: the mean of
            log p - log p_ref over its own responses (k1, see `solution/kl.py`).
        length: tokens of a response.
        distinct: distinct pairs of neighbouring words over all pairs: what is said again and again
            counts once (distinct-2, Li et al. 2016, arXiv:1510.03055).
        scores: (N,), of the single responses.
        responses: what was said.
    """

    score: float
    probability: float
    kl: float
    length: float
    distinct: float
    scores: Tensor
    responses: tuple[str, ...]

    def numbers(self) -> dict[str, float]:
        """Return what goes into metrics.jsonl."""
        names = ("score", "probability", "kl", "distinct")
        found = {name: getattr(self, name) for name in names}
        return found | {"response_length": self.length}


def measure(
    policy: Policy,
    situation: Situation,
    numbers: Sequence[int],
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    seed: int = 0,
) -> Outcome:
    """Let a policy respond to these prompts, once each, and look at what it says.

    Args:
        policy: with an adapter, or its KL is 0 by definition.
        situation: prompts and judge.
        numbers: of the prompts.
        max_new_tokens: of a response.
        temperature: of the sampling; the KL is that of the policy at this temperature.
        seed: of the sampling.
    """
    generator = torch.Generator(policy.device).manual_seed(seed)
    said: list[str] = []
    kls, lengths, scores = [], [], []
    for start in range(0, len(numbers), ROWS):
        part = numbers[start : start + ROWS]
        ids, mask = (t.to(policy.device) for t in situation.batch(part))
        found = rollout.sample(
            policy.model,
            ids,
            mask,
            max_new_tokens,
            policy.end_id,
            temperature=temperature,
            generator=generator,
        )
        reference = reference_logprobs(policy, found, temperature)
        kls.append((found.logprobs - reference).sum(dim=1).cpu())
        lengths.append(found.lengths.float().cpu())
        responses = situation.responses(found)
        scores.append(situation.score(part, responses).cpu())
        said += responses
    score = torch.cat(scores)
    return Outcome(
        score=score.mean().item(),
        probability=score.sigmoid().mean().item(),
        kl=torch.cat(kls).mean().item(),
        length=torch.cat(lengths).mean().item(),
        distinct=distinct_pairs(said),
        scores=score,
        responses=tuple(said),
    )


@torch.no_grad()
def reference_logprobs(policy: Policy, found: Rollout, temperature: float) -> Tensor:
    """Ask the reference how likely what the policy said was, (B, T - 1); without one, the policy.

    Both at one temperature: the KL compares the distributions that are sampled from.
    """
    if policy.adapter is None:
        return found.logprobs
    with policies.reference(policy) as base:
        positions = (found.mask.cumsum(-1) - 1).clamp(min=0)
        output = base(input_ids=found.ids, attention_mask=found.mask.long(), position_ids=positions)
    return logprobs.of_tokens(output.logits / temperature, found.ids, found.actions)


def distinct_pairs(texts: Sequence[str]) -> float:
    """Distinct pairs of neighbouring words in all texts together, over all such pairs."""
    words = [text.split() for text in texts]
    pairs = [pair for text in words for pair in pairwise(text)]
    return len(set(pairs)) / max(1, len(pairs))
