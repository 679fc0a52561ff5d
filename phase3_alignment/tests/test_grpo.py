"""GRPO: by hand, the definition number by number, its gradient, an exact expectation."""

import itertools
import math

import pytest
import torch

from phase3_alignment.solution import grpo
from shared import checks

NAN = float("nan")
EXACT = {"rtol": 1e-12, "atol": 1e-12}  # float64, a handful of operations on numbers of size 1


def make_answers(seed=0):
    """Five answers of 0 to 6 tokens after prompts of 1 to 3, as float64, NaN where none counts."""
    g = torch.Generator().manual_seed(seed)
    start, length = torch.tensor([1, 2, 3, 1, 2]), torch.tensor([6, 1, 4, 0, 3])
    at = torch.arange(8)
    actions = (at >= start[:, None]) & (at < (start + length)[:, None])
    policy = -3 * torch.rand(5, 8, generator=g, dtype=torch.float64)
    old, ref = (policy + 0.4 * torch.randn(5, 8, generator=g).double() for _ in range(2))
    A = torch.tensor([1.5, -2.0, -0.5, 1.0, 0.7], dtype=torch.float64)
    return [*(x.where(actions, NAN) for x in (policy, old, ref)), A, actions]


# -- advantages ---------------------------------------------------------------------------------


@pytest.mark.exercise("3.22")
def test_advantages_by_hand():
    scores = torch.tensor([0.0, 2.0, 4.0, 10.0, 10.0, 40.0])
    given = scores.clone()
    actual = grpo.advantages(scores, 3)
    checks.equal(scores, given, "the scores after advantages, which leaves them as they were")
    # Means 2 and 20; squared distances 4 + 0 + 4 and 100 + 100 + 400, over 3 - 1.
    one = torch.tensor([-2.0, 0.0, 2.0]) / (2 + 1e-4)
    other = torch.tensor([-10.0, -10.0, 20.0]) / (math.sqrt(300) + 1e-4)
    # Without EPS or with EPS elsewhere they are off by 5e-5; that is for the next test.
    expected = torch.cat([one, other])
    checks.close(actual, expected, "advantages of two groups of three", rtol=1e-3)


@pytest.mark.exercise("3.22")
def test_a_group_of_equals_teaches_nothing():
    scores = torch.tensor([1.0, 1.0, 0.0, 3.0])
    actual = grpo.advantages(scores, 2)
    checks.close(actual[:2], torch.zeros(2), "advantages of a group of equals")
    expected = torch.tensor([-1.5, 1.5]) / (math.sqrt(4.5) + 1e-4)
    checks.close(actual[2:], expected, "advantages of scores 0 and 3, deviation + EPS below")
    # The mean of three times 0.1 may miss 0.1 by a rounding of 1e-8, over EPS: 1e-4.
    tenths = grpo.advantages(torch.full((3,), 0.1), 3)
    checks.close(tenths, torch.zeros(3), "advantages of three times 0.1", atol=1e-3)


@pytest.mark.exercise("3.22")
def test_advantages_without_the_division():
    scores = torch.tensor([0.0, 2.0, 4.0, 10.0, 10.0, 40.0])
    actual = grpo.advantages(scores, 3, scale=False)
    expected = torch.tensor([-2.0, 0.0, 2.0, -10.0, -10.0, 20.0])
    checks.close(actual, expected, "advantages with scale=False")


@pytest.mark.exercise("3.22")
def test_what_advantages_do_not_depend_on():
    g = torch.Generator().manual_seed(0)
    scores = torch.randn(12, generator=g, dtype=torch.float64)
    ours, moved = grpo.advantages(scores, 4), grpo.advantages(5 * scores + 100, 4)
    checks.close(
        ours.reshape(3, 4).sum(1), torch.zeros(3), "sum of each group's advantages", **EXACT
    )
    # EPS is 1e-4 of a deviation of 1.
    checks.close(moved, ours, "advantages of 5 times the scores plus 100", rtol=1e-3)
    plain = [grpo.advantages(s, 4, scale=False) for s in (scores, 5 * scores + 100)]
    checks.close(plain[1], 5 * plain[0], "the same with scale=False: five times", **EXACT)


