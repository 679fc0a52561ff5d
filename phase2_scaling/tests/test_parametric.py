"""The objective against plain logarithms and torch's Huber loss; the fit against planted laws."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from phase2_scaling.solution import parametric
from phase2_scaling.solution.law import Law
from shared import checks

BESIROGLU = Law(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
PARAMS = torch.tensor(BESIROGLU.as_logs(), dtype=torch.float64)

# Sizes and tokens that no symmetry ties together, and losses off the law by up to 3 %.
N = torch.tensor([7.1e7, 1.4e9, 3.3e8, 1.2e10], dtype=torch.float64)
D = torch.tensor([9.0e10, 4.4e9, 1.6e10, 2.2e11], dtype=torch.float64)
OFF = torch.tensor([2e-4, -3e-2, 9e-4, 5e-3], dtype=torch.float64)  # nats of log loss


def log_loss_by_hand(law):
    logs = [math.log(law.loss(n, d)) for n, d in zip(N.tolist(), D.tolist())]
    return torch.tensor(logs, dtype=torch.float64)


LOSS = (log_loss_by_hand(BESIROGLU) - OFF).exp()


# -- what the law predicts ----------------------------------------------------------------------


@pytest.mark.exercise("2.3")
def test_prediction_by_hand():
    # One parameter and one token: every logarithm of a size is 0, so L = A + B + E = 1 + 2 + 4.
    params = torch.tensor([1.0, 2.0, 4.0, 0.3, 0.7], dtype=torch.float64)
    params[:3] = params[:3].log()
    one = torch.ones(1, dtype=torch.float64)
    actual = parametric.log_loss(params, one, one)
    expected = torch.tensor([math.log(7)], dtype=torch.float64)
    checks.close(actual, expected, "log loss of one parameter and one token")


@pytest.mark.exercise("2.3")
def test_prediction_is_the_law():
    sizes, tokens = N.clone(), D.clone()
    actual = parametric.log_loss(PARAMS, sizes, tokens)
    checks.close(actual, log_loss_by_hand(BESIROGLU), "log loss of four runs", rtol=1e-12, atol=0)
    checks.equal(sizes, N, "N, which must stay as it was")
    checks.equal(tokens, D, "D, which must stay as it was")


@pytest.mark.exercise("2.3")
def test_prediction_survives_what_an_optimiser_tries():
    # A = e^900 is beyond float64, and so is N^40; their quotient is e^69 at N = 1.06e9.
    params = torch.tensor([900.0, -900.0, 0.5, 40.0, 0.4], dtype=torch.float64)
    n = torch.tensor([math.exp(831 / 40)], dtype=torch.float64)
    actual = parametric.log_loss(params, n, n)
    expected = torch.tensor([69.0], dtype=torch.float64)
    checks.close(actual, expected, "log loss where A itself overflows", rtol=1e-9)
    # A term of e^900 is beyond float64, three of e^-900 are all 0 in it; their logarithms are not.
    one = torch.ones(1, dtype=torch.float64)
    params = torch.tensor([900.0, 3.0, 0.5, 0.3, 0.4], dtype=torch.float64)
    actual = parametric.log_loss(params, one, one)
    checks.close(actual, 900 * one, "log loss where a term overflows", rtol=1e-9)
    params[:3] = -900.0
    actual = parametric.log_loss(params, one, one)
    checks.close(actual, math.log(3) - 900 * one, "log loss where all terms vanish", rtol=1e-9)


@pytest.mark.exercise("2.3")
def test_prediction_can_be_differentiated():
    params = PARAMS.clone().requires_grad_()
    predicted = parametric.log_loss(params, N, D)
    differentiable = getattr(predicted, "requires_grad", False)
    checks.law(differentiable, "log loss can be differentiated by the five numbers")
    (gradient,) = torch.autograd.grad(predicted.sum(), params)
    checks.close(gradient, derivatives(log_loss_sum), "gradient of the summed log loss", rtol=1e-6)


def log_loss_sum(params):
    law = Law.from_logs(params)
    return log_loss_by_hand(law).sum().item()


def derivatives(function):
    """Central differences, eps 1e-6: right to about 1e-9."""
    gradient = []
    for i in range(5):
        step = torch.zeros(5, dtype=torch.float64)
        step[i] = 1e-6
        gradient.append((function(PARAMS + step) - function(PARAMS - step)) / 2e-6)
    return torch.tensor(gradient, dtype=torch.float64)


# -- how bad a law is ---------------------------------------------------------------------------


@pytest.mark.exercise("2.3")
def test_objective_by_hand():
    # Off by 2e-4: r^2 / 2. Off by 3e-2: delta (|r| - delta / 2) with delta = 1e-3.
    expected = torch.tensor(2e-4**2 / 2, dtype=torch.float64)
    actual = parametric.objective(PARAMS, N[:1], D[:1], LOSS[:1])
    checks.close(actual, expected, "objective of a run that is off by 2e-4", rtol=1e-6, atol=0)
    expected = torch.tensor(1e-3 * (3e-2 - 5e-4), dtype=torch.float64)
    actual = parametric.objective(PARAMS, N[1:2], D[1:2], LOSS[1:2])
    checks.close(actual, expected, "objective of a run that is off by 3e-2", rtol=1e-6, atol=0)


@pytest.mark.exercise("2.3")
@pytest.mark.parametrize("delta", [None, 4e-3, 0.5])
def test_objective_is_torchs_huber_loss(delta):
    predicted = log_loss_by_hand(BESIROGLU)
    rest = () if delta is None else (delta,)
    actual = parametric.objective(PARAMS, N, D, LOSS, *rest)
    expected = F.huber_loss(predicted, LOSS.log(), reduction="sum", delta=delta or 1e-3)
    # The errors are differences of logarithms near 1, of 2e-4 at least: 1e-10 is rounding.
    name = f"objective of four runs, delta {delta or 1e-3}"
    checks.close(actual, expected, name, rtol=1e-10, atol=0)


@pytest.mark.exercise("2.3")
def test_objective_can_be_differentiated():
    params = PARAMS.clone().requires_grad_()
    value = parametric.objective(params, N, D, LOSS)
    differentiable = getattr(value, "requires_grad", False)
    checks.law(differentiable, "the objective can be differentiated by the five numbers")
    (gradient,) = torch.autograd.grad(value, params)

    def by_hand(shifted):
        predicted = log_loss_by_hand(Law.from_logs(shifted))
        return F.huber_loss(predicted, LOSS.log(), reduction="sum", delta=1e-3).item()

    expected = derivatives(by_hand)
    checks.close(gradient, expected, "gradient of the objective", rtol=1e-4, atol=1e-9)


# -- the search and its intervals (given) -------------------------------------------------------


def sweep(law, seed=0, noise=0.0):
    """Runs on a grid of sizes and budgets, as a laboratory would choose them."""
    grid = itertools.product(np.geomspace(7e7, 1.5e10, 9), np.geomspace(6e18, 3e21, 9))
    sizes, flops = np.array(list(grid)).T
    tokens = flops / (6 * sizes)
    rng = np.random.default_rng(seed)
    return sizes, tokens, law.loss(sizes, tokens) * np.exp(rng.normal(0, noise, len(sizes)))


@pytest.mark.parametrize(
    "planted",
    [
        Law(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28),
        Law(E=1.2, A=60.0, B=5000.0, alpha=0.22, beta=0.45),
    ],
)
def test_the_fit_finds_a_planted_law(planted):
    found = parametric.fit(*sweep(planted))
    checks.close(found.alpha, planted.alpha, "alpha", rtol=1e-4)
    checks.close(found.beta, planted.beta, "beta", rtol=1e-4)
    checks.close(found.E, planted.E, "E", rtol=1e-4)
    checks.close(math.log(found.A), math.log(planted.A), "log A", rtol=1e-3)
    checks.close(math.log(found.B), math.log(planted.B), "log B", rtol=1e-3)


def test_one_wild_run_hardly_matters():
    sizes, tokens, loss = sweep(BESIROGLU, noise=0.002)
    calm = parametric.fit(sizes, tokens, loss)
    loss[40] *= 2
    wild = parametric.fit(sizes, tokens, loss)
    checks.close(wild.alpha, calm.alpha, "alpha with a run of twice the loss", rtol=0.03)
    checks.close(wild.E, calm.E, "E with a run of twice the loss", rtol=0.01)


def test_the_bootstrap_interval_holds_the_planted_law():
    sizes, tokens, loss = sweep(BESIROGLU, noise=0.005)
    law = parametric.fit(sizes, tokens, loss)
    laws = parametric.bootstrap(sizes, tokens, loss, law, n=60)
    again = parametric.bootstrap(sizes, tokens, loss, law, n=3)
    checks.equal([one.as_logs() for one in again], [one.as_logs() for one in laws[:3]], "one seed")
    for name in ("E", "alpha", "beta"):
        low, high = parametric.interval([getattr(one, name) for one in laws])
        truth = getattr(BESIROGLU, name)
        checks.law(low < truth < high, f"the interval of {name} holds the truth", (low, high))
        checks.at_most((high - low) / truth, 0.4, f"relative width of the interval of {name}")


def test_too_few_runs():
    few = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    fit = parametric.fit
    checks.raises(lambda: fit(few, few, few), ValueError, "five runs", match="six")
    checks.raises(lambda: fit(few, few[:3], few), ValueError, "shapes", match="one shape")
