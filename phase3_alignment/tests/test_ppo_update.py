"""One PPO step: by hand, a second implementation that goes token by token."""

import copy
import math
from dataclasses import fields, replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from phase3_alignment.solution import masked, ppo_update
from shared import checks

V = 5
LR = 0.5


class Toy(nn.Module):
    """The smallest actor-critic: a row of scores and a value for each token, float64 tables.

    It keeps a log of what it was asked, and in training mode it answers otherwise, as with dropout.
    """

    def __init__(self, seed=0):
        super().__init__()
        g = torch.Generator().manual_seed(seed)
        self.base = nn.Parameter(torch.randn(V, V, generator=g).double(), requires_grad=False)
        self.scores = nn.Parameter(torch.randn(V, V, generator=g).double())
        self.value = nn.Parameter(torch.randn(V, generator=g).double())
        self.asked, self.modes = [], []
        self.eval()

    def forward(self, input_ids, attention_mask, position_ids, logits_to_keep=0):
        self.asked.append(input_ids.clone())
        self.modes.append(self.training)
        scores = (self.base + self.scores)[input_ids] * (0.9 if self.training else 1.0)
        return SimpleNamespace(logits=scores[:, -logits_to_keep:], values=self.value[input_ids])


class Descent:
    """Plain gradient descent: torch's own takes a second to import."""

    def __init__(self, model):
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.param_groups = [{"params": self.parameters}]

    def zero_grad(self):
        for p in self.parameters:
            p.grad = None

    @torch.no_grad()
    def step(self):
        for p in self.parameters:
            p -= LR * p.grad


