"""NF4: by hand, brute force in float64, the published levels, laws, and bitsandbytes' own bits."""

import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phase3_alignment.solution import nf4
from shared import checks

# Dettmers et al. 2023, appendix E, in the digits of the paper.
PUBLISHED = [
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
]
RAGGED = [(1,), (2,), (63,), (64,), (65,), (3, 50), (2, 3, 43), (128,)]


def make(shape, seed=0, scale=0.02):
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def unpack(packed, n):
    """One code after the other, as plain numbers: the first of two is the larger part."""
    codes = [half for byte in packed.tolist() for half in divmod(int(byte), 16)]
    return codes[:n]


def brute_force(weight):
    """Codes and scales, one weight at a time, in float64."""
    flat = weight.double().flatten().tolist()
    scales = [max(map(abs, flat[i : i + 64])) for i in range(0, len(flat), 64)]
    codes = []
    for i, w in enumerate(flat):
        x = w / scales[i // 64] if scales[i // 64] else 0.0
        codes.append(min(range(16), key=lambda k: (abs(x - PUBLISHED[k]), k)))
    return codes, scales


def quantized(weight):
    """Call `nf4.quantize`; say so if it does not return two things."""
    found = nf4.quantize(weight)
    pair = isinstance(found, tuple) and len(found) == 2
    checks.law(pair, "quantize returns two tensors, the bytes and the scales", found)
    return found


@pytest.mark.exercise("3.5")
@pytest.mark.parametrize("bits", [2, 3, 4, 5])
def test_levels_are_normal_quantiles(bits):
    quantile = statistics.NormalDist().inv_cdf
    h = 2 ** (bits - 1)
    p = 1 - (1 / (4 * h) + 1 / (4 * h - 2)) / 2
    above = [quantile(p + (0.5 - p) * i / h) for i in range(h)]
    below = [-quantile(p + (0.5 - p) * i / (h - 1)) for i in range(h - 1)]
    expected = [x / above[0] for x in [*below, 0.0, *reversed(above)]]
    found = nf4.normal_float(bits)
    checks.close(found, torch.tensor(expected), f"levels of {bits} bits")
    checks.equal(str(found.dtype), "torch.float32", "dtype of the levels")


@pytest.mark.exercise("3.5")
def test_four_bits_give_the_published_levels():
    checks.close(nf4.normal_float(4), torch.tensor(PUBLISHED), "levels of 4 bits", atol=3e-7)


@pytest.mark.exercise("3.5")
def test_four_weights_by_hand():
    """Over the largest, 2: 1, -1, 0 and 1/2, which is nearer to 0.44, level 12, than to 0.56."""
    weight = torch.tensor([[2.0, -2.0], [0.0, 1.0]])
    kept = weight.clone()
    codes, absmax = quantized(weight)
    checks.equal(weight, kept, "the weight after quantize, left as it was")
    checks.equal(absmax, torch.tensor([2.0]), "the scale of (2, -2, 0, 1)")
    expected = torch.tensor([15 * 16 + 0, 7 * 16 + 12], dtype=torch.uint8)
    checks.equal(codes, expected, "the bytes of the codes 15, 0 and 7, 12")
    checks.equal(str(codes.dtype), "torch.uint8", "dtype of the bytes")
    codes, absmax = quantized(torch.tensor([-4.0, 1.0, 2.0]))
    checks.equal(absmax, torch.tensor([4.0]), "the scale of (-4, 1, 2)")
    expected = torch.tensor([0 * 16 + 10, 12 * 16 + 7], dtype=torch.uint8)
    checks.equal(codes, expected, "the bytes of the codes 0, 10 and 12, and nothing")
    absmax = quantized(weight.requires_grad_())[1]
    checks.law(not absmax.requires_grad, "the scales of a weight that trains have no history")


@pytest.mark.exercise("3.5")
def test_two_bytes_by_hand():
    codes = torch.tensor([15 * 16 + 0, 7 * 16 + 12], dtype=torch.uint8)
    kept = codes.clone()
    weight = nf4.dequantize(codes, torch.tensor([2.0]), (2, 2))
    expected = torch.tensor([[2.0, -2.0], [0.0, 2 * PUBLISHED[12]]])
    checks.equal(weight, expected, "the weight of the codes 15, 0, 7, 12 and the scale 2")
    checks.equal(codes, kept, "the bytes after dequantize, left as they were")
    weight = nf4.dequantize(codes, torch.tensor([2.0]), (3,))
    checks.equal(weight, expected.flatten()[:3], "three weights out of two bytes")


@pytest.mark.exercise("3.5")
@pytest.mark.parametrize("shape", RAGGED)
def test_codes_are_those_of_brute_force(shape):
    weight = make(shape)
    codes, absmax = quantized(weight)
    expected, scales = brute_force(weight)
    name = f"of a weight of shape {shape}"
    checks.equal(absmax, torch.tensor(scales), f"scales {name}")
    checks.equal(tuple(codes.shape), (-(-len(expected) // 2),), f"shape of the bytes {name}")
    checks.equal(unpack(codes, len(expected)), expected, f"codes {name}")


@pytest.mark.exercise("3.5")
@pytest.mark.parametrize("shape", RAGGED)
def test_weights_are_levels_times_scales(shape):
    codes, scales = brute_force(make(shape))
    packed = torch.tensor([16 * a + b for a, b in zip(codes[::2], [*codes[1::2], 7])])
    found = nf4.dequantize(packed.to(torch.uint8), torch.tensor(scales), shape)
    expected = torch.tensor([PUBLISHED[c] * scales[i // 64] for i, c in enumerate(codes)])
    # One product: half a unit in the last place of float32.
    checks.close(found, expected.view(shape), f"weight of shape {shape}", rtol=2e-7, atol=0)


@pytest.mark.exercise("3.5")
def test_an_outlier_spoils_its_own_block():
    weight = make((4, 64))
    expected = nf4.dequantize(*quantized(weight), (4, 64))
    weight[1, 10] = 100.0
    found = nf4.dequantize(*quantized(weight), (4, 64))
    others = torch.tensor([0, 2, 3])
    checks.equal(found[others], expected[others], "blocks beside the one with an outlier")


@pytest.mark.exercise("3.5")
def test_zero_stays_zero():
    weight = make((3, 64))
    weight[1], weight[2, ::3] = 0.0, 0.0
    codes, absmax = quantized(weight)
    checks.equal(absmax[1], torch.tensor(0.0), "the scale of a block of zeros")
    checks.equal(unpack(codes[32:64], 64), [7] * 64, "codes of a block of zeros")
    found = nf4.dequantize(codes, absmax, (3, 64))
    checks.equal(found[1], torch.zeros(64), "a block of zeros, there and back")
    checks.equal(found[2, ::3], torch.zeros(22), "zeros among others, there and back")


@pytest.mark.exercise("3.5")
def test_sixteen_bit_weights():
    weight = make((3, 50)).to(torch.bfloat16)
    codes, absmax = quantized(weight)
    checks.equal(str(absmax.dtype), "torch.float32", "dtype of the scales of a bfloat16 weight")
    wide = quantized(weight.float())
    checks.equal([codes, absmax], list(wide), "codes and scales of a bfloat16 weight")
    exact = make((3, 50))
    codes, absmax = quantized(exact)
    found = nf4.dequantize(codes, absmax, (3, 50), torch.bfloat16)
    checks.equal(str(found.dtype), "torch.bfloat16", "dtype of the weight, asked for in bfloat16")
    once = nf4.dequantize(codes, absmax, (3, 50)).to(torch.bfloat16)
    checks.equal(found, once, "the weight in bfloat16, rounded once")


@pytest.mark.exercise("3.5")
@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.integers(1, 200), st.integers(1, 3), st.integers(0, 10**6))
def test_laws(columns, rows, seed):
    weight = make((rows, columns), seed)
    codes, absmax = quantized(weight)
    found = nf4.dequantize(codes, absmax, weight.shape)
    again = quantized(found)
    what = f"a weight of shape ({rows}, {columns}), quantised, dequantised and quantised again"
    checks.equal(list(again), [codes, absmax], what)
    scales = absmax.double().repeat_interleave(64)[: weight.numel()]
    levels = torch.tensor(PUBLISHED, dtype=torch.float64)
    x = weight.double().flatten() / scales
    upper = torch.bucketize(x, levels).clamp(1, 15)
    half_gap = (levels[upper] - levels[upper - 1]) / 2
    error = (found.double() - weight.double()).flatten().abs() / scales
    # The float32 product and quotient may each be wrong in their last place.
    checks.law((error <= half_gap + 2e-7).all(), "the error is at most half the gap of the levels")


@pytest.mark.exercise("3.5")
def test_bell_curves_and_others():
    """Levels that lie where the weights do beat evenly spaced ones; elsewhere they lose."""

    def error(weight, found):
        return (weight - found).square().mean().sqrt()

    g = torch.Generator().manual_seed(0)
    normal = torch.randn(64, 256, generator=g)
    even = 2 * torch.rand(64, 256, generator=g) - 1
    for weight, name, better in [(normal, "normal", True), (even, "uniform", False)]:
        scales = weight.view(-1, 64).abs().amax(1, keepdim=True)
        uniform = ((weight.view(-1, 64) / scales * 7).round() / 7 * scales).view(64, 256)
        nf4_error = error(weight, nf4.dequantize(*quantized(weight), weight.shape))
        holds = (nf4_error < error(weight, uniform)) == better
        verb = "beats" if better else "loses to"
        checks.law(holds, f"NF4 {verb} evenly spaced levels on {name} weights", nf4_error)


@pytest.mark.exercise("3.5")
def test_the_last_bit_decides_at_a_border():
    """Over 3, the second weight is level 7 by a quotient, and 8 by a product, as it is stored."""
    codes, _ = quantized(torch.tensor([3.0, 0.11937045305967331]))
    name = "the bytes of 3 and 0.11937, divided as a multiplication by 1 / 3"
    checks.equal(codes, torch.tensor([15 * 16 + 8], dtype=torch.uint8), name)


# -- proofs -----------------------------------------------------------------------------------


def test_levels_are_the_published_ones():
    checks.equal(nf4.LEVELS, torch.tensor(PUBLISHED), "the levels in use")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [*RAGGED, (200,), (300, 511), (64, 768), (1000, 128)])
def test_bits_are_those_of_bitsandbytes(shape, dtype):
    functional = pytest.importorskip("bitsandbytes.functional", reason="the oracle")
    weight = make(shape).to(dtype)
    codes, absmax = nf4.quantize(weight)
    expected, state = functional.quantize_4bit(weight, quant_type="nf4", blocksize=64)
    assert torch.equal(codes, expected.flatten())
    assert torch.equal(absmax, state.absmax)
    # On processors with AVX-512, bitsandbytes 0.50.2 takes the wrong scales where a row is not a
    # whole number of blocks but one of 16 weights; and it returns rows for a flat weight.
    if shape[-1] % 64 == 0:
        found = nf4.dequantize(codes, absmax, shape, dtype)
        assert torch.equal(found, functional.dequantize_4bit(expected, state).view(shape))


def test_a_block_of_zeros_is_bitsandbytes_too():
    """But for a last block that is not full: bitsandbytes calls its scale 1e-38, we call it 0."""
    functional = pytest.importorskip("bitsandbytes.functional", reason="the oracle")
    weight = make((3, 64))
    weight[1] = 0
    codes, absmax = nf4.quantize(weight)
    expected, state = functional.quantize_4bit(weight, quant_type="nf4", blocksize=64)
    assert torch.equal(codes, expected.flatten())
    assert torch.equal(absmax, state.absmax)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"floating numbers, got \(3,\) torch.int64"):
        nf4.quantize(torch.arange(3))
    with pytest.raises(ValueError, match=r"got \(0,\)"):
        nf4.quantize(torch.zeros(0))
    with pytest.raises(ValueError, match="2 bits or more, got 1"):
        nf4.normal_float(1)
    codes, absmax = nf4.quantize(torch.ones(65))
    with pytest.raises(ValueError, match=r"33 bytes, 2 scales do not fit \(64,\)"):
        nf4.dequantize(codes, absmax, (64,))
    with pytest.raises(ValueError, match="33 bytes, 1 scales"):
        nf4.dequantize(codes, absmax[:1], (65,))
