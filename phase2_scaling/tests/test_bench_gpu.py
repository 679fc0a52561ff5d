"""The GPU benchmark's parts on a CPU, and its row on a GPU."""

import pytest
import torch

from phase2_scaling.project import bench_gpu
from phase2_scaling.solution.model import GPTConfig

SMALL = GPTConfig(vocab_size=64, block_size=16, n_layer=1, n_head=2, n_embd=16)


def test_a_step_learns_and_its_operations_are_those_of_its_products():
    step = bench_gpu.Step(SMALL, batch_size=2, device="cpu", compiled=False)
    first = step().item()
    for _ in range(50):
        step.optimizer.param_groups[0]["lr"] = 1e-2
        last = step().item()
    assert last < first - 1
    C, T, V, tokens = 16, 16, 64, 2 * 16
    forward = 2 * (12 * C * C + 2 * C * T) + 2 * V * C  # a token, by hand
    assert step.flops == 3 * forward * tokens


def test_the_rate_counts_two_operations_a_multiplication(monkeypatch):
    monkeypatch.setattr(bench_gpu, "TURNS", 1)
    step = bench_gpu.Step(SMALL, batch_size=1, device="cpu", compiled=False)
    seconds, rate = bench_gpu.timed(step, side=64)
    assert seconds > 0
    assert 2 * 64**3 / 1 < rate < 1e15  # within a second, and no machine is that fast


def test_without_a_gpu_there_are_no_rows(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert bench_gpu.rows() == []


@pytest.mark.gpu
def test_the_row_on_a_gpu():
    (row,) = bench_gpu.rows()
    assert 0 < row.ratio < 1
