"""Quantised scales: by hand, brute force in float64, bytes, and bitsandbytes' own bits."""

import pytest
import torch

from phase3_alignment.solution import double_quant, nf4
from shared import checks

RAGGED = [1, 2, 255, 256, 257, 700]


def make(n, seed=0):
    """Scales of n blocks, groups of which are larger or smaller than others."""
    g = torch.Generator().manual_seed(seed)
    drift = 1 + torch.arange(n) // 256  # 1, 2, 3 from group to group
    return 0.05 * drift * (1 + 0.2 * torch.randn(n, generator=g)).abs()


def definition(signed):
    """The levels, decade by decade, in float64."""
    levels = [0.0, 1.0]
    for i in range(7):
        n = 2**i if signed else 2 ** (i + 1)
        middles = [0.1 + 0.9 * (k + 0.5) / n for k in range(n)]
        levels += [10.0 ** (i - 6) * x for x in middles]
        levels += [-(10.0 ** (i - 6)) * x for x in middles if signed]
    return sorted(levels)


def brute_force(absmax):
    """Codes, group scales and offset: every scale against every level, in float64."""
    levels = torch.tensor(definition(signed=True), dtype=torch.float64)
    offset = absmax.double().mean()
    centred = absmax.double() - offset
    largest = [part.abs().max().item() for part in centred.split(256)]
    spread = torch.tensor(largest).double().repeat_interleave(256)[: len(centred)]
    points = ((centred / spread + 1) / 2 * 65535 + 0.5).floor()
    values = 2 * points / 65535 - 1
    return (values[:, None] - levels).abs().argmin(1).tolist(), largest, offset.item()


def quantized(absmax):
    """Call `double_quant.quantize`; say so if it does not return the three parts."""
    found = double_quant.quantize(absmax)
    checks.law(isinstance(found, double_quant.Scales), "quantize returns Scales", found)
    return found


@pytest.mark.exercise("3.6")
@pytest.mark.parametrize("signed", [True, False])
def test_levels_of_the_dynamic_map(signed):
    levels = double_quant.dynamic_map(signed)
    name = "signed" if signed else "unsigned"
    checks.equal(tuple(levels.shape), (256,), f"shape of the {name} map")
    # float32, relative to each level: the smallest are of size 1e-7.
    expected = torch.tensor(definition(signed))
    checks.close(levels, expected, f"levels of the {name} map", rtol=1.3e-6, atol=0)
    checks.equal(str(levels.dtype), "torch.float32", f"dtype of the {name} map")


@pytest.mark.exercise("3.6")
def test_three_scales_by_hand():
    """Less their mean, 2: -1, 1, 0. The map has -0.993 for -1, the grid 1.5e-5 for 0."""
    absmax = torch.tensor([1.0, 3.0, 2.0])
    kept = absmax.clone()
    codes, largest, offset = quantized(absmax)
    checks.equal(absmax, kept, "the scales after quantize, left as they were")
    checks.close(offset, torch.tensor(2.0), "the offset of (1, 3, 2)")
    checks.close(largest, torch.tensor([1.0]), "the scale of the scales 1, 3, 2")
    expected = torch.tensor([0, 255, 131], dtype=torch.uint8)
    checks.equal(codes, expected, "the codes of the scales 1, 3, 2")
    checks.equal(str(codes.dtype), "torch.uint8", "dtype of the codes")
    largest = quantized(torch.tensor([0.0, 3.0, 3.0])).absmax
    checks.close(largest, torch.tensor([2.0]), "the scale of the scales 0, 3, 3")


@pytest.mark.exercise("3.6")
def test_three_codes_by_hand():
    codes = torch.tensor([0, 255, 127], dtype=torch.uint8)  # -0.99296875, 1 and 0
    scales = double_quant.Scales(codes, torch.tensor([0.5]), torch.tensor(2.0))
    found = double_quant.dequantize(scales)
    expected = torch.tensor([2 - 0.5 * 0.99296875, 2.5, 2.0])
    checks.close(found, expected, "scales of the levels -0.993, 1, 0, times 0.5, plus 2")


@pytest.mark.exercise("3.6")
@pytest.mark.parametrize("n", RAGGED[1:])
def test_codes_are_those_of_brute_force(n):
    absmax = make(n)
    found = quantized(absmax)
    codes, largest, offset = brute_force(absmax)
    checks.close(found.offset, torch.tensor(offset), f"offset of {n} scales")
    checks.close(found.absmax, torch.tensor(largest), f"scales of the groups of {n} scales")
    checks.equal(found.codes.tolist(), codes, f"codes of {n} scales")


