"""Which text is the better one: pairs and labels in one form, in batches of about equal length.

A label is a comparison, too: of a text with one that nobody wrote, whose score is 0. By Bradley and
Terry the text wins with probability sigmoid(score), so its score is the log-odds of the label, and
their loss is binary cross-entropy, to the letter. What learns from one learns from the other.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from phase3_alignment.project.calibration import (
    Report,
    calibration_error,
    length_bias,
    reliability,
    right,
)
from phase3_alignment.project.records import Corpus, Labelled, Pair, Record, opening
from phase3_alignment.project.score import Reader
from phase3_alignment.project.templates import told_if_unwritable
from shared.texts import DataError

EVEN = -1  # the number of the text that nobody wrote
POOL = 32  # batches among which texts of equal length find each other
VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class Comparisons:
    """Texts, and which of two is the better one.

    Attributes:
        texts: N of them, what is judged: answers without their prompts.
        ids: of each text, the tokens that a reward model reads, prompt included.
        better, worse: (M,) int64, numbers of texts; EVEN on one side if the other one is labelled.
    """

    texts: tuple[str, ...]
    ids: tuple[Tensor, ...]
    better: Tensor
    worse: Tensor

    def __len__(self) -> int:
        return len(self.better)

    @property
    def lengths(self) -> Tensor:
        """Characters of each text, and last those of EVEN: as many as a text has on average."""
        characters = torch.tensor([len(text) for text in self.texts], dtype=torch.float64)
        return torch.cat([characters, characters.mean()[None]])

    @property
    def n_tokens(self) -> Tensor:
        """Tokens of the longer side of each comparison; (M,) int64."""
        n_tokens = torch.tensor([*map(len, self.ids), 0])
        return torch.maximum(n_tokens[self.better], n_tokens[self.worse])

    def sides(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Turn scores of all texts, (N,), into those of the better and the worse ones, (M,)."""
        scores = torch.cat([scores, scores.new_zeros(1)])
        return scores[self.better], scores[self.worse]

    def judged(self, scores: Tensor) -> Report:
        """Check scores, (N,) log-odds, as calibration.report does."""
        chosen, rejected = self.sides(scores)
        bins = reliability(chosen, rejected)
        return Report(
            n=len(self),
            accuracy=right(chosen, rejected).mean().item(),
            calibration_error=calibration_error(bins),
            bins=bins,
            length_bias=length_bias(
                chosen, rejected, self.lengths[self.better], self.lengths[self.worse]
            ),
        )


def of_pairs(pairs: Sequence[Pair], reader: Reader) -> Comparisons:
    """Compare the answers of each pair: 2 i is better than 2 i + 1."""
    answers = [(p.prompt, answer) for p in pairs for answer in (p.chosen, p.rejected)]
    numbers = torch.arange(len(answers)).view(-1, 2)
    ids = tuple(reader.answer(*answer) for answer in answers)
    return Comparisons(tuple(text for _, text in answers), ids, *numbers.unbind(1))


def of_labels(records: Sequence[Labelled], positive: int, reader: Reader) -> Comparisons:
    """Compare each text with EVEN: those of the positive class are better."""
    numbers = torch.arange(len(records))
    is_positive = torch.tensor([record.label == positive for record in records])
    ids = tuple(reader.text(record.text) for record in records)
    return Comparisons(
        tuple(record.text for record in records),
        ids,
        numbers.where(is_positive, EVEN),
        numbers.where(~is_positive, EVEN),
    )


# -- what is learnt from, and what is not -------------------------------------------------------


def half(corpus: Corpus, which: str) -> Corpus:
    """Keep "both" halves of the training openings, the "first" or the "second"; the test stays.

    By a third hash, for the reason that `with_validation` gives.
    """
    if which == "both":
        return corpus
    kept = []
    for record in corpus.train:
        digest = hashlib.sha256(f"half: {opening(record)}".encode()).digest()
        if (digest[0] < 128) == (which == "first"):
            kept.append(record)
    return replace(corpus, train=tuple(kept))


def with_validation(corpus: Corpus) -> Corpus:
    """Hold back a tenth of the training openings, where the publisher names no validation part.

    By a hash, as `records.held_out` does, but another one: by the same hash, those openings would
    be drawn that the test has taken already.
    """
    if corpus.validation:
        return corpus
    train, validation = [], []
    for record in corpus.train:
        digest = hashlib.sha256(f"validation: {opening(record)}".encode()).digest()
        held = int.from_bytes(digest[:8]) < VALIDATION_SHARE * 2**64
        (validation if held else train).append(record)
    return replace(corpus, train=tuple(train), validation=tuple(validation))


def positive_class(corpus: Corpus, name: str) -> str | None:
    """Say which class scores high: the one of that name, else the commonest; None for pairs.

    Raises:
        DataError: the records are conversations, of which none is better.
    """
    first = corpus.train[0]
    if isinstance(first, Pair):
        return None
    if not isinstance(first, Labelled):
        raise DataError("a reward model learns from pairs or labels, and these are conversations")
    if name in corpus.names:
        return name
    return corpus.names[Counter(record.label for record in corpus.train).most_common(1)[0][0]]


@told_if_unwritable()
def compare(
    records: Sequence[Record], names: Sequence[str], positive: str | None, reader: Reader
) -> Comparisons:
    """Make comparisons of records of either kind."""
    if positive is None:
        return of_pairs(records, reader)
    return of_labels(records, names.index(positive), reader)


def batches(lengths: Tensor, batch_size: int, generator: torch.Generator) -> list[Tensor]:
    """Deal out all numbers once, at random, in batches in which lengths are about equal.

    Sorting all of them would put the same texts together in every epoch; sorting a pool of some
    batches saves nearly as much padding.

    Args:
        lengths: (M,).
        batch_size: the last batch of a pool may be smaller.
        generator: of the order.
    """
    order = torch.randperm(len(lengths), generator=generator)
    dealt = [
        batch
        for pool in order.split(POOL * batch_size)
        for batch in pool[lengths[pool].argsort(stable=True)].split(batch_size)
    ]
    return [dealt[i] for i in torch.randperm(len(dealt), generator=generator)]
