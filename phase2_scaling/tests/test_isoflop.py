"""Valleys against parabolas that were planted, numpy's least squares, and the closed form."""

import numpy as np
import pytest

from phase2_scaling.solution import envelope, isoflop, optimal, power_law
from phase2_scaling.solution.envelope import Curve
from phase2_scaling.solution.law import Law
from shared import checks

SIZES = np.array([1e9, 1e7, 3e8, 4e7, 1e8])
UNEVEN = Law(E=1.1, A=30.0, B=9000.0, alpha=0.25, beta=0.5)
EVEN = Law(E=1.8, A=500.0, B=2000.0, alpha=0.35, beta=0.35)


def planted(lowest, loss, curvature, sizes=SIZES):
    return loss + curvature * np.log(sizes / lowest) ** 2


def parts(valley):
    """Size, loss and curvature; nothing but a Valley has them."""
    checks.equal(type(valley).__name__, "Valley", "type of what comes back")
    return valley.n_params, valley.loss, valley.curvature


def close(valley, expected, name):
    # The lowest point is exp of a quotient of fitted numbers: 1e-9 is rounding.
    checks.close(parts(valley), expected, name, rtol=1e-9, atol=1e-12)


@pytest.mark.exercise("2.4")
def test_three_points_by_hand():
    e = np.e
    # 3 + (log N - 1)^2 is 4, 3 and 7 where log N is 0, 1 and 3.
    valley = isoflop.minimum(np.array([1.0, e, e**3]), np.array([4.0, 3.0, 7.0]))
    close(valley, (e, 3.0, 1.0), "valley through three points")


@pytest.mark.exercise("2.4")
def test_a_planted_valley():
    sizes, loss = SIZES.copy(), planted(1.7e8, 2.5, 0.03)
    before = loss.copy()
    close(isoflop.minimum(sizes, loss), (1.7e8, 2.5, 0.03), "valley through five points")
    checks.equal(sizes, SIZES, "sizes, which must stay as they were")
    checks.equal(loss, before, "losses, which must stay as they were")


@pytest.mark.exercise("2.4")
@pytest.mark.parametrize("seed", [0, 1])
def test_noisy_losses(seed):
    rng = np.random.default_rng(seed)
    loss = planted(6e7, 2.5, 0.05) + rng.normal(0, 0.02, 5)
    # The oracle solves for 1, log N and (log N)^2 as three columns.
    x = np.log(SIZES / 1e8)
    (c0, c1, c2), *_ = np.linalg.lstsq(np.stack([x**0, x, x**2], axis=1), loss)
    lowest = -c1 / c2 / 2
    expected = (1e8 * np.exp(lowest), c0 + c1 * lowest + c2 * lowest**2, c2)
    close(isoflop.minimum(SIZES, loss), expected, "least squares of five noisy points")


@pytest.mark.exercise("2.4")
def test_where_there_is_no_valley():
    hill = -planted(1e8, 2.5, 0.03)

    def minimum(loss):
        valley = isoflop.minimum(SIZES, loss)
        return None if valley is None else parts(valley)

    checks.raises(lambda: minimum(hill), ValueError, "losses on a hill")
    for name, lowest in (("larger", 2e9), ("smaller", 5e6)):
        beyond = planted(lowest, 2.5, 0.03)
        told = f"losses whose lowest point is {name} than every size"
        checks.raises(lambda loss=beyond: minimum(loss), ValueError, told)


@pytest.mark.exercise("2.4")
def test_points_without_a_parabola():
    minimum, loss = isoflop.minimum, planted(1e8, 2.5, 0.03)
    checks.raises(lambda: minimum(SIZES, loss[:4]), ValueError, "fewer losses", match="one shape")
    twice = SIZES[[0, 1, 0, 1]]
    checks.raises(lambda: minimum(twice, loss[:4]), ValueError, "two sizes", match="three")


# -- one valley for each budget, and the first approach (given) ---------------------------------


