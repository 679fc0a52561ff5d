"""DPO: by hand, torch's cross-entropy, the closed-form gradient, a toy with a known optimum."""

import math

import pytest
import torch
import torch.nn.functional as F

from phase3_alignment.solution import dpo
from shared import checks

NAN = float("nan")
EXACT = {"rtol": 1e-12, "atol": 1e-12}  # float64, a handful of operations on numbers of size 1


def make_pairs(B=5, seed=0):
    """Log-probabilities of chosen, rejected, and both under the reference: (B,) float64 each."""
    g = torch.Generator().manual_seed(seed)
    return [-20 * torch.rand(B, generator=g, dtype=torch.float64) - 1 for _ in range(4)]


def margins_of(chosen, rejected, ref_chosen, ref_rejected, beta):
    """The definition, as a ratio of ratios."""
    return beta * (chosen - rejected) - beta * (ref_chosen - ref_rejected)


# -- the log-probability of an answer -----------------------------------------------------------


@pytest.mark.exercise("3.21")
def test_sequence_logprobs_by_hand():
    logprobs = torch.tensor([[-1.0, -2.0, -4.0, -8.0], [-16.0, -32.0, -64.0, -128.0]])
    actions = torch.tensor([[False, True, True, False], [False, False, False, True]])
    given = logprobs.clone()
    actual = dpo.sequence_logprobs(logprobs, actions)
    checks.equal(
        logprobs, given, "logprobs after sequence_logprobs, which leaves them as they were"
    )
    checks.close(actual, torch.tensor([-6.0, -128.0]), "log-probability of an answer of 2 and of 1")


@pytest.mark.exercise("3.21")
def test_what_is_no_action_does_not_matter():
    logprobs = torch.tensor([[-1.0, -2.0, NAN], [NAN, -float("inf"), -4.0]], requires_grad=True)
    actions = torch.tensor([[True, True, False], [False, False, True]])
    actual = dpo.sequence_logprobs(logprobs, actions)
    checks.close(actual, torch.tensor([-3.0, -4.0]), "log-probability of answers beside NaN")
    actual.sum().backward()
    checks.equal(logprobs.grad, actions.float(), "gradient of the sum of all log-probabilities")


@pytest.mark.exercise("3.21")
def test_an_answer_without_tokens():
    actions = torch.tensor([[False, False], [True, False]])
    actual = dpo.sequence_logprobs(torch.tensor([[-1.0, -1.0], [-2.0, -4.0]]), actions)
    checks.close(actual, torch.tensor([0.0, -2.0]), "log-probability of an answer without tokens")


# -- implicit rewards ---------------------------------------------------------------------------


@pytest.mark.exercise("3.21")
def test_implicit_rewards_by_hand():
    logprobs, ref = torch.tensor([-3.0, -10.0, -7.0]), torch.tensor([-5.0, -9.0, -7.0])
    actual = dpo.implicit_rewards(logprobs, ref, beta=0.25)
    checks.close(actual, torch.tensor([0.5, -0.25, 0.0]), "implicit rewards at beta = 0.25")


@pytest.mark.exercise("3.21")
def test_the_reference_does_not_learn():
    logprobs, ref = (x.requires_grad_() for x in make_pairs()[:2])
    rewards = dpo.implicit_rewards(logprobs, ref, beta=0.1)
    checks.law(
        getattr(rewards, "requires_grad", False), "the rewards can be differentiated", repr(rewards)
    )
    rewards.sum().backward()
    checks.close(logprobs.grad, torch.full_like(ref, 0.1), "gradient of the rewards by the policy")
    checks.law(
        ref.grad is None or not ref.grad.any(), "no gradient flows into the reference", ref.grad
    )


# -- the loss -----------------------------------------------------------------------------------


@pytest.mark.exercise("3.21")
def test_the_loss_where_it_starts():
    chosen, rejected = torch.tensor([-5.0, -30.0, -2.0]), torch.tensor([-7.0, -3.0, -11.0])
    actual = dpo.loss(chosen, rejected, chosen, rejected, beta=0.1)
    checks.close(actual, math.log(2), "loss of a policy that is its reference")


