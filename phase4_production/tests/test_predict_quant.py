"""Predictions about fewer bits, and the same numbers by another way."""

import math

import pytest
import torch

from phase4_production.solution import predict_quant
from phase4_production.solution.quantized import Int4
from shared import checks
from shared.checks import Near, Sealed


@pytest.mark.exercise("4.12")
def test_bits_of_a_weight():
    answer = Near(4 + (32 + 32) / 64, rtol=1e-6)
    checks.guess(predict_quant.bits_of_a_weight(), answer, "bits of a weight in int4")


@pytest.mark.exercise("4.12")
def test_codes_beside_an_outlier():
    # A step is 100 / 127 = 0.79: the codes of -1 to 1 are -1, 0 and 1.
    answer = Near(3, rtol=1e-6)
    checks.guess(predict_quant.codes_beside_an_outlier(), answer, "codes beside an outlier")


@pytest.mark.exercise("4.12")
def test_codes_of_a_relu():
    checks.guess(predict_quant.codes_of_a_relu(), Near(128, rtol=1e-6), "codes of a ReLU")


def largest_of(n):
    """Root mean square of the largest of n normal absolute values, by its distribution."""
    t = torch.linspace(0, 10, 10_001, dtype=torch.float64)
    survives = 1 - torch.erf(t / math.sqrt(2)) ** n
    return torch.trapezoid(2 * t * survives, t).sqrt().item()


@pytest.mark.exercise("4.12")
def test_error_of_smaller_groups():
    # The error goes with the step, and the step with the largest number that shares it.
    answer = Near(largest_of(64) / largest_of(4096), rtol=0.08)
    checks.guess(predict_quant.error_of_smaller_groups(), answer, "share of the error in groups")


@pytest.mark.exercise("4.12")
def test_inputs_until_overflow():
    answer = Near((2**31 - 1) // 127**2, rtol=0.005)
    checks.guess(predict_quant.inputs_until_overflow(), answer, "products that fit into int32")


@pytest.mark.exercise("4.12")
def test_closer_on_uniform_weights():
    actual = predict_quant.closer_on_uniform_weights()
    checks.guess(actual, UNIFORM, "the closer format on uniform weights")


UNIFORM = Sealed("4.12", "9612c61aede1a1c4")


# -- the answers are those of the real thing --------------------------------------------------


def test_sixty_four_rows_tell_as_much_as_all():
    weight = Int4.of(torch.zeros(4096, 4096), group=64)
    assert 8 * weight.nbytes / 4096**2 == predict_quant.bits_of_a_weight()


def test_the_wider_rows_are_where_an_int32_overflows():
    n = predict_quant.inputs_until_overflow()
    assert n * 127**2 < 2**31 <= (n + 1) * 127**2
