"""FastGPT2 gives what transformers gives: logits, gradients, samples, log-probabilities."""

import copy

import pytest
import torch

from phase3_alignment.project import fast_gpt2
from phase3_alignment.project.fast_gpt2 import FastGPT2, OncePerGroup
from phase3_alignment.solution import inject, logprobs, ppo_update, rollout
from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.solution.ppo_update import PPOConfig
from phase3_alignment.solution.value_head import ActorCritic
from phase3_alignment.tests.tiny_hub_models import V, tiny
from shared import checks

B, P, N, COPIES = 6, 5, 4, 3
END = 2


@pytest.fixture(params=["no padding", "padding"])
def prompts(request):
    """Prompts in groups of neighbours, (B, P), padded on the left or not at all."""
    ids = torch.randint(3, V, (B // COPIES, P), generator=torch.Generator().manual_seed(3))
    mask = torch.ones_like(ids, dtype=torch.bool)
    if request.param == "padding":
        mask[0, :2] = False
    return ids.repeat_interleave(COPIES, dim=0), mask.repeat_interleave(COPIES, dim=0)


def sample(model, prompts):
    return rollout.sample(model, *prompts, N, END, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def answers(prompts):
    """A batch in which one response ends early."""
    found = sample(tiny("GPT2"), prompts)
    ids, mask = found.ids.clone(), found.mask.clone()
    ids[1, P + 1 :], mask[1, P + 2 :] = END, False
    actions = mask[:, 1:].clone()
    actions[:, : P - 1] = False
    return ids, mask, actions


def test_logits_with_padding_on_either_side():
    model = tiny("GPT2")
    ids = torch.randint(V, (3, 7), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids, dtype=torch.bool)
    mask[0, :3], mask[1, 5:] = False, False
    inputs = {"input_ids": ids, "position_ids": (mask.cumsum(-1) - 1).clamp(min=0)}
    for given in (None, mask, mask.long()):
        real = mask if given is not None else torch.ones_like(mask)
        found = FastGPT2(model)(**inputs, attention_mask=given).logits
        checks.close(found[real], model(**inputs, attention_mask=given).logits[real], "logits")
        assert found.isfinite().all()
    checks.close(FastGPT2(model)(ids).logits, model(ids).logits, "logits of ids alone")
    kept = FastGPT2(model)(**inputs, attention_mask=mask, logits_to_keep=2).logits
    checks.close(kept, found[:, -2:], "logits of the last two")


def test_the_same_responses(prompts):
    expected, fast = sample(tiny("GPT2"), prompts), FastGPT2(tiny("GPT2"))
    for model in (fast, OncePerGroup(fast, COPIES)):
        found = sample(model, prompts)
        checks.equal(found.ids, expected.ids, "ids")
        checks.close(found.logprobs, expected.logprobs, "log-probabilities")
        checks.equal(found.mask, expected.mask, "mask")


def test_log_probabilities_and_their_gradients(answers):
    models = [tiny("GPT2") for _ in range(3)]
    said = [
        logprobs.under(models[0], *answers),
        fast_gpt2.logprobs(FastGPT2(models[1]), *answers),
        fast_gpt2.group_logprobs(FastGPT2(models[2]), *answers, P, COPIES),
    ]
    weight = torch.randn(said[0].shape, generator=torch.Generator().manual_seed(7)).double()
    for one in said:
        (one * weight).sum().backward()
    for one, model in zip(said[1:], models[1:]):
        checks.close(one, said[0], "log-probabilities")
        for (name, p), q in zip(model.named_parameters(), models[0].parameters()):
            checks.close(p.grad, q.grad, f"gradient of {name}")


def test_float32_takes_the_same_way(answers):
    said = logprobs.under(tiny("GPT2").float(), *answers)
    fast = FastGPT2(tiny("GPT2").float())
    checks.close(fast_gpt2.logprobs(fast, *answers), said, "log-probabilities in float32")


def test_ppo_takes_it_as_it_is(answers):
    """One PPO update moves the parameters to the same place."""
    ids, mask, actions = answers
    drawn = torch.randn(3, *actions.shape, generator=torch.Generator().manual_seed(9)).double()
    moved = []
    for wrap in (lambda model: model, FastGPT2):
        actor = ActorCritic(wrap(tiny("GPT2"))).eval()
        experience = ppo_update.Experience(ids, mask, actions, drawn[0] - 4, drawn[1], *drawn[1:])
        optimizer = torch.optim.SGD(actor.parameters(), lr=0.1)
        config = PPOConfig(n_epochs=2, minibatch_size=4, entropy_coef=0.1, value_clip_coef=9.0)
        ppo_update.update(actor, optimizer, experience, config, torch.Generator().manual_seed(0))
        moved.append(list(actor.parameters()))
    assert len(moved[0]) == len(moved[1])
    for p, q in zip(*moved):
        checks.close(q, p, "a parameter")


def test_the_parameters_are_the_models_own():
    model = tiny("GPT2")
    fast = FastGPT2(model)
    checks.equal([id(p) for p in fast.parameters()], [id(p) for p in model.parameters()], "ids")
    other = copy.deepcopy(fast)
    with torch.no_grad():
        next(model.parameters()).zero_()
    assert next(fast.parameters()).eq(0).all()
    assert not next(other.parameters()).eq(0).all()


def test_other_models_are_refused():
    adapted = tiny("GPT2")
    inject.inject(adapted, AdapterConfig(targets=("c_attn",), r=2, alpha=2.0))
    relu = tiny("GPT2")
    relu.transformer.h[1].mlp.act = torch.nn.ReLU()
    scaled = tiny("GPT2")
    scaled.config.scale_attn_by_inverse_layer_idx = True
    for model in (tiny("Llama"), adapted, relu, scaled):
        with pytest.raises(ValueError, match="knows GPT-2"):
            FastGPT2(model)
