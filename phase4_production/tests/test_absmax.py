"""Symmetric int8: by hand, torch's fake quantisation, float64, and the law of half a step."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.solution import absmax
from shared import checks

TILES = [(6, 8), (1, 8), (1, 4), (1, 1), (6, 1), (2, 4), (3, 2)]


def make(shape, seed=0):
    """Numbers whose rows and columns have many sizes."""
    g = torch.Generator().manual_seed(seed)
    rows, columns = torch.rand(shape[0], 1, generator=g), torch.rand(1, shape[1], generator=g)
    return torch.randn(shape, generator=g) * (0.1 + rows) * (0.1 + columns)


@pytest.mark.exercise("4.6")
def test_scales_by_hand():
    x = torch.tensor([[1.0, -254.0, 3.0, 0.5], [0.0, 12.7, -2.0, 0.25]])
    kept = x.clone()
    found = absmax.scale(x, 1, 2)
    checks.equal(x, kept, "x after scale, left as it was")
    expected = torch.tensor([[2.0, 3 / 127], [0.1, 2 / 127]])
    checks.close(found, expected, "a scale for each two of a row")
    checks.close(absmax.scale(x, 1, 4), torch.tensor([[2.0], [0.1]]), "a scale for each row")
    checks.close(absmax.scale(x, 2, 4), torch.tensor([[2.0]]), "one scale for all")
    expected = torch.tensor([[1.0, 254.0, 3.0, 0.5]]) / 127
    checks.close(absmax.scale(x, 2, 1), expected, "a scale for each column")


@pytest.mark.exercise("4.6")
def test_codes_by_hand():
    """Over 0.5: 2, -3, then 2.5 and 3.5, which both lie halfway and go to the even number."""
    x = torch.tensor([[1.0, -1.5, 1.25, 1.75], [30.0, -4.0, 0.6, -0.6]])
    scale = torch.tensor([[0.5], [1.0]])
    kept = [x.clone(), scale.clone()]
    found = absmax.quantize(x, scale)
    checks.equal([x, scale], kept, "x and scale after quantize, left as they were")
    checks.equal(str(getattr(found, "dtype", None)), "torch.int8", "dtype of the codes")
    expected = torch.tensor([[2, -3, 2, 4], [30, -4, 1, -1]], dtype=torch.int8)
    checks.equal(found, expected, "codes, with a scale for each row")


@pytest.mark.exercise("4.6")
def test_what_is_too_large_for_its_scale():
    x = torch.tensor([[300.0, -300.0, 127.4, -127.4, -127.6, 128.0]])
    expected = torch.tensor([[127, -127, 127, -127, -127, 127]], dtype=torch.int8)
    checks.equal(absmax.quantize(x, torch.ones(1, 1)), expected, "codes beyond the last")


@pytest.mark.exercise("4.6")
def test_zeros():
    x = torch.zeros(2, 4)
    x[1, 2] = 12.7
    scale = absmax.scale(x, 1, 4)
    checks.close(scale, torch.tensor([[1.0], [0.1]]), "the scale of a row of zeros, and another")
    small = torch.tensor([[1.27e-20, 0.0]])
    expected = torch.tensor([[1e-22]])
    checks.close(absmax.scale(small, 1, 2), expected, "the scale of a row of 1e-20", atol=0)
    tiny = torch.full((1, 2), 1e-45)
    checks.equal(absmax.scale(tiny, 1, 2), torch.ones(1, 1), "a scale that would underflow")


@pytest.mark.exercise("4.6")
@pytest.mark.parametrize(("rows", "columns"), TILES)
def test_tiles_against_loops_in_float64(rows, columns):
    x = make((6, 8))
    what = f"with tiles of {rows} x {columns}"
    expected = torch.empty(6 // rows, 8 // columns, dtype=torch.float64)
    codes = torch.empty(6, 8)
    for i in range(expected.shape[0]):
        for j in range(expected.shape[1]):
            here = slice(i * rows, (i + 1) * rows), slice(j * columns, (j + 1) * columns)
            expected[i, j] = x[here].double().abs().max() / 127
            codes[here] = (x[here].double() / expected[i, j]).round().float()
    scale = absmax.scale(x, rows, columns)
    checks.close(scale, expected.float(), f"scales {what}", rtol=3e-7, atol=0)
    # The scale in float32 may move a quotient over a border by one part in ten million; none does.
    checks.equal(absmax.quantize(x, expected.float()).float(), codes, f"codes {what}")


@pytest.mark.exercise("4.6")
def test_sixteen_bit_numbers_and_gradients():
    x = make((6, 8)).to(torch.bfloat16).requires_grad_()
    scale = absmax.scale(x, 1, 8)
    checks.equal(str(scale.dtype), "torch.float32", "dtype of the scales of bfloat16 numbers")
    checks.law(not scale.requires_grad, "the scales of a weight that trains have no history")
    wide = x.detach().float()
    checks.equal(scale, absmax.scale(wide, 1, 8), "scales of bfloat16 numbers")
    expected = absmax.quantize(wide, scale)
    checks.equal(absmax.quantize(x, scale), expected, "codes of bfloat16 numbers")


@pytest.mark.exercise("4.6")
@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.sampled_from(TILES), st.integers(0, 10**6), st.sampled_from([1e-20, 1.0, 1e20]))
def test_laws(tile, seed, size):
    x = make((6, 8), seed) * size
    scale = absmax.scale(x, *tile)
    codes = absmax.quantize(x, scale)
    found = absmax.dequantize(codes, scale)
    steps = absmax.spread(scale, x.shape)
    # The quotient may be wrong in its last place, which is 127 * 6e-8 of a step.
    law = "no number is further than half a step from what its code stands for"
    checks.law(((found - x).abs() <= steps * (0.5 + 1e-5)).all(), law)
    checks.equal(absmax.quantize(found, scale), codes, "codes of what codes stand for")
    checks.equal(absmax.quantize(-x, scale), -codes, "codes of -x")


@pytest.mark.exercise("4.6")
def test_more_scales_are_less_error():
    x = make((12, 32))

    def error(rows, columns):
        scale = absmax.scale(x, rows, columns)
        return (absmax.dequantize(absmax.quantize(x, scale), scale) - x).norm().item()

    checks.at_most(error(1, 32), error(12, 32), "error with a scale a row, against one for all")
    checks.at_most(error(1, 8), error(1, 32), "error with a scale a group, against one a row")


# -- proofs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1])
def test_numbers_are_those_of_torch(axis):
    x = make((96, 64))
    scale = absmax.scale(x, *((1, 64) if axis == 0 else (96, 1)))
    zeros = torch.zeros(x.shape[axis], dtype=torch.int32)
    expected = torch.fake_quantize_per_channel_affine(x, scale.flatten(), zeros, axis, -127, 127)
    found = absmax.dequantize(absmax.quantize(x, scale), scale)
    # torch multiplies by the reciprocal: at a border that may be the neighbouring code.
    assert (found != expected).sum() <= 2
    assert ((found - expected).abs() <= 1.001 * scale).all()


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"floating \(R, C\), got \(3,\) torch.float32"):
        absmax.scale(torch.ones(3), 1, 3)
    with pytest.raises(ValueError, match=r"got .* torch.int64"):
        absmax.scale(torch.ones(2, 3, dtype=torch.int64), 1, 3)
    with pytest.raises(ValueError, match=r"tiles of 1 x 2 do not fill \(2, 3\)"):
        absmax.scale(torch.ones(2, 3), 1, 2)
    with pytest.raises(ValueError, match=r"scales \(2, 2\) do not tile \(2, 3\)"):
        absmax.quantize(torch.ones(2, 3), torch.ones(2, 2))
