"""Win rates against a published table, scikit-learn, closed forms, and duels made to order."""

import math

import pytest
import torch

from phase3_alignment.project import win_rate
from phase3_alignment.project.win_rate import WinRate
from shared import checks


def coins(shares, seed=0):
    """Throw a coin for each share; (N,) of 0 and 1."""
    return torch.bernoulli(shares.double(), generator=torch.Generator().manual_seed(seed))


def lengths(n, seed=1):
    return 30 * torch.randn(n, generator=torch.Generator().manual_seed(seed))


# Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
@pytest.mark.parametrize(
    ("won", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)],
)
def test_a_plain_rate_has_wilsons_interval(won, n, low, high):
    found = win_rate.plain(torch.tensor([1.0] * won + [0.0] * (n - won)))
    checks.close(found.share, won / n, "share")
    checks.equal(found.n, n, "duels")
    checks.close([found.low, found.high], [low, high], "interval", atol=5e-5, rtol=0)


def test_a_tie_counts_half():
    checks.close(win_rate.plain(torch.tensor([1, 0.5, 0.5, 0])).share, 0.5, "share")
    checks.close(win_rate.plain(torch.tensor([1, 0.5, 0.5])).share, 2 / 3, "share")


def test_the_regression_is_scikit_learns():
    from sklearn.linear_model import LogisticRegression

    longer = lengths(300)
    x = torch.stack([torch.ones(300), (longer / 30).tanh()], dim=1).double()
    y = coins((0.4 + 2 * x[:, 1]).sigmoid())
    theirs = LogisticRegression(
        C=win_rate.PRIOR_STD**2, fit_intercept=False, tol=1e-10, max_iter=1000
    ).fit(x.numpy(), y.numpy())
    ours, _ = win_rate.logistic(x, y)
    checks.close(ours, torch.from_numpy(theirs.coef_[0]), "weights", atol=1e-6, rtol=1e-5)


def test_the_covariance_is_the_inverse_curvature():
    x = torch.stack([torch.ones(50), lengths(50) / 30], dim=1).double()
    y = coins(torch.full((50,), 0.6))

    def surprise(weights):
        p = (x @ weights).sigmoid()
        data = -(y * p.log() + (1 - y) * (1 - p).log()).sum()
        return data + weights.square().sum() / win_rate.PRIOR_STD**2 / 2

    weights, covariance = win_rate.logistic(x, y)
    curvature = torch.autograd.functional.hessian(surprise, weights)
    checks.close(covariance, torch.linalg.inv(curvature), "covariance")


@pytest.mark.parametrize("longer", [torch.zeros(200), torch.tensor([5, -5]).repeat(100)])
def test_lengths_that_say_nothing_change_nothing(longer):
    """Then the regression has one weight, the log-odds, with its known error 1 / sqrt(n p q)."""
    wins = torch.tensor([1.0, 1, 1, 1, 1, 1, 0, 0]).repeat(25)
    found = win_rate.length_controlled(wins, longer)
    theta, error = math.log(3), win_rate.Z / math.sqrt(200 * 0.75 * 0.25)
    bounds = torch.tensor([theta, theta - error, theta + error], dtype=torch.float64).sigmoid()
    # The prior of 10 standard deviations moves the third digit of the log-odds.
    checks.close([found.share, found.low, found.high], bounds.tolist(), "interval", rtol=1e-3)


def test_a_judge_of_lengths_alone_is_found_out():
    longer = lengths(500) + 20
    wins = (longer > 0).double()
    checks.at_least(win_rate.plain(wins).share, 0.7, "plain share")
    found = win_rate.length_controlled(wins, longer)
    checks.law(found.low < 0.5 < found.high, "at equal length nobody wins")


def test_who_is_better_and_not_longer_stays_so():
    longer = lengths(500)
    found = win_rate.length_controlled(coins((1 + longer / 30).sigmoid()), longer)
    checks.at_least(found.low, 0.6, "lower bound; the truth is 73 %")


def test_the_interval_holds_the_truth_as_often_as_it_says():
    truth, n, runs = 0.6, 150, 200
    longer = lengths(n)
    shares = math.log(truth / (1 - truth)) + 1.5 * (longer / longer.std(correction=0)).tanh()
    found = [
        win_rate.length_controlled(coins(shares.sigmoid(), seed), longer) for seed in range(runs)
    ]
    held = sum(rate.low <= truth <= rate.high for rate in found) / runs
    # 200 runs see 95 % with an error of 1.5 %.
    checks.at_least(held, 0.91, "share of intervals that hold the truth")
    checks.at_most(held, 0.99, "the same: no wider than it must be")


def test_who_has_won_all_duels_has_an_interval_too():
    found = win_rate.length_controlled(torch.ones(40), lengths(40))
    checks.at_least(found.share, 0.95, "share")
    checks.law(found.low < found.share < found.high <= 1, "in order")
    checks.law(math.isfinite(found.share), "finite")


def test_the_table():
    rates = {"a long name": WinRate(0.5, 0.4, 0.6, 96), "b": WinRate(1.0, 0.9625, 1.0, 96)}
    lines = win_rate.table("who", "wins", "duels", rates).splitlines()
    checks.equal(lines[0], "who                  wins  95 %, of 96 duels", "headings")
    checks.equal(lines[2], "b                  100.0%  96.2% to 100.0%", "a line")
