"""Rewards of tokens: by hand, summed over a response, and under every kind of padding."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phase3_alignment.solution import token_rewards
from shared import checks


def make(seed=0):
    """Five rows: whole, padded left, padded right, two turns with a gap, and one without action."""
    g = torch.Generator().manual_seed(seed)
    logprobs, ref_logprobs = -3 * torch.rand(2, 5, 6, generator=g, dtype=torch.float64)
    actions = torch.tensor(
        [
            [1, 1, 1, 1, 1, 1],
            [0, 0, 0, 1, 1, 1],
            [0, 1, 1, 0, 0, 0],
            [0, 1, 1, 0, 1, 0],
            [0, 0, 0, 0, 0, 0],
        ]
    ).bool()
    scores = torch.tensor([1.5, -2.0, 0.25, 3.0, 7.0], dtype=torch.float64)
    ended = torch.tensor([True, False, True, False, False])
    return scores, logprobs, ref_logprobs, actions, ended


def brute_force(scores, logprobs, ref_logprobs, actions, ended, kl_coef, penalty):
    rewards = torch.zeros_like(logprobs)
    for b in range(len(scores)):
        places = [t for t in range(actions.shape[1]) if actions[b, t]]
        for t in places:
            rewards[b, t] = kl_coef * (ref_logprobs[b, t] - logprobs[b, t])
        if places:
            rewards[b, places[-1]] += scores[b] - (0 if ended[b] else penalty)
    return rewards


@pytest.mark.exercise("3.17")
def test_one_response_by_hand():
    logprobs = torch.tensor([[-9.0, -1.0, -2.0, -3.0, -9.0]])
    ref_logprobs = torch.tensor([[-4.0, -2.0, -2.0, -2.5, -1.0]])
    actions = torch.tensor([[False, True, True, True, False]])
    scores, ended = torch.tensor([10.0]), torch.tensor([True])
    before = [t.clone() for t in (scores, logprobs, ref_logprobs, actions)]
    rewards = token_rewards.shape(scores, logprobs, ref_logprobs, actions, ended, 0.1, 4.0)
    after = [scores, logprobs, ref_logprobs, actions]
    checks.equal(after, before, "the arguments after shape, which leaves them as they were")
    expected = torch.tensor([[0.0, -0.1, 0.0, 10.05, 0.0]])
    checks.close(rewards, expected, "rewards of three actions, score 10, a tenth for each nat")


@pytest.mark.exercise("3.17")
def test_a_missing_end_costs():
    zeros = torch.zeros(2, 2)
    scores, ended = torch.tensor([5.0, 5.0]), torch.tensor([True, False])
    before = scores.clone()
    rewards = token_rewards.shape(scores, zeros, zeros, zeros == 0, ended, 0.1, 2.0)
    checks.equal(scores, before, "scores after shape, which leaves them as they were")
    expected = torch.tensor([[0.0, 5.0], [0.0, 3.0]])
    checks.close(rewards, expected, "two responses of score 5, one not ended, penalty 2")
    free = token_rewards.shape(scores, zeros, zeros, zeros == 0, ended, 0.1)
    checks.close(free[:, 1], scores, "last rewards without a penalty")


@pytest.mark.exercise("3.17")
def test_every_kind_of_padding():
    arguments = make()
    rewards = token_rewards.shape(*arguments, kl_coef=0.2, missing_end_penalty=1.0)
    expected = brute_force(*arguments, 0.2, 1.0)
    rows = ["no padding", "padding on the left", "padding on the right"]
    rows += ["two turns with a gap", "no action"]
    for b, row in enumerate(rows):
        checks.close(rewards[b : b + 1], expected[b : b + 1], f"rewards of a row with {row}")


@pytest.mark.exercise("3.17")
def test_the_sum_is_the_score_less_the_kl():
    scores, logprobs, ref_logprobs, actions, ended = make(1)
    rewards = token_rewards.shape(scores, logprobs, ref_logprobs, actions, ended, 0.3, 0.5)
    kl = ((logprobs - ref_logprobs) * actions).sum(-1)
    expected = scores - 0.5 * ~ended - 0.3 * kl
    checks.close(rewards.sum(-1)[:4], expected[:4], "rewards summed over each response")


@pytest.mark.exercise("3.17")
def test_what_is_no_action_is_not_seen():
    scores, logprobs, ref_logprobs, actions, ended = make()
    expected = token_rewards.shape(scores, logprobs, ref_logprobs, actions, ended, 0.2)
    junk = [t.where(actions, math.nan) for t in (logprobs, ref_logprobs)]
    rewards = token_rewards.shape(scores, *junk, actions, ended, 0.2)
    checks.equal(rewards, expected, "rewards, with NaN where there is no action")


@pytest.mark.exercise("3.17")
def test_rewards_are_constants():
    scores, logprobs, ref_logprobs, actions, ended = make()
    logprobs.requires_grad_()
    rewards = token_rewards.shape(scores, logprobs, ref_logprobs, actions, ended, 0.2)
    checks.law(not rewards.requires_grad, "no gradient flows through the rewards")
    narrow = token_rewards.shape(
        scores.float(), logprobs.float(), ref_logprobs.float(), actions, ended, 0.2, 1.0
    )
    checks.equal(str(narrow.dtype), "torch.float32", "dtype of the rewards of float32 arguments")


@pytest.mark.exercise("3.17")
@settings(max_examples=20)
@given(st.lists(st.booleans(), min_size=12, max_size=12), st.integers(0, 3))
def test_any_actions(bits, which):
    g = torch.Generator().manual_seed(which)
    actions = torch.tensor(bits).view(3, 4)
    logprobs, ref_logprobs = torch.randn(2, 3, 4, generator=g, dtype=torch.float64)
    scores = torch.randn(3, generator=g, dtype=torch.float64)
    arguments = (scores, logprobs, ref_logprobs, actions, scores > 0)
    rewards = token_rewards.shape(*arguments, 0.1, 0.7)
    checks.close(rewards, brute_force(*arguments, 0.1, 0.7), f"rewards for actions {actions}")


@pytest.mark.parametrize("wrong", [0, 2, 3, 4])
def test_shapes_must_fit(wrong):
    arguments = list(make())
    arguments[wrong] = arguments[wrong][:-1]
    with pytest.raises(ValueError, match="shape"):
        token_rewards.shape(*arguments, 0.1)


# -- the running scale of the scores ------------------------------------------------------------


def test_running_moments_are_those_of_all_scores():
    g = torch.Generator().manual_seed(0)
    scores = 100 + 3 * torch.randn(50, generator=g)
    moments = token_rewards.RunningMoments()
    for batch in scores.split([1, 7, 30, 0, 12]):
        moments.update(batch)
    checks.close(moments.mean, scores.double().mean().item(), "mean of five batches")
    checks.close(moments.std, scores.double().std(correction=0).item(), "their deviation")
    white = moments.normalise(scores)
    checks.close(white.double().mean(), 0.0, "mean, normalised", atol=1e-5)
    checks.close(white.double().std(correction=0), 1.0, "deviation, normalised", rtol=1e-5)


def test_running_moments_of_equal_scores_divide_by_one():
    moments = token_rewards.RunningMoments()
    checks.equal(moments.std, 1.0, "deviation of nothing")
    for _ in range(5):
        moments.update(torch.full((7,), 0.1))
    checks.equal(moments.std, 1.0, "deviation of equal scores")


def test_running_moments_are_resumed():
    one, other = token_rewards.RunningMoments(), token_rewards.RunningMoments()
    one.update(torch.tensor([1.0, 2.0, 4.0]))
    other.load_state_dict(one.state_dict())
    for moments in (one, other):
        moments.update(torch.tensor([-3.0, 0.5]))
    checks.equal(vars(other), vars(one), "moments after a break, to the bit")
