"""The value head: zero at first, on the last hidden state, of any causal model, padded or not."""

import pytest
import torch

from phase3_alignment.solution import value_head
from shared import checks

transformers = pytest.importorskip("transformers", reason="the models are Hugging Face's")


def make_model(kind):
    small = {"vocab_size": 11, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    small |= {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    torch.manual_seed(0)
    if kind == "gpt2":
        config = transformers.GPT2Config(**small, n_positions=16)
    else:
        kind = {"llama": transformers.LlamaConfig, "qwen3": transformers.Qwen3Config}[kind]
        config = kind(**small, intermediate_size=12, num_key_value_heads=1)
    return value_head.ActorCritic(transformers.AutoModelForCausalLM.from_config(config)).eval()


def ask(model, ids, mask):
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    return model(input_ids=ids, attention_mask=mask.long(), position_ids=positions)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen3"])
def test_logits_are_the_models_and_values_start_at_0(kind):
    model = make_model(kind)
    ids = torch.arange(10).view(2, 5)
    output = ask(model, ids, torch.ones_like(ids))
    checks.equal(output.logits, model.model(input_ids=ids).logits, f"logits of {kind}")
    checks.equal(output.values, torch.zeros(2, 5), "values of a new head")


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen3"])
def test_values_are_a_linear_map_of_what_the_output_layer_sees(kind):
    model = make_model(kind)
    torch.nn.init.normal_(model.value_head.weight)
    torch.nn.init.normal_(model.value_head.bias)
    seen = []
    model.model.get_output_embeddings().register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    ids = torch.arange(10).view(2, 5)
    values = ask(model, ids, torch.ones_like(ids)).values
    expected = seen[0] @ model.value_head.weight[0] + model.value_head.bias
    checks.close(values, expected, f"values of {kind}")


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(side):
    model = make_model("gpt2")
    torch.nn.init.normal_(model.value_head.weight)
    ids, pad = torch.tensor([[3, 4, 5]]), torch.tensor([[9, 9]])
    plain = ask(model, ids, torch.ones_like(ids)).values
    padded = torch.cat([pad, ids] if side == "left" else [ids, pad], dim=1)
    mask = (padded != 9).long()
    checks.close(ask(model, padded, mask).values[mask.bool()], plain[0], f"padded on the {side}")


def test_the_trunk_learns_from_the_values_when_it_may():
    model = make_model("llama")
    torch.nn.init.normal_(model.value_head.weight)
    model.model.requires_grad_(False)
    ids = torch.arange(10).view(2, 5)
    ask(model, ids, torch.ones_like(ids)).values.sum().backward()
    checks.law(all(p.grad is None for p in model.model.parameters()), "a frozen trunk is frozen")
    checks.law(model.value_head.weight.grad.abs().sum() > 0, "the head has a gradient")
    model.model.requires_grad_(True)
    ask(model, ids, torch.ones_like(ids)).values.sum().backward()
    trunk = model.model.get_input_embeddings().weight.grad
    checks.law(trunk.abs().sum() > 0, "the trunk has a gradient")