# -- one token ----------------------------------------------------------------------------------


@pytest.mark.exercise("3.22")
def test_the_clipped_loss_by_hand():
    # Ratios of 1.5, 0.5, 1.1; a good answer whose last token is none of its own, and a bad one.
    old = torch.tensor([[-1.0, -2.0, -3.0], [-4.0, -2.0, -1.0]])
    policy = old + torch.tensor([1.5, 0.5, 1.1]).log()
    actions = torch.tensor([[True, True, False], [True, True, True]])
    A, given = torch.tensor([2.0, -1.0]), [policy.clone(), old.clone()]
    actual = grpo.token_losses(policy, old, old + 1, A, actions, clip_coef=0.2, kl_coef=0.0)
    checks.equal([policy, old], given, "the log-probs after token_losses, as they were before")
    expected = torch.tensor([[-2.4, -1.0, 0.0], [1.5, 0.8, 1.1]])
    checks.close(actual, expected, "losses at ratios 1.5, 0.5, 1.1 for advantages 2 and -1")


@pytest.mark.exercise("3.22")
def test_the_kl_by_hand():
    policy = torch.tensor([[-1.0, -2.0, -4.0]])
    ref = policy + torch.tensor([2.0, 0.5, 1.0]).log()
    actions, A = torch.ones(1, 3, dtype=torch.bool), torch.zeros(1)
    actual = grpo.token_losses(policy, policy, ref, A, actions, clip_coef=0.2, kl_coef=0.5)
    ln2 = math.log(2)
    expected = 0.5 * torch.tensor([[1 - ln2, ln2 - 0.5, 0.0]])
    checks.close(actual, expected, "0.5 times k3 where reference over policy is 2, 1/2 and 1")


def by_the_book(policy, old, ref, A, actions, clip_coef, kl_coef):
    """Equations 3 and 4, one number at a time: losses and their gradients, lists of lists."""
    losses, gradients = ([[0.0] * 8 for _ in range(5)] for _ in range(2))
    for i, t in actions.nonzero().tolist():
        r, q = math.exp(policy[i, t] - old[i, t]), math.exp(ref[i, t] - policy[i, t])
        a, clipped = A[i].item(), max(1 - clip_coef, min(1 + clip_coef, r))
        losses[i][t] = -min(r * a, clipped * a) + kl_coef * (q - 1 - math.log(q))
        gradients[i][t] = kl_coef * (1 - q) - (r * a if r * a <= clipped * a else 0.0)
    return [torch.tensor(x, dtype=torch.float64) for x in (losses, gradients)]


@pytest.mark.exercise("3.22")
def test_token_losses_number_by_number():
    policy, *rest = make_answers()
    actual = grpo.token_losses(policy.requires_grad_(), *rest, clip_coef=0.2, kl_coef=0.3)
    with torch.no_grad():
        losses, gradients = by_the_book(policy, *rest, clip_coef=0.2, kl_coef=0.3)
    checks.close(
        actual, losses, "losses of five answers, with NaN where there is no action", **EXACT
    )
    checks.law(
        getattr(actual, "requires_grad", False), "the losses can be differentiated", repr(actual)
    )
    actual.sum().backward()
    checks.close(policy.grad, gradients, "gradient of the sum of all losses", **EXACT)


@pytest.mark.exercise("3.22")
def test_only_the_policy_learns():
    policy, old, ref, A, actions = make_answers()
    constants = [x.where(actions, -1).requires_grad_() for x in (old, ref)] + [A.requires_grad_()]
    inputs = policy.where(actions, -1).requires_grad_(), *constants, actions
    grpo.token_losses(*inputs, clip_coef=0.2, kl_coef=0.3).sum().backward()
    names = ("old_logprobs", "ref_logprobs", "advantages")
    learn = [name for name, x in zip(names, constants) if x.grad is not None and x.grad.any()]
    checks.equal(learn, [], "constants into which a gradient flows")


