"""Where a policy acts: prompts, and somebody who scores what it says.

Two kinds. *Beginnings* of texts, which the policy goes on with, and a judge who reads the whole:
Ziegler et al. 2019 (arXiv:1909.08593) steer the sentiment of continuations so. *Questions*, in the
form of a chat, and a judge who compares answers: Ouyang et al. 2022 (arXiv:2203.02155).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from phase3_alignment.project import templates
from phase3_alignment.project.records import as_text
from phase3_alignment.project.score import Judge
from phase3_alignment.solution import padding
from phase3_alignment.solution.chat import Message
from phase3_alignment.solution.rollout import Rollout

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Score = Callable[[Sequence[int], Sequence[str]], Tensor]


@dataclass(frozen=True)
class Situation:
    """Prompts, and what responses to them are worth.

    Attributes:
        tokenizer: the policy's.
        prompts: ids of each, (n,) int64.
        score: of (numbers of prompts, responses), a (B,) float tensor.
        shown: the prompts for people to read.
    """

    tokenizer: PreTrainedTokenizerBase
    prompts: tuple[Tensor, ...]
    score: Score
    shown: tuple[str, ...]

    def batch(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return ids and mask of these prompts, (B, P), padded on the left."""
        rows = [self.prompts[i] for i in numbers]
        return padding.left(rows, self.tokenizer.pad_token_id)

    def responses(self, rollout: Rollout) -> list[str]:
        """Return what was said, without special tokens."""
        said = torch.nn.functional.pad(rollout.actions, (1, 0))  # index t + 1, as the ids have it
        rows = [ids[here] for ids, here in zip(rollout.ids, said, strict=True)]
        return [self.tokenizer.decode(row, skip_special_tokens=True) for row in rows]

    def prompt(self, number: int) -> str:
        """Return a prompt for people to read."""
        return self.shown[number]


@templates.told_if_unwritable()
def beginnings(
    texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, n_tokens: int, judge: Judge
) -> Situation:
    """Let a policy go on with texts; the judge reads beginning and continuation together.

    Args:
        texts: those with fewer than `n_tokens` tokens are left out.
        tokenizer: the policy's; its begin token, if it has one, comes first.
        n_tokens: of each text, that the policy is given.
        judge: scores texts that stand for themselves.

    Raises:
        ValueError: if no text is long enough.
    """
    begin = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    encoded = (tokenizer.encode(text, add_special_tokens=False) for text in texts)
    prompts = tuple(
        torch.tensor([*begin, *ids[:n_tokens]]) for ids in encoded if len(ids) >= n_tokens
    )
    if not prompts:
        raise ValueError(f"none of {len(texts)} texts has {n_tokens} tokens")
    opened = tuple(tokenizer.decode(ids, skip_special_tokens=True) for ids in prompts)

    def score(numbers: Sequence[int], responses: Sequence[str]) -> Tensor:
        return judge.texts([opened[i] + said for i, said in zip(numbers, responses, strict=True)])

    return Situation(tokenizer, prompts, score, opened)


@templates.told_if_unwritable()
def questions(
    asked: Sequence[Sequence[Message]],
    tokenizer: PreTrainedTokenizerBase,
    max_tokens: int,
    judge: Judge,
) -> Situation:
    """Let a policy answer; the judge compares answers to one question.

    A judge of texts reads the answer alone: whether it fits the question, nobody asks then.

    Args:
        asked: conversations that end with the user's turn; longer ones are left out.
        tokenizer: the policy's.
        max_tokens: of a prompt.
        judge: scores answers, or texts.

    Raises:
        ValueError: if no question is short enough.
    """
    encoded = [(templates.prompt(messages, tokenizer), messages) for messages in asked]
    kept = [(ids, messages) for ids, messages in encoded if len(ids) <= max_tokens]
    if not kept:
        raise ValueError(f"none of {len(asked)} questions fits into {max_tokens} tokens")

    def score(numbers: Sequence[int], responses: Sequence[str]) -> Tensor:
        if judge.positive is not None:
            return judge.texts(responses)
        return judge.answers([kept[i][1] for i in numbers], responses)

    shown = tuple(as_text(messages) for _, messages in kept)
    return Situation(tokenizer, tuple(ids for ids, _ in kept), score, shown)