def grid(law, budgets, n_sizes=9, spread=8.0):
    """Runs of every budget around its own best size."""
    runs = []
    for flops in budgets:
        best, _ = optimal.optimal_allocation(law, flops)
        for n in np.geomspace(best / spread, best * spread, n_sizes):
            runs.append((n, flops, law.loss(n, flops / (6 * n))))
    return np.array(runs).T


def test_valleys_recover_the_law():
    """With alpha = beta the valley is even, so that its parabola has the very same floor."""
    n_params, flops, loss = grid(EVEN, np.geomspace(1e18, 1e22, 5))
    order = np.random.default_rng(0).permutation(len(loss))
    found = isoflop.valleys(n_params[order], flops[order], loss[order])
    checks.close(list(found), np.geomspace(1e18, 1e22, 5).tolist(), "budgets", rtol=1e-9)
    for budget, valley in found.items():
        best, _ = optimal.optimal_allocation(EVEN, budget)
        checks.close(valley.n_params, best, f"best size for {budget:.0e}", rtol=1e-6)
    checks.close(isoflop.growth(found).exponent, 0.5, "exponent of the best size", rtol=1e-6)


def test_an_uneven_valley_moves_its_parabola():
    """The wider the sizes, the more so: an error of the method itself, there is no noise here."""
    budgets = np.geomspace(1e18, 1e22, 5)
    narrow = isoflop.valleys(*grid(UNEVEN, budgets, spread=1.5))
    wide = isoflop.valleys(*grid(UNEVEN, budgets, spread=10.0))
    best, _ = optimal.optimal_allocation(UNEVEN, 1e20)
    off = [abs(np.log(list(found.values())[2].n_params / best)) for found in (narrow, wide)]
    checks.at_most(off[0], 0.01, "error of the best size, sizes within a factor of 1.5")
    checks.at_least(off[1], 0.05, "error of the best size, sizes within a factor of 10")


def test_budgets_without_a_valley_are_left_out():
    n_params, flops, loss = grid(EVEN, [1e19, 1e20])
    small = (flops < 5e19) | (n_params < np.median(n_params[flops > 5e19]) / 3)
    found = isoflop.valleys(n_params[small], flops[small], loss[small])
    checks.close(list(found), [1e19], "budgets with a valley")


def test_the_frontier_of_curves_recovers_the_law():
    budgets = np.geomspace(1e17, 1e23, 200)
    sizes = np.geomspace(1e7, 3e10, 60)
    curves = [Curve(n, budgets, EVEN.loss(n, budgets / (6 * n))) for n in sizes]
    found = envelope.frontier(curves, n_budgets=300)
    inside = (found.flops > 1e18) & (found.flops < 1e22)
    law = power_law.fit(found.flops[inside], found.n_params[inside])
    checks.close(law.exponent, 0.5, "exponent of the best size", rtol=0.03)
    at = np.searchsorted(found.flops, 1e20)
    best, tokens = optimal.optimal_allocation(EVEN, found.flops[at])
    checks.close(found.n_params[at], best, "best size", rtol=0.1)
    checks.close(found.n_tokens[at], tokens, "its tokens", rtol=0.1)
    checks.close(found.loss[at], EVEN.loss(best, tokens), "its loss", rtol=1e-3)


def test_a_curve_counts_between_its_ends_only():
    short = Curve(1e6, np.array([1e12, 1e14]), np.array([5.0, 4.0]))
    long = Curve(1e7, np.array([1e13, 1e16]), np.array([6.0, 3.0]))
    found = envelope.frontier([short, long], n_budgets=401)
    checks.at_least(found.flops.min(), 1e13 * 0.999, "cheapest budget that both reach")
    checks.at_most(found.flops.max(), 1e14 * 1.001, "dearest budget that both reach")
    checks.equal(set(found.n_params.tolist()), {1e6}, "sizes that win where both are")
    apart = Curve(1e7, np.array([1e15, 1e16]), np.array([6.0, 3.0]))
    frontier = envelope.frontier
    checks.raises(lambda: frontier([short, apart]), ValueError, "curves apart", match="same budget")
    checks.raises(lambda: frontier([short]), ValueError, "one curve", match="two curves")
