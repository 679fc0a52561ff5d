"""Gradient accumulation: by hand, the whole batch at once in float64, and the order of work."""

import math

import pytest
import torch
from torch import nn

from phase2_scaling.solution import accumulation, clipping, tracker
from phase2_scaling.solution.model import GPT, IGNORED, GPTConfig, next_token_loss
from shared import checks

CONFIG = GPTConfig(vocab_size=7, block_size=5, n_layer=1, n_head=2, n_embd=8)
# The sums of two orders in float64: a few hundred terms of size 1 or less.
EXACT = {"rtol": 1e-12, "atol": 1e-12}


class Table(nn.Module):
    """The smallest language model: a row of scores for each token, 0 at first. It keeps a log."""

    def __init__(self):
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(2, 2, dtype=torch.float64))
        self.events = []

    def forward(self, idx):
        self.events.append("forward")
        logits = self.scores[idx]
        logits.register_hook(lambda _: self.events.append("backward"))
        return logits, None


def make_model():
    return GPT(CONFIG, torch.Generator().manual_seed(0)).double()


def make_batch():
    """Six rows: three with all five targets, one with two, one with one, one with none."""
    g = torch.Generator().manual_seed(1)
    idx, targets = (torch.randint(7, (6, 5), generator=g) for _ in range(2))
    targets[3, 2:], targets[4, 1:], targets[5] = IGNORED, IGNORED, IGNORED
    return idx, targets


def in_pieces(idx, targets, sizes):
    return list(zip(idx.split(sizes), targets.split(sizes), strict=True))


def gradients(model):
    return [None if p.grad is None else p.grad.clone() for p in model.parameters()]


def whole(max_norm=None):
    """Loss and gradients of the whole batch at once, clipped by PyTorch."""
    model, (idx, targets) = make_model(), make_batch()
    loss = next_token_loss(model(idx)[0], targets)
    loss.backward()
    if max_norm is not None:
        nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    return loss.item(), gradients(model)


@pytest.mark.exercise("2.8")
def test_two_pieces_by_hand():
    model = Table()
    pieces = [(torch.tensor([[0, 0, 0]]), torch.tensor([[1, 1, 1]]))]
    pieces += [(torch.tensor([[0]]), torch.tensor([[0]]))]
    given = [(idx.clone(), targets.clone()) for idx, targets in pieces]
    loss = accumulation.accumulate(model, pieces)
    checks.equal(
        pieces, given, "the micro-batches after accumulate, which leaves them as they were"
    )
    checks.close(loss, math.log(2), "mean loss of four targets with equal scores")
    # A target 1 pulls the scores by (1/2, -1/2), a target 0 the other way: three against one of 4.
    expected = torch.tensor([[0.25, -0.25], [0.0, 0.0]], dtype=torch.float64)
    checks.close(model.scores.grad, expected, "gradient of pieces with 3 targets and with 1")
    checks.equal(
        model.events, ["forward", "backward"] * 2, "what happens, in order, for two micro-batches"
    )


@pytest.mark.exercise("2.8")
def test_an_ignored_target_does_not_count_by_hand():
    model = Table()
    pieces = [(torch.tensor([[0, 0]]), torch.tensor([[1, IGNORED]]))]
    pieces += [(torch.tensor([[0, 0]]), torch.tensor([[1, 1]]))]
    accumulation.accumulate(model, pieces)
    expected = torch.tensor([[0.5, -0.5], [0.0, 0.0]], dtype=torch.float64)
    checks.close(model.scores.grad, expected, "gradient of three equal targets and an ignored one")


@pytest.mark.exercise("2.8")
@pytest.mark.parametrize("sizes", [[6], [1, 1, 1, 1, 1, 1], [4, 2], [3, 1, 2]])
def test_pieces_give_the_gradients_of_the_whole(sizes):
    expected_loss, expected = whole()
    model = make_model()
    loss = accumulation.accumulate(model, in_pieces(*make_batch(), sizes))
    checks.close(loss, expected_loss, f"loss of micro-batches of {sizes} rows", **EXACT)
    name = f"gradients of micro-batches of {sizes} rows, as of the whole batch"
    checks.close(gradients(model), expected, name, **EXACT)


