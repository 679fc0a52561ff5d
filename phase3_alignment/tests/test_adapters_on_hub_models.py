"""Our adapters against peft's on real, tiny models: forward, gradients, twenty optimiser steps."""

import json
from dataclasses import replace

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


def peft_twin(family, config):
    """The same base with peft's adapter of the same settings."""
    fields = adapter_files._to_peft(ours(family, config), config, "default")
    fields |= {"inference_mode": False}
    return peft.get_peft_model(tiny(family), peft.LoraConfig(**fields))


def ours(family, config):
    model = tiny(family)
    inject.inject(model, config)
    return model


def trained(model):
    """Parameters that train, by the names that peft has in its files."""
    if not isinstance(model, peft.PeftModel):
        return adapter_files._parameters(model, "default")
    names = {n: p for n, p in model.named_parameters() if p.requires_grad}
    plain = {n.replace(".default", "").replace(".modules_to_save", ""): p for n, p in names.items()}
    return {n.replace("magnitude_vector.weight", "magnitude_vector"): p for n, p in plain.items()}


def equalise(one, other):
    """Give both the same adapter, neither A nor B zero; return the parameters in pairs."""
    generator = torch.Generator().manual_seed(5)
    mine, theirs = trained(one), trained(other)
    assert mine.keys() == theirs.keys()
    for name, p in theirs.items():
        value = p.detach() + 0.2 * torch.randn(p.shape, generator=generator, dtype=p.dtype)
        p.data.copy_(value)
        mine[name].data.copy_(value)
    return [(mine[name], p) for name, p in theirs.items()]


def loss_of(model, ids):
    return model(input_ids=ids, attention_mask=(ids != 0).long()).logits.square().sum()


@FAMILIES
@pytest.mark.parametrize("changes", [{}, {"rslora": True}, {"dora": True}], ids=str)
def test_forward_gradients_and_20_steps_are_those_of_peft(family, changes):
    if "dora" in changes:  # ours is for linear layers
        changes = changes | {"targets": CASES[family][:2]}
    config = settings(family, **changes)
    model, twin, ids = ours(family, config), peft_twin(family, config), tokens()
    pairs = equalise(model, twin)
    optimisers = [torch.optim.AdamW([pair[i] for pair in pairs], lr=1e-2) for i in (0, 1)]
    for step in range(20):
        losses = [loss_of(model, ids), loss_of(twin, ids)]
        torch.testing.assert_close(*losses)
        for loss, optimiser in zip(losses, optimisers, strict=True):
            optimiser.zero_grad()
            loss.backward()
        for mine, theirs in pairs if step == 0 else []:
            torch.testing.assert_close(mine.grad, theirs.grad)
            assert mine.grad.any()
        for optimiser in optimisers:
            optimiser.step()
    for mine, theirs in pairs:
        torch.testing.assert_close(mine, theirs)


@FAMILIES
@pytest.mark.parametrize("changes", [{}, {"dora": True}], ids=str)
def test_merged_disabled_and_unloaded(family, changes):
    if "dora" in changes:
        changes = changes | {"targets": CASES[family][:2]}
    model, ids = ours(family, settings(family, **changes)), tokens()
    for p in trained(model).values():
        p.data.add_(0.2 * torch.randn_like(p))
    bits = {n: p.clone() for n, p in model.named_parameters()}
    adapted = model(input_ids=ids).logits
    with inject.disabled(model):
        torch.testing.assert_close(
            model(input_ids=ids).logits, tiny(family)(input_ids=ids).logits, rtol=0, atol=0
        )
    merging.merge(model)
    torch.testing.assert_close(model(input_ids=ids).logits, adapted)
    merging.unmerge(model)
    assert all(torch.equal(p, bits[n]) for n, p in model.named_parameters())
    merging.unload(model)
    assert not inject.holders(model)
    assert {n for n, _ in model.named_modules()} == {n for n, _ in tiny(family).named_modules()}
    torch.testing.assert_close(model(input_ids=ids).logits, adapted)


@pytest.mark.parametrize("changes", [{}, {"rslora": True}, {"heads": ("lm_head",)}], ids=str)
def test_a_tied_model_is_saved_whole_after_unloading(changes, tmp_path):
    """GPT-2's head shares the table's weight, until the table is adapted."""
    model, ids = ours("GPT2", settings("GPT2", **changes)), tokens()
    for p in trained(model).values():
        p.data.add_(0.2 * torch.randn_like(p))
    merging.unload(model)
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path, dtype=torch.float64).eval()
    torch.testing.assert_close(again(input_ids=ids).logits, model(input_ids=ids).logits)


HEADS = {"GPT2": ("lm_head",), "DistilBert": ("classifier",), "Bert": ("classifier",)}
VARIANTS = [{}, {"rslora": True}, {"dora": True}, {"targets": None}]


def variant(family, changes):
    changes = changes | {"heads": HEADS.get(family, ())}
    if "dora" in changes:
        changes |= {"targets": CASES[family][:2]}
    if "targets" in changes and changes["targets"] is None:
        changes |= {"targets": r".*\.(0|1)\..*(attn|attention)\..*"}
    return settings(family, **changes)


