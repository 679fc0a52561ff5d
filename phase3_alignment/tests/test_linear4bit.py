"""The four-bit layer: PyTorch's own gradients, what stays in memory, and bitsandbytes' layer."""

import weakref

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from transformers.pytorch_utils import Conv1D

from phase3_alignment.solution import double_quant, linear4bit, nf4
from shared import checks


class Weight:
    """A layer that notes in which dtypes its weight is asked for, and which are still alive."""

    def __init__(self, weight):
        self.weight, self.dtypes, self.alive = weight, [], weakref.WeakSet()

    def dequantize(self, dtype=torch.float32):
        self.dtypes.append(str(dtype).removeprefix("torch."))
        owner = Owner(self.weight.double().numpy())  # lives as long as a tensor uses its memory
        self.alive.add(owner)
        memory = torch.from_numpy(np.asarray(owner))
        return memory if dtype == torch.float64 else memory.to(dtype)


class Owner:
    """Memory that can be watched."""

    def __init__(self, array):
        self.array = array.copy()
        self.__array_interface__ = self.array.__array_interface__

    __hash__ = object.__hash__


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def multiply(x, weight):
    y = linear4bit.MatMul4Bit.apply(x, weight)
    checks.law(isinstance(y, torch.Tensor), "forward returns a tensor", y)
    return y


