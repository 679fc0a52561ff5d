"""The fast NF4: the clear one's bits, at every size, border and reuse of memory."""

import pytest
import torch

from phase3_alignment.project import fast_nf4
from phase3_alignment.solution import linear4bit, nf4

SHAPES = [(1,), (2,), (63,), (64,), (65,), (3, 50), (7, 129), (1000, 262), (fast_nf4.PIECE + 33,)]


def make(shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
def test_bits_are_those_of_the_clear_one(shape, dtype):
    weight = make(shape).to(dtype)
    kept = weight.clone()
    codes, absmax = nf4.quantize(weight)
    found = fast_nf4.quantize(weight)
    assert torch.equal(weight, kept)
    assert torch.equal(found[0], codes)
    assert torch.equal(found[1], absmax)
    expected = nf4.dequantize(codes, absmax, shape, dtype)
    again = fast_nf4.dequantize(codes, absmax, shape, dtype)
    assert again.dtype == dtype
    assert torch.equal(again, expected)


def test_weights_on_the_borders_and_beside_them():
    """Each border between levels, and the floats before and after it, under scales of all sizes."""
    values = torch.cat([fast_nf4.BORDERS, nf4.LEVELS])
    up, down = (values.nextafter(torch.tensor(end)) for end in (2.0, -2.0))
    block = torch.cat([values, up, down])
    blocks = nf4.in_blocks(block, 63)
    ones = torch.ones(len(blocks), 1)  # the scale
    weight = torch.cat([blocks, ones], 1) * torch.logspace(-39, 30, 70)[:, None, None]
    codes, absmax = nf4.quantize(weight)
    found = fast_nf4.quantize(weight)
    assert torch.equal(found[0], codes)
    assert torch.equal(found[1], absmax)


def test_blocks_of_zeros():
    weight = make((5, 64))
    weight[1] = weight[3] = 0
    for one, other in zip(fast_nf4.quantize(weight), nf4.quantize(weight), strict=True):
        assert torch.equal(one, other)


def test_no_cell_holds_two_borders():
    cells = fast_nf4.cell_of(fast_nf4.BORDERS).tolist()
    assert len(set(cells)) == len(cells)


def test_memory_is_used_again():
    shape = (1000, 262)
    codes, absmax = nf4.quantize(make(shape))
    memory = torch.full((3 * codes.numel(),), torch.nan)
    expected = nf4.dequantize(codes, absmax, shape)
    for _ in range(2):
        found = fast_nf4.dequantize(codes, absmax, shape, out=memory)
        assert torch.equal(found, expected)
        assert found.data_ptr() == memory.data_ptr()


def test_a_layer_with_the_fast_functions():
    dense = torch.nn.Linear(50, 30)
    ours = linear4bit.Linear4Bit.from_linear(dense)
    fast = fast_nf4.FastLinear4Bit.from_linear(dense)
    x = make((4, 50)).requires_grad_()
    assert torch.equal(ours(x), fast(x))
    gradients = [torch.autograd.grad(layer(x).square().sum(), x)[0] for layer in (ours, fast)]
    assert torch.equal(*gradients)
