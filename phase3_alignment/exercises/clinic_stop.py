"""Clinic: the answers are right, and then they go on. A program that makes batches."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from phase3_alignment.solution.sft import IGNORED


@dataclass(frozen=True)
class Batch:
    """Conversations side by side, padded on the right, (B, T) each.

    Attributes:
        ids: int64, token ids.
        mask: bool, True on real tokens, False on padding; the model does not look at the latter.
        labels: int64, the ids that count, `IGNORED` elsewhere; not shifted.
    """

    ids: Tensor
    mask: Tensor
    labels: Tensor


def collate(examples: Sequence[tuple[list[int], list[bool]]], pad_id: int) -> Batch:
    """Make one batch of conversations of different lengths.

    The patient. A small model learns thirteen answers of one to five words, from conversations of
    one and of two turns. Every answer ends in the end token, and the examples mark it. There is no
    pad token, as in GPT-2, so `pad_id` is the end token. The loss is `sft.loss`, and it is healthy;
    so is the loop that writes an answer: it takes the likeliest token, looks at it, and stops at
    the end token, or after 16 tokens. After training,

                               last loss      right to the     p(end token) behind     stop
                                              last word        the last word
        300 batches of 8       below 0.001    13 of 13         0.00                    0 of 13
        1,000 batches of 1     below 0.001    13 of 13         0.00                    0 of 13

    Args:
        examples: for each conversation its ids, and True on those that count: the assistant's
            words and the end token behind them. Left as they are.
        pad_id: what to pad with. It may be any id of the vocabulary, one that is used, too.
    """
    # TODO 3.12: Labels are exactly the marked ids, the mask is True exactly on what the examples
    # hold, whatever the pad is. Mend what is ill, leave the rest.
    T = max(len(ids) for ids, _ in examples)
    ids = torch.full((len(examples), T), pad_id)
    answers = torch.zeros(len(examples), T, dtype=torch.bool)
    for row, (tokens, counts) in enumerate(examples):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        answers[row, : len(tokens)] = torch.tensor(counts)
    mask = ids != pad_id
    labels = ids.masked_fill(~(mask & answers), IGNORED)
    return Batch(ids, mask, labels)


def collate_cause() -> str:
    """Name the cause of what `collate` suffered from, one letter.

    a. The conversations come without an end token behind the answers.
    b. Padding counts, so the model learns to go on with it.
    c. End tokens are treated as if they were padding.
    d. Labels are one place away from the tokens that they are of.
    e. The loop that writes an answer runs over the end token.
    """
    # TODO 3.12: Return the letter of the cause.
    raise NotImplementedError("exercise 3.12: collate_cause")
