"""Products by oneDNN are those of F.linear, and so are their gradients."""

import pytest
import torch
import torch.nn.functional as F

from phase3_alignment.project import fast_linear
from shared import checks


def drawn(*shape, dtype=torch.float32):
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("has_bias", [False, True])
def test_product_and_gradients(dtype, transposed, has_bias):
    weight = drawn(9, 13, dtype=dtype).T if transposed else drawn(13, 9, dtype=dtype)
    inputs = [drawn(2, 5, 9, dtype=dtype), weight]
    inputs += [drawn(13, dtype=dtype)] * has_bias
    found, expected = [], []
    for how, results in ((fast_linear.linear, found), (F.linear, expected)):
        leaves = [x.detach().requires_grad_() for x in inputs]
        y = how(*leaves)
        (y * drawn(2, 5, 13, dtype=dtype)).sum().backward()
        results += [y, *(x.grad for x in leaves)]
    for name, one, other in zip(("product", "of x", "of weight", "of bias"), found, expected):
        checks.close(one, other, name)
        checks.equal(one.dtype, dtype, "dtype")


def test_it_is_as_precise_as_float32_can_be():
    """A product that took shorter numbers on the way would be off by 1e-3."""
    x, weight = drawn(64, 1000), drawn(50, 1000)
    exact = x.double() @ weight.double().T
    error = (fast_linear.product(x, weight) - exact).abs().max() / exact.abs().max()
    assert error < 1e-5


def test_frozen_weights_get_no_gradient():
    x, weight = drawn(4, 9).requires_grad_(), drawn(13, 9)
    fast_linear.linear(x, weight).sum().backward()
    assert weight.grad is None
    checks.close(x.grad, weight.sum(dim=0).expand(4, 9), "gradient of x")


def test_layers_of_a_model_are_exchanged_and_stay_what_they_are():
    from transformers import GPT2Config, GPT2LMHeadModel
    from transformers.pytorch_utils import Conv1D

    torch.manual_seed(0)
    shape = {"n_layer": 1, "n_head": 2, "n_embd": 16, "n_positions": 8, "vocab_size": 31}
    model = GPT2LMHeadModel(GPT2Config(**shape)).eval()
    ids = torch.arange(14).view(2, 7)
    expected = model(ids).logits
    checks.equal(fast_linear.exchange(model), 5, "four of a block, and the output layer")
    assert isinstance(model.transformer.h[0].attn.c_attn, Conv1D)
    checks.close(model(ids).logits, expected, "logits")
    checks.equal(fast_linear.exchange(model), 0, "exchanged again")