# -- one number ---------------------------------------------------------------------------------

LOSSES = torch.tensor([[1.0, 2.0, 4.0, 8.0], [16.0, 32.0, 64.0, 128.0]])
ACTIONS = torch.tensor([[False, True, True, True], [False, False, True, False]])


@pytest.mark.exercise("3.22")
@pytest.mark.parametrize(
    ("how", "expected"),
    [("sequence", (14 / 3 + 64) / 2), ("token", 78 / 4), ("constant", 78 / (2 * 10))],
)
def test_aggregate_by_hand(how, expected):
    given = LOSSES.clone()
    actual = grpo.aggregate(LOSSES, ACTIONS, how, max_length=10)
    checks.equal(LOSSES, given, "the losses after aggregate, which leaves them as they were")
    checks.close(actual, expected, f"answers of 3 tokens and of 1, {how!r}, max_length 10")


@pytest.mark.exercise("3.22")
@pytest.mark.parametrize(
    ("how", "weights"),
    [("sequence", [1 / 6, 1 / 2]), ("token", [1 / 4, 1 / 4]), ("constant", [1 / 20, 1 / 20])],
)
def test_what_a_token_weighs(how, weights):
    losses = LOSSES.where(ACTIONS, NAN).requires_grad_()
    value = grpo.aggregate(losses, ACTIONS, how, max_length=10)
    expected = 14 * weights[0] + 64 * weights[1]
    checks.close(value, expected, f"{how!r}, with NaN where there is no action")
    checks.law(
        getattr(value, "requires_grad", False), "the loss can be differentiated", repr(value)
    )
    value.backward()
    expected = ACTIONS * torch.tensor(weights)[:, None]
    checks.close(losses.grad, expected, f"what a token weighs in {how!r}, NaN where none counts")


@pytest.mark.exercise("3.22")
@pytest.mark.parametrize(
    ("how", "expected"), [("sequence", 14 / 9), ("token", 14 / 3), ("constant", 14 / 30)]
)
def test_an_answer_without_tokens(how, expected):
    losses, actions = (torch.cat([x[:1], x[:1], x[:1]]) for x in (LOSSES, ACTIONS))
    actions[1:] = False
    actual = grpo.aggregate(losses, actions, how, max_length=10)
    checks.close(actual, expected, f"an answer of 3 tokens and two without any, {how!r}")
    nothing = grpo.aggregate(losses, torch.zeros_like(actions), how, max_length=10)
    checks.equal(nothing, 0.0, f"no action at all, {how!r}")


# -- what the exercise does not ask -------------------------------------------------------------


def test_errors():
    with pytest.raises(ValueError, match="7 scores do not make groups of 2"):
        grpo.advantages(torch.zeros(7), 2)
    with pytest.raises(ValueError, match="groups of 1"):
        grpo.advantages(torch.zeros(7), 1)
    with pytest.raises(ValueError, match="'mean'"):
        grpo.aggregate(LOSSES, ACTIONS, "mean")
    with pytest.raises(ValueError, match="max_length"):
        grpo.aggregate(LOSSES, ACTIONS, "constant")
    policy, old, ref, A, actions = make_answers()
    with pytest.raises(ValueError, match="expected four"):
        grpo.token_losses(policy, old, ref, A[:3], actions, 0.2, 0.0)


