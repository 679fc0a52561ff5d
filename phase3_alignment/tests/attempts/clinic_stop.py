"""The mistakes of `mistakes/clinic_stop.py`, as others would write them."""

import torch

from phase3_alignment.solution.clinic_stop import Batch
from shared.mistakes import attempt


def _padded(rows, value):
    """Rows of lists on the left of a rectangle."""
    T = max(map(len, rows))
    return torch.tensor([[*row, *[value] * (T - len(row))] for row in rows])


def _all(examples, pad_id):
    """Padded ids, what counts, and what is real."""
    tokens = [list(ids) for ids, _ in examples]
    counts = [list(counts) for _, counts in examples]
    real = _padded([[True] * len(row) for row in tokens], False)
    return _padded(tokens, pad_id), _padded(counts, False), real


@attempt("collate_reads_padding_off_the_ids")
def _(examples, pad_id):
    ids, counts, _ = _all(examples, pad_id)
    labels = torch.where(counts, ids, -100)
    labels[labels == pad_id] = -100
    return Batch(ids, ids.ne(pad_id), labels)


@attempt("collate_mends_only_labels")
def _(examples, pad_id):
    ids, counts, _ = _all(examples, pad_id)
    return Batch(ids=ids, mask=ids.ne(pad_id), labels=torch.where(counts, ids, -100))


@attempt("collate_mends_only_the_mask")
def _(examples, pad_id):
    ids, counts, real = _all(examples, pad_id)
    labels = torch.where(counts, ids, -100)
    labels[ids == pad_id] = -100
    return Batch(ids, real, labels)


@attempt("collate_learns_padding")
def _(examples, pad_id):
    ids, counts, real = _all(examples, pad_id)
    return Batch(ids, real, torch.where(counts | ~real, ids, -100))


@attempt("collate_pads_with_0")
def _(examples, pad_id):
    pad_id = 0
    ids, counts, _ = _all(examples, pad_id)
    labels = torch.where(counts, ids, -100)
    labels[ids == pad_id] = -100
    return Batch(ids, ids.ne(pad_id), labels)


@attempt("collate_learns_everything")
def _(examples, pad_id):
    ids, _, real = _all(examples, pad_id)
    labels = ids.clone()
    labels[~real] = -100
    return Batch(ids, real, labels)


@attempt("collate_saves_the_last_end")
def _(examples, pad_id):
    ids, counts, real = _all(examples, pad_id)
    mask = ids != pad_id
    last = real.sum(1) - 1
    mask[torch.arange(len(ids)), last] = True
    return Batch(ids, mask, torch.where(counts & mask, ids, -100))


@attempt("collate_shifts")
def _(examples, pad_id):
    ids, counts, real = _all(examples, pad_id)
    labels = torch.where(counts, ids, -100).roll(-1, dims=1)
    labels[:, -1] = -100
    return Batch(ids, real, labels)


@attempt("collate_blames_the_conversations")
def _():
    return "A"


@attempt("collate_blames_the_padding")
def _():
    return "b".upper()


@attempt("collate_blames_the_shift")
def _():
    letter = "d"
    return letter


@attempt("collate_blames_the_loop")
def _():
    return chr(101)
