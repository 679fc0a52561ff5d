"""Whitening over a mask: by hand, torch's own statistics in float64, any mask."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phase3_alignment.solution import masked
from shared import checks

# 1 / sqrt(variance + 1e-8) for variances of 0.1 or more: 5e-8 relative.
WHITE = {"rtol": 1e-7, "atol": 1e-7}


def make(seed=0, B=4, T=7):
    """Numbers of mean 3, scale 5, and a mask of rows with 7, 0, 1 and 4 places that count."""
    g = torch.Generator().manual_seed(seed)
    x = 3 + 5 * torch.randn(B, T, generator=g, dtype=torch.float64)
    mask = torch.zeros(B, T, dtype=torch.bool)
    mask[0], mask[2, 3], mask[3, 2:6] = True, True, True
    return x, mask


@pytest.mark.exercise("3.17")
def test_two_numbers_by_hand():
    x = torch.tensor([[2.0, 6.0, 100.0]], dtype=torch.float64)
    mask = torch.tensor([[True, True, False]])
    given = x.clone()
    white = masked.whiten(x, mask)
    checks.equal(x, given, "x after whiten, which leaves it as it was")
    expected = torch.tensor([[-1.0, 1.0, 0.0]], dtype=torch.float64)
    checks.close(white, expected, "2 and 6 whitened, beside a 100 that does not count", **WHITE)
    scaled = masked.whiten(x, mask, shift_mean=False)
    expected = torch.tensor([[3.0, 5.0, 0.0]], dtype=torch.float64)
    checks.close(scaled, expected, "2 and 6 with variance 1 and their own mean", **WHITE)


@pytest.mark.exercise("3.17")
@pytest.mark.parametrize("shift_mean", [True, False])
def test_as_torch_counts(shift_mean):
    x, mask = make()
    chosen = x[mask]
    mean, std = chosen.mean(), chosen.std(correction=0)
    expected = torch.zeros_like(x)
    expected[mask] = (chosen - mean) / std + (0 if shift_mean else mean)
    white = masked.whiten(x, mask, shift_mean)
    name = "12 of 28 numbers whitened" + ("" if shift_mean else ", with their own mean")
    checks.close(white, expected, name, **WHITE)


@pytest.mark.exercise("3.17")
@pytest.mark.parametrize("anything", [math.nan, math.inf, 1e30])
def test_what_does_not_count_is_not_seen(anything):
    x, mask = make()
    clean = masked.whiten(x.where(mask, 0), mask)
    found = masked.whiten(x.where(mask, anything), mask)
    checks.equal(found, clean, f"whitened, with {anything} where the mask is False")


@pytest.mark.exercise("3.17")
def test_nothing_to_divide_by():
    x = torch.full((2, 3), 0.7, dtype=torch.float64)
    mask = torch.tensor([[True, True, False], [False, True, False]])
    zeros = torch.zeros_like(x)
    # The mean of three times 0.7 is 0.7 to the last bit or one beside it, times 1e4 for the eps.
    checks.close(masked.whiten(x, mask), zeros, "three equal numbers whitened", atol=1e-11)
    x[0, 0] = 5.0
    only = torch.zeros_like(mask)
    checks.close(masked.whiten(x, only), zeros, "nothing that counts, whitened")
    only[1, 1] = True
    checks.close(masked.whiten(x, only), zeros, "one number, whitened", atol=1e-11)


@pytest.mark.exercise("3.17")
@settings(max_examples=20)
@given(st.lists(st.booleans(), min_size=12, max_size=12), st.integers(-3, 3), st.integers(1, 9))
def test_any_mask_gives_mean_0_and_variance_1(bits, shift, scale):
    mask = torch.tensor(bits).view(3, 4)
    g = torch.Generator().manual_seed(sum(bits))
    x = torch.randn(3, 4, generator=g, dtype=torch.float64)
    white = masked.whiten(x, mask)
    checks.equal(white[~mask].abs().sum(), 0.0, "sum of what does not count")
    if mask.sum() >= 2:
        counted = white[mask]
        checks.close(counted.mean(), 0.0, "mean of what counts", atol=1e-9)
        # For variances down to 0.001 the eps of 1e-8 costs up to 1e-5.
        checks.close(counted.square().mean(), 1.0, "variance of what counts", rtol=1e-4)
        moved = masked.whiten(scale * x + shift, mask)
        checks.close(moved, white, "x scaled and moved, whitened", rtol=1e-4, atol=1e-4)


@pytest.mark.exercise("3.17")
def test_dtype_stays():
    x, mask = make()
    checks.equal(str(masked.whiten(x.float(), mask).dtype), "torch.float32", "dtype of float32")


def test_mean_and_variance_are_torchs():
    x, mask = make()
    checks.close(masked.mean(x, mask), x[mask].mean(), "mean")
    checks.close(masked.variance(x, mask), x[mask].var(correction=0), "variance")
    nothing = torch.zeros_like(mask)
    checks.equal(masked.mean(x, nothing), 0.0, "mean of nothing")
    checks.equal(masked.variance(x, nothing), 0.0, "variance of nothing")


@pytest.mark.parametrize("function", [masked.mean, masked.variance, masked.whiten])
def test_no_nan_reaches_a_gradient(function):
    x, mask = make()
    x = x.where(mask, math.nan).requires_grad_()
    (function(x, mask) * 2).sum().backward()
    checks.law(x.grad.isfinite().all(), "gradients are finite", x.grad)
    checks.equal(x.grad[~mask].abs().sum(), 0.0, "gradient where the mask is False")


def test_shapes_must_fit():
    with pytest.raises(ValueError, match="one shape"):
        masked.whiten(torch.zeros(2, 3), torch.ones(3).bool())