@pytest.mark.parametrize("how", ["sequence", "token", "constant"])
def test_the_first_step_is_reinforce(how):
    """Where policy, old policy and reference are one, the loss is that of REINFORCE."""
    policy, _, _, A, actions = make_answers()
    old, policy = policy.clone(), policy.requires_grad_()
    config = grpo.GRPOConfig(aggregation=how, max_length=7)
    grpo.loss(policy, old, old, A, actions, config).backward()
    plain = policy.detach().clone().requires_grad_()
    grpo.aggregate(-A[:, None] * plain, actions, how, 7).backward()
    checks.close(policy.grad, plain.grad, "gradient of the first step", **EXACT)


class Tree:
    """Writes "b", "ac" or "ad": two choices with one logit each, so every answer can be listed."""

    answers = ((1, -1), (0, 0), (0, 1))  # -1: it has ended
    scores = torch.tensor([0.0, 0.5, 3.0], dtype=torch.float64)

    def __init__(self):
        self.logits = torch.tensor([0.3, -0.8], dtype=torch.float64, requires_grad=True)

    def logprobs(self):
        """(3, 2) log-probabilities of the tokens of all three answers, and their actions."""
        one = torch.stack([self.logits, -self.logits]).log_softmax(0)  # (choice, step)
        taken = torch.tensor(self.answers)
        return one.gather(0, taken.clamp(min=0)), taken >= 0


@pytest.mark.parametrize(
    ("how", "scale", "true"),
    [("constant", False, True), ("sequence", False, False), ("constant", True, False)],
)
def test_only_dr_grpo_has_the_direction_of_the_expected_score(how, scale, true):
    """Liu et al. 2025: the mean step over all groups of two, each as likely as it is."""
    tree = Tree()
    logprobs, actions = tree.logprobs()
    p = logprobs.where(actions, 0).sum(1).exp()
    objective = torch.autograd.grad(p @ tree.scores, tree.logits, retain_graph=True)[0]
    step = torch.zeros(2, dtype=torch.float64)
    config = grpo.GRPOConfig(kl_coef=0.0, aggregation=how, max_length=2)
    for group in map(list, itertools.product(range(3), repeat=2)):
        A = grpo.advantages(tree.scores[group], 2, scale=scale)
        ours, old = logprobs[group], logprobs[group].detach()
        value = grpo.loss(ours, old, old, A, actions[group], config)
        gradient = torch.autograd.grad(value, tree.logits, retain_graph=True)[0]
        step -= p[group].prod().item() * gradient
    # The group's mean holds the answer itself: (n - 1) / n of the advantage is left.
    same = torch.allclose(step, objective / 2 / 2, rtol=1e-10)
    checks.equal(same, true, f"{how!r} with scale={scale} follows the expected score")
    parallel = torch.cosine_similarity(step, objective, dim=0).item() > 1 - 1e-9
    checks.equal(parallel, true, f"{how!r} with scale={scale} points where the score grows")


def test_a_tiny_model_learns_to_prefer_a_token():
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    config = transformers.LlamaConfig(
        vocab_size=11, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=16,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(config).eval()
    g = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    wanted, n_wanted = 3, []

    def logprobs(ids):
        scores = model(input_ids=ids).logits[:, :-1].log_softmax(-1)
        return scores.gather(-1, ids[:, 1:, None])[..., 0]

    for _ in range(15):
        ids = torch.ones(16, 1, dtype=torch.long)
        with torch.no_grad():
            for _ in range(6):
                p = model(input_ids=ids).logits[:, -1].softmax(-1)
                ids = torch.cat([ids, torch.multinomial(p, 1, generator=g)], dim=1)
            old = logprobs(ids)
        scores = (ids[:, 1:] == wanted).float().sum(1)
        n_wanted.append(scores.mean().item())
        A, actions = grpo.advantages(scores, 8), torch.ones_like(old, dtype=torch.bool)
        for _ in range(2):
            value = grpo.loss(logprobs(ids), old, old, A, actions, grpo.GRPOConfig())
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    checks.at_most(n_wanted[0], 1.5, "wanted tokens of 6, before")
    checks.at_least(n_wanted[-1], 4.0, "wanted tokens of 6, after 15 batches")
