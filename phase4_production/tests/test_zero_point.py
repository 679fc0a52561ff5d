"""Affine uint8: by hand, brute force in float64, torch's fake quantisation, and laws."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.solution import zero_point
from shared import checks


def make(seed=0):
    """Three rows: on both sides of zero, above it, below it."""
    x = torch.randn(3, 40, generator=torch.Generator().manual_seed(seed))
    return torch.stack([x[0], x[1].abs() + 0.5, -3 * x[2].abs() - 2])


def ranges(x):
    return x.amin(1, keepdim=True), x.amax(1, keepdim=True)


def quantized(x, low, high):
    found = zero_point.quantize(x, low, high)
    triple = isinstance(found, tuple) and len(found) == 3
    checks.law(triple, "quantize returns three tensors: codes, scale, zero", found)
    return found


@pytest.mark.exercise("4.6")
def test_a_range_by_hand():
    """255 steps of 0.1 from -5.1: code 51 is zero."""
    x = torch.tensor([-5.1, 0.0, 20.4, 1.0, -0.26])
    low, high = torch.tensor(-5.1), torch.tensor(20.4)
    kept = [x.clone(), low.clone(), high.clone()]
    codes, scale, zero = quantized(x, low, high)
    checks.equal([x, low, high], kept, "the arguments after quantize, left as they were")
    checks.close(scale, torch.tensor(0.1), "scale of the range from -5.1 to 20.4")
    checks.equal(zero, torch.tensor(51.0), "zero point of the range from -5.1 to 20.4")
    checks.equal(str(codes.dtype), "torch.uint8", "dtype of the codes")
    expected = torch.tensor([0, 51, 255, 61, 48], dtype=torch.uint8)
    checks.equal(codes, expected, "codes of -5.1, 0, 20.4, 1 and -0.26")


@pytest.mark.exercise("4.6")
def test_zero_is_a_level():
    """The range is widened to zero where all is above it, or below."""
    above = quantized(torch.tensor([0.0, 2.0, 5.1]), torch.tensor(2.0), torch.tensor(5.1))
    name = "of the range from 2 to 5.1, widened to zero"
    checks.close(above[1], torch.tensor(0.02), f"scale {name}")
    checks.equal(above[2], torch.tensor(0.0), f"zero point {name}")
    expected = torch.tensor([0, 100, 255], dtype=torch.uint8)
    checks.equal(above[0], expected, f"codes of 0, 2, 5.1 {name}")
    low, high = torch.tensor(-5.1), torch.tensor(-2.0)
    codes, scale, zero = quantized(torch.tensor([0.0, -5.1]), low, high)
    name = "of the range from -5.1 to -2, widened to zero"
    checks.close(scale, torch.tensor(0.02), f"scale {name}")
    checks.equal(zero, torch.tensor(255.0), f"zero point {name}")
    checks.equal(codes, torch.tensor([255, 0], dtype=torch.uint8), f"codes of 0, -5.1 {name}")
    kept = [torch.tensor(-5.1), torch.tensor(-2.0)]
    checks.equal([low, high], kept, "low and high of a range that was widened, left as they were")


@pytest.mark.exercise("4.6")
def test_halves_are_rounded_before_the_zero_point_is_added():
    """Steps of 1, zero is code 1: a half goes to the even 0, and then to code 1."""
    x = torch.tensor([0.5, 1.5, -0.5])
    codes, _, _ = quantized(x, torch.tensor(-1.0), torch.tensor(254.0))
    expected = torch.tensor([1, 3, 1], dtype=torch.uint8)
    checks.equal(codes, expected, "codes of 0.5, 1.5 and -0.5 in the range from -1 to 254")


@pytest.mark.exercise("4.6")
def test_what_lies_beyond_the_range():
    """And where two roundings meet: 253.5 is 254 steps above a zero that is code 2."""
    x = torch.tensor([-40.0, 300.0, 2550.0])
    codes, _, _ = quantized(x, torch.tensor(0.0), torch.tensor(255.0))
    expected = torch.tensor([0, 255, 255], dtype=torch.uint8)
    checks.equal(codes, expected, "codes of -40, 300 and 2550 in the range from 0 to 255")
    low, high = torch.tensor(-1.5), torch.tensor(253.5)
    codes, _, zero = quantized(torch.stack([low, high]), low, high)
    checks.equal(zero, torch.tensor(2.0), "zero point of the range from -1.5 to 253.5")
    expected = torch.tensor([0, 255], dtype=torch.uint8)
    checks.equal(codes, expected, "codes of -1.5 and 253.5, the ends of their range")


@pytest.mark.exercise("4.6")
def test_a_range_of_zeros():
    codes, scale, zero = quantized(torch.zeros(3), torch.tensor(0.0), torch.tensor(0.0))
    checks.equal([scale, zero], [torch.tensor(1.0), torch.tensor(0.0)], "scale, zero of zeros")
    checks.equal(codes, torch.zeros(3, dtype=torch.uint8), "codes of zeros")


@pytest.mark.exercise("4.6")
def test_rows_with_ranges_of_their_own():
    x = make()
    low, high = ranges(x)
    codes, scale, zero = quantized(x, low, high)
    checks.equal(tuple(scale.shape), (3, 1), "shape of the scales of three rows")
    for row in range(3):
        begin = min(low[row].double().item(), 0)
        step = (max(high[row].double().item(), 0) - begin) / 255
        at = round(-begin / step)
        expected = [min(max(round(v / step) + at, 0), 255) for v in x[row].double().tolist()]
        checks.equal(zero[row].item(), at, f"zero point of row {row}")
        checks.equal(codes[row].tolist(), expected, f"codes of row {row}")


@pytest.mark.exercise("4.6")
def test_sixteen_bit_numbers_and_gradients():
    x = make().to(torch.bfloat16).requires_grad_()
    low, high = ranges(x)
    found = quantized(x, low, high)
    expected = quantized(*(t.detach().float() for t in (x, low, high)))
    checks.equal(list(found), list(expected), "what bfloat16 numbers give")
    dtypes = [str(t.dtype) for t in found]
    checks.equal(dtypes, ["torch.uint8", "torch.float32", "torch.float32"], "dtypes")
    checks.law(not found[1].requires_grad, "the scale of numbers that train has no history")


@pytest.mark.exercise("4.6")
@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_laws(seed):
    x = make(seed)
    codes, scale, zero = quantized(x, *ranges(x))
    found = zero_point.dequantize(codes, scale, zero)
    # The quotient may be wrong in its last place, which is 255 * 6e-8 of a step.
    law = "no number of the range is further than half a step from what its code stands for"
    checks.law(((found - x).abs() <= scale * (0.5 + 2e-5)).all(), law)
    nothing, _, _ = quantized(torch.zeros(3, 1), *ranges(x))
    back = zero_point.dequantize(nothing, scale, zero)
    checks.equal(back, torch.zeros(3, 1), "zero, there and back")


# -- proofs -----------------------------------------------------------------------------------


def test_numbers_are_those_of_torch():
    x = make()
    codes, scale, zero = zero_point.quantize(x, *ranges(x))
    vectors = scale.flatten(), zero.flatten().int()
    expected = torch.fake_quantize_per_channel_affine(x, *vectors, 0, 0, 255)
    found = zero_point.dequantize(codes, scale, zero)
    # torch multiplies by the reciprocal: at a border that may be the neighbouring code.
    assert (found != expected).sum() <= 1
    assert ((found - expected).abs() <= 1.001 * scale).all()


def test_a_range_that_ends_before_it_begins_is_named():
    with pytest.raises(ValueError, match=r"begins at 2\.0 or ends at 1\.0"):
        zero_point.quantize(torch.ones(3), torch.tensor(2.0), torch.tensor(1.0))
