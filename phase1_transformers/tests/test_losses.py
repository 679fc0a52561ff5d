"""The next-token loss and its units: cases by hand, PyTorch's own, and laws."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from phase1_transformers.solution import losses
from phase1_transformers.solution.losses import IGNORED
from shared import checks

# Scores log 2, 0, 0 are the probabilities 1/2, 1/4, 1/4; log 1, log 2, log 7 are .1, .2, .7.
TWO_ROWS = torch.tensor([[2.0, 1.0, 1.0], [1.0, 2.0, 7.0]], dtype=torch.float64).log()


def make_batch(shape, V=11, seed=0, scale=3.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(*shape, V, generator=generator, dtype=dtype)
    return logits.requires_grad_(), torch.randint(V, shape, generator=generator)


def mean_by_hand(logits, targets):
    """Walk over the targets, one at a time."""
    nats = [
        -math.log(math.exp(row[target]) / sum(map(math.exp, row)))
        for row, target in zip(logits.flatten(0, -2).tolist(), targets.flatten().tolist())
        if target != IGNORED
    ]
    return sum(nats) / len(nats)


# Exercise 1.14: the loss


@pytest.mark.exercise("1.14")
def test_loss_of_two_tokens_by_hand():
    targets = torch.tensor([0, 1])
    given = TWO_ROWS.clone()
    loss = losses.next_token_loss(given, targets)
    expected = (math.log(2) + math.log(5)) / 2  # the mean of -log(1/2) and -log(1/5)
    checks.close(loss, expected, "loss of two tokens")
    checks.equal(given, TWO_ROWS, "logits after next_token_loss, which leaves them as they were")
    checks.equal(targets, torch.tensor([0, 1]), "targets after next_token_loss")


@pytest.mark.exercise("1.14")
def test_ignored_target_by_hand():
    loss = losses.next_token_loss(TWO_ROWS, torch.tensor([0, IGNORED]))
    checks.close(loss, math.log(2), "loss of two tokens, the second of which is ignored")


@pytest.mark.exercise("1.14")
@pytest.mark.parametrize("V", [2, 65, 50257])
def test_equal_scores_cost_log_v(V):
    loss = losses.next_token_loss(torch.full((1, 3, V), 4.0), torch.tensor([[0, 1, V - 1]]))
    checks.close(loss, math.log(V), f"loss of {V} equal scores")


@pytest.mark.exercise("1.14")
def test_each_token_that_counts_weighs_the_same():
    # Four targets in the first sequence, one in the second, none in the third.
    logits, targets = make_batch((3, 4))
    targets[1, 1:], targets[2] = IGNORED, IGNORED
    given = targets.clone()
    loss = losses.next_token_loss(logits[:2], targets[:2])
    checks.close(loss, mean_by_hand(logits[:2], given[:2]), "loss of sequences of 4 and 1 targets")
    loss = losses.next_token_loss(logits, targets)
    checks.close(loss, mean_by_hand(logits, given), "loss of sequences of 4, 1 and 0 targets")
    checks.equal(targets, given, "targets after next_token_loss, which leaves them as they were")


@pytest.mark.exercise("1.14")
@pytest.mark.parametrize("shape", [(1,), (6,), (2, 5), (2, 3, 4)])
def test_value_and_gradient_agree_with_torch(shape):
    logits, targets = make_batch(shape)
    targets.view(-1)[1::4] = IGNORED
    expected = F.cross_entropy(logits.flatten(0, -2), targets.flatten())
    (wanted,) = torch.autograd.grad(expected, logits)
    loss = losses.next_token_loss(logits, targets)
    checks.close(loss, expected, f"loss of targets of shape {shape}")
    checks.law(getattr(loss, "requires_grad", False), "the loss can be differentiated")
    checks.equal(str(loss.dtype), "torch.float64", "dtype of the loss of float64 logits")
    (gradient,) = torch.autograd.grad(loss, logits)
    checks.close(gradient, wanted, "gradient of the logits")
    checks.equal(gradient[targets == IGNORED].abs().sum(), 0.0, "gradient where the target is out")
    learns = (gradient[targets != IGNORED].abs().sum(-1) > 0).all()
    checks.law(learns, "every target that counts has a gradient")


@pytest.mark.exercise("1.14")
def test_scores_of_any_size_stay_finite():
    # The right token far ahead, far behind, and rows that lie 1e4 apart.
    logits = torch.tensor([[1e4, 0.0], [0.0, 1e4], [1e4, 1e4], [-1e4, -1e4]])
    loss = losses.next_token_loss(logits, torch.zeros(4, dtype=torch.long))
    checks.close(loss, (1e4 + 2 * math.log(2)) / 4, "loss of rows 1e4 apart")


@pytest.mark.exercise("1.14")
def test_nothing_to_predict_is_a_loss_of_zero():
    logits, targets = make_batch((2, 3))
    loss = losses.next_token_loss(logits, torch.full_like(targets, IGNORED))
    checks.close(loss, 0.0, "loss if every target is ignored")
    told = "the loss can be differentiated, even if every target is ignored"
    checks.law(getattr(loss, "requires_grad", False), told)
    (gradient,) = torch.autograd.grad(loss, logits, materialize_grads=True)
    checks.equal(gradient, torch.zeros_like(gradient), "gradient if every target is ignored")


@pytest.mark.exercise("1.14")
def test_broken_scores_are_not_hidden():
    logits, targets = make_batch((2, 3))
    broken = logits.detach().clone()
    broken[0, 1, 2] = math.nan
    loss = losses.next_token_loss(broken, targets)
    checks.law(torch.as_tensor(loss).isnan(), "the loss of a NaN score is NaN", loss)


@pytest.mark.exercise("1.14")
def test_float32_stays_float32():
    loss = losses.next_token_loss(*make_batch((2, 3), dtype=torch.float32))
    checks.equal(str(getattr(loss, "dtype", None)), "torch.float32", "dtype of the loss")
    checks.equal(tuple(loss.shape), (), "shape of the loss")


# Exercise 1.14: the units


@pytest.mark.exercise("1.14")
@pytest.mark.parametrize("n", [1, 2, 65])
def test_perplexity_of_n_equal_choices_is_n(n):
    checks.close(losses.perplexity(math.log(n)), float(n), f"perplexity of {n} equal choices")


@pytest.mark.exercise("1.14")
def test_bits_per_byte_by_hand():
    # 8 tokens of one bit each, ln 2 nats, stand for 16 bytes: half a bit for each byte.
    actual = losses.bits_per_byte(math.log(2), n_tokens=8, n_bytes=16)
    checks.close(actual, 0.5, "bits per byte of 8 tokens of 1 bit, 16 bytes")


@pytest.mark.exercise("1.14")
@given(
    st.floats(0.01, 12), st.integers(1, 1000), st.floats(1, 8), st.sampled_from([1, 2, 3, 5, 10])
)
def test_finer_tokens_leave_bits_per_byte_alone(nats, n_tokens, bytes_per_token, pieces):
    """Cut every token into pieces: more tokens, each with its share of the nats."""
    n_bytes = math.ceil(n_tokens * bytes_per_token)
    whole = losses.bits_per_byte(nats, n_tokens, n_bytes)
    checks.close(whole * math.log(2) * n_bytes, nats * n_tokens, "nats of the whole text")
    cut = losses.bits_per_byte(nats / pieces, n_tokens * pieces, n_bytes)
    checks.close(cut, whole, f"bits per byte after cutting each token into {pieces}")


def test_shapes_that_do_not_fit_are_named():
    call = lambda: losses.next_token_loss(torch.zeros(2, 3, 4), torch.zeros(3, 2).long())  # noqa: E731
    checks.raises(call, ValueError, "shapes that do not fit", r"\(2, 3, 4\).*\(3, 2\)")
