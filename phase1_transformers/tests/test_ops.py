"""The fused operations against the clear ones: values, gradients, and the corners of both."""

import pytest
import torch

from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.ops import CLEAR, FUSED
from phase1_transformers.tests.random_tensors import check_dtype, gradients, normal
from phase1_transformers.tests.tiny_models import CONFIGS, random_ids
from shared import checks

WIDE = [torch.float32, torch.float64]


def check_same(name, *tensors, rest=()):
    """Compare values and gradients of one operation's two versions."""
    clear, fused = (lambda *t, ops=ops: getattr(ops, name)(*t, *rest) for ops in (CLEAR, FUSED))
    out = fused(*tensors)
    check_dtype(out, tensors[0].dtype, f"dtype of {name}")
    checks.close(out, clear(*tensors), name)
    grads = zip(gradients(fused, *tensors), gradients(clear, *tensors))
    for i, (actual, expected) in enumerate(grads):
        checks.close(actual, expected, f"gradient of {name}, argument {i}")


@pytest.mark.parametrize("dtype", WIDE, ids=str)
@pytest.mark.parametrize(("H", "H_kv"), [(4, 4), (4, 2), (3, 1)])
@pytest.mark.parametrize(("T_q", "T_k"), [(7, 7), (3, 7), (1, 7), (1, 1)])
def test_attention(T_q, T_k, H, H_kv, dtype):
    shapes = (2, H, T_q, 8), (2, H_kv, T_k, 8), (2, H_kv, T_k, 8)
    tensors = [normal(*shape, seed=i, dtype=dtype) for i, shape in enumerate(shapes)]
    check_same("causal_attention", *tensors)


@pytest.mark.parametrize("dtype", WIDE, ids=str)
@pytest.mark.parametrize("shape", [(5, 12), (2, 3, 8)], ids=str)
def test_norms(shape, dtype):
    x, weight, bias = (
        normal(*s, seed=i, dtype=dtype) for i, s in enumerate((shape, shape[-1:], shape[-1:]))
    )
    for eps in (1e-6, 0.1):
        check_same("rms_norm", x, weight, rest=(eps,))
        check_same("layer_norm", x, weight, bias, rest=(eps,))
        check_same("layer_norm", x, weight, rest=(None, eps))


@pytest.mark.parametrize("dtype", WIDE, ids=str)
@pytest.mark.parametrize("name", ["gelu", "silu"])
def test_activations(name, dtype):
    check_same(name, torch.linspace(-8, 8, 65, dtype=torch.float64).to(dtype))


@pytest.mark.parametrize("dtype", WIDE, ids=str)
def test_loss(dtype):
    logits, targets = normal(3, 5, 11, dtype=dtype), random_ids(3, 5, vocab_size=11)
    targets[1, 2:] = -100
    check_same("next_token_loss", logits, rest=(targets,))
    check_same("next_token_loss", logits, rest=(torch.full_like(targets, -100),))


def test_rms_norm_in_bfloat16():
    x, weight = (normal(*s, dtype=torch.bfloat16) for s in ((64, 48), (48,)))
    exact = CLEAR.rms_norm(x.double(), weight.double(), 1e-6)
    for ops in (CLEAR, FUSED):
        actual = ops.rms_norm(x, weight, 1e-6)
        check_dtype(actual, torch.bfloat16, "dtype of rms_norm")
        # Half a unit in the last of bfloat16's 8 bits, twice.
        checks.close(actual, exact, "rms_norm in bfloat16", rtol=2**-8, atol=0.0)


@pytest.mark.parametrize("ops", [CLEAR, FUSED], ids=["clear", "fused"])
def test_rms_norm_narrows_its_weight_under_autocast(ops):
    x, weight = normal(4, 8, dtype=torch.bfloat16), normal(8, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        check_dtype(ops.rms_norm(x, weight, 1e-6), torch.bfloat16, "dtype of rms_norm")


@pytest.mark.parametrize("kind", CONFIGS)
def test_models(kind):
    """The same weights under both sets: logits, loss and every gradient."""
    idx, targets = random_ids(2, 9), random_ids(2, 9, seed=1)
    targets[0, :3] = -100
    results = []
    for ops in (CLEAR, FUSED):
        model = GPT(CONFIGS[kind], ops, generator=torch.Generator().manual_seed(0)).double()
        logits, loss = model(idx, targets)
        names, parameters = zip(*model.named_parameters())
        results.append((logits, loss, *torch.autograd.grad(loss, parameters)))
    for name, clear, fused in zip(("logits", "loss", *names), *results):
        checks.close(fused, clear, f"{name} of {kind}", rtol=1e-10, atol=1e-10)
