"""PPO's losses: by hand, token by token in Python, and where a gradient must be, and must not."""

import math

import pytest
import torch

from phase3_alignment.solution import ppo
from shared import checks

CLIP = 0.2


def make(seed=0, spread=0.5):
    """Rows with 6, 0, 2 and 4 actions; ratios far enough from 1 for every case of the clip."""
    g = torch.Generator().manual_seed(seed)
    old = -3 * torch.rand(4, 6, generator=g, dtype=torch.float64)
    new = old + spread * torch.randn(4, 6, generator=g, dtype=torch.float64)
    advantages = torch.randn(4, 6, generator=g, dtype=torch.float64)
    actions = torch.zeros(4, 6, dtype=torch.bool)
    actions[0], actions[2, 3:5], actions[3, 1:5] = True, True, True
    return new, old, advantages, actions


def policy_by_token(new, old, advantages, actions, clip):
    """Equation 7 with Python's own numbers: the loss, the share clipped, k3."""
    terms, clipped, kl = [], [], []
    for b, t in actions.nonzero().tolist():
        ratio, advantage = math.exp(new[b, t] - old[b, t]), advantages[b, t].item()
        safe = min(max(ratio, 1 - clip), 1 + clip)
        terms.append(min(ratio * advantage, safe * advantage))
        clipped.append(safe * advantage < ratio * advantage)
        kl.append(ratio - 1 - math.log(ratio))
    n = len(terms)
    return -math.fsum(terms) / n, sum(clipped) / n, math.fsum(kl) / n


def value_by_token(values, old, returns, actions, clip):
    terms, clipped = [], []
    for b, t in actions.nonzero().tolist():
        v, o, r = (x[b, t].item() for x in (values, old, returns))
        near = o + min(max(v - o, -clip), clip)
        terms.append(max((v - r) ** 2, (near - r) ** 2))
        clipped.append((near - r) ** 2 > (v - r) ** 2)
    return math.fsum(terms) / len(terms) / 2, sum(clipped) / len(terms)


# -- the policy's loss --------------------------------------------------------------------------

# One action each: ratio, advantage, what the loss is, whether there is a gradient, in words.
CASES = [
    (1.0, 2.0, -2.0, True, "ratio 1, good"),
    (1.5, 2.0, -2.4, False, "ratio 1.5, good: far enough"),
    (0.5, 2.0, -1.0, True, "ratio 0.5, good: it must come back"),
    (0.5, -2.0, 1.6, False, "ratio 0.5, bad: far enough"),
    (1.5, -2.0, 3.0, True, "ratio 1.5, bad: it must come back"),
]


@pytest.mark.exercise("3.18")
@pytest.mark.parametrize(("ratio", "advantage", "expected", "learns", "name"), CASES)
def test_one_action_by_hand(ratio, advantage, expected, learns, name):
    new = torch.tensor([[math.log(ratio) - 1]], dtype=torch.float64, requires_grad=True)
    arguments = [torch.full((1, 1), x, dtype=torch.float64) for x in (-1.0, advantage)]
    found = ppo.policy_loss(new, *arguments, torch.ones(1, 1).bool(), CLIP)
    checks.law(isinstance(found, tuple) and len(found) == 2, "a loss and its statistics", found)
    checks.close(found[0], expected, f"policy loss of one action, {name}")
    checks.law(found[0].requires_grad, "the policy loss can be differentiated")
    found[0].backward()
    slope = -advantage * ratio if learns else 0.0
    checks.close(new.grad, [[slope]], f"gradient of its log-probability, {name}")
    checks.close(found[1].clip_fraction, float(not learns), f"clip fraction, {name}")
    kl = ratio - 1 - math.log(ratio)
    checks.close(found[1].approx_kl, kl, f"approximate KL, {name}")


@pytest.mark.exercise("3.18")
def test_policy_loss_token_by_token():
    arguments = make()
    before = [t.clone() for t in arguments]
    loss, stats = ppo.policy_loss(*arguments, CLIP)
    checks.equal(list(arguments), before, "arguments of policy_loss, left as they were")
    some = [t[[0, 2, 3]] for t in arguments]
    expected, _, _ = policy_by_token(*some, CLIP)
    checks.close(ppo.policy_loss(*some, CLIP)[0], expected, "policy loss of 6, 2 and 4 actions")
    expected, clipped, kl = policy_by_token(*arguments, CLIP)
    checks.close(loss, expected, "policy loss of rows with 6, 0, 2 and 4 actions")
    checks.close(stats.clip_fraction, clipped, "clip fraction of these rows")
    checks.close(stats.approx_kl, kl, "approximate KL of these rows")


