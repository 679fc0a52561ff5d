"""The LoRA benchmark: all sides take the same steps, and a missing peer is told."""

import pytest
import torch
from transformers import GPT2Config

from phase3_alignment.project import bench_lora
from shared import checks

SILENT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
TINY = GPT2Config(vocab_size=61, n_embd=16, n_layer=2, n_head=2, n_positions=128, **SILENT)


@pytest.mark.parametrize("only_answers", [False, True])
def test_all_sides_take_the_same_steps(only_answers):
    names = ["ours", "alike"]
    if pytest.importorskip("peft", reason="peft is not installed"):
        names.append("peft")
    batch = bench_lora.make_batch(TINY, only_answers)
    losses = {}
    for name in names:
        step = bench_lora.SIDES[name](TINY)
        losses[name] = [step(*batch) for _ in range(20)]
    # 20 steps of AdamW at lr 1e-3, in float32: it divides small gradients by small numbers.
    for name in names[1:]:
        checks.close(losses[name], losses["ours"], f"losses of {name}", rtol=1e-5, atol=0)
    assert losses["ours"][-1] < losses["ours"][0]


def test_half_of_the_labels_count():
    _, labels = bench_lora.make_batch(TINY, only_answers=True)
    checks.equal(int((labels[:, 1:] >= 0).sum()), bench_lora.B * bench_lora.T // 2, "labels")


def test_the_shape_is_gpt2s():
    with torch.device("meta"):
        model = bench_lora.adapted(bench_lora.gpt2())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    checks.equal(trained, 294_912, "trained parameters")
    checks.equal(sum(p.numel() for p in model.parameters()) - trained, 124_439_808, "frozen ones")


def test_rows(monkeypatch):
    monkeypatch.setattr(bench_lora, "TURNS", 1)
    rows = {row.id: row for row in bench_lora.times_of_rows(["ours", "alike", "peft"], TINY)}
    checks.equal(
        list(rows), ["3-lora-time", "3-lora-alike-time", "3-lora-answers-time"], "names of rows"
    )
    checks.equal([row.goal for row in rows.values()], [1 / 0.95, None, None], "goals")
    assert all(row.ratio > 0 for row in rows.values())
    (alone, *_) = bench_lora.times_of_rows(["ours", "alike"], TINY)
    checks.equal((alone.peer, alone.ratio), ("peft: not installed", None), "a missing peer")


def test_sides_that_disagree_stop_the_benchmark(monkeypatch):
    monkeypatch.setattr(bench_lora, "TURNS", 1)
    monkeypatch.setitem(bench_lora.SIDES, "alike", lambda config: lambda ids, labels: 1.0)
    with pytest.raises(AssertionError):
        bench_lora.times(["ours", "alike"], TINY, only_answers=False)


def test_the_peak_of_a_process():
    pytest.importorskip("resource", reason="this system does not tell")
    before = bench_lora.peak_mib()
    block = torch.ones(64 * 2**18)  # 64 MiB
    assert bench_lora.peak_mib() - before >= 0
    assert bench_lora.peak_mib() > block.nbytes / 2**20
