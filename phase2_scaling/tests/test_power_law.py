"""Power laws against planted ones, numpy's own least squares, and every candidate tried by hand."""

import numpy as np
import pytest

from phase2_scaling.solution import power_law
from phase2_scaling.solution.power_law import PowerLaw
from shared import checks

# Kaplan et al. 2020, equation 1.1: L(N) = (8.8e13 / N)^0.076.
SIZES = np.array([3e6, 768.0, 1.5e9, 2e4, 8e7, 3e5, 2.5e8])
KAPLAN = (8.8e13 / SIZES) ** 0.076


def noisy(law, seed, spread):
    """Uneven x in no order, and y that misses the law by some percent, upwards or downwards."""
    rng = np.random.default_rng(seed)
    x = np.exp(rng.uniform(np.log(1e3), np.log(1e9), 12))
    return x, law(x) * np.exp(rng.normal(0, spread, 12))


def parts(law):
    """Coefficient, exponent and floor; nothing but a PowerLaw has them."""
    checks.equal(type(law).__name__, "PowerLaw", "type of what comes back")
    return law.coefficient, law.exponent, law.floor


# -- a straight line ---------------------------------------------------------------------------


@pytest.mark.exercise("2.3")
def test_two_points_by_hand():
    # A hundred times larger, ten times lower: exponent -1/2; at x = 1 it is the coefficient.
    law = power_law.fit(np.array([1.0, 100.0]), np.array([2.0, 0.2]))
    checks.close(parts(law), (2.0, -0.5, 0.0), "coefficient, exponent and floor through two points")


@pytest.mark.exercise("2.3")
def test_a_planted_law():
    x, y = SIZES.copy(), KAPLAN.copy()
    law = power_law.fit(x, y)
    checks.equal(x, SIZES, "x, which must stay as it was")
    checks.equal(y, KAPLAN, "y, which must stay as it was")
    # 7 points of the curve itself: 1e-9 is rounding.
    expected = (8.8e13**0.076, -0.076, 0.0)
    checks.close(parts(law), expected, "Kaplan's law of seven sizes", rtol=1e-9, atol=1e-12)
    root = power_law.fit(np.array([1e18, 1e20, 1e26]), np.array([2e8, 2e9, 2e12]))
    checks.close(parts(root)[1], 0.5, "exponent of what grows with the root")


@pytest.mark.exercise("2.3")
@pytest.mark.parametrize("seed", [0, 1])
def test_noise_is_squared_on_the_logarithms(seed):
    x, y = noisy(PowerLaw(30.0, -0.2), seed, spread=0.2)
    slope, height = np.polyfit(np.log(x), np.log(y), deg=1)
    expected = (np.exp(height), slope, 0.0)
    checks.close(parts(power_law.fit(x, y)), expected, "least squares of noisy points", rtol=1e-9)


@pytest.mark.exercise("2.3")
def test_another_unit_changes_the_coefficient_alone():
    x, y = noisy(PowerLaw(30.0, -0.2), seed=2, spread=0.1)
    small, large = power_law.fit(x, y), power_law.fit(x / 1e6, y)
    checks.close(parts(large)[1], parts(small)[1], "exponent, x in millions", rtol=1e-9)
    expected = parts(small)[0] * 1e6 ** parts(small)[1]
    checks.close(parts(large)[0], expected, "coefficient, x in millions", rtol=1e-9)


@pytest.mark.exercise("2.3")
def test_points_without_a_line():
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    fit = power_law.fit
    checks.raises(lambda: fit(x, y[:1]), ValueError, "fewer y than x", match="one shape")
    checks.raises(lambda: fit(x, y - 4), ValueError, "y of 0", match="positive")
    checks.raises(lambda: fit(x * 0 + 1, y), ValueError, "one x twice", match="two different")


# -- with a floor ------------------------------------------------------------------------------


@pytest.mark.exercise("2.3")
def test_a_planted_floor():
    # 1 + 6 / sqrt(x): 4, 3, 2. With the floor taken off: 3, 2, 1.
    x, y = np.array([4.0, 9.0, 36.0]), np.array([4.0, 3.0, 2.0])
    law = power_law.fit_with_floor(x, y, [0.0, 1.5, 1.0, 0.5])
    checks.close(parts(law), (6.0, -0.5, 1.0), "coefficient, exponent and floor of 1 + 6 / sqrt(x)")
    checks.equal(y, np.array([4.0, 3.0, 2.0]), "y, which must stay as it was")


@pytest.mark.exercise("2.3")
def test_floors_above_a_point_are_passed_over():
    x, y = np.array([4.0, 9.0, 36.0]), np.array([4.0, 3.0, 2.0])
    law = power_law.fit_with_floor(x, y, [5.0, 2.0, 1.0, 3.5, 0.5])
    checks.close(parts(law), (6.0, -0.5, 1.0), "fit with candidates 2, 3.5 and 5 among the floors")
    fit = power_law.fit_with_floor
    checks.raises(lambda: fit(x, y, [2.0, 3.0]), ValueError, "floors too high", match="no floor")


@pytest.mark.exercise("2.3")
@pytest.mark.parametrize("seed", [7, 2, 4])
def test_the_best_floor_of_noisy_points(seed):
    x, y = noisy(PowerLaw(40.0, -0.2, floor=1.7), seed, spread=0.04)
    floors = np.linspace(0.0, y.min(), 200, endpoint=False)[::-1]
    best, fitted = None, None
    for floor in floors:
        slope, height = np.polyfit(np.log(x), np.log(y - floor), deg=1)
        misfit = np.square(np.log(y / (floor + np.exp(height) * x**slope))).sum()
        if best is None or misfit < best:
            best, fitted = misfit, (np.exp(height), slope, floor)
    law = power_law.fit_with_floor(x, y, floors)
    checks.close(parts(law), fitted, "best of 200 floors under noisy points", rtol=1e-9, atol=1e-12)


def test_without_a_floor_the_exponent_comes_out_too_small():
    sizes = np.geomspace(1e7, 1e11, 9)
    loss = 1.8 + 480 * sizes**-0.35
    plain = power_law.fit(sizes, loss)
    checks.law(-0.2 < plain.exponent < -0.03, "without a floor the exponent is too small", plain)
    law = power_law.fit_with_floor(sizes, loss, power_law.floors_below(loss, 2000))
    checks.close(law.exponent, -0.35, "exponent with a floor", rtol=0.02)
    checks.close(law.floor, 1.8, "floor", rtol=0.002)
    # ... and it promises what cannot be had: a thousand times larger, the truth is near the floor.
    checks.at_most(plain(1e14), 1.7, "loss promised without a floor")
    checks.close(law(1e14), 1.8 + 480 * 1e14**-0.35, "loss promised with a floor", rtol=0.003)
