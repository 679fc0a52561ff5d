"""LayerNorm and RMSNorm against PyTorch's, by hand, and by what they must not notice."""

import pytest
import torch
import torch.nn.functional as F

from phase1_transformers.solution import layers, norms
from phase1_transformers.solution.config import gpt2, modern
from phase1_transformers.solution.ops import CLEAR
from phase1_transformers.tests.random_tensors import (
    check_arguments_are_left,
    check_dtype,
    gradients,
    normal,
)
from shared import checks

EXACT = {"rtol": 1e-10, "atol": 1e-10}
SHAPES = [(7,), (3, 5), (2, 3, 6), (2, 1, 4, 3)]


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


# -- layer norm -------------------------------------------------------------------------------

TOKEN = tensor(1, 1, 5, 5)  # mean 3, variance 4


@pytest.mark.exercise("1.11")
def test_layer_norm_by_hand():
    weight, bias = tensor(1, 2, 3, 4), tensor(10, 10, 10, 10)
    actual = norms.layer_norm(TOKEN, torch.ones_like(TOKEN), None, 0.0)
    checks.close(actual, tensor(-1, -1, 1, 1), "layer_norm of (1, 1, 5, 5), weight 1, no bias")
    actual = norms.layer_norm(TOKEN, weight, bias, 0.0)
    name = "layer_norm of (1, 1, 5, 5), weight (1, 2, 3, 4), bias 10"
    checks.close(actual, tensor(9, 8, 13, 14), name)


@pytest.mark.exercise("1.11")
def test_layer_norm_leaves_its_arguments():
    x, weight, bias = normal(2, 3, 4), normal(4, seed=1), normal(4, seed=2)
    call = lambda **given: norms.layer_norm(**given, eps=1e-5)  # noqa: E731
    check_arguments_are_left(call, "layer_norm", x=x, weight=weight, bias=bias)


@pytest.mark.exercise("1.11")
def test_layer_norm_of_small_tokens():
    # The variance 1e-6 is a tenth of eps: the result is smaller than 1 by sqrt(11).
    actual = norms.layer_norm(tensor(-1e-3, 1e-3), tensor(1, 1), None, 1e-5)
    expected = tensor(-1, 1) / 11**0.5
    checks.close(actual, expected, "layer_norm of (-0.001, 0.001), eps = 1e-5", **EXACT)
    actual = norms.layer_norm(tensor(7, 7, 7), tensor(1, 1, 1), None, 1e-5)
    checks.close(actual, tensor(0, 0, 0), "layer_norm of a constant token", **EXACT)


@pytest.mark.exercise("1.11")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_layer_norm_is_torchs(shape):
    x, weight, bias = normal(*shape), normal(shape[-1], seed=1), normal(shape[-1], seed=2)
    ours = lambda *given: norms.layer_norm(*given, 1e-5)  # noqa: E731
    torchs = lambda *given: F.layer_norm(given[0], shape[-1:], *given[1:], 1e-5)  # noqa: E731
    checks.close(ours(x, weight, bias), torchs(x, weight, bias), f"layer_norm of {shape}", **EXACT)
    pairs = zip(gradients(ours, x, weight, bias), gradients(torchs, x, weight, bias))
    for name, (actual, expected) in zip(("x", "weight", "bias"), pairs):
        checks.close(actual, expected, f"gradient of {name}, x {shape}", **EXACT)


@pytest.mark.exercise("1.11")
def test_layer_norm_far_from_zero():
    # The squares are 2e8, where float32 counts in steps of 16: a variance of 4 drowns in them.
    x = (16384 + TOKEN).float()
    actual = norms.layer_norm(x, torch.ones(4), None, 1e-5)
    check_dtype(actual, torch.float32, "dtype of layer_norm for float32")
    expected = torch.tensor([-1.0, -1.0, 1.0, 1.0])
    # PyTorch's own kernel is 1e-4 off here; a variance with no digits left is off by hundreds.
    checks.close(actual, expected, "layer_norm of (16385, 16385, 16389, 16389)", rtol=0, atol=1e-3)


# -- rms norm ---------------------------------------------------------------------------------

LONG = tensor(1, 7, 5, 5)  # mean square 25


