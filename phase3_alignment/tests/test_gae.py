"""Generalised advantages: by hand, the O(T^2) definition in float64, and its two limits."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phase3_alignment.solution import gae
from shared import checks


def make(seed=0, dtype=torch.float64):
    """Four rows: whole, padded left, padded right, two turns with a gap."""
    g = torch.Generator().manual_seed(seed)
    rewards, values = torch.randn(2, 4, 6, generator=g, dtype=dtype)
    actions = torch.tensor(
        [[1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1], [0, 1, 1, 1, 0, 0], [1, 1, 0, 0, 1, 0]]
    ).bool()
    return rewards, values, actions


def by_definition(rewards, values, actions, gamma, gae_lambda, bootstrap=None):
    """A_t = sum over l of (gamma lambda)^l delta_{t + l}: the definition, no recursion."""
    found = torch.zeros_like(rewards)
    for b, row in enumerate(actions.tolist()):
        places = [t for t, acts in enumerate(row) if acts]
        after = 0.0 if bootstrap is None else bootstrap[b].item()
        v = [values[b, t].item() for t in places] + [after]
        r = [rewards[b, t].item() for t in places]
        deltas = [r[i] + gamma * v[i + 1] - v[i] for i in range(len(places))]
        for i, t in enumerate(places):
            terms = [(gamma * gae_lambda) ** (j - i) * deltas[j] for j in range(i, len(places))]
            found[b, t] = math.fsum(terms)
    return found


@pytest.mark.exercise("3.17")
def test_three_actions_by_hand():
    rewards, values = torch.tensor([[0.0, 0.0, 8.0]]), torch.tensor([[1.0, 2.0, 4.0]])
    before = rewards.clone(), values.clone()
    found = gae.advantages(rewards, values, torch.ones(1, 3).bool(), gamma=0.5, gae_lambda=0.5)
    checks.equal((rewards, values), before, "rewards and values, which stay as they were")
    checks.law(isinstance(found, tuple) and len(found) == 2, "two tensors are returned", found)
    # The deltas are 0 + 1 - 1, 0 + 2 - 2 and 8 + 0 - 4; a step back costs a factor of 1/4.
    expected = torch.tensor([[0.25, 1.0, 4.0]])
    checks.close(found[0], expected, "advantages of three actions, gamma = lambda = 1/2")
    expected = torch.tensor([[1.25, 3.0, 8.0]])
    checks.close(found[1], expected, "returns of three actions, gamma = lambda = 1/2")


@pytest.mark.exercise("3.17")
def test_nothing_comes_from_padding():
    rewards = torch.tensor([[0.0, 0.0, 8.0, 5.0], [7.0, 0.0, 8.0, 0.0]])
    values = torch.tensor([[1.0, 2.0, 4.0, 6.0], [9.0, 2.0, 4.0, 6.0]])
    actions = torch.tensor([[True, True, True, False], [False, True, True, False]])
    before = [t.clone() for t in (rewards, values, actions)]
    advantages, returns = gae.advantages(rewards, values, actions, 0.5, 0.5)
    after = [rewards, values, actions]
    checks.equal(after, before, "rewards, values and actions, which stay as they were")
    expected = torch.tensor([[0.25, 1.0, 4.0, 0.0], [0.0, 1.0, 4.0, 0.0]])
    checks.close(advantages, expected, "advantages of a row padded right, and of one on both sides")
    expected = torch.tensor([[1.25, 3.0, 8.0, 0.0], [0.0, 3.0, 8.0, 0.0]])
    checks.close(returns, expected, "returns of a row padded right, and of one on both sides")


@pytest.mark.exercise("3.17")
@pytest.mark.parametrize(("gamma", "gae_lambda"), [(1.0, 0.95), (0.9, 0.5), (0.8, 1.0)])
@pytest.mark.parametrize("boot", [False, True])
def test_as_defined(gamma, gae_lambda, boot):
    rewards, values, actions = make()
    bootstrap = torch.tensor([2.0, -1.0, 3.0, 0.5], dtype=torch.float64) if boot else None
    advantages, returns = gae.advantages(rewards, values, actions, gamma, gae_lambda, bootstrap)
    expected = by_definition(rewards, values, actions, gamma, gae_lambda, bootstrap)
    end = "a value after the end" if boot else "nothing after the end"
    names = ["no padding", "padding on the left", "padding on the right", "a gap between turns"]
    for b, row in enumerate(names):
        name = f"advantages of a row with {row}, {end}, gamma {gamma}, lambda {gae_lambda}"
        checks.close(advantages[b], expected[b], name)
    wanted = (expected + values).where(actions, 0)
    checks.close(returns, wanted, f"returns, {end}, gamma {gamma}, lambda {gae_lambda}")


@pytest.mark.exercise("3.17")
def test_lambda_1_is_the_return_less_the_value():
    rewards, values, actions = make(1)
    advantages, returns = gae.advantages(rewards, values, actions, 1.0, 1.0)
    to_come = (rewards * actions).flip(-1).cumsum(-1).flip(-1)
    checks.close(returns, to_come.where(actions, 0), "returns at gamma = lambda = 1")
    expected = (to_come - values).where(actions, 0)
    checks.close(advantages, expected, "advantages at gamma = lambda = 1")


@pytest.mark.exercise("3.17")
def test_a_perfect_critic_leaves_nothing():
    rewards, _, actions = make(2)
    values = (rewards * actions).flip(-1).cumsum(-1).flip(-1)
    advantages, _ = gae.advantages(rewards, values, actions, 1.0, 0.7)
    checks.close(advantages, torch.zeros_like(rewards), "advantages when all values are right")


@pytest.mark.exercise("3.17")
def test_what_is_no_action_is_not_seen():
    rewards, values, actions = make()
    expected = gae.advantages(rewards, values, actions)
    junk = rewards.where(actions, math.nan), values.where(actions, math.nan)
    found = gae.advantages(*junk, actions)
    checks.equal(found, expected, "advantages and returns, with NaN where there is no action")


@pytest.mark.exercise("3.17")
def test_no_gradient_flows():
    rewards, values, actions = make()
    found = gae.advantages(rewards, values.requires_grad_(), actions)
    gradients = [t.requires_grad for t in found]
    checks.equal(gradients, [False, False], "whether advantages and returns take part in backward")


@pytest.mark.exercise("3.17")
@settings(max_examples=20)
@given(st.lists(st.booleans(), min_size=10, max_size=10), st.floats(0, 1), st.floats(0, 1))
def test_any_mask(bits, gamma, gae_lambda):
    g = torch.Generator().manual_seed(sum(bits))
    actions = torch.tensor(bits).view(2, 5)
    rewards, values = torch.randn(2, 2, 5, generator=g, dtype=torch.float64)
    bootstrap = torch.randn(2, generator=g, dtype=torch.float64)
    advantages, returns = gae.advantages(rewards, values, actions, gamma, gae_lambda, bootstrap)
    expected = by_definition(rewards, values, actions, gamma, gae_lambda, bootstrap)
    checks.close(advantages, expected, f"advantages for actions {actions.tolist()}")
    wanted = (expected + values).where(actions, 0)
    checks.close(returns, wanted, f"returns for actions {actions.tolist()}")


def test_float32_keeps_up_with_float64():
    g = torch.Generator().manual_seed(0)
    rewards, values = torch.randn(2, 3, 200, generator=g)
    actions = torch.rand(3, 200, generator=g) < 0.8
    found, _ = gae.advantages(rewards, values, actions, 1.0, 0.95)
    expected = by_definition(rewards.double(), values.double(), actions, 1.0, 0.95)
    # Some twenty terms of size 1 in effect, rounded at each step.
    checks.close(found.double(), expected, "200 actions in float32", rtol=1e-5, atol=1e-5)


def test_shapes_must_fit():
    rewards, values, actions = make()
    with pytest.raises(ValueError, match="one shape"):
        gae.advantages(rewards, values[:, :-1], actions)
    with pytest.raises(ValueError, match="bootstrap"):
        gae.advantages(rewards, values, actions, bootstrap=torch.zeros(3))
