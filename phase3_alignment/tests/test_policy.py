"""A base, its adapter, its reference; and folders that open without this code."""

import pytest
import torch

from phase3_alignment.project import models, policy, templates
from phase3_alignment.solution import inject
from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.solution.chat import Message
from phase3_alignment.solution.value_head import ActorCritic
from phase3_alignment.tests.tiny_pretrained import make_folder
from shared import checks

EVERYWHERE = AdapterConfig(targets=(), r=2)
LAYERS = {
    "gpt2": ("c_attn", "c_proj", "c_fc"),
    "llama": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
}


@pytest.fixture(params=["gpt2", "llama"])
def family(request):
    return request.param


@pytest.fixture
def folder(family, tmp_path):
    return make_folder(tmp_path / "base", family)


@pytest.fixture
def moved(folder):
    """A policy whose adapter has learnt something."""
    subject = policy.load(str(folder), EVERYWHERE, device="cpu")
    torch.manual_seed(1)
    with torch.no_grad():
        for p in subject.model.parameters():
            if p.requires_grad:
                p.add_(0.3 * torch.randn_like(p))
    return subject


def ids(B=2, T=9):
    return torch.randint(0, 257, (B, T), generator=torch.Generator().manual_seed(0))


def logits(model, x):
    with torch.no_grad():
        return model(input_ids=x).logits


def test_the_adapter_goes_beside_every_linear_layer(folder, family):
    subject = policy.load(str(folder), EVERYWHERE, device="cpu")
    checks.equal(subject.adapter.targets, LAYERS[family], "the targets")
    trained = [name for name, p in subject.model.named_parameters() if p.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained)
    assert not subject.model.training
    assert (subject.context, subject.end_id, subject.base) == (128, 256, str(folder))


def test_the_output_is_adapted_if_asked_for(folder, family, tmp_path):
    subject = policy.load(str(folder), EVERYWHERE, adapt_output=True, device="cpu")
    checks.equal(subject.adapter.targets, (*LAYERS[family], "lm_head"), "the targets")
    torch.manual_seed(1)
    with torch.no_grad():
        subject.model.lm_head.adapters["default"].lora_B.normal_()
    policy.save(subject, tmp_path / "run")
    found = models.load_causal(str(tmp_path / "run/hf")).model
    checks.close(logits(found, ids()), logits(subject.model, ids()), "logits of the merged model")
    # GPT-2's head is its embedding: the merged model has both, and says so.
    assert found.get_output_embeddings().weight is not found.get_input_embeddings().weight


def test_one_seed_gives_one_adapter(folder):
    first, second, other = (
        policy.load(str(folder), EVERYWHERE, device="cpu", seed=seed) for seed in (0, 0, 1)
    )

    def start(subject):
        return torch.cat([p.flatten() for n, p in subject.model.named_parameters() if "_A" in n])

    assert torch.equal(start(first), start(second))
    assert not torch.equal(start(first), start(other))


def test_without_an_adapter_everything_learns(folder):
    subject = policy.load(str(folder), device="cpu")
    assert all(p.requires_grad for p in subject.model.parameters())
    with pytest.raises(ValueError, match="no reference"), policy.reference(subject):
        pass


def test_the_reference_is_the_base(moved, folder):
    base, x = models.load_causal(str(folder)).model, ids()
    with policy.reference(moved) as model:
        checks.equal(logits(model, x), logits(base, x), "the reference's logits")
    assert (logits(moved.model, x) - logits(base, x)).abs().max() > 0.01


def test_an_actor_critic_shares_the_policys_weights(moved):
    model, x = ActorCritic(moved.model), ids()
    checks.equal(logits(model, x), logits(moved.model, x), "the actor's logits")
    before = logits(model, x)
    with policy.reference(moved):
        assert not torch.equal(logits(model, x), before)


def test_a_merged_folder_opens_with_transformers_alone(moved, tmp_path):
    before, x = logits(moved.model, ids()), ids()
    policy.save(moved, tmp_path / "run")
    policy.save(moved, tmp_path / "run")  # over the older one
    found = models.load_causal(str(tmp_path / "run/hf"))
    assert not inject.holders(found.model)
    checks.close(logits(found.model, x), before, "the merged model's logits")
    checks.equal(logits(moved.model, x), before, "the policy's logits after it was saved")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["adapter", "hf"]


def test_an_adapter_folder_opens_with_peft(moved, folder, tmp_path):
    peft = pytest.importorskip("peft")
    policy.save(moved, tmp_path)
    base = models.load_causal(str(folder)).model
    theirs = peft.PeftModel.from_pretrained(base, str(tmp_path / "adapter"))
    checks.close(logits(theirs, ids()), logits(moved.model, ids()), "the logits with peft")


def test_the_exported_tokenizer_carries_the_form_that_was_learnt(moved, tmp_path):
    policy.save(moved, tmp_path)
    found = models.load_causal(str(tmp_path / "hf"))
    said = [Message("user", "Hi, User:\n"), Message("assistant", "4."), Message("user", "And?")]
    chat = [{"role": m.role, "content": m.content} for m in said]
    theirs = found.tokenizer.apply_chat_template(chat, add_generation_prompt=True)["input_ids"]
    checks.equal(templates.prompt(said, moved.tokenizer).tolist(), theirs, "the ids of a prompt")
    found.model.generation_config.max_new_tokens = 2
    assert found.model.generation_config.eos_token_id == moved.end_id


def test_everything_of_a_policy_without_adapter_is_exported(folder, tmp_path):
    subject = policy.load(str(folder), device="cpu")
    with torch.no_grad():
        subject.model.get_input_embeddings().weight.mul_(1.5)
    policy.save(subject, tmp_path / "run")
    found = models.load_causal(str(tmp_path / "run/hf"))
    checks.close(logits(found.model, ids()), logits(subject.model, ids()), "the logits")
    assert not (tmp_path / "run/adapter").exists()


def test_what_was_stored_in_half_precision_learns_in_float32(folder):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder).to(torch.bfloat16)
    model.save_pretrained(folder)
    assert models.load_causal(str(folder)).model.dtype == torch.bfloat16
    assert policy.load(str(folder), device="cpu").model.dtype == torch.float32


def test_a_device_that_is_not_there_is_named(folder):
    checks.raises(lambda: policy.choose_device("moon"), ValueError, "no device", "moon")
