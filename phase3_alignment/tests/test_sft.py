"""The loss on answers: by hand, and against transformers' own."""

import math

import pytest
import torch

from phase3_alignment.solution import sft
from phase3_alignment.solution.sft import IGNORED
from shared import checks


def make_batch(dtype=torch.float64):
    """Three rows of 7 tokens out of 5; 4, 1 and 2 labels count, in the middle and at the end."""
    g = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 7, 5, generator=g, dtype=torch.float64).to(dtype)
    ids = torch.randint(5, (3, 7), generator=g)
    answers = torch.zeros(3, 7, dtype=torch.bool)
    answers[0, 3:], answers[1, 2], answers[2, [1, 4]] = True, True, True
    return logits, sft.labels(ids, answers)


def nats_by_hand(logits, labels):
    """Minus log-probability of each label that counts, one at a time, and the row it is in."""
    found = []
    for b, row in enumerate(labels.tolist()):
        for t, label in enumerate(row):
            if t and label != IGNORED:
                scores = logits[b, t - 1].tolist()
                found.append((b, math.log(sum(map(math.exp, scores))) - scores[label]))
    return found


@pytest.mark.exercise("3.10")
def test_one_answer_by_hand():
    # The logits of token 0 say that token 1 is a "1" with p = 3/4; those of token 1 are not asked.
    logits = torch.tensor([[[0.0, math.log(3)], [9.0, 0.0]]], dtype=torch.float64)
    labels = torch.tensor([[IGNORED, 1]])
    given = labels.clone()
    found = sft.loss(logits, labels)
    checks.equal(labels, given, "the labels after loss, which leaves them as they were")
    checks.close(found, torch.tensor(math.log(4 / 3), dtype=torch.float64), "loss of p = 3/4")
    checks.equal(str(found.dtype), "torch.float64", "dtype of the loss of logits in float64")


@pytest.mark.exercise("3.10")
def test_a_token_weighs_the_same_in_a_long_answer_and_in_a_short_one():
    # Row 0: three labels of p = 1/2. Row 1: one of p = 1/4, in a row of four scores alike.
    logits = torch.zeros(2, 4, 4, dtype=torch.float64)
    logits[0, :, 2:] = -math.inf
    labels = torch.tensor([[IGNORED, 0, 1, 0], [IGNORED, IGNORED, IGNORED, 3]])
    expected = torch.tensor((3 * math.log(2) + math.log(4)) / 4, dtype=torch.float64)
    checks.close(
        sft.loss(logits, labels), expected, "loss of three labels with p 1/2, one with 1/4"
    )


@pytest.mark.exercise("3.10")
def test_against_one_label_at_a_time():
    logits, labels = make_batch()
    nats = [nat for _, nat in nats_by_hand(logits, labels)]
    expected = torch.tensor(sum(nats) / len(nats), dtype=torch.float64)
    checks.close(sft.loss(logits, labels), expected, "loss of a batch, 7 labels of which count")


@pytest.mark.exercise("3.10")
def test_label_0_meets_no_logits():
    logits, labels = make_batch()
    expected = sft.loss(logits, labels)
    labels[:, 0] = 2
    given = labels.clone()
    checks.close(sft.loss(logits, labels), expected, "loss if the first tokens count as well")
    checks.equal(labels, given, "the labels after loss, the first tokens' too")


@pytest.mark.exercise("3.10")
def test_the_gradient_is_where_something_counts():
    logits, labels = make_batch()
    logits.requires_grad_()
    sft.loss(logits, labels).backward()
    asked = torch.zeros(3, 7, dtype=torch.bool)
    asked[:, :-1] = labels[:, 1:] != IGNORED
    checks.law(logits.grad is not None, "the loss can be differentiated", logits.grad)
    checks.equal(
        logits.grad.abs().sum(-1) > 0, asked, "which logits get a gradient that is not zero"
    )
    # Of cross-entropy: softmax minus one at the label, over the 7 labels that count.
    expected = torch.zeros_like(logits)
    for b, t in asked.nonzero().tolist():
        expected[b, t] = logits[b, t].detach().softmax(-1) / 7
        expected[b, t, labels[b, t + 1]] -= 1 / 7
    checks.close(logits.grad, expected, "gradient of the logits")


@pytest.mark.exercise("3.10")
def test_micro_batches_add_up():
    logits, labels = make_batch()
    whole = sft.loss(logits, labels)
    parts = [sft.loss(logits[b : b + 1], labels[b : b + 1], n_targets=7) for b in range(3)]
    for b, part in enumerate(parts):
        nats = sum(nat for row, nat in nats_by_hand(logits, labels) if row == b)
        expected = torch.tensor(nats / 7, dtype=torch.float64)
        checks.close(part, expected, f"share of row {b} alone, where 7 labels count in all")
    checks.close(sum(parts), whole, "the shares of three micro-batches, added up")


@pytest.mark.exercise("3.10")
def test_nothing_counts():
    logits, labels = make_batch()
    logits.requires_grad_()
    loss = sft.loss(logits, torch.full_like(labels, IGNORED))
    checks.equal(loss, torch.tensor(0.0, dtype=torch.float64), "loss if no label counts")
    differentiable = getattr(loss, "requires_grad", False)
    checks.law(differentiable, "a loss in which no label counts can be differentiated", loss)
    loss.backward()
    checks.equal(logits.grad, torch.zeros_like(logits), "gradient if no label counts")


@pytest.mark.exercise("3.10")
def test_large_logits():
    logits = torch.zeros(1, 2, 3)
    logits[0, 0, 1] = 1000.0
    labels = torch.tensor([[IGNORED, 0]])
    checks.close(sft.loss(logits, labels), torch.tensor(1000.0), "loss of a label 1000 nats away")


def test_labels():
    ids = torch.tensor([[5, 6, 7]])
    found = sft.labels(ids, torch.tensor([[False, True, False]]))
    checks.equal(found, torch.tensor([[IGNORED, 6, IGNORED]]), "labels")


def test_shapes_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match="do not fit"):
        sft.loss(torch.zeros(2, 3, 5), torch.zeros(2, 4, dtype=torch.int64))


@pytest.mark.parametrize("n_targets", [None, 19])
def test_against_transformers(n_targets):
    loss_utils = pytest.importorskip("transformers.loss.loss_utils")
    logits, labels = make_batch(torch.float32)
    expected = loss_utils.ForCausalLMLoss(logits, labels, 5, num_items_in_batch=n_targets)
    checks.close(sft.loss(logits, labels, n_targets), expected, "loss, as transformers computes it")
