"""The NF4 benchmark: both sides give the same bits, and a missing peer is told."""

import importlib.util

import pytest
import torch

from phase3_alignment.project import bench_nf4
from shared import checks

SHAPE = (96, 64)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(bench_nf4, "TURNS", 1)
    monkeypatch.setattr(bench_nf4, "CALL_SECONDS", 0.0)


def test_rows():
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")
    rows = bench_nf4.rows_of(SHAPE)
    t = torch.get_num_threads()
    ids = [f"3-nf4-{job}-96x64-t{t}" for job in ("quantize", "dequantize", "again")]
    checks.equal([row.id for row in rows], ids, "rows")
    checks.equal([row.goal for row in rows], [5.0, 1.0, None], "goals")
    assert all(row.ratio > 0 for row in rows)


def test_other_bits_are_caught():
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")
    pairs = bench_nf4.jobs(torch.randn(SHAPE, generator=torch.Generator().manual_seed(0)))
    for pair in pairs:
        bench_nf4.require_same(pair)
        other = bench_nf4.Pair(pair.job, lambda pair=pair: pair.ours() + 1, pair.theirs)
        with pytest.raises(AssertionError, match="other bits"):
            bench_nf4.require_same(other)


def test_a_missing_peer_is_told(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    rows = bench_nf4.rows_of(SHAPE)
    checks.equal({row.peer for row in rows}, {"bitsandbytes: not installed"}, "peers")
    checks.equal({row.ratio for row in rows}, {None}, "ratios")