@pytest.mark.exercise("3.18")
def test_at_ratio_1_it_is_the_policy_gradient():
    _, old, advantages, actions = make()
    new = old.clone().requires_grad_()
    loss, stats = ppo.policy_loss(new, old, advantages, actions, CLIP)
    checks.close(loss, -advantages[actions].mean(), "policy loss at ratio 1")
    (gradient,) = torch.autograd.grad(loss, new)
    expected = (-advantages / actions.sum()).where(actions, 0)
    checks.close(gradient, expected, "gradient at ratio 1: REINFORCE with the advantage")
    checks.equal([x.item() for x in (stats.clip_fraction, stats.approx_kl)], [0, 0], "statistics")


@pytest.mark.exercise("3.18")
def test_only_actions_and_only_the_new_policy_get_a_gradient():
    new, old, advantages, actions = make()
    new, old, advantages = (t.requires_grad_() for t in (new, old, advantages))
    loss, stats = ppo.policy_loss(new, old, advantages, actions, CLIP)
    gradients = torch.autograd.grad(loss, (new, old, advantages), allow_unused=True)
    out = gradients[0][~actions]
    checks.equal(out, torch.zeros_like(out), "gradient where there is no action")
    for gradient, name in zip(gradients[1:], ("old log-probabilities", "advantages")):
        found = 0.0 if gradient is None else gradient.abs().sum().item()
        checks.equal(found, 0.0, f"gradient of the {name}, which are constants")
    tracked = [x.requires_grad for x in (stats.clip_fraction, stats.approx_kl)]
    checks.equal(tracked, [False, False], "whether the statistics take part in backward")


@pytest.mark.exercise("3.18")
def test_what_is_no_action_is_not_seen_by_the_policy():
    new, old, advantages, actions = make()
    expected = ppo.policy_loss(new, old, advantages, actions, CLIP)[0]
    for junk in (math.nan, 1e4):  # e to the 10,000 is infinite
        new_, old_, advantages_ = (t.where(actions, junk) for t in (new, old, advantages))
        old_ = old_.where(actions, -junk)
        new_.requires_grad_()
        loss, stats = ppo.policy_loss(new_, old_, advantages_, actions, CLIP)
        checks.close(loss, expected, f"policy loss with {junk} where there is no action")
        (gradient,) = torch.autograd.grad(loss, new_)
        checks.law(gradient.isfinite().all(), f"gradient is finite, with {junk} at no actions")
        checks.law(stats.approx_kl.isfinite(), f"KL is finite, with {junk} at no actions")
    nothing = torch.zeros_like(actions)
    loss, _ = ppo.policy_loss(new, old, advantages, nothing, CLIP)
    checks.equal(loss.item(), 0.0, "policy loss without any action")


# -- the value head's loss ----------------------------------------------------------------------


@pytest.mark.exercise("3.18")
@pytest.mark.parametrize(
    ("value", "target", "expected", "learns", "name"),
    [
        (1.1, 2.0, 0.405, True, "moved by 0.1 of 0.2 allowed"),
        (1.5, 2.0, 0.32, False, "moved too far, towards the return"),
        (1.5, 0.0, 1.125, True, "moved too far, away from the return"),
        (0.5, 0.0, 0.32, False, "moved too far, down towards the return"),
    ],
)
def test_one_value_by_hand(value, target, expected, learns, name):
    values = torch.tensor([[value]], dtype=torch.float64, requires_grad=True)
    old, returns = (torch.full((1, 1), x, dtype=torch.float64) for x in (1.0, target))
    found = ppo.value_loss(values, old, returns, torch.ones(1, 1).bool(), CLIP)
    checks.law(isinstance(found, tuple) and len(found) == 2, "a loss and its statistics", found)
    checks.close(found[0], expected, f"value loss, {name}")
    checks.law(found[0].requires_grad, "the value loss can be differentiated")
    found[0].backward()
    slope = value - target if learns else 0.0
    checks.close(values.grad, [[slope]], f"gradient of the value, {name}")
    checks.close(found[1].clip_fraction, float(not learns), f"value clip fraction, {name}")


