"""Conversations as rows of tokens for supervised fine-tuning, and what did not become one.

A row is as long as a model can read, or shorter. What is too long is cut behind an answer, never
within one: half an answer has no end, and a model that learns from many of those does not stop.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress, takewhile
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from phase3_alignment.project import corpora, templates
from phase3_alignment.project.records import Conversation, Corpus, Pair, Record, opening
from phase3_alignment.solution import packing
from phase3_alignment.solution.chat import Message
from shared.texts import DataError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Example = tuple[Tensor, Tensor]  # ids (T,) int64 and answers (T,) bool


# -- conversations ----------------------------------------------------------------------------


def load(name: str) -> Corpus:
    """Find conversations to learn from, to look at meanwhile, and for the end.

    Of pairs the preferred answer is learnt from. Where the publisher has no validation part, every
    tenth prompt of the training part goes into one.

    Raises:
        DataError: there is no such data, or it has no answers.
    """
    corpus = corpora.load(name)
    train, validation, test = (
        tuple(map(_conversation, part)) for part in (corpus.train, corpus.validation, corpus.test)
    )
    if not validation:
        # By another hash than that of `records.held_out`, by which the test part has gone already.
        tenth = [zlib.crc32(opening(record).encode()) % 10 == 0 for record in train]
        validation = tuple(compress(train, tenth))
        train = tuple(compress(train, (not chosen for chosen in tenth)))
    return Corpus(train, test, corpus.source, validation)


def _conversation(record: Record) -> Conversation:
    if isinstance(record, Conversation):
        return record
    if isinstance(record, Pair):
        return Conversation((*record.prompt, Message("assistant", record.chosen)))
    raise DataError("labelled texts have no answers to learn from; take documentation or dolly")


@dataclass(frozen=True)
class Demonstrations:
    """What of some conversations fits.

    Attributes:
        conversations: as they are learnt from; each ends in an answer.
        examples: their tokens, as `templates.render` gives them.
        n_cut: of them, how many have lost turns at their end.
        n_dropped: conversations left out, because not even the first answer fits or none is there.
        n_unwritable: left out because the tokenizer has no token for one of their characters.
    """

    conversations: tuple[Conversation, ...]
    examples: tuple[Example, ...]
    n_cut: int
    n_dropped: int
    n_unwritable: int

    def __str__(self) -> str:
        """Say what is here and what is not."""
        n = sum(len(ids) for ids, _ in self.examples)
        n_answers = sum(int(answers.sum()) for _, answers in self.examples)
        parts = [f"{len(self.examples):,} conversations"]
        parts += [f"{self.n_cut:,} of them cut behind the last answer that fits"] * bool(self.n_cut)
        parts += [f"{self.n_dropped:,} dropped as too long"] * bool(self.n_dropped)
        parts += [f"{self.n_unwritable:,} left out that the tokenizer cannot write"] * bool(
            self.n_unwritable
        )
        return f"{', '.join(parts)}: {n:,} tokens, {n_answers / max(n, 1):.0%} of them answers"


def fit(
    conversation: Conversation, tokenizer: PreTrainedTokenizerBase, block_size: int
) -> tuple[Conversation, Example] | None:
    """Return the longest beginning that ends in an answer and fits, and its tokens."""
    messages = conversation.messages
    ends = [i + 1 for i, message in enumerate(messages) if message.role == "assistant"]
    for end in reversed(ends):
        example = templates.render(messages[:end], tokenizer)
        if len(example[0]) <= block_size:
            return Conversation(messages[:end]), example
    return None


def prepare(
    conversations: Sequence[Conversation], tokenizer: PreTrainedTokenizerBase, block_size: int
) -> Demonstrations:
    """Turn conversations into tokens, at most `block_size` each.

    Raises:
        DataError: nothing is left.
    """
    kept, examples, n_cut, n_dropped, n_unwritable = [], [], 0, 0, 0
    for conversation in conversations:
        try:
            fitting = fit(conversation, tokenizer, block_size)
        except Exception as error:  # what tokenizers throws has this very type and no other
            if type(error) is not Exception:
                raise
            n_unwritable += 1
            continue
        if fitting is None:
            n_dropped += 1
            continue
        kept.append(fitting[0])
        examples.append(fitting[1])
        n_cut += _n_answers(fitting[0]) < _n_answers(conversation)
    if not kept:
        raise DataError(
            f"no conversation is left: {n_dropped:,} have no answer or do not fit into "
            f"{block_size} tokens, {n_unwritable:,} have characters without a token; take a model "
            "that reads more (--model stories) or shorter data"
        )
    return Demonstrations(tuple(kept), tuple(examples), n_cut, n_dropped, n_unwritable)


def _n_answers(conversation: Conversation) -> int:
    return sum(message.role == "assistant" for message in conversation.messages)


def first_prompt(conversation: Conversation) -> tuple[Message, ...]:
    """Return what was said before the first answer, or all if there is none."""
    return tuple(takewhile(lambda message: message.role != "assistant", conversation.messages))


def swapped(conversations: Sequence[Conversation]) -> list[Conversation]:
    """Give each conversation the first prompt of the next one, and leave it its answers.

    A model that reads the question finds such an answer less likely than behind its own question.
    One that has learnt the form alone does not care.
    """
    prompts = [first_prompt(conversation) for conversation in conversations]
    following = [*prompts[1:], *prompts[:1]]
    return [
        Conversation(other + conversation.messages[len(own) :])
        for conversation, own, other in zip(conversations, prompts, following)
    ]


# -- rows and batches -------------------------------------------------------------------------


def rows(examples: Sequence[Example], block_size: int, is_packed: bool) -> list[list[int]]:
    """Lay examples into rows: as many as have room, or one each.

    Returns:
        The numbers of each row's examples, as `packing.fill` takes them. One example in each row
        is what others call padding.
    """
    if not is_packed:
        return [[i] for i in range(len(examples))]
    return packing.pack([len(ids) for ids, _ in examples], block_size)


def batch(n: int, batch_size: int, step: int, seed: int) -> list[int]:
    """Choose the rows of a step: all n of them once an epoch, each epoch in a new order.

    The epochs follow each other without a gap, so that every batch is full.

    Args:
        n: rows.
        batch_size: of a step.
        step: from 0.
        seed: of all orders. Nothing else is remembered, so there is nothing to save.
    """
    places = range(step * batch_size, (step + 1) * batch_size)
    epochs = range(places[0] // n, places[-1] // n + 1)
    orders = {epoch: np.random.default_rng([seed, epoch]).permutation(n) for epoch in epochs}
    return [int(orders[place // n][place % n]) for place in places]
