"""The loss without logits is the loss with them: value, gradients, and what stays frozen."""

import pytest
import torch
from torch import nn

from phase3_alignment.solution import head_loss, inject, packing, sft
from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.tests.tiny_hub_models import tiny, tokens
from shared import checks


@pytest.fixture(autouse=True, params=[1, 4, 1000])
def rows(request, monkeypatch):
    """One row at a time, a number that leaves a rest, and all at once."""
    monkeypatch.setattr(head_loss, "ROWS", request.param)


def make_batch():
    """Packed rows of three documents, of which the second halves count."""
    g = torch.Generator().manual_seed(2)
    documents = [torch.randint(1, 61, (n,), generator=g) for n in (5, 3, 6)]
    examples = [(ids, torch.arange(len(ids)) >= len(ids) // 2) for ids in documents]
    batch = packing.fill(examples, packing.pack([5, 3, 6], 8), 0)
    return packing.inputs(batch, torch.float64), batch.labels


def goes_the_short_way(loss):
    return "SumOfNats" in str(loss.grad_fn.next_functions)


@pytest.mark.parametrize("family", ["GPT2", "Llama", "Qwen3"])
@pytest.mark.parametrize("n_targets", [None, 40])
def test_it_is_the_loss_of_the_logits(family, n_targets):
    model, (inputs, labels) = tiny(family), make_batch()
    found = head_loss.answer_loss(model, inputs, labels, n_targets)
    expected = sft.loss(model(**inputs).logits, labels, n_targets)
    checks.close(found, expected, "loss")
    parameters = list(model.parameters())
    gradients = torch.autograd.grad(found, parameters, allow_unused=True, retain_graph=True)
    again = torch.autograd.grad(found * 3, parameters, allow_unused=True)
    wanted = torch.autograd.grad(expected, parameters, allow_unused=True)
    for (name, _), got, thrice, want in zip(model.named_parameters(), gradients, again, wanted):
        checks.close(got, want, f"gradient of {name}")
        checks.close(thrice, 3 * want, f"gradient of {name} of three times the loss")


def test_against_transformers_loss():
    model, ids = tiny("GPT2"), tokens()
    labels = ids.masked_fill(ids % 2 == 0, sft.IGNORED)
    found = head_loss.answer_loss(model, {"input_ids": ids}, labels)
    checks.close(found, model(input_ids=ids, labels=labels).loss, "loss")
    assert goes_the_short_way(found)


def test_beside_an_adapter_only_the_adapter_learns():
    model, (inputs, labels) = tiny("GPT2"), make_batch()
    inject.inject(model, AdapterConfig(targets=("c_attn",), r=2))
    model.double()
    for name, p in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(p)
    head_loss.answer_loss(model, inputs, labels).backward()
    found = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    checks.law(
        all(p.grad is None for p in model.parameters() if not p.requires_grad),
        "what is frozen has no gradient",
    )
    model.zero_grad()
    sft.loss(model(**inputs).logits, labels).backward()
    for name, gradient in found.items():
        checks.close(gradient, model.get_parameter(name).grad, f"gradient of {name}")


def test_without_a_gradient_none_is_prepared():
    model, (inputs, labels) = tiny("GPT2"), make_batch()
    with torch.no_grad():
        found = head_loss.answer_loss(model, inputs, labels)
        checks.close(found, sft.loss(model(**inputs).logits, labels), "loss")
    assert not found.requires_grad


def test_nothing_counts():
    model, ids = tiny("GPT2"), tokens()
    found = head_loss.answer_loss(model, {"input_ids": ids}, torch.full_like(ids, sft.IGNORED))
    found.backward()
    checks.equal(found.item(), 0.0, "loss without a label")
    checks.equal(model.transformer.wpe.weight.grad.abs().sum().item(), 0.0, "its gradient")


@pytest.mark.parametrize("change", ["bias", "adapter", "cap"])
def test_a_model_that_does_more_goes_the_long_way(change):
    model, ids = tiny("GPT2"), tokens()
    if change == "bias":
        model.lm_head.bias = nn.Parameter(torch.randn(61, dtype=torch.float64))
    if change == "adapter":
        inject.inject(model, AdapterConfig(targets=("lm_head",), r=2))
        nn.init.normal_(model.lm_head.adapters["default"].lora_B)
    if change == "cap":
        model.config.final_logit_softcapping = 5.0
    found = head_loss.answer_loss(model, {"input_ids": ids}, ids)
    checks.close(found, sft.loss(model(ids).logits, ids), "loss")
    assert not goes_the_short_way(found)