@pytest.mark.exercise("3.18")
def test_value_loss_token_by_token():
    values, old, returns, actions = make(1)
    before = [t.clone() for t in (values, old, returns, actions)]
    loss, stats = ppo.value_loss(values, old, returns, actions, CLIP)
    after = [values, old, returns, actions]
    checks.equal(after, before, "arguments of value_loss, left as they were")
    expected, clipped = value_by_token(values, old, returns, actions, CLIP)
    checks.close(loss, expected, "value loss of rows with 6, 0, 2 and 4 actions")
    checks.close(stats.clip_fraction, clipped, "value clip fraction of these rows")
    r, left = returns[actions], (returns - values)[actions]
    explained = 1 - left.var(correction=0) / r.var(correction=0)
    checks.close(stats.explained_variance, explained, "explained variance of these rows")
    loss, _ = ppo.value_loss(values, old, returns, actions, math.inf)
    expected = (values - returns)[actions].square().mean() / 2
    checks.close(loss, expected, "value loss without a limit")


@pytest.mark.exercise("3.18")
def test_only_actions_and_only_new_values_get_a_gradient():
    values, old, returns, actions = make(1)
    values, old, returns = (t.requires_grad_() for t in (values, old, returns))
    loss, stats = ppo.value_loss(values, old, returns, actions, CLIP)
    gradients = torch.autograd.grad(loss, (values, old, returns), allow_unused=True)
    out = gradients[0][~actions]
    checks.equal(out, torch.zeros_like(out), "gradient of values where there is no action")
    for gradient, name in zip(gradients[1:], ("old values", "returns")):
        found = 0.0 if gradient is None else gradient.abs().sum().item()
        checks.equal(found, 0.0, f"gradient of the {name}, which are constants")
    tracked = [x.requires_grad for x in (stats.clip_fraction, stats.explained_variance)]
    checks.equal(tracked, [False, False], "whether the statistics of values take part in backward")


@pytest.mark.exercise("3.18")
def test_what_is_no_action_is_not_seen_by_the_values():
    values, old, returns, actions = make(1)
    expected = ppo.value_loss(values, old, returns, actions, CLIP)[0]
    junk = [t.where(actions, math.nan) for t in (values, old, returns)]
    junk[0].requires_grad_()
    loss, stats = ppo.value_loss(*junk, actions, CLIP)
    checks.close(loss, expected, "value loss with NaN where there is no action")
    (gradient,) = torch.autograd.grad(loss, junk[0])
    checks.law(gradient.isfinite().all(), "no NaN in the gradient of the values")
    numbers = [stats.clip_fraction, stats.explained_variance]
    checks.law(all(x.isfinite() for x in numbers), "no NaN in the statistics of the values")
    loss, _ = ppo.value_loss(values, old, returns, torch.zeros_like(actions), CLIP)
    checks.equal(loss.item(), 0.0, "value loss without any action")


# -- what is given ------------------------------------------------------------------------------


def test_explained_variance_at_its_marks():
    returns, actions = torch.tensor([[1.0, 2.0, 6.0, 99.0]]), torch.tensor([[True] * 3 + [False]])
    for values, expected in [(returns, 1.0), (returns * 0 + 3, 0.0), (-returns, -3.0)]:
        found = ppo.explained_variance(values, returns, actions)
        checks.close(found, expected, f"explained variance of {values}")
    same = ppo.explained_variance(returns, returns * 0 + 5, actions)
    checks.equal(same.item(), 0.0, "explained variance of equal returns")


def test_gradients_are_those_of_differences():
    new, old, advantages, actions = make(3)
    new.requires_grad_()
    values, old_values, returns, _ = make(4)
    values.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: ppo.policy_loss(x, old, advantages, actions, CLIP)[0], new
    )
    assert torch.autograd.gradcheck(
        lambda x: ppo.value_loss(x, old_values, returns, actions, CLIP)[0], values
    )


@pytest.mark.parametrize("function", [ppo.policy_loss, ppo.value_loss])
def test_shapes_must_fit(function):
    new, old, advantages, actions = make()
    with pytest.raises(ValueError, match="one shape"):
        function(new, old, advantages, actions[:, 1:], CLIP)
