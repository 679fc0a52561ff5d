"""The counter: by hand, against the slices that the real loop takes, and the theorem."""

import pytest
import torch
from torch.overrides import TorchFunctionMode

from phase4_production.solution import io_count, tiled_attention
from phase4_production.solution.tile_bounds import Tiling
from shared import checks


class Slices(TorchFunctionMode):
    """Counts the numbers that are read from the inputs, and written into other tensors."""

    def __init__(self, *inputs):
        super().__init__()
        self.storages = {t.untyped_storage().data_ptr() for t in inputs}
        self.read = self.written = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **kwargs or {})
        if func is torch.Tensor.__getitem__ and self.is_part(args[0], out):
            self.read += out.numel()
        if func is torch.Tensor.__setitem__:
            self.written += args[2].numel()
        return out

    def is_part(self, whole, part):
        known = whole.untyped_storage().data_ptr() in self.storages
        return known and part.numel() < whole.numel()


@pytest.mark.parametrize(
    "tiling",
    [
        Tiling(20, 30, block_q=7, block_k=4),
        Tiling(20, 30, causal=True, block_q=7, block_k=4),
        Tiling(30, 30, causal=True, window=6, block_q=4, block_k=5),
    ],
    ids=str,
)
def test_the_loop_moves_what_is_counted(tiling):
    q = torch.randn(1, 1, tiling.T_q, 6)
    k, v = torch.randn(1, 1, tiling.T_k, 6), torch.randn(1, 1, tiling.T_k, 6)
    with Slices(q, k, v) as slices:
        tiled_attention.forward(q, k, v, tiling)
    expected = io_count.queries_outside(tiling, 6)
    checks.equal(slices.read, expected.read, "numbers read")
    checks.equal(slices.written, expected.written, "numbers written")


def test_four_tiles_by_hand():
    """Four queries and keys of three numbers, tiles of two."""
    tiling = Tiling(4, 4, block_q=2, block_k=2)
    found = io_count.queries_outside(tiling, 3)
    checks.equal((found.read, found.written), (12 + 2 * 24, 12 + 4), "queries outside")
    found = io_count.keys_outside(tiling, 3)
    checks.equal((found.read, found.written), (24 + 2 * (24 + 8), 2 * (12 + 8)), "keys outside")
    found = io_count.naive(4, 4, 3)
    checks.equal((found.read, found.written), (12 + 12 + 16 + 16 + 12, 16 + 16 + 12), "naive")
    checks.equal(found.bytes(4), 4 * 112, "bytes in float32")


@pytest.mark.parametrize("D", [32, 64, 128])
@pytest.mark.parametrize("order", [io_count.queries_outside, io_count.keys_outside])
def test_theorem_2(D, order):
    """Between M = 16 D and M = T D / 4 the count stays within constants of T^2 D^2 / M."""
    T, ratios = 1024, []
    for M in (2**n * D for n in range(4, 9)):
        block_q, block_k = io_count.blocks(M, D)
        if order is io_count.keys_outside:
            block_q, block_k = block_k, block_q
        traffic = order(Tiling(T, T, block_q=block_q, block_k=block_k), D)
        ratios.append((traffic.read + traffic.written) / io_count.theorem(T, D, M))
    checks.at_least(min(ratios), 8.0, "smallest ratio")
    checks.at_most(max(ratios), 16.0, "largest ratio")


def test_naive_does_not_care_how_large_the_fast_memory_is():
    checks.close(io_count.naive(4096, 4096, 64).bytes(), 8 * 4096**2, "bytes", rtol=0.02)


def test_tiles_fit():
    for M, D in [(4 * 64, 64), (65_536, 64), (65_536, 128), (1000, 7)]:
        block_q, block_k = io_count.blocks(M, D)
        checks.at_most(2 * block_q * D + 2 * block_k * D, M, "numbers of q, k, v and O in tiles")
        checks.at_most(block_q * block_k, M / 4, "numbers of a tile of scores")
    with pytest.raises(ValueError, match="do not fit"):
        io_count.blocks(255, 64)
