"""The lab: every fix leaves the gradient alone, saves what it should, and the ladder holds."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from phase2_scaling.project import oom_lab, oom_rungs
from phase2_scaling.project.oom_lab import distance
from phase2_scaling.project.oom_rungs import JOBS, Fixes, Job, ladder, make_batch, make_model, run
from phase2_scaling.solution.model import GPTConfig, next_token_loss

SMALL = Job(
    GPTConfig(vocab_size=300, block_size=12, n_layer=2, n_head=2, n_embd=16),
    n_sequences=8,
    chunk=7,
    budgets=(),
    device="cpu",
)
NONE = Fixes()
ALONE = {
    "micro-batches": {"n_micro": 4},
    "recomputed": {"recompute": True},
    "in chunks": {"chunk": 7},
    "2 ranks": {"n_micro": 4, "n_ranks": 2},
    "4 ranks": {"n_micro": 4, "n_ranks": 4},
    "offloaded": {"offload": True},
    "all": {"n_micro": 4, "recompute": True, "chunk": 7, "n_ranks": 2, "offload": True},
}
# float32 sums in another order; a mean of means, or a rank too many, is off by 1e-1 here.
SAME = 1e-6


@pytest.fixture(scope="module")
def original():
    return run(SMALL, NONE)


def test_the_original_is_what_pytorch_makes_of_it(original):
    model = make_model(SMALL.config)
    idx, targets = make_batch(SMALL, torch.device("cpu"))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
    loss = next_token_loss(model.head(model.hidden(idx)), targets)
    loss.backward()
    optimizer.step()
    assert original.loss == pytest.approx(loss.item(), rel=1e-6)
    assert distance(original.gradients, [p.grad for p in model.parameters()]) < SAME
    torch.testing.assert_close(original.weights, [p.detach() for p in model.parameters()])


@pytest.mark.parametrize("what", ALONE)
def test_each_fix_alone_leaves_the_gradient_alone(what, original):
    fixed = run(SMALL, replace(NONE, **ALONE[what]))
    assert fixed.loss == pytest.approx(original.loss, rel=1e-6)
    assert distance(fixed.gradients, original.gradients) < SAME


@pytest.mark.parametrize("what", ["recomputed", "offloaded"])
def test_what_only_moves_or_repeats_changes_no_bit(what, original):
    fixed = run(SMALL, replace(NONE, **ALONE[what]))
    for one, other in zip(
        fixed.gradients + fixed.weights, original.gradients + original.weights, strict=True
    ):
        assert torch.equal(one, other)


def test_bfloat16_is_off_by_its_rounding(original):
    plain = run(SMALL, replace(NONE, dtype=torch.bfloat16))
    assert 1e-4 < distance(plain.gradients, original.gradients) < 2e-2
    fixes = replace(NONE, dtype=torch.bfloat16, n_micro=4, n_ranks=2)
    sharded, away = run(SMALL, fixes), run(SMALL, replace(fixes, offload=True))
    # The master weights are the same numbers, wherever they lie.
    for one, other in zip(sharded.weights, away.weights, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("what", [what for what in ALONE if what != "2 ranks"])
def test_each_fix_alone_saves_memory(what, original):
    assert run(SMALL, replace(NONE, **ALONE[what])).peak < 0.95 * original.peak


def test_a_budget_is_kept_and_the_error_says_what_was_alive(original):
    mib = original.peak / 2**20
    assert run(SMALL, NONE, budget=mib).peak == original.peak
    for fixes in (NONE, replace(NONE, n_ranks=2, n_micro=2)):
        with pytest.raises(torch.OutOfMemoryError, match=r"Alive, in MiB: .*optimiser"):
            run(SMALL, fixes, budget=0.3 * mib)


def test_the_ladder_adds_one_fix_a_rung():
    rungs = ladder(JOBS["cpu"])
    assert [rung.exercise for rung in rungs] == ["", "2.8", "2.9", "2.10", "2.8", "2.18", "2.12"]
    budgets = [rung.budget for rung in rungs[1:]]
    assert budgets == sorted(budgets, reverse=True)
    for before, rung in pairwise(rungs):
        names = vars(rung.fixes)
        assert sum(names[name] != vars(before.fixes)[name] for name in names) == 1
    assert all(rung.fixes.n_ranks == 1 for rung in ladder(JOBS["cuda"]))


@pytest.mark.slow
def test_the_whole_ladder(tmp_path):
    told = []
    result = oom_lab.lab(tmp_path, tell=told.append)
    assert len(result.outcomes) == 7
    for outcome in result.outcomes[1:]:
        assert "out of memory. Tried to allocate" in outcome.error
        assert outcome.fits
    for outcome in result.outcomes[:-1]:
        assert outcome.peak == pytest.approx(outcome.predicted, rel=0.10)
    assert result.outcomes[1].off_by < 1e-6
    assert result.figure.stat().st_size > 10_000
    assert "times less" in result.headline
    saved = json.loads((tmp_path / "results.json").read_text())
    assert [row["name"] for row in saved] == [outcome.name for outcome in result.outcomes]
    assert sum("out of memory" in line for line in told) == 6


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setitem(JOBS, "cpu", replace(SMALL, budgets=(1, 0.9, 0.8, 0.7, 0.6, 0.5)))


@pytest.mark.usefixtures("quick")
def test_one_budget_ends_at_the_first_rung_that_fits(tmp_path):
    peak = run(SMALL, Fixes(n_micro=4)).peak / 2**20
    result = oom_lab.lab(tmp_path, budget=1.01 * peak)
    assert [outcome.name for outcome in result.outcomes] == ["as it is", "4 micro-batches"]
    assert result.outcomes[-1].fits
    plenty = oom_lab.lab(tmp_path, budget=1000)
    assert len(plenty.outcomes) == 1
    with pytest.raises(ValueError, match=r"not even all fixes together fit into 0\.05 MiB"):
        oom_lab.lab(tmp_path, budget=0.05)


@pytest.mark.usefixtures("quick")
def test_a_wrong_gradient_is_told(tmp_path, monkeypatch):
    def twice(*args):
        value = accumulate(*args)
        for p in args[0].parameters():
            p.grad *= 1 + 0.1 * (len(args[1]) > 1)
        return value

    accumulate = oom_rungs.accumulate
    monkeypatch.setattr(oom_rungs, "accumulate", twice)
    with pytest.raises(ValueError, match=r"4 micro-batches: the gradient is off by 10\.0%"):
        oom_lab.lab(tmp_path)


def test_what_no_lab_can_do_is_refused():
    with pytest.raises(ValueError, match="budget must be positive, got 0"):
        oom_lab.Config(budget=0)
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="no GPU"):
            oom_lab.Config(device="cuda")