@pytest.mark.exercise("2.8")
def test_gradients_of_before_do_not_count():
    model = make_model()
    pieces = in_pieces(*make_batch(), [4, 2])
    accumulation.accumulate(model, pieces)
    accumulation.accumulate(model, pieces)
    checks.close(gradients(model), whole()[1], "gradients of the second call of two", **EXACT)


@pytest.mark.exercise("2.8")
@pytest.mark.parametrize("max_norm", [0.05, 100.0])
def test_the_gradient_of_the_whole_batch_is_clipped(max_norm):
    model = make_model()
    pieces = in_pieces(*make_batch(), [1, 3, 2])
    loss = accumulation.accumulate(model, pieces, max_norm=max_norm)
    expected_loss, expected = whole(max_norm)
    # clip_grad_norm_ divides by the norm + 1e-6.
    name = f"gradients clipped to {max_norm}"
    checks.close(gradients(model), expected, name, rtol=1e-4, atol=1e-12)
    checks.close(loss, expected_loss, "loss of a batch whose gradient is clipped", **EXACT)


@pytest.mark.exercise("2.8")
def test_any_loss_will_do():
    """A loss that is no cross-entropy: the squared scores of the targets that count, summed."""

    def squares(model, idx, targets):
        logits, _ = model(idx)
        return logits[targets != IGNORED].square().sum()

    idx, targets = make_batch()
    one, other = make_model(), make_model()
    mean = squares(one, idx, targets) / (targets != IGNORED).sum()
    mean.backward()
    loss = accumulation.accumulate(other, in_pieces(idx, targets, [4, 2]), squares)
    checks.close(loss, mean.item(), "loss by a loss function of the caller", **EXACT)
    checks.close(gradients(other), gradients(one), "gradients by that loss function", **EXACT)


@pytest.mark.exercise("2.8")
def test_nothing_to_predict_is_a_loss_of_zero():
    idx, targets = make_batch()
    model = make_model()
    accumulation.accumulate(model, in_pieces(idx, targets, [4, 2]))  # gradients of a step before
    empty = torch.full_like(targets, IGNORED)
    loss = accumulation.accumulate(model, in_pieces(idx, empty, [4, 2]))
    checks.equal(loss, 0.0, "loss if no target counts")
    found = [g is None or not g.abs().sum() for g in gradients(model)]
    checks.law(all(found), "gradients if no target counts are all 0", found)


@pytest.mark.exercise("2.8")
def test_the_loss_is_a_plain_number():
    loss = accumulation.accumulate(make_model(), [make_batch()])
    checks.equal(type(loss).__name__, "float", "type of the loss")


def test_no_micro_batch_is_an_error():
    with pytest.raises(ValueError, match="no micro-batch"):
        accumulation.accumulate(make_model(), [])


def test_only_one_micro_batch_has_activations():
    model, g = GPT(CONFIG), torch.Generator().manual_seed(0)
    idx, targets = (torch.randint(7, (64, 5), generator=g) for _ in range(2))

    def peak(n):
        model.zero_grad()
        with tracker.MemoryTracker() as memory:
            accumulation.accumulate(model, in_pieces(idx, targets, [64 // n] * n))
        return memory.peak

    checks.at_most(peak(8), peak(1) / 4, "peak of eight micro-batches, against one of them all")


@pytest.mark.parametrize("max_norm", [0.1, 3.0, 100.0])
def test_clipping_is_torchs(max_norm):
    ours, theirs = ([nn.Parameter(torch.zeros(n)) for n in (4, 7, 2)] for _ in range(2))
    for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        one.grad = torch.arange(len(one)) - float(i)
        other.grad = one.grad.clone()
    unused = nn.Parameter(torch.zeros(3))
    norm = clipping.clip_grad_norm((p for p in [*ours, unused]), max_norm)
    checks.close(norm, nn.utils.clip_grad_norm_(theirs, max_norm), "norm before clipping")
    checks.close([p.grad for p in ours], [p.grad for p in theirs], "gradients, clipped")
