"""The attention benchmark's parts on a CPU, and its rows on a GPU."""

import pytest
import torch
import torch.nn.functional as F

from phase4_production.project import bench_gpu_flash as bench
from shared import checks


@pytest.fixture
def small(monkeypatch):
    for name, value in {"TOKENS": 32, "FEATURES": 32, "SIDE": 16, "CALLS": 1, "TURNS": 1}.items():
        monkeypatch.setattr(bench, name, value)


def causal(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def test_operations_are_those_of_the_scores_below_the_diagonal(small):
    work = bench.Work(T=16, D=16, backward=False)
    products = 2  # Q K^T and P V
    by_hand = 2 * products * (2 * 2) * (16 * 16 / 2) * 16  # sequences x heads, scores, features
    checks.equal(work.flops, by_hand, "operations of the forward")
    # The backward has five products of that size for the forward's two.
    checks.equal(bench.Work(16, 16, True).flops, by_hand * (2 + 5) / 2, "and with the backward")


@pytest.mark.parametrize("backward", [False, True])
def test_rows(small, backward):
    work = bench.Work(T=16, D=16, backward=backward)
    rows = bench.rows_of(work, {"ours": causal, "flash": causal}, device="cpu")
    kind = "train" if backward else "forward"
    ids = [f"gpu-flash-{kind}-d16-t16-{peer}" for peer in ("flash", "cudnn", "flash-attn")]
    checks.equal([row.id for row in rows], ids, "rows")
    checks.equal([row.goal for row in rows], [0.8 if backward else 0.9, None, None], "goals")
    assert rows[0].ratio > 0
    assert rows[0].limit > 0
    checks.equal(rows[1].peer, "cuDNN: not installed", "a missing peer")


@pytest.mark.parametrize("backward", [False, True])
def test_other_results_are_caught(small, backward):
    work = bench.Work(T=16, D=16, backward=backward)
    sides = {"ours": causal, "flash": F.scaled_dot_product_attention}
    with pytest.raises(AssertionError, match="results differ"):
        bench.rows_of(work, sides, device="cpu")


def test_without_a_gpu_there_are_no_rows(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert bench.rows() == []


@pytest.mark.gpu
def test_a_row_on_a_gpu(monkeypatch):
    pytest.importorskip("triton", reason="Triton is not installed")
    monkeypatch.setattr(bench, "TURNS", 2)
    row, *_ = bench.rows_of(bench.Work(T=1024, D=64, backward=True))
    assert 0 < row.ours < row.limit
