import pytest
import torch

from phase4_production.solution import predict_io
from phase4_production.solution.tile_bounds import Tiling
from phase4_production.tests.whole_matrix import visible
from shared import checks
from shared.checks import Near


@pytest.mark.exercise("4.5")
def test_moved_by_naive_attention():
    answer = Near(2 * (4 * 4096**2 + 4 * 4096 * 64) / 1e6, rtol=0.04)
    checks.guess(predict_io.moved_by_naive_attention(), answer, "MB moved by naive attention")


@pytest.mark.exercise("4.5")
def test_moved_by_tiles():
    answer = Near(2 * (32 * 2 + 2) * 4096 * 64 / 1e6, rtol=0.04)
    checks.guess(predict_io.moved_by_tiles(), answer, "MB moved in tiles of 128 x 64")


@pytest.mark.exercise("4.5")
def test_growth_with_longer_key_tiles():
    actual = predict_io.growth_with_longer_key_tiles()
    checks.guess(actual, Near(1.0, rtol=0.02), "times as many bytes with tiles of 128 x 128")


@pytest.mark.exercise("4.5")
def test_growth_with_the_head():
    actual = predict_io.growth_with_the_head()
    checks.guess(actual, Near(4.0, rtol=0.03), "times as many bytes with D = 128")


@pytest.mark.exercise("4.5")
def test_tiles_that_are_read():
    answer = Near(sum(2 * (i + 1) for i in range(16)), rtol=1e-6)
    checks.guess(predict_io.tiles_that_are_read(), answer, "tiles of 512 that are read")


@pytest.mark.exercise("4.5")
def test_kept_for_backward():
    answer = Near(1024 * (4 * 64 + 1) * 4 / 1e6, rtol=0.03)
    checks.guess(predict_io.kept_for_backward(), answer, "MB kept for the backward pass")


@pytest.mark.exercise("4.5")
def test_work_for_each_byte():
    answer = Near(32 / 8, rtol=0.02)
    actual = predict_io.work_for_each_byte()
    checks.guess(actual, answer, "operations for each byte of the cache")


# -- the answers are those of the real thing ----------------------------------------------------


def test_tiles_by_looking():
    tiling = Tiling(2048, 2048, causal=True, block_q=128, block_k=64)
    tiles = visible(tiling).view(16, 128, 32, 64).permute(0, 2, 1, 3).flatten(2).any(-1)
    checks.equal(int(tiles.sum()), predict_io.tiles_that_are_read(), "tiles")


def test_naive_attention_keeps_5_mb():
    kept = {}

    def keep(t):
        kept[t.untyped_storage().data_ptr()] = t
        return t

    q, k, v = (torch.zeros(1, 1, 1024, 64, requires_grad=True) for _ in range(3))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        out = (q @ k.mT * 0.125).softmax(-1) @ v
        megabytes = (sum(t.nbytes for t in kept.values()) + out.nbytes) / 1e6
    checks.close(megabytes, 5.24, "MB of q, k, v, P and O", rtol=0.01)
