import pytest
import torch

from phase4_production.project import library_linears
from phase4_production.project.library_linears import LIBRARIES
from phase4_production.solution.quantized import NF4, Int4, Int8

FORMATS = {
    "torch-int8": Int8.of,
    "torch-int4": lambda weight: Int4.of(weight, library_linears.GROUP),
    "bnb-int8": Int8.of,
    "bnb-nf4": NF4.of,
}
# bfloat16 keeps 8 bits of an activation, LLM.int8() gives it 8 bits, too: up to 1 %.
ALLOWED = {"torch-int8": 0.006, "torch-int4": 0.006, "bnb-int8": 0.015, "bnb-nf4": 1e-4}


def make(name, weight, bias):
    if name.startswith("bnb"):
        pytest.importorskip("bitsandbytes")
    return LIBRARIES[name](weight, bias)


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("rows", [1, 2, 20])
def test_a_library_multiplies_with_the_weights_that_we_quantise(name, rows):
    torch.manual_seed(0)
    weight, bias, x = torch.randn(96, 256), torch.randn(96), torch.randn(rows, 256)
    expected = x @ FORMATS[name](weight).dequantize().T + bias
    found = make(name, weight, bias)(x)
    assert found.dtype == torch.float32
    assert (found - expected).norm() / expected.norm() < ALLOWED[name]


@pytest.mark.parametrize("name", LIBRARIES)
def test_sizes_are_told(name):
    layer = make(name, torch.randn(96, 256), None)
    assert (layer.out_features, layer.in_features) == (96, 256)
    bits = 8 * layer.nbytes / (96 * 256)
    assert bits == pytest.approx({"8": 8, "4": 4.5}[name[-1]], rel=0.1)


def test_nf4_is_theirs_bit_for_bit():
    pytest.importorskip("bitsandbytes")
    weight = torch.randn(64, 256)
    theirs = library_linears.BitsandbytesNF4(weight, None)
    assert torch.equal(theirs._packed.flatten(), NF4.of(weight).packed)