@pytest.mark.exercise("1.11")
def test_rms_norm_by_hand():
    actual = norms.rms_norm(LONG, torch.ones_like(LONG), 0.0)
    checks.close(actual, tensor(0.2, 1.4, 1, 1), "rms_norm of (1, 7, 5, 5), weight 1")
    actual = norms.rms_norm(LONG, tensor(1, 2, 3, 4), 0.0)
    name = "rms_norm of (1, 7, 5, 5), weight (1, 2, 3, 4)"
    checks.close(actual, tensor(0.2, 2.8, 3, 4), name)


@pytest.mark.exercise("1.11")
def test_rms_norm_leaves_its_arguments():
    call = lambda **given: norms.rms_norm(**given, eps=1e-6)  # noqa: E731
    check_arguments_are_left(call, "rms_norm", x=normal(2, 3, 4), weight=normal(4, seed=1))


@pytest.mark.exercise("1.11")
def test_rms_norm_of_small_tokens():
    actual = norms.rms_norm(tensor(1e-3, 1e-3), tensor(1, 1), 1e-5)
    expected = tensor(1, 1) / 11**0.5
    checks.close(actual, expected, "rms_norm of (0.001, 0.001), eps = 1e-5", **EXACT)
    actual = norms.rms_norm(tensor(0, 0), tensor(1, 1), 1e-5)
    checks.close(actual, tensor(0, 0), "rms_norm of a token of zeros", **EXACT)


@pytest.mark.exercise("1.11")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rms_norm_is_torchs(shape):
    x, weight = normal(*shape), normal(shape[-1], seed=1)
    ours = lambda *given: norms.rms_norm(*given, 1e-6)  # noqa: E731
    torchs = lambda x, weight: F.rms_norm(x, shape[-1:], weight, 1e-6)  # noqa: E731
    checks.close(ours(x, weight), torchs(x, weight), f"rms_norm of {shape}", **EXACT)
    pairs = zip(gradients(ours, x, weight), gradients(torchs, x, weight))
    for name, (actual, expected) in zip(("x", "weight"), pairs):
        checks.close(actual, expected, f"gradient of {name}, x {shape}", **EXACT)


@pytest.mark.exercise("1.11")
def test_rms_norm_does_not_notice_size():
    x, weight = normal(3, 8), normal(8, seed=1)
    for scale in (3.0, 1e4):
        actual = norms.rms_norm(scale * x, weight, 0.0)
        checks.close(actual, norms.rms_norm(x, weight, 0.0), f"rms_norm of {scale:g} x", **EXACT)


@pytest.mark.exercise("1.11")
def test_rms_norm_works_in_float32_at_least():
    x = torch.full((2, 4), 300.0, dtype=torch.float16)
    actual = norms.rms_norm(x, torch.ones(4, dtype=torch.float16), 1e-6)
    check_dtype(actual, torch.float16, "dtype of rms_norm for float16")
    checks.close(actual, torch.ones_like(x), "rms_norm of 300 in float16, whose square overflows")
    x, weight = normal(64, 48, dtype=torch.bfloat16), normal(48, seed=1, dtype=torch.bfloat16)
    actual = norms.rms_norm(x, weight, 1e-6)
    check_dtype(actual, torch.bfloat16, "dtype of rms_norm for bfloat16")
    exact = F.rms_norm(x.double(), (48,), weight.double(), 1e-6)
    # bfloat16 has 8 bits, so one rounding costs 2^-9 at most; two of them are forgiven.
    close = {"rtol": 2**-8, "atol": 0.0}
    checks.close(actual, exact, "rms_norm in bfloat16 against the exact one", **close)
    check_dtype(norms.rms_norm(LONG, LONG, 0.0), torch.float64, "dtype of rms_norm for float64")


# -- as a module ------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [gpt2, modern])
def test_norm_module_follows_its_config(make):
    config = make(vocab_size=5, block_size=4, n_layer=1, n_head=1, n_embd=6)
    module, x = layers.Norm(config, CLEAR).double(), normal(2, 3, 6)
    torch.nn.init.normal_(module.weight)
    expected = (
        F.layer_norm(x, (6,), module.weight, module.bias, 1e-5)
        if make is gpt2
        else F.rms_norm(x, (6,), module.weight, 1e-6)
    )
    checks.close(module(x), expected, f"Norm of {make.__name__}", **EXACT)
    checks.equal(module.bias is not None, make is gpt2, "LayerNorm has a bias, RMSNorm has none")