@pytest.mark.exercise("3.21")
def test_the_loss_by_hand():
    # Margins of ln 3 and -ln 3: the model is sure by three to one, once rightly, once wrongly.
    up = 2 * math.log(3)
    chosen, rejected = torch.tensor([-5.0 + up, -3.0]), torch.tensor([-9.0, -8.0 + up])
    ref_chosen, ref_rejected = torch.tensor([-5.0, -3.0]), torch.tensor([-9.0, -8.0])
    given = [x.clone() for x in (chosen, rejected, ref_chosen, ref_rejected)]
    ahead = dpo.loss(chosen[:1], rejected[:1], ref_chosen[:1], ref_rejected[:1], beta=0.5)
    after = [chosen, rejected, ref_chosen, ref_rejected]
    checks.equal(after, given, "the log-probabilities after loss, which leaves them as they were")
    checks.close(ahead, math.log(4 / 3), "loss of a pair in order")
    actual = dpo.loss(chosen, rejected, ref_chosen, ref_rejected, beta=0.5)
    expected = (math.log(4 / 3) + math.log(4)) / 2
    checks.close(actual, expected, "loss of a pair in order and one out of order")


@pytest.mark.exercise("3.21")
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_the_loss_is_a_cross_entropy(smoothing):
    """To torch it is the cross-entropy of a coin whose logit is the margin."""
    pairs = make_pairs()
    coin = F.binary_cross_entropy_with_logits(
        margins_of(*pairs, 0.1), torch.full((5,), 1 - smoothing, dtype=torch.float64)
    )
    actual = dpo.loss(*pairs, beta=0.1, label_smoothing=smoothing)
    checks.close(actual, coin, f"loss at label smoothing {smoothing}", **EXACT)


@pytest.mark.exercise("3.21")
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_gradient_is_the_closed_form(smoothing):
    """Rafailov et al., section 4: pairs weigh as much as the model has them wrong."""
    beta, pairs = 0.3, [x.requires_grad_() for x in make_pairs()]
    with torch.no_grad():
        weights = beta * (torch.sigmoid(-margins_of(*pairs, beta)) - smoothing) / 5
    actual = dpo.loss(*pairs, beta=beta, label_smoothing=smoothing)
    checks.law(
        getattr(actual, "requires_grad", False), "the loss can be differentiated", repr(actual)
    )
    actual.backward()
    chosen, rejected, *refs = pairs
    checks.close(chosen.grad, -weights, "gradient by the chosen answers' log-probs", **EXACT)
    checks.close(rejected.grad, weights, "gradient by the rejected answers' log-probs", **EXACT)
    none = [x.grad is None or not x.grad.any() for x in refs]
    checks.law(all(none), "no gradient flows into the reference", none)


@pytest.mark.exercise("3.21")
def test_margins_of_any_size():
    zero = torch.zeros(2)
    chosen = torch.tensor([-3000.0, 3000.0], requires_grad=True)
    actual = dpo.loss(chosen, zero, zero, zero, beta=1.0)
    name = "loss of margins of -3000 and 3000"
    checks.law(actual is not None and actual.isfinite().all(), f"{name} is finite")
    checks.close(actual, 1500.0, name)
    actual.backward()
    checks.close(chosen.grad, torch.tensor([-0.5, 0.0]), "gradient of margins of -3000 and 3000")


@pytest.mark.exercise("3.21")
def test_swapping_a_pair_costs_its_margin():
    """Since log sigmoid(m) - log sigmoid(-m) = m."""
    chosen, rejected, ref_chosen, ref_rejected = pairs = make_pairs(seed=1)
    cost = dpo.loss(rejected, chosen, ref_rejected, ref_chosen, 0.1) - dpo.loss(*pairs, beta=0.1)
    expected = margins_of(*pairs, 0.1).mean()
    checks.close(cost, expected, "what it costs to swap chosen and rejected", **EXACT)


