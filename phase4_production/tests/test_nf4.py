"""NF4: Python's normal quantiles, the published levels, brute force, laws, bitsandbytes' bits."""

import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.solution import nf4
from shared import checks

# Dettmers et al. 2023, appendix E, in the digits of the paper.
PUBLISHED = torch.tensor(
    [
        *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
        *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
        *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
        *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
    ]
)
SHAPES = [(4, 64), (2, 96), (3, 50), (65,), (2, 3, 20), (1, 1)]


def make(shape, seed=0):
    return 0.02 * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def quantized(weight, levels=PUBLISHED):
    found = nf4.quantize(weight, levels)
    pair = isinstance(found, tuple) and len(found) == 2
    checks.law(pair, "quantize returns two tensors: codes and scales", found)
    return found


@pytest.mark.exercise("4.8")
def test_levels_end_at_one_and_zero_is_exact():
    levels = nf4.codebook()
    checks.equal(str(getattr(levels, "dtype", None)), "torch.float32", "dtype of the levels")
    checks.equal(tuple(levels.shape), (16,), "shape of the levels")
    checks.law((levels[1:] > levels[:-1]).all(), "levels ascend", levels)
    ends = torch.tensor([-1.0, 0.0, 1.0])
    checks.equal(levels[[0, 7, 15]], ends, "the first, the eighth and the last level")


@pytest.mark.exercise("4.8")
def test_levels_are_normal_quantiles():
    quantile = statistics.NormalDist().inv_cdf
    p = nf4.OUTERMOST
    above = [quantile(p + (0.5 - p) * i / 8) for i in range(8)]
    below = [-quantile(p + (0.5 - p) * i / 7) for i in range(7)]
    expected = torch.tensor([x / above[0] for x in [*below, 0.0, *reversed(above)]])
    # float32 probabilities near 1 are 6e-8 apart, and their quantiles 13 times as much.
    checks.close(nf4.codebook(), expected, "levels, as normal quantiles", atol=1e-6)


@pytest.mark.exercise("4.8")
def test_levels_are_the_published_ones():
    # All bits, where a CPU rounds as IEEE 754 says; the last place may depend on the library.
    checks.close(nf4.codebook(), PUBLISHED, "levels, as published", rtol=0, atol=3e-7)


@pytest.mark.exercise("4.8")
def test_four_weights_by_hand():
    """Over the largest, 2: 1, -1, 0 and 1/2, which is nearer to 0.44, level 12, than to 0.56."""
    weight = torch.tensor([[2.0, -2.0], [0.0, 1.0]])
    kept = weight.clone()
    codes, absmax = quantized(weight)
    checks.equal(weight, kept, "the weight after quantize, left as it was")
    checks.equal(absmax, torch.tensor([2.0]), "the scale of (2, -2, 0, 1)")
    checks.equal(str(codes.dtype), "torch.uint8", "dtype of the codes")
    expected = torch.tensor([[15, 0], [7, 12]], dtype=torch.uint8)
    checks.equal(codes, expected, "codes of (2, -2), (0, 1)")
    codes, absmax = quantized(torch.tensor([-4.0, 1.0, 2.0]))
    checks.equal(absmax, torch.tensor([4.0]), "the scale of (-4, 1, 2)")
    expected = torch.tensor([0, 10, 12], dtype=torch.uint8)
    checks.equal(codes, expected, "codes of (-4, 1, 2)")


@pytest.mark.exercise("4.8")
def test_levels_of_somebody_else():
    """Between 0 and 1/2, a quarter is halfway: it goes to the lower one."""
    levels = torch.tensor([-1.0, 0.0, 0.5, 1.0])
    codes, _ = quantized(torch.tensor([4.0, 1.0, 1.1, -1.9, -2.1, 3.0]), levels)
    expected = torch.tensor([3, 1, 2, 1, 0, 2], dtype=torch.uint8)
    checks.equal(codes, expected, "codes among the levels -1, 0, 1/2, 1")
    weight = torch.tensor([255.0, -255.0, 1.0, 100.2])
    codes, _ = quantized(weight, torch.linspace(-1, 1, 256))
    expected = torch.tensor([255, 0, 128, 178], dtype=torch.uint8)
    checks.equal(codes, expected, "codes among 256 levels")