@pytest.mark.exercise("3.7")
def test_a_product_by_hand():
    weight = Weight(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    x = torch.tensor([[1.0, -1.0]], dtype=torch.float64, requires_grad=True)
    y = multiply(x, weight)
    expected = torch.tensor([[-1.0, -1.0, -1.0]], dtype=torch.float64)
    checks.equal(y.detach(), expected, "(1, -1) times the transposed ((1, 2), (3, 4), (5, 6))")
    checks.equal(x.detach().tolist(), [[1.0, -1.0]], "x after the product, left as it was")
    checks.law(y.requires_grad, "the result takes part in the backward pass")
    y.backward(torch.tensor([[1.0, 0.0, -2.0]], dtype=torch.float64))
    # The first row of the weight less twice the last.
    expected = torch.tensor([[-9.0, -10.0]], dtype=torch.float64)
    checks.equal(x.grad, expected, "gradient of x, when (1, 0, -2) comes from above")


@pytest.mark.exercise("3.7")
@pytest.mark.parametrize("shape", [(5,), (4, 5), (5, 5), (2, 3, 5)])
def test_gradients_are_those_of_a_dense_layer(shape):
    x = randn(*shape).requires_grad_()
    dense = randn(7, 5, seed=1)
    y = multiply(x, Weight(dense))
    expected = x @ dense.T
    checks.close(y, expected, f"x of shape {shape} times the weight")
    above = randn(*y.shape, seed=2)
    (found,) = torch.autograd.grad(y, x, above, retain_graph=True)
    (wanted,) = torch.autograd.grad(expected, x, above)
    checks.close(found, wanted, f"gradient of x of shape {shape}")
    (again,) = torch.autograd.grad(y, x, above)
    checks.close(again, wanted, "the same gradient, asked for once more")


@pytest.mark.exercise("3.7")
def test_square_weights():
    x, dense = randn(3, 6).requires_grad_(), randn(6, 6, seed=1)
    y = multiply(x, Weight(dense))
    checks.close(y, x @ dense.T, "x times a square weight")
    (found,) = torch.autograd.grad(y.sum(), x)
    checks.close(found, dense.sum(0).expand(3, 6), "gradient of x under a square weight")


@pytest.mark.exercise("3.7")
def test_the_weight_is_there_only_while_it_works():
    weight = Weight(randn(7, 5, seed=1))
    x = randn(4, 5).requires_grad_()
    saved = []
    with saved_tensors_hooks(lambda t: saved.append(tuple(t.shape)) or t, lambda t: t):
        y = multiply(x, weight)
    checks.equal(len(weight.dtypes), 1, "times that the forward pass dequantises")
    large = [shape for shape in saved if shape in [(7, 5), (5, 7)]]
    checks.equal(large, [], "shapes of weights that were saved for the backward pass")
    checks.equal(saved, [], "shapes of other tensors that were saved, which nobody needs")
    checks.equal(len(weight.alive), 0, "dequantised weights still alive after the forward pass")
    y.sum().backward()
    checks.equal(len(weight.dtypes), 2, "times that forward and backward pass dequantise")
    checks.equal(len(weight.alive), 0, "dequantised weights still alive after the backward pass")


@pytest.mark.exercise("3.7")
def test_the_dtype_is_that_of_the_input():
    weight = Weight(randn(7, 5, seed=1))
    x = randn(4, 5).to(torch.bfloat16).requires_grad_()
    y = multiply(x, weight)
    checks.equal(weight.dtypes, ["bfloat16"], "dtypes in which forward asks for the weight")
    checks.equal(str(y.dtype), "torch.bfloat16", "dtype of the result of a bfloat16 input")
    y.sum().backward()
    checks.equal(weight.dtypes, ["bfloat16"] * 2, "dtypes in which both ask for the weight")


def layers():
    """A layer of each kind that computes the same; 6 to 10, with a bias."""
    linear, conv = nn.Linear(6, 10), Conv1D(10, 6)
    with torch.no_grad():
        linear.weight.copy_(randn(10, 6))
        linear.bias.copy_(randn(10, seed=1))
        conv.weight.copy_(linear.weight.T)
        conv.bias.copy_(linear.bias)
    return linear, conv


def quantised(layer):
    found = linear4bit.Linear4Bit.from_linear(layer)
    right = isinstance(found, linear4bit.Linear4Bit)
    checks.law(right, "from_linear returns a Linear4Bit", found)
    return found


@pytest.mark.exercise("3.7")
def test_layers_of_both_kinds():
    linear, conv = layers()
    codes, absmax = nf4.quantize(linear.weight)
    scales = double_quant.dequantize(double_quant.quantize(absmax))
    expected = nf4.dequantize(codes, scales, (10, 6))
    for layer in (linear, conv):
        name = type(layer).__name__
        before = [p.detach().clone() for p in layer.parameters()]
        found = quantised(layer)
        sizes = (found.in_features, found.out_features)
        checks.equal(sizes, (6, 10), f"in_features, out_features from a {name}")
        checks.equal(found.dequantize(), expected, f"the weight from a {name}, dequantised")
        checks.law(found.bias is not None, f"the bias of a {name} is kept")
        checks.equal(found.bias.detach(), linear.bias.detach(), f"the bias from a {name}")
        learns = [p for p in found.parameters() if p.requires_grad]
        checks.equal(len(learns), 0, f"parameters that learn in the layer from a {name}")
        after = [p.detach() for p in layer.parameters()]
        checks.equal(after, before, f"a {name} after from_linear, left as it was")
        x = randn(3, 6, dtype=torch.float32)
        checks.close(found(x), x @ expected.T + linear.bias, f"what the layer from a {name} gives")


@pytest.mark.exercise("3.7")
def test_layers_without_a_bias():
    found = quantised(nn.Linear(6, 10, bias=False))
    checks.law(found.bias is None, "a layer without a bias stays one")
    checks.equal(tuple(found(torch.ones(2, 6)).shape), (2, 10), "shape of what it gives")


@pytest.mark.exercise("3.7")
def test_adapters_learn_on_top():
    """x, A and B get gradients: through the frozen matrix, and beside it."""
    base = quantised(layers()[0])
    x, lora_A, lora_B = (
        randn(*s, dtype=torch.float32).requires_grad_() for s in [(3, 6), (2, 6), (10, 2)]
    )
    loss = (base(x) + x @ lora_A.T @ lora_B.T).square().sum()
    found = torch.autograd.grad(loss, (x, lora_A, lora_B))
    dense = base.dequantize() + lora_B @ lora_A
    loss = (x @ dense.T + base.bias).square().sum()
    expected = torch.autograd.grad(loss, (x, lora_A, lora_B))
    for name, one, other in zip(["x", "A", "B"], found, expected, strict=True):
        # Sums of some dozens of products of size 100, in another order.
        checks.close(one, other, f"gradient of {name}", rtol=1e-5, atol=1e-3)


# -- proofs -----------------------------------------------------------------------------------


def test_gradients_are_those_of_differences():
    weight = Weight(randn(7, 5, seed=1))
    product = lambda x: linear4bit.MatMul4Bit.apply(x, weight)  # noqa: E731
    torch.autograd.gradcheck(product, (randn(4, 5).requires_grad_(),))


@pytest.mark.parametrize("shape", [(768, 3072), (1024, 1024)])
def test_bytes_are_those_of_the_paper(shape):
    """4 + 8 / 64 + 32 / (64 * 256) bits a parameter, and one offset a layer."""
    layer = linear4bit.Linear4Bit(torch.randn(shape))
    bits = 8 * layer.weight_bytes() / (shape[0] * shape[1])
    # The paper says 0.127 for the scales: section 3, "Double Quantization".
    checks.close(bits, 4.127, "bits a parameter", rtol=0, atol=5e-4)
    groups = shape[0] * shape[1] // (64 * 256)
    n_bytes = shape[0] * shape[1] // 2 + shape[0] * shape[1] // 64 + 4 * groups + 4
    checks.equal(layer.weight_bytes(), n_bytes, "bytes of the codes, scales, groups and offset")


def test_autocast():
    layer = linear4bit.Linear4Bit(torch.randn(8, 64))
    x = torch.randn(3, 64, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
    y.float().sum().backward()
    expected = layer.dequantize().sum(0).expand(3, 64)
    assert x.grad.dtype == torch.float32
    torch.testing.assert_close(x.grad, expected, rtol=1.6e-2, atol=5e-2)  # a sum in bfloat16


def test_a_saved_layer_comes_back(tmp_path):
    layer, other = (linear4bit.Linear4Bit(torch.randn(8, 64), torch.randn(8)) for _ in range(2))
    torch.save(layer.state_dict(), tmp_path / "layer.pt")
    other.load_state_dict(torch.load(tmp_path / "layer.pt", weights_only=True))
    assert torch.equal(layer.dequantize(), other.dequantize())
    assert torch.equal(layer(torch.ones(64)), other(torch.ones(64)))


@pytest.mark.parametrize("kind", [nn.Linear, Conv1D])
def test_bitsandbytes_swaps_in(kind):
    """The same weight to the last bit, the same results and gradients to float32's."""
    pytest.importorskip("bitsandbytes", reason="the oracle")
    from phase3_alignment.project import bitsandbytes_linear

    dense = nn.Linear(128, 192) if kind is nn.Linear else Conv1D(192, 128)
    ours = linear4bit.Linear4Bit.from_linear(dense)
    theirs = bitsandbytes_linear.from_linear(dense)
    sizes = [(layer.in_features, layer.out_features) for layer in (ours, theirs)]
    assert sizes == [(128, 192)] * 2
    assert torch.equal(theirs.weight.data.flatten(), ours.codes)
    x = torch.randn(2, 5, 128, requires_grad=True)
    results = [layer(x) for layer in (ours, theirs)]
    torch.testing.assert_close(*results)
    above = torch.randn(2, 5, 192)
    torch.testing.assert_close(*(torch.autograd.grad(y, x, above) for y in results))
    assert not [p for p in theirs.parameters() if p.requires_grad]


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"expected nn.Linear or Conv1D, got Embedding"):
        linear4bit.Linear4Bit.from_linear(nn.Embedding(3, 4))
