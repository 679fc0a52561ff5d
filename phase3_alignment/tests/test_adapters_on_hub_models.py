"""Our adapters against peft's on real, tiny models: forward, gradients, twenty optimiser steps."""

import pytest
import torch

from phase3_alignment.solution import adapter_files, inject, merging
from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.tests.tiny_hub_models import tiny, tokens

peft = pytest.importorskip("peft", reason="peft is the oracle")

CASES = {
    "GPT2": ("c_attn", "c_fc", "c_proj", "wte"),
    "DistilBert": ("q_lin", "v_lin", "lin1", "word_embeddings"),
    "Bert": ("query", "value", "output.dense", "word_embeddings"),
    "Llama": ("q_proj", "k_proj", "v_proj", "o_proj", "down_proj", "embed_tokens"),
    "Qwen3": ("q_proj", "o_proj", "gate_proj", "up_proj"),
}
FAMILIES = pytest.mark.parametrize("family", CASES)


def settings(family, **changes):
    overrides = {"rank_pattern": {"layers?.0.*": 2, "h.0.*": 2}, "alpha_pattern": {"wte": 5}}
    return AdapterConfig(**{"targets": CASES[family], "r": 3, "alpha": 7} | overrides | changes)


def peft_twin(family, config, seed=0, heading=None):
    """The same base with peft's adapter of the same settings."""
    fields = adapter_files._to_peft(tiny(family, heading, seed), config) | {"inference_mode": False}
    return peft.get_peft_model(tiny(family, heading, seed), peft.LoraConfig(**fields))


def ours(family, config, seed=0, heading=None):
    model = tiny(family, heading, seed)
    inject.inject(model, config)
    return model


def trained(model):
    """Parameters that train, by peft's name."""
    if isinstance(model, peft.PeftModel):
        names = {n: p for n, p in model.named_parameters() if p.requires_grad}
        return {
            n.replace(".default", "").replace(".modules_to_save", ""): p for n, p in names.items()
        }
    return adapter_files._parameters(model, "default")


def equalise(one, other):
    """Give both the same adapter, neither A nor B zero."""
    generator = torch.Generator().manual_seed(5)
    mine, theirs = trained(one), trained(other)
    assert mine.keys() == {n.replace("magnitude_vector.weight", "magnitude_vector") for n in theirs}
    for name, p in theirs.items():
        key = name.replace("magnitude_vector.weight", "magnitude_vector")
        value = 0.2 * torch.randn(p.shape, generator=generator, dtype=p.dtype) + p.detach()
        p.data.copy_(value)
        mine[key].data.copy_(value)
    return [
        (mine[n.replace("magnitude_vector.weight", "magnitude_vector")], p)
        for n, p in theirs.items()
    ]


def loss_of(model, ids):
    return model(input_ids=ids, attention_mask=(ids != 0).long()).logits.square().sum()


@FAMILIES
@pytest.mark.parametrize("changes", [{}, {"rslora": True}], ids=["alpha/r", "rslora"])
def test_forward_gradients_and_20_steps_are_those_of_peft(family, changes):
    config = settings(family, **changes)
    model, twin, ids = ours(family, config), peft_twin(family, config), tokens()
    pairs = equalise(model, twin)
    optimisers = [torch.optim.AdamW([pair[i] for pair in pairs], lr=1e-2) for i in (0, 1)]
    for step in range(20):
        losses = [loss_of(model, ids), loss_of(twin, ids)]
        torch.testing.assert_close(*losses)
        for loss, optimiser in zip(losses, optimisers):
            optimiser.zero_grad()
            loss.backward()
        for mine, theirs in pairs if step == 0 else []:
            torch.testing.assert_close(mine.grad, theirs.grad)
            assert mine.grad.any()
        for optimiser in optimisers:
            optimiser.step()
    for mine, theirs in pairs:
        torch.testing.assert_close(mine, theirs)
