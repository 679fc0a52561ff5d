"""The formats: bytes counted by hand, error laws, tensors out and in, and bitsandbytes' bits."""

import pytest
import torch

from phase4_production.solution.quantized import NF4, Int4, Int8
from shared import checks


def make(shape, seed=0):
    return 0.02 * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


FORMATS = {
    "int8": lambda w: Int8.of(w),
    "int8 in groups": lambda w: Int8.of(w, group=32),
    "int4": lambda w: Int4.of(w, group=64),
    "nf4": lambda w: NF4.of(w),
}


ERRORS = {"int8": 0.008, "int8 in groups": 0.006, "int4": 0.10, "nf4": 0.10}
BESIDE = {"int8": {}, "int8 in groups": {}, "int4": {"group": 64}, "nf4": {"shape": (8, 64)}}


@pytest.mark.parametrize(("name", "error"), list(ERRORS.items()))
@pytest.mark.parametrize("shape", [(48, 96), (96, 64), (5, 288)])
def test_weights_come_back(name, error, shape):
    weight = make(shape)
    kept = weight.clone()
    found = FORMATS[name](weight)
    assert torch.equal(weight, kept)
    assert found.shape == shape
    back = found.dequantize()
    assert back.dtype == torch.float32
    assert (back - weight).norm() / weight.norm() < error


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("int8", 128 * 96 + 4 * 128),
        ("int8 in groups", 128 * 96 + 4 * 128 * 3),
        ("int4", 128 * 96 // 2 + 2 * 4 * 128 * 2),
        ("nf4", 128 * 96 // 2 + 192 + 4 + 4),
    ],
)
def test_bytes(name, expected):
    found = FORMATS[name](make((128, 96)))
    assert found.nbytes == expected
    assert sum(t.numel() * t.element_size() for t in found.tensors().values()) == expected


@pytest.mark.parametrize(("name", "other"), list(BESIDE.items()))
def test_tensors_out_and_in(name, other):
    weight = FORMATS[name](make((8, 64)))
    again = type(weight)(**weight.tensors(), **other)
    assert torch.equal(again.dequantize(), weight.dequantize())


def test_symmetric_int4_has_its_zero_at_8():
    codes = torch.tensor([[8, 0, 15, 9]], dtype=torch.uint8)
    found = Int4.of_codes(codes, torch.tensor([[0.5]]), torch.tensor([[8.0]]), group=4)
    checks.equal(found.dequantize(), torch.tensor([[0.0, -4.0, 3.5, 0.5]]), "weights")
    checks.equal(found.codes(), codes, "codes")
    checks.equal(found.packed, torch.tensor([[0x08, 0x9F]], dtype=torch.uint8), "bytes")


@pytest.mark.parametrize("shape", [(64, 128), (768, 768), (300, 510), (2, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nf4_has_the_bits_of_bitsandbytes(shape, dtype):
    functional = pytest.importorskip("bitsandbytes.functional", reason="the oracle")
    weight = make(shape).to(dtype)
    found = NF4.of(weight)
    packed, state = functional.quantize_4bit(
        weight, quant_type="nf4", blocksize=64, compress_statistics=True
    )
    assert torch.equal(found.packed, packed.flatten())
    assert torch.equal(found.absmax_codes, state.absmax)
    assert torch.equal(found.absmax_scale, state.state2.absmax)
    assert torch.equal(found.absmax_offset, state.offset)
    if dtype == torch.float32 and shape[1] % 64 == 0:
        # Where rows are no whole blocks, bitsandbytes 0.50.2 may take another block's scale.
        assert torch.equal(found.dequantize(), functional.dequantize_4bit(packed, state))


def test_int8_rows_are_those_of_bitsandbytes():
    functional = pytest.importorskip("bitsandbytes.functional", reason="the oracle")
    weight = make((48, 96))
    codes, largest, _ = functional.int8_vectorwise_quant(weight)
    found = Int8.of(weight)
    checks.close(found.scale.flatten() * 127, largest, "largest absolute values")
    # bitsandbytes multiplies by 127 / max where we divide: at a border that is a neighbour.
    assert (found.codes != codes).sum() <= 1


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"tiles of 1 x 64 do not fill \(4, 96\)"):
        Int8.of(make((4, 96)), group=64)
    with pytest.raises(ValueError, match=r"scales \(3, 1\) do not fit codes \(4, 8\)"):
        Int8(torch.zeros(4, 8, dtype=torch.int8), torch.ones(3, 1))
    weight = Int4.of(make((4, 96)))
    with pytest.raises(ValueError, match=r"scales \(4, 2\) do not fit \(4, 96\) in groups of 32"):
        Int4(**weight.tensors(), group=32)
    with pytest.raises(ValueError, match="uint8 in pairs"):
        Int4.of(make((4, 7)))
    with pytest.raises(ValueError, match=r"128 bytes, 4 scales do not fit \(4, 96\)"):
        NF4(**NF4.of(make((4, 64))).tensors(), shape=(4, 96))
