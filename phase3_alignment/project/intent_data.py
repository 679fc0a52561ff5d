"""Labelled texts in three parts, as token ids, and the order in which training reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from phase3_alignment.project import corpora
from phase3_alignment.project.classifier import tokenize
from phase3_alignment.project.records import Labelled
from shared.texts import DataError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

VALIDATION = 0.1  # of the training texts, where the publisher has no such part
POOL = 32  # batches among which texts are sorted by length


@dataclass(frozen=True)
class Texts:
    """Token ids (T,) of each text, and the labels (N,) int64."""

    ids: list[Tensor]
    labels: Tensor


@dataclass(frozen=True)
class Data:
    """The three parts, and the names of the classes."""

    train: Texts
    validation: Texts
    test: Texts
    names: tuple[str, ...]


def load_data(name: str, tokenizer: PreTrainedTokenizerBase) -> Data:
    """Read labelled texts, hold out a validation part if there is none, and tokenize.

    Raises:
        DataError: there are no such data, or they have no labels.
    """
    corpus = corpora.load(name)
    if not corpus.names:
        raise DataError(f"{name} has no labels to classify by")
    train, validation = corpus.train, corpus.validation
    if not validation:
        train, validation = hold_out(train, VALIDATION)
    parts = []
    for part in (train, validation, corpus.test):
        ids = tokenize(tokenizer, [record.text for record in part])
        parts.append(Texts(ids, torch.tensor([record.label for record in part])))
    return Data(*parts, corpus.names)


def hold_out(records: Sequence[Labelled], share: float) -> tuple[list[Labelled], list[Labelled]]:
    """Part texts by a hash; equal texts stay together.

    It is not the hash of `records.held_out`: of what that one has left over it would take nothing.
    """
    sides: tuple[list[Labelled], list[Labelled]] = ([], [])
    for record in records:
        digest = hashlib.sha256(f"validation: {record.text}".encode()).digest()
        sides[int.from_bytes(digest[:8]) < share * 2**64].append(record)
    return sides


def batches(lengths: Sequence[int], batch_size: int, seed: int) -> Iterator[list[int]]:
    """Yield each index once, in batches of texts of about equal length, so that little is padding.

    The order is random; POOL batches at a time are sorted by length, cut, and shuffled again.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(lengths), generator=generator).tolist()
    for start in range(0, len(order), POOL * batch_size):
        pool = sorted(order[start : start + POOL * batch_size], key=lambda i: lengths[i])
        cut = [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
        for i in torch.randperm(len(cut), generator=generator).tolist():
            yield cut[i]
