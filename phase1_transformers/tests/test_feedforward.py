"""The feed-forward layer: GELU against PyTorch's and the series of erf, SwiGLU part by part."""

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F

from phase1_transformers.solution import feedforward, layers
from phase1_transformers.solution.config import gpt2, modern
from phase1_transformers.solution.ops import CLEAR
from phase1_transformers.tests.random_tensors import (
    check_arguments_are_left,
    check_dtype,
    check_shape,
    gradients,
    normal,
)
from shared import checks

EXACT = {"rtol": 1e-10, "atol": 1e-10}


# -- gelu -------------------------------------------------------------------------------------


@pytest.mark.exercise("1.11")
def test_gelu_by_hand():
    x = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64)
    # At 1: 0.5 * (1 + tanh(0.7978846 * 1.044715)) = 0.5 * (1 + 0.6823840); tanh is odd.
    expected = torch.tensor([0.0, 0.8411920, -0.1588080], dtype=torch.float64)
    checks.close(feedforward.gelu(x), expected, "gelu of (0, 1, -1)", rtol=0, atol=1e-7)


@pytest.mark.exercise("1.11")
def test_gelu_leaves_its_argument():
    check_arguments_are_left(feedforward.gelu, "gelu", x=normal(2, 3))


@pytest.mark.exercise("1.11")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gelu_is_torchs(dtype):
    x = torch.linspace(-6, 6, 41, dtype=torch.float64).to(dtype).view(1, 41)
    actual = feedforward.gelu(x)
    check_dtype(actual, dtype, f"dtype of gelu for {dtype}")
    expected = F.gelu(x, approximate="tanh")
    checks.close(actual, expected, "gelu from -6 to 6, in the approximation by tanh")
    checks.close(
        gradients(feedforward.gelu, x)[0],
        gradients(lambda x: F.gelu(x, approximate="tanh"), x)[0],
        "gradient of gelu from -6 to 6",
    )


@pytest.mark.exercise("1.11")
def test_gelu_far_out():
    x = torch.tensor([-50.0, 50.0], dtype=torch.float64)
    checks.close(feedforward.gelu(x), torch.relu(x), "gelu of -50 and 50, where it is relu")


def test_gelu_is_near_the_exact_one():
    x = torch.linspace(-6, 6, 241, dtype=torch.float64)
    phi = torch.tensor([0.5 * (1 + math.erf(value / math.sqrt(2))) for value in x.tolist()])
    checks.at_most((feedforward.gelu(x) - x * phi).abs().max(), 5e-4, "distance to x Phi(x)")


def test_silu_is_torchs():
    x = normal(3, 4)
    checks.close(feedforward.silu(x), F.silu(x), "silu", **EXACT)


# -- SwiGLU -----------------------------------------------------------------------------------


def swiglu(bias=False):
    """Build a layer of width 4 with 6 hidden units, with weights of size 1."""
    config = modern(vocab_size=5, block_size=4, n_layer=1, n_head=2, n_embd=4, n_hidden=6)
    layer = layers.SwiGLU(dataclasses.replace(config, bias=bias), CLEAR).double()
    for i, parameter in enumerate(layer.parameters()):
        parameter.data = normal(*parameter.shape, seed=i)
    return layer


@pytest.mark.exercise("1.11")
def test_swiglu_by_hand():
    config = modern(vocab_size=5, block_size=4, n_layer=1, n_head=1, n_embd=2, n_hidden=1)
    layer = layers.SwiGLU(config, CLEAR).double()
    for linear, rows in ((layer.gate, [[1, 0]]), (layer.up, [[0, 1]]), (layer.proj, [[1], [2]])):
        linear.weight.data = torch.tensor(rows, dtype=torch.float64)
    # gate 2, up 3: silu(2) = 2 / (1 + e^-2) = 1.7616, times 3 is 5.2848; projected to (1, 2).
    hidden = 3 * 2 / (1 + math.exp(-2))
    expected = torch.tensor([[hidden, 2 * hidden]], dtype=torch.float64)
    actual = layer(torch.tensor([[2.0, 3.0]], dtype=torch.float64))
    checks.close(actual, expected, "SwiGLU of (2, 3): gate takes the first number, up the second")


@pytest.mark.exercise("1.11")
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (2, 1, 3, 4)], ids=str)
def test_swiglu_is_the_equation(shape, bias):
    layer, x = swiglu(bias), normal(*shape, seed=7)

    def equation(x):
        linear = [(part.weight, part.bias) for part in (layer.gate, layer.up, layer.proj)]
        gate, up = (F.linear(x, *linear[i]) for i in (0, 1))
        return F.linear(F.silu(gate) * up, *linear[2])

    actual = layer(x)
    check_shape(actual, shape, "shape of SwiGLU")
    checks.close(actual, equation(x), f"SwiGLU of {shape}, bias={bias}", **EXACT)
    (ours,), (theirs,) = gradients(layer, x), gradients(equation, x)
    checks.close(ours, theirs, f"gradient of x, {shape}", **EXACT)


@pytest.mark.exercise("1.11")
def test_swiglu_is_linear_in_up():
    layer, x = swiglu(), normal(3, 4, seed=7)
    before = layer(x)
    layer.up.weight.data *= -2.0
    checks.close(layer(x), -2 * before, "SwiGLU when up's weights are multiplied by -2", **EXACT)


@pytest.mark.exercise("1.11")
def test_swiglu_stops_where_the_gate_is_shut():
    layer, x = swiglu(), normal(3, 4, seed=7)
    layer.gate.weight.data *= 0.0
    zeros = torch.zeros(3, 4, dtype=torch.float64)
    checks.equal(layer(x), zeros, "SwiGLU when the gate's weights are 0")


def test_gelu_mlp_is_two_linears():
    config = gpt2(vocab_size=5, block_size=4, n_layer=1, n_head=2, n_embd=4)
    layer, x = layers.GeluMLP(config, CLEAR).double(), normal(2, 3, 4)
    hidden = F.gelu(F.linear(x, layer.up.weight, layer.up.bias), approximate="tanh")
    expected = F.linear(hidden, layer.proj.weight, layer.proj.bias)
    checks.close(layer(x), expected, "GPT-2's feed-forward layer", **EXACT)
