"""The fused activation is GPT-2's, in the model and by its formula."""

import math

import pytest
import torch

from phase3_alignment.project import fast_gelu
from phase3_alignment.tests.tiny_hub_models import tiny, tokens
from shared import checks


def test_a_model_computes_the_same():
    expected, model = tiny("GPT2"), tiny("GPT2")
    checks.equal(fast_gelu.exchange(model), 2, "activations exchanged in two blocks")
    ids = tokens()
    for one in (expected, model):
        one(input_ids=ids, labels=ids).loss.backward()
    checks.close(model(ids).logits, expected(ids).logits, "logits")
    for (name, p), (_, q) in zip(model.named_parameters(), expected.named_parameters()):
        checks.close(p.grad, q.grad, f"gradient of {name}")


def test_the_formula():
    model = tiny("GPT2")
    fast_gelu.exchange(model)
    x = torch.linspace(-6, 6, 49, dtype=torch.float64)
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    checks.close(model.transformer.h[0].mlp.act(x), x / 2 * (1 + inner.tanh()), "GELU")


@pytest.mark.parametrize("family", ["Llama", "DistilBert"])
def test_other_activations_stay(family):
    model = tiny(family)
    before = [type(m) for m in model.modules()]
    checks.equal(fast_gelu.exchange(model), 0, "activations exchanged")
    checks.equal([type(m) for m in model.modules()], before, "modules")
