"""The planner's sums by hand, its shapes, and what it prints."""

import json
from dataclasses import replace

import numpy as np
import pytest

from phase2_scaling.project import layouts, planner, published
from phase2_scaling.project.planner import Config
from phase2_scaling.solution import counting, optimal
from shared import checks

WEEK = Config(gpu="h100", gpus=64, days=7)


def test_budget_by_hand():
    # 64 GPUs, 168 hours, 3 dollars; 40 % of 989e12 operations a second.
    budget = planner.make_budget(WEEK)
    checks.close(budget.dollars, 64 * 168 * 3.0, "dollars")
    checks.close(budget.flops, 64 * 168 * 3600 * 0.4 * 989e12, "operations", rtol=1e-12)
    same = planner.make_budget(replace(WEEK, days=None, money=budget.dollars))
    checks.close(same.days, 7.0, "days for the same money")
    half = planner.make_budget(replace(WEEK, price=6.0, days=None, money=budget.dollars))
    checks.close(half.flops, budget.flops / 2, "operations at twice the price", rtol=1e-12)
    days = counting.training_days(1e10, 1e12, 64, 989e12, 0.4)
    checks.close(planner.make_budget(replace(WEEK, days=days)).flops, 6e22, "6 N D", rtol=1e-12)


@pytest.mark.parametrize("n_params", np.geomspace(3e7, 1e12, 12).tolist())
def test_shapes_are_of_the_size_and_can_be_cut(n_params):
    shape = planner.shape_for(n_params, vocab_size=32_000, block_size=2048)
    # Coarse among the small ones: a block is a tenth of the model.
    checks.close(float(counting.n_parameters(shape)), n_params, "parameters", rtol=0.07)
    checks.law(10 <= shape.n_embd / shape.n_layer <= 400, "width over depth is usual", shape)
    checks.law(shape.n_head < 8 or shape.n_head % 4 == shape.n_layer % 2 == 0, "can be cut", shape)
    checks.law(shape.n_head < 32 or shape.n_head % 8 == shape.n_layer % 8 == 0, "by eights", shape)


def test_the_compute_optimal_candidate_is_the_best():
    budget, law = planner.make_budget(WEEK), published.BESIROGLU
    best, _ = optimal.optimal_allocation(law, budget.flops)
    found = [planner.candidate(best * share, budget, WEEK, law) for share in planner.SHARES]
    for c in found:
        checks.close(6 * c.n_params * c.n_tokens, budget.flops, "what is spent", rtol=1e-9)
        checks.close(c.loss, law.loss(c.n_params, c.n_tokens), "loss")
        room = layouts.USABLE * budget.gpu.memory_bytes
        checks.at_most(sum(layouts.memory_bytes(c.config, c.layout).values()), room, "bytes")
    checks.equal(min(found, key=lambda c: c.loss), found[1], "the candidate with the lowest loss")


def test_any_number_of_gpus_can_share_the_batch():
    for gpus, expected in (
        (1, 1024),
        (6, 1026),
        (24, 1032),
        (64, 1024),
        (16384, 1024),
        (3000, 1125),
    ):
        actual = planner.batch_sequences(replace(WEEK, gpus=gpus))
        checks.equal(actual, expected, f"sequences of a step on {gpus} GPUs")
    six = replace(WEEK, gpus=6)
    found = planner.candidate(1e9, planner.make_budget(six), six, published.BESIROGLU)
    checks.equal(found.layout.dp * found.layout.tp * found.layout.pp, 6, "GPUs in use")


def test_numbers_are_short():
    cases = {1.312e12: "1.31 T", 73.2e9: "73.2 B", 999.9e6: "1 B", 5.6e8: "560 M", 1500: "1.5e+03"}
    for value, expected in cases.items():
        checks.equal(planner.number(value), expected, f"{value} in short")


def test_program(capsys):
    planner.main(replace(WEEK, served=1e13))
    out = capsys.readouterr().out
    for part in ("64 x H100 SXM for 7 days, $32,256", "ZeRO", "H100 datasheet", "To serve 10 T"):
        checks.law(part in out, f"the plan says {part!r}", out)
    rows = [line.split("|")[1:-1] for line in out.splitlines() if line.startswith("|")]
    checks.equal(len(rows), 2 * (2 + len(planner.SHARES)), "rows of both tables")


def test_what_does_not_fit_is_said(capsys):
    planner.main(Config(gpu="t4", gpus=1, days=3650))
    checks.law("no layout fits" in capsys.readouterr().out, "the plan says what is wrong")


def test_a_law_of_ones_own(tmp_path):
    path = tmp_path / "results.json"
    law = {"E": 1.0, "A": 10.0, "B": 20.0, "alpha": 0.3, "beta": 0.4}
    path.write_text(json.dumps({"law": law}))
    checks.equal(planner.find_law(str(path)).beta, 0.4, "beta of the file's law")
    path.write_text("{}")
    checks.raises(lambda: planner.find_law(str(path)), ValueError, "no law", match="results.json")
    checks.raises(lambda: planner.find_law("kaplan"), ValueError, "no file", match="besiroglu")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({}, "--days or --money"),
        ({"days": 1.0, "money": 1.0}, "--days or --money"),
        ({"days": 0.0}, "days"),
        ({"days": float("nan")}, "finite"),
        ({"days": 1.0, "gpus": 0}, "gpus"),
        ({"days": 1.0, "served": -1.0}, "served must be 0 or more"),
        ({"days": 1.0, "price": -1.0}, "price"),
        ({"days": 1.0, "mfu": 40.0}, "mfu"),
        ({"days": 1.0, "batch_tokens": 1000}, "multiple of block_size"),
    ],
)
def test_wrong_settings(wrong, told):
    checks.raises(lambda: Config(**wrong), ValueError, str(wrong), match=told)
