"""Double quantisation: laws, and the bits of bitsandbytes."""

import pytest
import torch

from phase4_production.solution import double_quant


def make(n, seed=0):
    """Scales as blocks of weights have them: positive, and of about one size."""
    return 0.05 + 0.01 * torch.randn(n, generator=torch.Generator().manual_seed(seed)).abs()


def test_levels():
    levels = double_quant.levels()
    assert levels.shape == (256,)
    assert (levels[1:] > levels[:-1]).all()
    assert levels[127] == 0
    assert levels[-1] == 1
    assert torch.equal(levels[:127], -levels[128:255].flip(0))


@pytest.mark.parametrize("n", [1, 2, 255, 256, 257, 1000])
def test_bits_are_those_of_bitsandbytes(n):
    functional = pytest.importorskip("bitsandbytes.functional", reason="the oracle")
    absmax = make(n)
    codes, scale, offset = double_quant.quantize(absmax)
    assert torch.equal(offset, absmax.mean())
    expected, state = functional.quantize_blockwise(absmax - absmax.mean(), blocksize=256)
    assert torch.equal(double_quant.levels(), state.code)
    assert torch.equal(codes, expected)
    assert torch.equal(scale, state.absmax)
    found = double_quant.dequantize(codes, scale, offset)
    assert torch.equal(found, functional.dequantize_blockwise(expected, state) + offset)


def test_scales_come_back_within_a_piece_of_the_largest():
    """The coarsest decade has pieces of 0.9 / 64; the outermost negative level is half one away."""
    absmax = make(1000)
    codes, scale, offset = double_quant.quantize(absmax)
    found = double_quant.dequantize(codes, scale, offset)
    each = scale.repeat_interleave(256)[:1000]
    assert ((found - absmax).abs() <= each * (0.9 / 64)).all()


def test_equal_scales_are_exact():
    absmax = torch.full((300,), 0.25)
    assert torch.equal(double_quant.dequantize(*double_quant.quantize(absmax)), absmax)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"expected \(N,\) float32, got \(2, 3\)"):
        double_quant.quantize(torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"got \(3,\) torch.float64"):
        double_quant.quantize(torch.ones(3, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"got \(0,\)"):
        double_quant.quantize(torch.ones(0))
