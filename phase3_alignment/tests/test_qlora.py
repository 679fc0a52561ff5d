"""QLoRA whole: models of Hugging Face in four bits, adapters beside, and eight-bit Adam."""

import copy

import pytest
import torch
import torch.nn.functional as F

from phase3_alignment.project import fast_nf4
from phase3_alignment.solution import adam8bit, inject, linear4bit
from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.tests.tiny_hub_models import tiny, tokens

TARGETS = {"GPT2": ("c_attn", "c_fc", "c_proj"), "Llama": ("q_proj", "v_proj", "down_proj")}


def make(family, from_linear=linear4bit.Linear4Bit.from_linear):
    """A model in four bits with an adapter that is not zero, and the same with dense weights."""
    model = tiny(family).float()
    names = inject.matching(model, TARGETS[family])
    dense = copy.deepcopy(model)
    linear4bit.replace(model, names, from_linear)
    for name in names:
        weight = dense.get_submodule(name).weight
        rounded = model.get_submodule(name).dequantize()
        weight.data.copy_(rounded.T if family == "GPT2" else rounded)
    for one in (model, dense):
        torch.manual_seed(0)
        inject.inject(one, AdapterConfig(targets=TARGETS[family], r=2))
        for parameter in trained(one):
            torch.nn.init.normal_(parameter, std=0.3)
    return model, dense


def trained(model):
    return [p for p in model.parameters() if p.requires_grad]


def loss_of(model, ids):
    logits = model(input_ids=ids).logits
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


@pytest.mark.parametrize("layer", [linear4bit.Linear4Bit, fast_nf4.FastLinear4Bit])
@pytest.mark.parametrize("family", TARGETS)
def test_gradients_are_those_of_the_rounded_model(family, layer):
    model, dense = make(family, layer.from_linear)
    ids = tokens()
    losses = [loss_of(one, ids) for one in (model, dense)]
    torch.testing.assert_close(*losses)
    gradients = [
        torch.autograd.grad(loss, trained(one))
        for loss, one in zip(losses, (model, dense), strict=True)
    ]
    torch.testing.assert_close(*gradients)
    assert all(g.abs().max() > 0 for g in gradients[0])


def test_it_learns():
    """Four bits with eight-bit Adam come as far as rounded weights with Adam; the base stays."""
    model, dense = make("Llama")
    ids = tokens()
    before = [buffer.clone() for buffer in model.buffers()]
    first, reached = loss_of(model, ids).item(), []
    for one, kind in ((model, adam8bit.Adam8bit), (dense, torch.optim.Adam)):
        optimizer = kind(trained(one), lr=0.02)
        for _ in range(60):
            optimizer.zero_grad()
            loss = loss_of(one, ids)
            loss.backward()
            optimizer.step()
        reached.append(first - loss.item())
    # The head of a tiny random model is frozen and small, so there is not much to gain.
    assert min(reached) > 0.2
    assert reached[0] == pytest.approx(reached[1], rel=0.1)
    assert all(map(torch.equal, model.buffers(), before))


def test_the_adapter_switches_off():
    model, dense = make("Llama")
    ids = tokens()
    with inject.disabled(model), inject.disabled(dense):
        found, expected = (one(input_ids=ids).logits for one in (model, dense))
    torch.testing.assert_close(found, expected)


def test_there_is_nothing_to_merge_with():
    model, _ = make("Llama")
    with pytest.raises(ValueError, match="no floating-point weight to merge with"):
        inject.holders(model)[0].merge()
