import numpy as np
import pytest

from phase2_scaling.solution import predict_laws
from shared import checks
from shared.checks import Near

LAW = predict_laws.LAW


@pytest.mark.exercise("2.2")
def test_work_for_a_tenth_less_loss():
    answer = Near(0.9 ** (-1 / 0.05), rtol=0.08)
    actual = predict_laws.work_for_a_tenth_less_loss()
    checks.guess(actual, answer, "times the operations for a tenth less loss")


@pytest.mark.exercise("2.2")
def test_slope_above_a_floor():
    small, large = 1.69 + 406.4 / 10 ** (9 * 0.34), 1.69 + 406.4 / 10 ** (10 * 0.34)
    answer = Near(np.log10(small / large), rtol=0.08)
    actual = predict_laws.slope_above_a_floor()
    checks.guess(actual, answer, "exponent of the straight line")


@pytest.mark.exercise("2.5")
def test_growth_of_the_model():
    answer = Near(100 ** (0.3658 / (0.3478 + 0.3658)), rtol=0.1)
    actual = predict_laws.growth_of_the_model()
    checks.guess(actual, answer, "times as many parameters for a hundred times the operations")


@pytest.mark.exercise("2.5")
def test_work_of_half_the_size():
    # The optimum at 5.76e23: 72.25e9 parameters and 1.329e12 tokens.
    loss = LAW.loss(72.25e9, 1.329e12)
    n_tokens = (2085.43 / (loss - 1.8172 - 482.01 / 36.125e9**0.3478)) ** (1 / 0.3658)
    answer = Near(n_tokens / (2 * 1.329e12), rtol=0.08)
    actual = predict_laws.work_of_half_the_size()
    checks.guess(actual, answer, "times the operations for half the size and the same loss")


# -- the answers are those of the real thing ----------------------------------------------------


def test_growth_by_brute_force():
    sizes = np.geomspace(1e10, 1e13, 100_001)
    best = [sizes[LAW.loss(sizes, C / (6 * sizes)).argmin()] for C in (5.76e23, 5.76e25)]
    checks.close(predict_laws.growth_of_the_model(), best[1] / best[0], "growth", rtol=1e-3)