@pytest.mark.exercise("3.6")
@pytest.mark.parametrize("n", RAGGED[1:])
def test_scales_come_back(n):
    absmax = make(n)
    codes, largest, offset = brute_force(absmax)
    parts = torch.tensor(codes, dtype=torch.uint8), torch.tensor(largest), torch.tensor(offset)
    found = double_quant.dequantize(double_quant.Scales(*parts))
    levels = definition(signed=True)
    exact = [levels[c] * largest[i // 256] + offset for i, c in enumerate(codes)]
    checks.close(found, torch.tensor(exact), f"{n} scales from their codes")
    # Half the widest gap is 0.007 of a group's largest distance from the mean.
    error = (found - absmax).abs().max().item()
    bound = (0.0071 + 2e-5) * max(largest)
    checks.at_most(error, bound, f"the largest error of {n} scales, there and back")


@pytest.mark.exercise("3.6")
def test_equal_scales():
    for n in (1, 300):
        absmax = torch.full((n,), 0.25)
        scales = quantized(absmax)
        checks.equal(scales.codes.tolist(), [0] * n, f"codes of {n} equal scales")
        checks.equal(scales.absmax.tolist(), [0.0] * len(scales.absmax), "the scale of their group")
        checks.close(double_quant.dequantize(scales), absmax, f"{n} equal scales, there and back")


@pytest.mark.exercise("3.6")
def test_bytes_are_counted():
    scales = quantized(make(512))
    found = sum(part.nbytes for part in scales)
    checks.equal(found, 512 + 2 * 4 + 4, "bytes of 512 scales: codes, two groups, the offset")


# -- proofs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("signed", [True, False])
def test_the_map_is_that_of_bitsandbytes(signed):
    functional = pytest.importorskip("bitsandbytes.functional", reason="the oracle")
    assert torch.equal(double_quant.dynamic_map(signed), functional.create_dynamic_map(signed))


@pytest.mark.parametrize("n", [*RAGGED, 12345])
def test_bits_are_those_of_bitsandbytes(n):
    functional = pytest.importorskip("bitsandbytes.functional", reason="the oracle")
    weight = torch.randn(n, 64, generator=torch.Generator().manual_seed(n)) * make(n)[:, None]
    packed, state = functional.quantize_4bit(weight, quant_type="nf4", compress_statistics=True)
    codes, absmax = nf4.quantize(weight)
    scales = double_quant.quantize(absmax)
    assert torch.equal(codes, packed.flatten())
    assert torch.equal(scales.codes, state.absmax)
    assert torch.equal(scales.absmax, state.state2.absmax)
    assert torch.equal(scales.offset, state.offset)
    found = nf4.dequantize(codes, double_quant.dequantize(scales), weight.shape)
    assert torch.equal(found, functional.dequantize_4bit(packed, state))


def test_every_point_of_the_grid_is_that_of_bitsandbytes():
    functional = pytest.importorskip("bitsandbytes.functional", reason="the oracle")
    points = 2 * torch.arange(2**16) / (2**16 - 1) - 1
    blocks = torch.cat([points.view(-1, 128), torch.ones(512, 128)], dim=1)  # of scale 1
    expected, _ = functional.quantize_blockwise(blocks, blocksize=256)
    found = nf4.nearest(double_quant.on_grid(blocks), double_quant.dynamic_map())
    assert torch.equal(found, expected)


def test_codes_are_stable():
    """Weights from dequantised scales have the same codes again, whatever the scales lost."""
    weight = torch.randn(40, 64, generator=torch.Generator().manual_seed(0))
    codes, absmax = nf4.quantize(weight)
    lossy = double_quant.dequantize(double_quant.quantize(absmax))
    found = nf4.dequantize(codes, lossy, weight.shape)
    again, scales = nf4.quantize(found)
    assert torch.equal(again, codes)
    assert torch.equal(scales, lossy)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"expected \(N,\) float32, got \(2, 2\)"):
        double_quant.quantize(torch.ones(2, 2))
    with pytest.raises(ValueError, match=r"torch\.float64"):
        double_quant.quantize(torch.ones(2, dtype=torch.float64))
    scales = double_quant.quantize(torch.rand(300))
    with pytest.raises(ValueError, match="1 groups do not fit 300 codes"):
        double_quant.dequantize(scales._replace(absmax=scales.absmax[:1]))
