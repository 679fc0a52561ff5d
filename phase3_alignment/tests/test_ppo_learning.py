"""All of PPO on a tiny GPT-2: sampling, reference, rewards, update. It learns what is rewarded."""

import copy
from dataclasses import replace

import pytest
import torch

from phase3_alignment.solution import logprobs, ppo_update, rollout, value_head
from shared import checks

transformers = pytest.importorskip("transformers", reason="the policies below are Hugging Face's")
GOAL, END = 3, 0


def make_policy():
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=8,
        n_positions=32,
        n_embd=32,
        n_layer=2,
        n_head=2,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    return transformers.GPT2LMHeadModel(config)


def share_of_goal(rolled):
    right = (rolled.ids[:, 1:] == GOAL) & rolled.actions
    return right.sum(-1) / rolled.actions.sum(-1)


def train(sign, n_updates=10, kl_coef=0.02, seed=0):
    """Align a tiny GPT-2 to write one token; return its scores before and after."""
    policy = make_policy()
    reference = copy.deepcopy(policy).eval()
    model = value_head.ActorCritic(policy).eval()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, eps=1e-5)
    g = torch.Generator().manual_seed(seed)
    config = ppo_update.PPOConfig(n_epochs=2, minibatch_size=32, target_kl=0.2)
    prompts = torch.randint(1, 8, (64, 3), generator=g)
    mask = torch.ones_like(prompts).bool()
    mask[::2, 0] = False

    def sample():
        return rollout.sample(model, prompts, mask, 8, END, generator=g)

    first = share_of_goal(sample())
    for _ in range(n_updates):
        rolled = sample()
        with torch.no_grad():
            ref = logprobs.under(reference, rolled.ids, rolled.mask, rolled.actions)
        experience = ppo_update.prepare(
            rolled.ids,
            rolled.mask,
            rolled.actions,
            rolled.logprobs,
            rolled.values,
            ref,
            share_of_goal(rolled),
            rolled.ended,
            config,
            kl_coef,
        )
        experience = replace(experience, advantages=sign * experience.advantages)
        stats = ppo_update.update(model, optimizer, experience, config, g)
        # Through the cache and not: ratios within float32's noise of 1.
        assert stats[0].approx_kl < 1e-9
    return first, share_of_goal(sample()), reference


@pytest.mark.parametrize(("sign", "up"), [(1, True), (-1, False)])
def test_rewards_rise_and_fall_with_flipped_advantages(sign, up):
    before, after, reference = train(sign)
    error = (before.var() / len(before) + after.var() / len(after)).sqrt()
    sigmas = ((after.mean() - before.mean()) / error).item()
    if up:
        checks.at_least(sigmas, 3, "standard errors by which the share has risen")
        checks.at_least(after.mean(), 0.5, "share of the goal's token")
    else:
        checks.at_most(sigmas, -3, "standard errors by which the share has risen")
    untouched = make_policy().state_dict()
    for key, value in reference.state_dict().items():
        checks.equal(value, untouched[key], f"{key} of the reference, to the bit")