@FAMILIES
@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_our_folder_opens_in_peft(family, changes, tmp_path):
    config, ids = variant(family, changes), tokens()
    model = ours(family, config)
    for p in trained(model).values():
        p.data.add_(0.2 * torch.randn_like(p))
    adapter_files.save(model, config, tmp_path)
    twin = peft.PeftModel.from_pretrained(tiny(family), tmp_path).eval()
    torch.testing.assert_close(twin(input_ids=ids).logits, model(input_ids=ids).logits)
    again = tiny(family)
    loaded = adapter_files.load(again, tmp_path, "other")
    torch.testing.assert_close(again(input_ids=ids).logits, model(input_ids=ids).logits)
    names = tuple(inject.matching(tiny(family), config.targets))
    assert replace(loaded, targets=config.targets) == config
    assert set(loaded.targets) == set(names)


@FAMILIES
@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_a_folder_of_peft_opens_here(family, changes, tmp_path):
    config, ids = variant(family, changes), tokens()
    twin = peft_twin(family, config).eval()
    for p in trained(twin).values():
        p.data.add_(0.2 * torch.randn_like(p))
    twin.save_pretrained(tmp_path)
    model = tiny(family)
    adapter_files.load(model, tmp_path)
    torch.testing.assert_close(model(input_ids=ids).logits, twin(input_ids=ids).logits)
    with inject.disabled(model), twin.disable_adapter():
        torch.testing.assert_close(model(input_ids=ids).logits, twin(input_ids=ids).logits)
    ours_again = tmp_path / "again"
    adapter_files.save(model, adapter_files.load(tiny(family), tmp_path), ours_again)
    mine = adapter_files.load_file(ours_again / adapter_files.WEIGHTS)
    theirs = adapter_files.load_file(tmp_path / adapter_files.WEIGHTS)
    assert mine.keys() == {name for name in theirs if "base_layer" not in name}
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize("family", ["DistilBert", "Bert"])
def test_a_classifier_of_peft_opens_here(family, tmp_path):
    """With a task type peft adds "score" to the heads, which these models have not."""
    fields = {"task_type": "SEQ_CLS", "target_modules": [*CASES[family][:2]], "r": 3}
    twin = peft.get_peft_model(tiny(family), peft.LoraConfig(**fields)).eval()
    for p in trained(twin).values():
        p.data.add_(0.2 * torch.randn_like(p))
    twin.save_pretrained(tmp_path)
    model, ids = tiny(family), tokens()
    config = adapter_files.load(model, tmp_path)
    assert config.heads == ("classifier",)
    torch.testing.assert_close(model(input_ids=ids).logits, twin(input_ids=ids).logits)


def test_several_adapters_are_those_of_peft():
    config, ids = settings("Llama"), tokens()
    model, twin = ours("Llama", config), peft_twin("Llama", config)
    equalise(model, twin)
    second = AdapterConfig(targets=("q_proj", "gate_proj"), r=2, alpha=3)
    inject.inject(model, second, "second")
    fields = {"target_modules": ["q_proj", "gate_proj"], "r": 2, "lora_alpha": 3}
    twin.add_adapter("second", peft.LoraConfig(**fields))
    theirs = {n: p for n, p in twin.named_parameters() if ".second." in n}
    for name, p in theirs.items():
        p.data.normal_()
        adapter_files._parameters(model, "second")[name.replace(".second", "")].data.copy_(p)
    for active in ("default", "second", "default"):
        twin.set_adapter(active)
        inject.activate(model, active)
        torch.testing.assert_close(model(input_ids=ids).logits, twin(input_ids=ids).logits)
    twin.base_model.set_adapter(["default", "second"])
    inject.activate(model, "default", "second")
    torch.testing.assert_close(model(input_ids=ids).logits, twin(input_ids=ids).logits)


def test_the_count_of_gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    with torch.device("meta"):
        model = GPT2LMHeadModel(GPT2Config())
        inject.inject(model, AdapterConfig(targets=("c_attn",)))
    assert inject.summary(model) == "294,912 of 124,734,720 parameters train (0.24 %)"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"peft_type": "IA3"}, "peft_type"),
        ({"bias": "all"}, "bias"),
        ({"init_lora_weights": "pissa"}, "pissa"),
        ({"layers_to_transform": [0]}, "layers_to_transform"),
        ({"r": 5}, "lora_"),
        ({"target_modules": ["c_attn", "c_fc"]}, "lacks"),
        ({"target_modules": ["c_attn"], "lora_alpha": 3}, None),
    ],
    ids=str,
)
def test_what_a_folder_may_ask(changes, message, tmp_path):
    config = AdapterConfig(targets=("c_attn",))
    adapter_files.save(ours("GPT2", config), config, tmp_path)
    path = tmp_path / adapter_files.CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    if message is None:
        assert adapter_files.load(tiny("GPT2"), tmp_path).alpha == 3
    else:
        with pytest.raises(ValueError, match=message):
            adapter_files.load(tiny("GPT2"), tmp_path)
