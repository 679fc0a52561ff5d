"""Int4: bytes by hand, numpy's nibbles, brute force in float64, torch, and laws."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.solution import int4
from shared import checks


def make(shape, seed=0):
    """Weights of which each row has its own mean, so that ranges are not symmetric."""
    g = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=g) + torch.randn(shape[0], 1, generator=g)


def random_codes(shape, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randint(16, shape, generator=g, dtype=torch.uint8)


def quantized(weight, group):
    found = int4.quantize(weight, group)
    triple = isinstance(found, tuple) and len(found) == 3
    checks.law(triple, "quantize returns three tensors: codes, scale, zero", found)
    return found


@pytest.mark.exercise("4.7")
def test_pack_by_hand():
    codes = torch.tensor([[1, 2, 15, 0], [0, 8, 9, 15]], dtype=torch.uint8)
    kept = codes.clone()
    found = int4.pack(codes)
    checks.equal(codes, kept, "the codes after pack, left as they were")
    checks.equal(str(getattr(found, "dtype", None)), "torch.uint8", "dtype of the bytes")
    expected = torch.tensor([[1 + 16 * 2, 15], [16 * 8, 9 + 16 * 15]], dtype=torch.uint8)
    checks.equal(found, expected, "the bytes of the codes (1, 2, 15, 0) and (0, 8, 9, 15)")


@pytest.mark.exercise("4.7")
def test_unpack_by_hand():
    packed = torch.tensor([[0x21, 0x0F], [0x80, 0xF9]], dtype=torch.uint8)
    kept = packed.clone()
    found = int4.unpack(packed)
    checks.equal(packed, kept, "the bytes after unpack, left as they were")
    checks.equal(str(getattr(found, "dtype", None)), "torch.uint8", "dtype of the codes")
    expected = torch.tensor([[1, 2, 15, 0], [0, 8, 9, 15]], dtype=torch.uint8)
    checks.equal(found, expected, "the codes of 0x21, 0x0f and 0x80, 0xf9")


@pytest.mark.exercise("4.7")
@pytest.mark.parametrize("shape", [(2,), (5, 6), (2, 3, 8)])
def test_bytes_are_numpys(shape):
    """numpy's unpackbits, eight bits of a byte from the lowest: four of them are a code."""
    codes = random_codes(shape)
    packed = int4.pack(codes)
    checks.equal(tuple(packed.shape), (*shape[:-1], shape[-1] // 2), f"shape, packed from {shape}")
    bits = np.unpackbits(packed.numpy(), axis=-1, bitorder="little")
    expected = bits.reshape(*shape, 4) @ np.array([1, 2, 4, 8])
    checks.equal(codes.numpy(), expected.astype(np.uint8), f"nibbles of what was packed, {shape}")
    again = int4.unpack(packed)
    checks.equal(again, codes, f"codes of {shape}, packed and unpacked")
    checks.law(again.is_contiguous(), "unpacked codes are contiguous")


@pytest.mark.exercise("4.7")
def test_a_group_by_hand():
    """Fifteen steps of 0.2 from -1: code 5 is zero. The second row begins at zero, steps of 1."""
    weight = torch.tensor([[-1.0, 2.0, 0.5, -0.5], [6.0, 0.0, 15.0, 2.2]])
    kept = weight.clone()
    codes, scale, zero = quantized(weight, 4)
    checks.equal(weight, kept, "the weight after quantize, left as it was")
    checks.close(scale, torch.tensor([[0.2], [1.0]]), "a scale for each group of 4")
    checks.equal(zero, torch.tensor([[5.0], [0.0]]), "a zero point for each group of 4")
    checks.equal(str(codes.dtype), "torch.uint8", "dtype of the codes")
    # 0.5 / 0.2 is 2.5 and goes to the even 2, -0.5 / 0.2 to -2.
    expected = torch.tensor([[0, 15, 7, 3], [6, 0, 15, 2]], dtype=torch.uint8)
    checks.equal(codes, expected, "codes in groups of 4")


@pytest.mark.exercise("4.7")
def test_zero_is_a_level():
    """Ranges are widened to zero; and the code of both ends stays from 0 to 15."""
    weight = torch.tensor([[1.0, 3.0, -1.0, -3.0, 0.0, 0.0, -1.5, 13.5]])
    codes, scale, zero = quantized(weight, 2)
    checks.close(scale, torch.tensor([[0.2, 0.2, 1.0, 1.0]]), "scales of four groups of 2")
    checks.equal(zero, torch.tensor([[0.0, 15.0, 0.0, 2.0]]), "zero points of four groups of 2")
    # 13.5 goes to 14, two above which is beyond the last code.
    expected = torch.tensor([[5, 15, 10, 0, 0, 0, 0, 15]], dtype=torch.uint8)
    checks.equal(codes, expected, "codes of four groups of 2")


@pytest.mark.exercise("4.7")
@pytest.mark.parametrize(
    ("shape", "group"), [((6, 8), 4), ((3, 10), 4), ((4, 12), 12), ((5, 6), 64)]
)
def test_groups_against_brute_force(shape, group):
    weight = make(shape)
    codes, scale, zero = quantized(weight, group)
    what = f"of {shape} in groups of {group}"
    n_groups = -(-shape[1] // group)
    checks.equal(tuple(scale.shape), (shape[0], n_groups), f"shape of the scales {what}")
    checks.equal(tuple(codes.shape), shape, f"shape of the codes {what}")
    for row in range(shape[0]):
        for g in range(n_groups):
            values = weight[row, g * group : (g + 1) * group].double().tolist()
            low, high = min(*values, 0.0), max(*values, 0.0)
            step, at = (high - low) / 15, round(-low * 15 / (high - low))
            expected = [min(max(round(v / step) + at, 0), 15) for v in values]
            where = f"of row {row}, group {g}, {what}"
            checks.close(scale[row, g].item(), step, f"scale {where}", rtol=3e-7)
            checks.equal(zero[row, g].item(), float(at), f"zero point {where}")
            found = codes[row, g * group : (g + 1) * group].tolist()
            checks.equal(found, expected, f"codes {where}")


@pytest.mark.exercise("4.7")
def test_sixteen_bit_weights_and_gradients():
    weight = make((4, 8)).to(torch.bfloat16).requires_grad_()
    codes, scale, zero = quantized(weight, 4)
    checks.law(not scale.requires_grad, "the scales of a weight that trains have no history")
    dtypes = [str(scale.dtype), str(zero.dtype)]
    checks.equal(dtypes, ["torch.float32"] * 2, "dtypes of scale and zero of a bfloat16 weight")
    expected = quantized(weight.detach().float(), 4)
    checks.equal([codes, scale, zero], list(expected), "what a bfloat16 weight gives")


@pytest.mark.exercise("4.7")
@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.integers(1, 20), st.sampled_from([4, 8, 32]), st.integers(0, 10**6))
def test_laws(half, group, seed):
    weight = make((3, 2 * half), seed)
    weight[:, 1] = 0
    codes, scale, zero = quantized(weight, group)
    found = int4.dequantize(codes, scale, zero, group)
    steps = scale.repeat_interleave(group, 1)[:, : 2 * half]
    law = "no weight is further than half a step from what its code stands for"
    checks.law(((found - weight).abs() <= steps * (0.5 + 1e-5)).all(), law)
    checks.equal(found[:, 1], torch.zeros(3), "zeros among others, there and back")
    checks.equal(int4.unpack(int4.pack(codes)), codes, "codes, packed and unpacked")


@pytest.mark.exercise("4.7")
def test_an_outlier_spoils_its_own_group():
    weight = make((4, 32))
    expected = int4.dequantize(*quantized(weight, 8), 8)
    weight[1, 10] = 100.0
    found = int4.dequantize(*quantized(weight, 8), 8)
    expected[1, 8:16] = found[1, 8:16]
    checks.equal(found, expected, "groups beside the one with an outlier")


# -- proofs -----------------------------------------------------------------------------------


def test_weights_are_those_of_torch():
    """One row is one group here, for torch has no groups."""
    weight = make((64, 32))
    codes, scale, zero = int4.quantize(weight, 32)
    vectors = scale.flatten(), zero.flatten().int()
    expected = torch.fake_quantize_per_channel_affine(weight, *vectors, 0, 0, 15)
    found = int4.dequantize(codes, scale, zero, 32)
    # torch multiplies by the reciprocal: at a border that may be the neighbouring code.
    assert (found != expected).sum() <= 1


def test_the_error_of_normal_weights():
    """Levels from -max to max would cost eleven percent; with a zero point it is less."""
    weight = torch.randn(256, 256, generator=torch.Generator().manual_seed(0))
    found = int4.dequantize(*int4.quantize(weight, 64), 64)
    error = (found - weight).norm() / weight.norm()
    assert 0.08 < error < 0.10


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"uint8 in pairs, got \(2, 3\) torch.uint8"):
        int4.pack(torch.zeros(2, 3, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"got \(4,\) torch.int64"):
        int4.pack(torch.zeros(4, dtype=torch.int64))
    with pytest.raises(ValueError, match="code 16 does not fit"):
        int4.pack(torch.tensor([3, 16], dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"expected uint8, got torch.int8"):
        int4.unpack(torch.zeros(2, dtype=torch.int8))
    with pytest.raises(ValueError, match=r"a group, got \(2, 4\) and 0"):
        int4.quantize(torch.ones(2, 4), 0)
    with pytest.raises(ValueError, match=r"floating \(R, C\) and a group, got \(4,\) and 2"):
        int4.quantize(torch.ones(4), 2)