@pytest.mark.exercise("3.21")
def test_the_optimum_of_a_toy():
    """Three answers, 180 judgements as Bradley-Terry has them: the best policy is known exactly.

    With strengths w = 1, 2, 3 answer i beats j in w_i / (w_i + w_j) of 60 judgements. That is a
    reward of log w, and the best policy is the reference times w^(1 / beta), normalised.
    """
    beta, w = 0.5, torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    beats = {(0, 1): 20, (1, 0): 40, (0, 2): 15, (2, 0): 45, (1, 2): 24, (2, 1): 36}
    winners, losers = zip(*(pair for pair, n in beats.items() for _ in range(n)), strict=True)
    ref = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64).log()
    best = (ref + w.log() / beta).log_softmax(0).requires_grad_()

    def judged(policy):
        pairs = [table[list(side)] for table in (policy, ref) for side in (winners, losers)]
        return dpo.loss(*pairs, beta=beta)

    judged(best).backward()
    checks.close(best.grad, torch.zeros(3), "gradient at the optimum of the toy", atol=1e-12)
    start = ref.clone().requires_grad_()
    judged(start).backward()
    # At the reference all margins are 0: answer i is pulled by beta / 2
    # for every judgement lost or won: 85 - 35, 56 - 64, 39 - 81 of 180.
    expected = beta / 2 / 180 * torch.tensor([50.0, -8.0, -42.0], dtype=torch.float64)
    checks.close(start.grad, expected, "gradient at the start of the toy", **EXACT)


# -- what the exercise does not ask ---------------------------------------------------------------


def test_shapes_that_differ_are_errors():
    two, three = torch.zeros(2), torch.zeros(3)
    with pytest.raises(ValueError, match="one shape"):
        dpo.loss(two, two, two, three, beta=0.1)
    with pytest.raises(ValueError, match="one shape"):
        dpo.implicit_rewards(two, three, beta=0.1)
    with pytest.raises(ValueError, match="one shape"):
        dpo.sequence_logprobs(torch.zeros(2, 3), torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="label_smoothing"):
        dpo.loss(two, two, two, two, beta=0.1, label_smoothing=0.5)


def gpt2():
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    config = transformers.GPT2Config(
        vocab_size=31, n_positions=16, n_embd=16, n_layer=2, n_head=2,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    return transformers.GPT2LMHeadModel(config).eval()


def qwen3():
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    config = transformers.Qwen3Config(
        vocab_size=31, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=8, max_position_embeddings=16,
    )  # fmt: skip
    torch.manual_seed(0)
    return transformers.Qwen3ForCausalLM(config).eval()


@pytest.mark.parametrize("make_model", [gpt2, qwen3])
def test_a_real_model_moves_apart_what_it_is_told(make_model):
    model, g = make_model(), torch.Generator().manual_seed(0)
    ids = torch.randint(31, (4, 2, 10), generator=g)  # four pairs of (chosen, rejected)
    ids[:, 1, :4] = ids[:, 0, :4]  # one prompt for both
    actions = torch.arange(1, 10).expand(4, 2, 9) >= 4
    actions = actions & (torch.arange(1, 10) < torch.tensor([10, 7, 9, 8])[:, None, None])

    def logprobs():
        scores = model(input_ids=ids.flatten(0, 1)).logits[:, :-1].log_softmax(-1)
        tokens = scores.gather(-1, ids.flatten(0, 1)[:, 1:, None])[..., 0]
        return dpo.sequence_logprobs(tokens, actions.flatten(0, 1)).view(4, 2).unbind(1)

    with torch.no_grad():
        ref = logprobs()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(20):
        chosen, rejected = logprobs()
        value = dpo.loss(chosen, rejected, *ref, beta=0.1)
        if step == 0:
            checks.close(value, math.log(2), "loss before the first step")
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    with torch.no_grad():
        chosen, rejected = (
            dpo.implicit_rewards(now, then, 0.1) for now, then in zip(logprobs(), ref, strict=True)
        )
    checks.law((chosen > rejected).all(), "every chosen answer is ahead", chosen - rejected)
