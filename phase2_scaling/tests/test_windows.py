"""A text in windows, dealt out to ranks."""

from itertools import islice

import numpy as np
import pytest
import torch

from phase2_scaling.project.windows import Windows, read_windows, shares, steps_per_epoch
from phase2_scaling.solution.model import IGNORED


@pytest.mark.parametrize("n_bytes", [2, 17, 18, 100])
def test_every_byte_but_the_first_is_a_target_once(n_bytes):
    text = np.arange(n_bytes, dtype=np.uint8)
    windows = Windows(text, block_size=8)
    x, y = windows.batch(torch.arange(len(windows)), len(windows) + 2)
    counted = y != IGNORED
    assert x.shape == y.shape == (len(windows) + 2, 8)
    assert y[counted].tolist() == text[1:].tolist()
    assert x[counted].tolist() == text[:-1].tolist()
    assert windows.n_targets == counted.sum()


def test_validation_is_the_end_of_the_text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("ab" * 45 + "xyxyxyxyxy", encoding="utf-8")
    train, val, source = read_windows(str(path), 4)
    assert bytes(train.text) == b"ab" * 45
    assert bytes(val.text) == b"xy" * 5
    assert "text.txt" in source


def test_too_short_a_text_is_refused(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("abc", encoding="utf-8")
    with pytest.raises(ValueError, match="too short"):
        read_windows(str(path), 4)


@pytest.mark.parametrize("n", [5, 12, 29, 36])
def test_a_step_has_the_same_samples_for_every_number_of_ranks(n):
    def batches(world_size, step=0):
        every = [shares(n, 12, rank, world_size, seed=3, step=step) for rank in range(world_size)]
        for together in zip(*every, strict=False):
            samples = [index for mine, _ in together for index in mine.tolist()]
            rows = {largest for _, largest in together}
            assert rows == {max(len(mine) for mine, _ in together)}
            yield sorted(samples)

    alone = list(islice(batches(1), 10))
    epoch = steps_per_epoch(n, 12)
    assert sorted(sum(alone[:epoch], [])) == list(range(n))  # noqa: RUF017 (a handful)
    for world_size in (2, 3, 4):
        assert list(islice(batches(world_size), 10)) == alone
        assert list(islice(batches(world_size, step=4), 6)) == alone[4:]
