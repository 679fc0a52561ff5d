"""The replication: our fit is where Besiroglu et al. have theirs, Hoffmann et al.'s is not."""

import json
from dataclasses import fields

import numpy as np
import pytest

from phase2_scaling.project import chinchilla, published
from phase2_scaling.project.chinchilla import Config, Estimate
from phase2_scaling.project.published import Runs
from phase2_scaling.solution import parametric
from phase2_scaling.solution.law import Law
from phase2_scaling.tests.test_published import needs_the_runs
from shared import checks

NAMES = [field.name for field in fields(Law)]


@pytest.fixture(scope="module")
def points():
    return published.load().without_outliers()


@needs_the_runs
def test_our_fit_lies_within_the_published_standard_errors(points):
    law = parametric.fit(points.n_params, points.n_tokens, points.loss)
    for name in NAMES:
        distance = abs(getattr(law, name) - getattr(published.BESIROGLU, name))
        bound = published.BESIROGLU_ERRORS[name]
        checks.at_most(distance, bound, f"distance of {name} from Besiroglu et al.'s")
    # The minimum that the authors' notebook prints; a search that stops early is above it.
    checks.close(chinchilla.misfit(law, points), 1.01827e-3, "misfit", rtol=1e-5, atol=0)


@needs_the_runs
def test_the_papers_own_law_lies_outside(points):
    found = chinchilla.estimate(points, Config(n_bootstrap=120))
    for name in ("E", "B", "beta"):
        checks.law(not found.holds(published.HOFFMANN, name), f"Hoffmann's {name} is outside")
    for name in NAMES:
        checks.law(found.holds(published.BESIROGLU, name), f"Besiroglu's {name} is inside")
        expected = published.BESIROGLU_ERRORS[name]
        # 120 fits know a standard error to 7 %; theirs are rounded up, by half at worst.
        ratio = found.standard_error(name) / expected
        checks.law(0.6 < ratio < 1.5, f"standard error of {name} over the published one", ratio)
    worst = max(chinchilla.misfit(law, points) for law in found.laws)
    paper = chinchilla.misfit(published.HOFFMANN, points)
    checks.at_least(paper, 3 * worst, "misfit of Hoffmann's law, against the worst of 120 fits")
    bias = chinchilla.errors(published.HOFFMANN, points).mean()
    checks.close(bias, 0.017, "mean error of Hoffmann's law", rtol=0.05)


@needs_the_runs
def test_averaging_stops_the_search_early(points):
    """What befell the original fit: a loss so small that scipy's tolerance is already met."""
    import torch
    from scipy.optimize import minimize

    numbers = [torch.tensor(x) for x in (points.n_params, points.n_tokens, points.loss)]

    def misfit(x, scale):
        params = torch.tensor(x, requires_grad=True)
        value = parametric.objective(params, *numbers) * scale
        value.backward()
        return value.item(), params.grad.numpy()

    start = published.HOFFMANN_SOURCE.as_logs()
    ends = {}
    for name, scale in (("mean", 1 / len(points.loss)), ("large", 1e6)):
        end = minimize(misfit, start, args=(scale,), jac=True, method="L-BFGS-B")
        ends[name] = end.fun / scale
    checks.at_most(ends["large"], 1.0183e-3, "misfit where the search ends, scaled up")
    checks.at_least(ends["mean"], 1.1e-3, "misfit where the search ends, averaged")


def test_program(tmp_path, capsys, monkeypatch):
    rng = np.random.default_rng(0)
    n_params, flops = 10 ** rng.uniform(8, 10, 40), 10 ** rng.uniform(19, 21, 40)
    loss = published.BESIROGLU.loss(n_params, flops / (6 * n_params))
    made = Runs(n_params, flops, loss * np.exp(rng.normal(0, 0.01, 40)))
    monkeypatch.setattr(published, "load", lambda: made)
    chinchilla.main(Config(n_bootstrap=3, n_outliers=2), root=tmp_path)
    folder = tmp_path / "phase2" / "chinchilla"
    results = json.loads((folder / "results.json").read_text())
    law = Law(**results["law"])
    ours = results["misfits"]["our fit"]
    checks.close(ours, chinchilla.misfit(law, made.without_outliers(2)), "misfit of our fit")
    for name, other in results["misfits"].items():
        checks.at_most(ours, other, f"misfit of our fit, against {name}")
    checks.law((folder / "chinchilla.png").stat().st_size > 1000, "there is a figure")
    out = capsys.readouterr().out
    checks.law("fitting 38 runs" in out and "| alpha |" in out, "there is a table", out)


def test_intervals_by_hand():
    laws = [Law(E=1.0 + i / 100, A=1.0, B=1.0, alpha=0.5, beta=0.5) for i in range(101)]
    found = Estimate(laws[50], laws)
    checks.close(found.interval("E"), (1.025, 1.975), "middle 95 % of 1.00 to 2.00")
    checks.law(found.holds(laws[3], "E"), "1.03 is inside")
    checks.law(not found.holds(laws[2], "E"), "1.02 is outside")


@pytest.mark.parametrize("wrong", [{"n_bootstrap": 1}, {"n_outliers": -1}])
def test_wrong_settings(wrong):
    checks.raises(lambda: Config(**wrong), ValueError, str(wrong), match=next(iter(wrong)))