def make_experience(model, B=5, T=6, seed=1, temperature=1.0, off=0.0):
    """Random rows, prompts and padding of several lengths, sampled by `model` itself if off = 0."""
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(V, (B, T), generator=g)
    mask, actions = torch.ones(B, T).bool(), torch.zeros(B, T - 1).bool()
    for b in range(B):
        first, last = b % 2, T - b % 3  # padding on the left, on the right
        mask[b, :first], mask[b, last:] = False, False
        actions[b, first + 1 : last - 1] = True
    advantages, returns, noise = torch.randn(3, B, T - 1, generator=g).double()
    with torch.no_grad():
        scores = (model.base + model.scores)[ids] / temperature
        old = scores[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
        values = model.value[ids][:, :-1]
    old, values = (x + off * noise for x in (old, values))
    return ppo_update.Experience(
        ids, mask, actions, old.where(actions, 0), values, advantages, returns
    )


def token_by_token(parameters, batch, config):
    """The loss from the equations, one action at a time, and what its record should hold."""
    base, scores, value = parameters
    policy, critic, entropy, kl, cut, value_cut, pairs = [], [], [], [], [], [], []
    for b, t in batch.actions.nonzero().tolist():
        now, then = batch.ids[b, t], batch.ids[b, t + 1]
        p = ((base + scores)[now] / config.temperature).softmax(-1)
        ratio = p[then] / batch.logprobs[b, t].exp()
        a, e = batch.advantages[b, t], config.clip_coef
        safe = ratio.clamp(1 - e, 1 + e)
        policy.append(-torch.minimum(ratio * a, safe * a))
        cut.append(float(safe * a < ratio * a))
        kl.append((ratio - 1 - ratio.log()).item())
        entropy.append(-(p * p.log()).sum())
        v, old, r = value[now], batch.values[b, t], batch.returns[b, t]
        near = old + (v - old).clamp(-config.value_clip_coef, config.value_clip_coef)
        critic.append(torch.maximum((v - r) ** 2, (near - r) ** 2) / 2)
        value_cut.append(float((near - r) ** 2 > (v - r) ** 2))
        pairs.append((v.item(), r.item()))
    policy, critic, entropy = (torch.stack(x).mean() for x in (policy, critic, entropy))
    v, r = torch.tensor(pairs, dtype=torch.float64).T
    record = {
        "policy_loss": policy.item(),
        "value_loss": critic.item(),
        "entropy": entropy.item(),
        "approx_kl": sum(kl) / len(kl),
        "clip_fraction": sum(cut) / len(cut),
        "value_clip_fraction": sum(value_cut) / len(cut),
        "explained_variance": 1 - ((r - v).var(correction=0) / r.var(correction=0)).item(),
    }
    return policy + config.value_coef * critic - config.entropy_coef * entropy, record


def by_the_book(model, experience, config, seed):
    """Algorithm 1 once more: records, and the parameters in the end."""
    parameters = [p.detach().clone() for p in (model.base, model.scores, model.value)]
    g, records = torch.Generator().manual_seed(seed), []
    B, size = len(experience.ids), config.minibatch_size
    for _ in range(config.n_epochs):
        order = torch.randperm(B, generator=g).tolist()
        for rows in (order[i : i + size] for i in range(0, B, size)):
            for p in parameters[1:]:
                p.requires_grad_()
            batch = ppo_update.Experience(
                *(getattr(experience, field.name)[rows] for field in fields(experience))
            )
            total, record = token_by_token(parameters, batch, config)
            if config.target_kl is not None and record["approx_kl"] > config.target_kl:
                return [*records, record | {"grad_norm": math.nan}], parameters
            gradients = torch.autograd.grad(total, parameters[1:])
            norm = torch.cat([x.flatten() for x in gradients]).norm().item()
            short = min(1.0, config.max_grad_norm / norm)
            moved = [p - LR * short * x for p, x in zip(parameters[1:], gradients)]
            parameters = [parameters[0], *(p.detach() for p in moved)]
            records.append(record | {"grad_norm": norm})
    return records, parameters


def run(config, seed=3, **options):
    """Update a toy; return it, the records as a list, and what they should be."""
    model = Toy()
    experience = make_experience(model, temperature=config.temperature, **options)
    expected = by_the_book(model, experience, config, seed)
    g = torch.Generator().manual_seed(seed)
    found = ppo_update.update(model, Descent(model), experience, config, g)
    checks.law(isinstance(found, list), "update returns a list of records", found)
    return model, found, *expected


def compare(found, expected):
    checks.equal(len(found), len(expected), "number of minibatches that were looked at")
    for i, (got, want) in enumerate(zip(found, expected, strict=True)):
        for key, number in want.items():
            checks.close(getattr(got, key), number, f"{key} of minibatch {i}", **CLOSE)


# Float64 in another order, and torch's clipping, which divides by the norm + 1e-6.
CLOSE = {"rtol": 3e-5, "atol": 3e-6}
CONFIG = ppo_update.PPOConfig(n_epochs=3, minibatch_size=2, entropy_coef=0.05, value_coef=0.3)


# -- the loss -----------------------------------------------------------------------------------


@pytest.mark.exercise("3.19")
def test_one_action_by_hand():
    model = Toy()
    with torch.no_grad():
        model.base.zero_(), model.scores.zero_(), model.value.zero_()
    one = torch.ones(1, 1, dtype=torch.float64)
    ids, mask = torch.tensor([[0, 1]]), torch.ones(1, 2).bool()
    batch = ppo_update.Experience(
        ids, mask, mask[:, 1:], -math.log(V) * one, 0 * one, 3 * one, 4 * one
    )
    config = ppo_update.PPOConfig(value_coef=0.1, entropy_coef=0.01)
    found = ppo_update.loss(model, batch, config)
    checks.law(isinstance(found, tuple) and len(found) == 2, "a loss and its record", found)
    total, stats = found
    # A ratio of 1 and an advantage of 3; half of 4 squared; five equal tokens.
    checks.close(total, -3 + 0.1 * 8 - 0.01 * math.log(V), "loss of one action")
    got = [stats.policy_loss, stats.value_loss, stats.entropy, stats.approx_kl]
    checks.close(got, [-3.0, 8.0, math.log(V), 0.0], "record: policy, value, entropy, KL")
    checks.equal({type(x).__name__ for x in got}, {"float"}, "type of the record's numbers")
    checks.law(math.isnan(stats.grad_norm), "no gradient was taken yet", stats.grad_norm)


@pytest.mark.exercise("3.19")
@pytest.mark.parametrize(
    "config",
    [
        ppo_update.PPOConfig(value_coef=0.0),
        ppo_update.PPOConfig(value_coef=0.7, value_clip_coef=0.3, clip_coef=0.1),
        ppo_update.PPOConfig(entropy_coef=0.5, temperature=0.7),
    ],
)
def test_the_loss_token_by_token(config):
    model = Toy()
    batch = make_experience(model, off=0.4)
    before = copy.deepcopy(batch)
    total, stats = ppo_update.loss(model, batch, config)
    for field in fields(batch):
        name = f"the batch's {field.name} after loss, left as they were"
        checks.equal(getattr(batch, field.name), getattr(before, field.name), name)
    parameters = [model.base, model.scores, model.value]
    expected, record = token_by_token(parameters, batch, config)
    words = f"value_coef {config.value_coef}, entropy_coef {config.entropy_coef}"
    for key, number in record.items():
        checks.close(getattr(stats, key), number, f"{key} of five rows, {words}", **CLOSE)
    checks.close(total, expected, f"loss of five rows, {words}", **CLOSE)
    gradients = torch.autograd.grad(total, parameters[1:])
    wanted = torch.autograd.grad(expected, parameters[1:])
    checks.close(gradients, wanted, f"gradients of scores and values, {words}", **CLOSE)


# -- the update ---------------------------------------------------------------------------------


@pytest.mark.exercise("3.19")
def test_every_epoch_sees_every_response_in_a_new_order():
    model, found, records, _ = run(CONFIG)
    checks.equal(set(model.modes), {False}, "whether the model was in training mode")
    checks.equal(len(found), len(records), "minibatches of 3 epochs of 5 responses, 2 at a time")
    sizes = [len(asked) for asked in model.asked]
    checks.equal(sizes, [2, 2, 1] * 3, "responses in each forward pass")
    experience, g = make_experience(Toy()), torch.Generator().manual_seed(3)
    for epoch in range(3):
        order = torch.randperm(5, generator=g)
        asked = torch.cat(model.asked[3 * epoch : 3 * epoch + 3])
        checks.equal(
            asked, experience.ids[order], f"responses of epoch {epoch}, in the generator's order"
        )


@pytest.mark.exercise("3.19")
def test_one_epoch_in_one_minibatch():
    config = replace(CONFIG, n_epochs=1, minibatch_size=9)
    model, found, records, parameters = run(config)
    compare(found, records)
    after = [model.base, model.scores, model.value]
    names = ["the frozen base", "the scores", "the values"]
    for name, got, want in zip(names, after, parameters):
        checks.close(got, want, f"{name} after one step", **CLOSE)


@pytest.mark.exercise("3.19")
def test_the_first_ratio_is_1_and_later_ones_are_not():
    _, found, *_ = run(replace(CONFIG, minibatch_size=5))
    kl = [stats.approx_kl for stats in found]
    # Ratios within 1e-6 of 1 have a k3 below 1e-12.
    checks.at_most(kl[0], 1e-12, "approximate KL before the first step")
    checks.at_least(kl[1], 1e-6, "approximate KL to the policy that sampled, after a step")
    checks.law(kl[2] > kl[1], "approximate KL grows from epoch to epoch", kl)


@pytest.mark.exercise("3.19")
@pytest.mark.parametrize("max_grad_norm", [0.05, 100.0])
def test_all_epochs_by_the_book(max_grad_norm):
    config = replace(CONFIG, max_grad_norm=max_grad_norm, value_clip_coef=0.1)
    model, found, records, parameters = run(config, off=0.1)
    compare(found, records)
    after = [model.base, model.scores, model.value]
    names = ["the frozen base", "the scores", "the values"]
    for name, got, want in zip(names, after, parameters):
        what = f"{name} after 3 epochs, gradients of at most {max_grad_norm}"
        checks.close(got, want, what, **CLOSE)


@pytest.mark.exercise("3.19")
def test_gradients_of_before_are_cleared():
    model = Toy()
    experience = make_experience(model)
    config = replace(CONFIG, n_epochs=1, minibatch_size=5)
    _, parameters = by_the_book(model, experience, config, 0)
    model.scores.grad, model.value.grad = torch.ones(V, V).double(), torch.ones(V).double()
    g = torch.Generator().manual_seed(0)
    ppo_update.update(model, Descent(model), experience, config, g)
    checks.close(model.scores, parameters[1], "scores after a step, old gradients cleared", **CLOSE)


@pytest.mark.exercise("3.19")
def test_it_stops_when_the_policy_has_gone_far():
    config = replace(CONFIG, target_kl=0.005, n_epochs=5)
    model, found, records, parameters = run(config)
    assert 3 < len(records) < 12, "the stop is in the middle of an epoch that is not the first"
    compare(found, records)
    checks.equal(len(model.asked), len(records), "forward passes until the stop")
    checks.close(model.scores, parameters[1], "scores: no step on what is too far", **CLOSE)
    near = records[-1]["approx_kl"]
    for target_kl in (1.01 * near, 0.99 * near):
        _, found, records, _ = run(replace(config, target_kl=target_kl))
        checks.equal(len(found), len(records), f"minibatches until the KL exceeds {target_kl:.4f}")
    _, found, records, _ = run(replace(CONFIG, target_kl=1e9))
    checks.equal(len(found), len(records), "minibatches when the policy never goes far")


@pytest.mark.exercise("3.19")
def test_what_was_sampled_stays():
    model = Toy()
    experience = make_experience(model)
    before, base = copy.deepcopy(experience), model.base.clone()
    g = torch.Generator().manual_seed(0)
    ppo_update.update(model, Descent(model), experience, CONFIG, g)
    for field in fields(experience):
        got, want = getattr(experience, field.name), getattr(before, field.name)
        checks.equal(got, want, f"{field.name} after update, left as they were")
    checks.equal(model.base.detach(), base, "the frozen base after update")
    checks.law(model.base.grad is None, "the frozen base has no gradient")


# -- what is given ------------------------------------------------------------------------------


@pytest.mark.parametrize("ignores", [False, True])
def test_evaluate_asks_from_the_first_action_on(ignores):
    model = Toy()
    made = make_experience(model, temperature=0.7)
    config = replace(CONFIG, temperature=0.7)
    whole = SimpleNamespace(**vars(made))
    whole.actions = torch.ones_like(made.actions)
    everything = ppo_update.evaluate(model, whole.ids, whole.mask, whole.actions, config)
    forward, kept = model.forward, []

    def spy(logits_to_keep, **inputs):
        kept.append(logits_to_keep)
        return forward(**inputs, logits_to_keep=0 if ignores else logits_to_keep)

    model.forward = spy
    found = ppo_update.evaluate(model, made.ids, made.mask, made.actions, config)
    checks.equal(kept, [5], "logits asked for: the first action is at 1 of 6 tokens")
    for name, got, want in zip(("logprobs", "entropies"), found, everything):
        checks.close(got, want.where(made.actions, 0), f"{name} of the actions")
    checks.close(found[0], made.logprobs, "logprobs of the policy that sampled")
    checks.equal(found[2].shape, made.actions.shape, "shape of the values")


def test_training_mode_is_an_error():
    model = Toy().train()
    with pytest.raises(ValueError, match="training mode"):
        ppo_update.update(model, Descent(model), make_experience(model), CONFIG, torch.Generator())


def test_prepare_is_rewards_then_advantages_then_whitening():
    model = Toy()
    made = make_experience(model)
    ref = made.logprobs - 0.3 * made.actions
    scores, ended = torch.arange(5.0).double(), torch.tensor([True, True, False, True, True])
    old = (made.ids, made.mask, made.actions, made.logprobs, made.values)
    config = replace(CONFIG, gae_lambda=1.0)
    found = ppo_update.prepare(*old, ref, scores, ended, config, kl_coef=0.1, missing_end_penalty=2)
    # At lambda = gamma = 1 the first return is the whole reward.
    first = made.actions.int().argmax(-1)
    kl = 0.03 * made.actions.sum(-1)
    expected = scores - 2.0 * ~ended - kl
    got = found.returns[torch.arange(5), first]
    checks.close(got, expected, "returns at each row's first action")
    plain = (found.returns - made.values).where(made.actions, 0)
    checks.close(found.advantages, masked.whiten(plain, made.actions), "white advantages")
