"""The sweep: what it trains, what it keeps, and what it concludes from runs whose law is known."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from phase2_scaling.project import own_law, recipe, sweep
from phase2_scaling.project.recipe import LOOKS, Point, Recipe
from phase2_scaling.solution.counting import n_parameters
from phase2_scaling.solution.law import Law
from phase2_scaling.solution.optimal import optimal_allocation
from phase2_scaling.tests.test_tour import TINY, hurry

PLANTED = Law(E=1.2, A=30.0, B=300.0, alpha=0.4, beta=0.5)


def planted(config: sweep.Config) -> list[Point]:
    """Points that lie on the planted law at the end, and above it before."""
    points = []
    for one in config.recipes("planted"):
        size = n_parameters(one.config)
        looks = [
            (n := int(share * one.n_tokens), float(PLANTED.loss(size, n)) + 0.2 * (share < 1))
            for share in LOOKS
        ]
        points.append(Point(one, 1.0, tuple(looks)))
    return points


# -- the conclusions ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def points():
    return planted(sweep.PRESETS["default"])


def test_the_law_is_found_again(points):
    law = own_law.numbers(points).fit()
    # 1 %: losses are exact, and L-BFGS stops within that of the five numbers
    assert [law.E, law.A, law.B, law.alpha, law.beta] == pytest.approx(
        [PLANTED.E, PLANTED.A, PLANTED.B, PLANTED.alpha, PLANTED.beta], rel=0.01
    )
    assert own_law.growth(law) == pytest.approx(0.5 / 0.9, rel=0.01)


def test_the_prediction_is_the_laws_and_its_interval_holds_it(points):
    law = own_law.numbers(points).fit()
    told = own_law.predict(points, law, 200_000, 4_000_000)
    truth = PLANTED.loss(200_000, 4_000_000)
    assert told.loss == pytest.approx(truth, rel=1e-3)  # four digits, far from the points
    assert told.low <= told.loss * (1 + 1e-6)
    assert told.high >= told.loss * (1 - 1e-6)


def test_counting_without_the_tables_raises_the_exponent(points):
    ways = {exponent.way: exponent.value for exponent in own_law.exponents(points)}
    law = "the law L(N, D), "
    assert ways[law + "without the tables"] > ways[law + "all parameters"] + 0.05


def test_middles_of_runs_lie_above_their_ends(points):
    assert all(curve.loss[:-1].min() > PLANTED.E + 0.2 for curve in own_law.undecayed(points))
    for curve in own_law.decayed(points):
        truth = PLANTED.loss(curve.n_params, curve.flops / (6 * curve.n_params))
        assert curve.loss == pytest.approx(truth, rel=1e-12)


def test_the_targets_tokens_make_its_size_the_best():
    n_tokens = sweep.best_tokens(PLANTED, 150_000)
    best, _ = optimal_allocation(PLANTED, 6 * 150_000 * n_tokens)
    assert best == pytest.approx(150_000, rel=1e-4)  # tokens are whole


def test_the_target_is_four_times_larger_and_no_larger_than_needed(points):
    target = sweep.larger(sweep.PRESETS["default"], PLANTED, points)
    largest = max(point.n_params for point in points)
    narrower = replace(target, width=target.width - 8)
    assert n_parameters(target.config) >= 4 * largest > n_parameters(narrower.config)


# -- the runs -----------------------------------------------------------------------------------


def test_budgets_are_kept_and_the_longest_run_is_first():
    config = sweep.PRESETS["default"]
    recipes = config.recipes("")
    spent = [6 * n_parameters(one.config) * one.n_tokens for one in recipes]
    assert all(min(abs(c / budget - 1) for budget in config.budgets) < 1e-3 for c in spent)
    assert max(recipes, key=lambda r: n_parameters(r.config) * r.n_tokens) in recipes[:5]


def test_the_schedule_rises_falls_and_ends_with_the_tokens():
    one = Recipe(16, 256 * 100, "")
    rates = [one.lr(step) for step in range(one.steps)]
    assert len(rates) == 100
    assert max(rates) == pytest.approx(recipe.LR_TIMES_WIDTH / 16, rel=0.06)  # the warm-up's share
    assert rates[0] < max(rates) / 4
    assert rates[-1] == pytest.approx(recipe.LR_TIMES_WIDTH / 16 * recipe.LAST_LR, rel=1e-9)


@pytest.fixture(scope="module")
def text():
    generator = torch.Generator().manual_seed(0)
    return bytes(torch.randint(97, 105, (20_000,), generator=generator).tolist())


def test_a_run_is_the_same_to_the_bit_and_looks_at_its_end(text):
    one = Recipe(8, 256 * 16, "t")
    first, second = (recipe.train(one, *recipe.split(text)) for _ in range(2))
    assert first.looks == second.looks
    assert [n for n, _ in first.looks] == [256 * 2, 256 * 4, 256 * 8, 256 * 16]
    assert first.n_tokens == 256 * 16
    assert first.loss < first.looks[0][1] < 5.6  # ln 256 is 5.545


def test_the_score_is_the_mean_over_windows(text):
    model = recipe.GPT(Recipe(8, 1, "").config)
    tokens = recipe.split(text)[1]
    starts = torch.linspace(0, len(tokens) - 65, 15).long()
    x = torch.stack([tokens[i : i + 65] for i in starts]).long()
    expected = F.cross_entropy(model(x[:, :-1])[0].flatten(0, 1), x[:, 1:].flatten())
    assert recipe.score(model, tokens) == pytest.approx(expected.item(), rel=1e-5)  # float32


def test_a_point_comes_back_from_its_file(tmp_path):
    point = planted(TINY)[0]
    point.write(tmp_path)
    assert Point.read(point.recipe, tmp_path) == point
    assert Point.read(replace(point.recipe, seed=1), tmp_path) is None


@pytest.mark.slow
def test_a_second_sweep_takes_what_the_first_one_trained(tmp_path, monkeypatch, capsys, text):
    path = tmp_path / "text.txt"
    path.write_bytes(text)
    config = replace(TINY, data=str(path), processes=2)
    hurry(monkeypatch)
    first = sweep.sweep(config, tmp_path)
    assert {p.name for p in first.path.iterdir()} == {
        *("results.json", "frontier.png", "valleys.png", "prediction.png", "exponents.png")
    }
    monkeypatch.setattr(sweep, "_finished", lambda *_: 1 / 0)
    second = sweep.sweep(config, tmp_path)
    assert second.points == first.points
    assert second.headline == first.headline
    assert sweep.read_result(first.path) == second
    n = len(first.points)
    assert f"{n} of {n} runs are in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--widths", "12"], "widths are multiples of 8, got 12"),
        (["--budgets", "1e9"], "a law needs 6"),
        (["--times-larger", "1"], "times_larger must be above 1"),
        (["--data", "nothing.txt"], "no dataset is called 'nothing.txt'"),
    ],
)
def test_bad_flags_are_told_in_one_line(flags, line):
    command = [sys.executable, "-m", "phase2_scaling.project.sweep", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert line in done.stderr
    assert len(done.stderr.splitlines()) == 1
