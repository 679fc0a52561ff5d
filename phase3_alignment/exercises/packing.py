"""Packing: several short documents in one row, and none of them sees another.

Padding to the longest wastes most of a batch where lengths differ much. Krell et al. 2021
(arXiv:2107.02027) pack and keep the documents apart: attention stays inside a document, and
positions begin anew in each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from phase3_alignment.solution.sft import IGNORED, labels

PADDING = -1  # stands for padding where others have the number of their document


def pack(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Put documents into as few rows as first-fit does.

    One after the other, in the order given, a document goes into the first row that has room for
    the whole of it, or else into a new row at the end. First-fit never needs more than 1.7 times
    the fewest rows possible, rounded down (Dosa and Sgall 2013).

    Args:
        lengths: tokens of each document, at least 1.
        capacity: tokens for which a row has room.

    Returns:
        For each row the numbers of its documents, in the order in which they came.

    Raises:
        ValueError: if a document is longer than a row; cut it first.
    """
    if max(lengths, default=0) > capacity:
        raise ValueError(f"a document of {max(lengths)} tokens does not fit a row of {capacity}")
    # TODO 3.11: For each row the numbers of its documents: each document, in the order given, is in
    # the first row that had room for it.
    raise NotImplementedError("exercise 3.11: pack")


def positions(documents: Tensor) -> Tensor:
    """Count the tokens of each document from 0.

    Args:
        documents: (B, T) int64; tokens of one document have one number and stand together, and
            neighbours have different ones. Padding, `PADDING`, is treated like a document.

    Returns:
        (B, T) int64, on the same device: 0, 1, 2, ... and from 0 again where a document begins.
    """
    # TODO 3.11: 0, 1, 2, ... in every document of every row, padding treated like a document.
    raise NotImplementedError("exercise 3.11: positions")


def attention_mask(documents: Tensor) -> Tensor:
    """Say which token may look at which: at itself and what is before it in its own document.

    Padding is treated like a document. So it sees itself, no row of the mask is empty, and no
    softmax has nothing to divide by.

    Args:
        documents: (B, T) int64, as for `positions`.

    Returns:
        (B, 1, T, T) bool, on the same device: True at [b, 0, i, j] if token i may look at token j.
    """
    # TODO 3.11: True where token i may look at token j: the same document, and j not after i.
    raise NotImplementedError("exercise 3.11: attention_mask")


# -- a batch for a model ----------------------------------------------------------------------


@dataclass(frozen=True)
class Packed:
    """A batch of packed rows, (B, T) int64 each.

    Attributes:
        ids: token ids.
        labels: `IGNORED` where nothing counts; never the first token of a document, since what
            stands before it belongs to another.
        documents: the number of each token's document, `PADDING` behind the last.
    """

    ids: Tensor
    labels: Tensor
    documents: Tensor


def fill(
    examples: Sequence[tuple[Tensor, Tensor]], rows: Sequence[Sequence[int]], pad_id: int
) -> Packed:
    """Lay documents side by side, as wide as the fullest row.

    Args:
        examples: (ids, answers) of each document, (n,) int64 and bool, as `chat.render` gives.
        rows: the documents of each row, as `pack` gives them, or some of those.
        pad_id: any id; what it is makes no difference.
    """
    T = max(sum(len(examples[document][0]) for document in row) for row in rows)
    batch = Packed(*(torch.full((len(rows), T), value) for value in (pad_id, IGNORED, PADDING)))
    for b, row in enumerate(rows):
        end = 0
        for document in row:
            ids, answers = examples[document]
            begin, end = end, end + len(ids)
            batch.ids[b, begin:end] = ids
            batch.labels[b, begin:end] = labels(ids, answers)
            batch.labels[b, begin] = IGNORED
            batch.documents[b, begin:end] = document
    return batch


def inputs(batch: Packed, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Say the mask in the way that every attention of transformers respects.

    A mask of four axes is passed through as it is. "eager" adds it to the scores, where True and
    False would be a one and a zero; "sdpa" takes both kinds. So it is 0 and -inf here.

    Args:
        batch: packed rows.
        dtype: of the model's activations.

    Returns:
        For `model(**inputs(batch)).logits`: input_ids, position_ids (B, T), attention_mask
        (B, 1, T, T).
    """
    sees = attention_mask(batch.documents)
    return {
        "input_ids": batch.ids,
        "position_ids": positions(batch.documents),
        "attention_mask": torch.zeros_like(sees, dtype=dtype).masked_fill(~sees, float("-inf")),
    }
