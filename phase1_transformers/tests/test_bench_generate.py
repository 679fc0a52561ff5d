"""The benchmark compares like with like: same weights, same tokens, and it says if they differ."""

import pytest
import torch

from phase1_transformers.project import bench_generate
from phase1_transformers.solution.config import gpt2
from shared import checks

CONFIG = gpt2(vocab_size=101, block_size=1024, n_layer=1, n_head=2, n_embd=32)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(bench_generate, "NEW", 8)
    monkeypatch.setattr(bench_generate, "TURNS", 1)


@pytest.mark.parametrize("dtype", bench_generate.DTYPES)
def test_rows(dtype):
    rows = bench_generate.rows_of(dtype, CONFIG, bandwidth=1e9)
    ids = [f"1-generate-{dtype}-b{B}" for B in (1, 8)]
    checks.equal([row.id for row in rows], ids, "rows")
    checks.law(all(row.ratio and row.limit > 0 for row in rows), "each has a ratio and a limit")


@pytest.mark.parametrize("dtype", bench_generate.DTYPES.values(), ids=bench_generate.DTYPES)
def test_other_tokens_are_caught(dtype):
    model, peer = bench_generate.make_models(CONFIG, dtype)
    idx = bench_generate.prompts(2, CONFIG.vocab_size)
    new = bench_generate.ours(model)(idx)
    bench_generate.require_same(idx, new, peer)
    theirs = bench_generate.with_transformers(peer)(idx)
    if dtype == torch.float32:
        checks.equal(new, theirs, "greedy tokens")
    new[1, 5] = (new[1, 5] + 1) % CONFIG.vocab_size
    wrong = lambda: bench_generate.require_same(idx, new, peer)  # noqa: E731
    checks.raises(wrong, AssertionError, "one other token", match="behind the best")
