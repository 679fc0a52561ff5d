"""The calculator's predictions against real runs."""

import random
from dataclasses import replace

import pytest
import torch

from phase2_scaling.project import memory_check
from phase2_scaling.project.memory_check import BOUND, CASES, Case, compare
from phase2_scaling.solution.memory import Plan
from phase2_scaling.solution.model import GPTConfig

BY_NAME = {this.what: this for this in CASES}
HANDFUL = [
    "the base: 4 layers, width 64",
    "bfloat16, float32 masters",
    "loss in chunks of 32",
    "8 recomputed blocks, batch 16",
    "4 of 1, untied",
    "ZeRO 1, 2 ranks",
    "ZeRO 3, 2 ranks",
    "tensor parallel, 2 ranks",
    "pipeline, 2 stages, 4 in 1F1B",
]


def test_there_are_enough_cases_of_every_kind():
    assert len(CASES) == len(BY_NAME) >= 24
    assert sum(this.n_ranks > 1 for this in CASES) >= 8
    assert {this.plan.zero for this in CASES} == {0, 1, 2, 3}


@pytest.mark.parametrize("what", HANDFUL)
def test_a_handful_of_predictions_hold(what):
    assert abs(compare(BY_NAME[what]).error) <= BOUND


@pytest.mark.slow
@pytest.mark.parametrize("what", [what for what in BY_NAME if what not in HANDFUL])
def test_the_other_predictions_hold(what):
    assert abs(compare(BY_NAME[what]).error) <= BOUND


def any_case(seed):
    """Draw a case of one process that nobody chose."""
    pick = random.Random(seed).choice
    config = GPTConfig(
        vocab_size=pick([64, 500, 3000]),
        block_size=64,
        n_layer=pick([1, 3, 6]),
        n_head=pick([1, 4]),
        n_embd=pick([32, 64, 128]),
        tied=pick([True, False]),
        dropout=pick([0.0, 0.1]),
    )
    n_micro = pick([1, 3])
    plan = Plan(
        batch_size=pick([1, 4, 12]),
        n_tokens=pick([16, 64]),
        dtype=pick([torch.float32, torch.bfloat16]),
        optimizer=pick(["sgd", "momentum", "adam"]),
        accumulates=n_micro > 1,
        recompute=pick([True, False]),
        chunk=pick([None, 16, 64]),
    )
    return Case(f"seed {seed}", config, plan, n_micro)


@pytest.mark.slow
def test_predictions_hold_for_cases_that_nobody_chose():
    errors = {seed: compare(any_case(seed)).error for seed in range(24)}
    wrong = {any_case(seed): error for seed, error in errors.items() if abs(error) > BOUND}
    assert not wrong


def test_a_wrong_prediction_ends_the_program(monkeypatch, capsys):
    small = replace(BY_NAME["a batch of 1"], what="small")
    monkeypatch.setattr(memory_check, "CASES", [small])
    memory_check.main(memory_check.Config())
    assert "1 configurations; the worst is off by 0.0% (small)" in capsys.readouterr().out
    monkeypatch.setattr(memory_check.memory, "peak", lambda config, plan: {"parameters": 10**6})
    with pytest.raises(ValueError, match="small: off by more than 10%"):
        memory_check.main(memory_check.Config())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told():
    with pytest.raises(ValueError, match="no GPU"):
        memory_check.main(memory_check.Config(device="cuda"))
