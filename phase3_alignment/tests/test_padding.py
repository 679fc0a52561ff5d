"""Padding: by hand, and a padded batch against its rows one by one, on models of transformers."""

import pytest
import torch

from phase3_alignment.solution import padding
from phase3_alignment.tests.tiny_causal import FAMILIES, make_model
from shared import checks

ROWS = [torch.tensor([7, 8]), torch.tensor([9, 9, 9, 1]), torch.tensor([9])]


def test_by_hand():
    ids, mask = padding.right(ROWS, 9)
    checks.equal(ids, torch.tensor([[7, 8, 9, 9], [9, 9, 9, 1], [9, 9, 9, 9]]), "on the right")
    checks.equal(mask.int(), torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]]), "its mask")
    ids, mask = padding.left(ROWS, 9)
    checks.equal(ids, torch.tensor([[9, 9, 7, 8], [9, 9, 9, 1], [9, 9, 9, 9]]), "on the left")
    checks.equal(mask.int(), torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 1]]), "its mask")
    expected = torch.tensor([[0, 0, 0, 1], [0, 1, 2, 3], [0, 0, 0, 0]])
    checks.equal(padding.positions(mask), expected, "positions")


@pytest.mark.parametrize("side", [padding.left, padding.right])
def test_other_dtypes(side):
    rows = [torch.tensor([True]), torch.tensor([False, True])]
    padded, mask = side(rows, False)
    checks.equal(str(padded.dtype), "torch.bool", "dtype")
    checks.equal(padded.sum().item(), 2, "True in all rows")
    checks.equal(mask.sum().item(), 3, "real tokens")


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_do_not_know_the_padding(family):
    model = make_model(family)
    rows = [torch.randint(50, (n,), generator=torch.Generator().manual_seed(n)) for n in (2, 7, 4)]
    for side in (padding.left, padding.right):
        ids, mask = side(rows, 3)
        with torch.no_grad():
            logits = model(
                input_ids=ids, attention_mask=mask, position_ids=padding.positions(mask)
            ).logits
            for row, real, found in zip(rows, mask, logits, strict=True):
                alone = model(input_ids=row[None]).logits[0]
                # float64: what is left is rounding.
                checks.close(found[real], alone, f"{family}, {side.__name__}", 1e-9, 1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_left_padding_generates_what_each_row_does_alone(family):
    model = make_model(family)
    rows = [torch.randint(50, (n,), generator=torch.Generator().manual_seed(n)) for n in (2, 7, 4)]
    ids, mask = padding.left(rows, 3)
    how = {"max_new_tokens": 8, "do_sample": False, "pad_token_id": 3, "eos_token_id": 49}
    together = model.generate(ids, attention_mask=mask, **how)[:, ids.shape[1] :]
    for row, found in zip(rows, together, strict=True):
        everywhere = torch.ones(1, len(row), dtype=torch.int64)
        alone = model.generate(row[None], attention_mask=everywhere, **how)[0, len(row) :]
        checks.equal(found[: len(alone)], alone, f"what {family} writes")