@pytest.mark.exercise("4.8")
@pytest.mark.parametrize("shape", SHAPES)
def test_codes_are_those_of_brute_force(shape):
    weight = make(shape)
    codes, absmax = quantized(weight)
    flat, levels = weight.double().flatten().tolist(), PUBLISHED.double().tolist()
    scales = [max(map(abs, flat[i : i + 64])) for i in range(0, len(flat), 64)]
    expected = [
        min(range(16), key=lambda k: abs(w / scales[i // 64] - levels[k]))
        for i, w in enumerate(flat)
    ]
    checks.equal(absmax, torch.tensor(scales), f"scales of a weight of shape {shape}")
    expected = torch.tensor(expected, dtype=torch.uint8).view(shape)
    checks.equal(codes, expected, f"codes of a weight of shape {shape}")


@pytest.mark.exercise("4.8")
def test_a_block_of_zeros():
    weight = make((3, 64))
    weight[1], weight[2, ::3] = 0.0, 0.0
    codes, absmax = quantized(weight)
    checks.equal(absmax[1].item(), 0.0, "the scale of a block of zeros")
    sevens = torch.full((64,), 7, dtype=torch.uint8)
    checks.equal(codes[1], sevens, "codes of a block of zeros")
    checks.equal(codes[2, ::3], sevens[::3], "codes of zeros among others")
    small, absmax = quantized(weight * 1e-20)
    checks.equal(small, codes, "codes of a weight 1e20 times as small")


@pytest.mark.exercise("4.8")
def test_sixteen_bit_weights_and_gradients():
    weight = make((3, 50)).to(torch.bfloat16).requires_grad_()
    codes, absmax = quantized(weight)
    checks.law(not absmax.requires_grad, "the scales of a weight that trains have no history")
    checks.equal(str(absmax.dtype), "torch.float32", "dtype of the scales of a bfloat16 weight")
    expected = quantized(weight.detach().float())
    checks.equal([codes, absmax], list(expected), "what a bfloat16 weight gives")


@pytest.mark.exercise("4.8")
@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.integers(1, 200), st.integers(1, 3), st.integers(0, 10**6))
def test_laws(columns, rows, seed):
    weight = make((rows, columns), seed)
    codes, absmax = quantized(weight)
    found = nf4.dequantize(codes, absmax, PUBLISHED)
    again = quantized(found)
    checks.equal(list(again), [codes, absmax], "what quantised weights give, quantised again")
    # The widest gap of the levels is 0.304 wide; quotient and product may err in their last place.
    scales = absmax.repeat_interleave(64)[: weight.numel()].view(weight.shape)
    law = "no weight is further than half the widest gap from its level"
    checks.law(((found - weight).abs() <= scales * 0.15191).all(), law)


@pytest.mark.exercise("4.8")
def test_levels_are_used_about_equally_often():
    """Of a normal variable. The blocks' scales vary, so it is not quite 1/16 each."""
    weight = torch.randn(64, 4096, generator=torch.Generator().manual_seed(0))
    codes, _ = quantized(weight, nf4.codebook())
    share = torch.bincount(codes.flatten().long(), minlength=16)[1:-1] / weight.numel()
    checks.law(share.max() / share.min() < 4, "inner levels are used about equally often", share)


@pytest.mark.exercise("4.8")
def test_the_last_bit_decides_at_a_border():
    """Over 3, the second weight is level 7 by a quotient, and 8 by a product, as it is stored."""
    codes, _ = quantized(torch.tensor([3.0, 0.11937045305967331]))
    expected = torch.tensor([15, 8], dtype=torch.uint8)
    checks.equal(codes, expected, "codes of 3 and 0.11937, divided as a product with 1 / 3")


# -- proofs -----------------------------------------------------------------------------------


def test_levels_have_the_published_bits():
    assert torch.equal(nf4.codebook(), PUBLISHED)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [*SHAPES, (300, 511), (64, 768)])
def test_codes_are_those_of_bitsandbytes(shape, dtype):
    functional = pytest.importorskip("bitsandbytes.functional", reason="the oracle")
    weight = make(shape).to(dtype)
    codes, absmax = nf4.quantize(weight, nf4.codebook())
    packed, state = functional.quantize_4bit(weight, quant_type="nf4", blocksize=64)
    expected = torch.stack([packed >> 4, packed & 15], dim=-1).flatten()
    assert torch.equal(codes.flatten(), expected[: weight.numel()])
    assert torch.equal(absmax, state.absmax)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"floating numbers, got \(3,\) torch.int64"):
        nf4.quantize(torch.arange(3), PUBLISHED)
    with pytest.raises(ValueError, match=r"got \(0,\)"):
        nf4.quantize(torch.zeros(0), PUBLISHED)
