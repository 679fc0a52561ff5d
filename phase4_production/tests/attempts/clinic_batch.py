"""The mistakes of `mistakes/clinic_batch.py`, as others would write them."""

import torch

from phase4_production.solution.clinic_batch import Padded
from shared.mistakes import attempt


def _left(prompts, value):
    """Lists on the right of a rectangle."""
    T = max(map(len, prompts))
    return torch.tensor([[value] * (T - len(p)) + list(p) for p in prompts])


def _real(prompts):
    """Where there are tokens."""
    return _left([[1] * len(p) for p in prompts], 0).bool()


@attempt("pad_left_counts_columns")
def _(prompts, pad_id):
    ids = _left(prompts, pad_id)
    positions = torch.stack([torch.arange(ids.size(1)) for _ in prompts])
    return Padded(ids=ids, mask=_real(prompts), positions=positions)


@attempt("pad_left_begins_at_1")
def _(prompts, pad_id):
    numbers = _left([range(1, len(p) + 1) for p in prompts], 0)
    return Padded(_left(prompts, pad_id), numbers > 0, numbers)


@attempt("pad_left_leaves_places_below_0")
def _(prompts, pad_id):
    ids = _left(prompts, pad_id)
    T = ids.size(1)
    rows = [list(range(len(p) - T, len(p))) for p in prompts]
    return Padded(ids, _real(prompts), torch.tensor(rows))


@attempt("pad_left_pads_right")
def _(prompts, pad_id):
    T = max(map(len, prompts))
    ids = torch.tensor([list(p) + [pad_id] * (T - len(p)) for p in prompts])
    mask = torch.tensor([[True] * len(p) + [False] * (T - len(p)) for p in prompts])
    positions = torch.tensor([list(range(len(p))) + [0] * (T - len(p)) for p in prompts])
    return Padded(ids, mask, positions)


@attempt("pad_left_reads_padding_off_the_ids")
def _(prompts, pad_id):
    ids = _left(prompts, pad_id)
    mask = ids.ne(pad_id)
    positions = mask.long().cumsum(-1) - 1
    positions[positions < 0] = 0
    return Padded(ids, mask, positions)


@attempt("pad_left_shifts_all_rows_alike")
def _(prompts, pad_id):
    ids = _left(prompts, pad_id)
    gap = ids.size(1) - min(map(len, prompts))
    row = [max(column - gap, 0) for column in range(ids.size(1))]
    return Padded(ids, _real(prompts), torch.tensor([row] * len(prompts)))


@attempt("pad_left_unmasks")
def _(prompts, pad_id):
    ids = _left(prompts, pad_id)
    positions = _left([range(len(p)) for p in prompts], 0)
    return Padded(ids, torch.full(ids.shape, True), positions)


@attempt("pad_left_blames_the_mask")
def _():
    return "A"


@attempt("pad_left_blames_rounding")
def _():
    return "b".upper()


@attempt("pad_left_blames_the_last_column")
def _():
    letter = "c"
    return letter


@attempt("pad_left_blames_the_generator")
def _():
    return chr(100)


@attempt("pad_left_gives_padding_place_1")
def _(prompts, pad_id):
    return Padded(
        _left(prompts, pad_id), _real(prompts), _left([range(len(p)) for p in prompts], 1)
    )


@attempt("pad_left_masks_the_columns")
def _(prompts, pad_id):
    T = max(map(len, prompts))
    positions = _left([range(T - len(p), T) for p in prompts], 0)
    return Padded(_left(prompts, pad_id), _real(prompts), positions)
