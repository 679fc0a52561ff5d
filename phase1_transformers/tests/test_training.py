import math

import pytest
import torch
from torch import nn

from phase1_transformers.solution import training
from phase1_transformers.solution.config import gpt2
from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.losses import IGNORED, next_token_loss
from phase1_transformers.solution.ops import CLEAR, FUSED
from shared import checks

NO_CLIP = 1e9


class Descent:
    """An optimiser that goes down by the gradient itself, and tells what was asked of it."""

    def __init__(self, model, events=None):
        self.parameters = list(model.parameters())
        self.param_groups = [{"params": self.parameters, "lr": 1.0}]  # as torch.optim's have
        self.events = [] if events is None else events

    def zero_grad(self, set_to_none=True):
        self.events.append("zero_grad")
        for parameter in self.parameters:
            parameter.grad = None

    def step(self, closure=None):
        self.events.append("step")
        for parameter in self.parameters:
            if parameter.grad is not None:
                parameter.data -= parameter.grad


class Table(nn.Module):
    """The smallest language model: a row of scores for each token, 0 before training."""

    def __init__(self, vocab_size=2, events=None):
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(vocab_size, vocab_size))
        self.unused = nn.Parameter(torch.ones(3))
        self.events = [] if events is None else events

    def forward(self, x, y=None):
        logits = self.scores[x]
        self.events.append("forward")
        if logits.requires_grad:
            logits.register_hook(lambda _: self.events.append("backward"))
        return logits, next_token_loss(logits, y)


def make_gpt(ops=CLEAR):
    return GPT(gpt2(**SHAPE), ops, generator=torch.Generator().manual_seed(0))


SHAPE = {"vocab_size": 7, "block_size": 6, "n_layer": 1, "n_head": 2, "n_embd": 8}


def make_batch(seed=1, B=6):
    """Six rows of six tokens, most targets of the last ones ignored."""
    g = torch.Generator().manual_seed(seed)
    x, y = (torch.randint(7, (B, 6), generator=g) for _ in range(2))
    y[2:, 1:] = IGNORED
    y[5] = IGNORED
    return x, y


def step(model, batches, grad_clip=NO_CLIP, optimizer=None):
    """Take a step; return what it tells and where the parameters are then."""
    told = training.training_step(model, optimizer or Descent(model), batches, grad_clip)
    checks.law(isinstance(told, dict), "what training_step returns is a dict", told)
    checks.equal(sorted(told), ["grad_norm", "loss"], "the keys of what training_step returns")
    return told, [parameter.detach().clone() for parameter in model.parameters()]


# -- clipping ---------------------------------------------------------------------------------


def with_gradients(*gradients):
    """Parameters of zeros that have these gradients; None for none."""
    parameters = [
        nn.Parameter(torch.zeros_like(torch.zeros(2) if g is None else g)) for g in gradients
    ]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = None if gradient is None else gradient.clone()
    return parameters


@pytest.mark.exercise("1.19")
def test_clip_by_hand():
    parameters = with_gradients(torch.tensor([3.0, 4.0]), torch.tensor([[12.0]]))
    norm = training.clip_grad_norm(iter(parameters), 6.5)
    checks.close(norm, torch.tensor(13.0), "norm of (3, 4) and (12): the root of 9 + 16 + 144")
    checks.close(parameters[0].grad, torch.tensor([1.5, 2.0]), "(3, 4) clipped to half")
    checks.close(parameters[1].grad, torch.tensor([[6.0]]), "(12) clipped to half")


@pytest.mark.exercise("1.19")
def test_clip_leaves_short_gradients_as_they_are():
    gradients = [torch.tensor([0.1, -0.3]), torch.tensor([0.7])]
    parameters = with_gradients(*gradients)
    training.clip_grad_norm(parameters, 1.0)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        checks.equal(parameter.grad, gradient, "gradients of norm 0.77, clipped to at most 1")


@pytest.mark.exercise("1.19")
def test_clip_leaves_out_what_has_no_gradient():
    parameters = with_gradients(None, torch.tensor([3.0, 4.0]), None)
    checks.close(training.clip_grad_norm(parameters, 1.0), torch.tensor(5.0), "norm without Nones")
    checks.close(parameters[1].grad, torch.tensor([0.6, 0.8]), "(3, 4) clipped to length 1")
    checks.law(parameters[0].grad is None, "a gradient that is None stays None")


@pytest.mark.exercise("1.19")
def test_clip_of_nothing_but_zeros():
    (parameter,) = with_gradients(torch.zeros(3))
    checks.close(training.clip_grad_norm([parameter], 1.0), torch.tensor(0.0), "norm of zeros")
    checks.equal(parameter.grad, torch.zeros(3), "zeros, clipped")


@pytest.mark.exercise("1.19")
@pytest.mark.parametrize("max_norm", [0.5, 3.0, 100.0])
def test_clip_is_torchs(max_norm):
    g = torch.Generator().manual_seed(0)
    gradients = [torch.randn(shape, generator=g) for shape in [(4, 5), (7,), (2, 3, 2)]]
    ours, theirs = with_gradients(*gradients), with_gradients(*gradients)
    norm = training.clip_grad_norm((p for p in ours), max_norm)
    checks.close(norm, nn.utils.clip_grad_norm_(theirs, max_norm), "norm of random gradients")
    for one, other in zip(ours, theirs, strict=True):
        checks.close(one.grad, other.grad, f"random gradients, clipped to {max_norm}")


# -- the step ---------------------------------------------------------------------------------


@pytest.mark.exercise("1.19")
def test_one_batch_by_hand():
    model = Table()
    told, (scores, _) = step(model, [(torch.tensor([[0, 0]]), torch.tensor([[1, 1]]))])
    checks.close(told["loss"], torch.tensor(math.log(2)), "loss of two equal scores")
    # p - onehot at both targets, their mean: (0.5, -0.5), of length sqrt(0.5).
    checks.close(told["grad_norm"], torch.tensor(0.5).sqrt(), "norm of the gradient (0.5, -0.5)")
    checks.close(scores, torch.tensor([[-0.5, 0.5], [0.0, 0.0]]), "scores after a step of 1")


@pytest.mark.exercise("1.19")
def test_pieces_with_unequal_counts_make_the_same_step():
    # Three targets after token 0, one after token 1: the mean is over four.
    pieces = [
        (torch.tensor([[0, 0, 0]]), torch.tensor([[1, 1, 1]])),
        (torch.tensor([[1]]), torch.tensor([[0]])),
    ]
    told, (scores, _) = step(Table(), pieces)
    checks.close(told["loss"], torch.tensor(math.log(2)), "loss over both pieces")
    expected = torch.tensor([[-0.375, 0.375], [0.125, -0.125]])
    checks.close(scores, expected, "scores after a step on pieces of 3 and of 1 targets")


@pytest.mark.exercise("1.19")
@pytest.mark.parametrize("rows", [(1, 4, 1), (3, 3), (2, 2, 1, 1)])
def test_pieces_make_the_step_of_the_whole(rows):
    x, y = make_batch()
    whole, expected = step(make_gpt(), [(x, y)])
    model = make_gpt()
    told, parameters = step(model, list(zip(x.split(rows), y.split(rows), strict=True)))
    name = f"rows split as {rows}, many targets ignored"
    checks.close(told["loss"], whole["loss"], f"loss, {name}")
    checks.close(told["grad_norm"], whole["grad_norm"], f"gradient norm, {name}")
    for (key, _), got, want in zip(model.named_parameters(), parameters, expected, strict=True):
        checks.close(got, want, f"{key} after the step, {name}")


@pytest.mark.exercise("1.19")
def test_the_step_is_down_the_gradient_of_the_mean():
    x, y = make_batch()
    model, oracle = make_gpt().double(), make_gpt().double()
    losses = nn.functional.cross_entropy(oracle(x)[0].flatten(0, 1), y.flatten(), reduction="none")
    loss = losses.sum() / (y != IGNORED).sum()
    gradients = torch.autograd.grad(loss, list(oracle.parameters()))
    told, parameters = step(model, [(x, y)])
    checks.close(told["loss"], loss.detach(), "loss, against the mean of the targets that count")
    for before, gradient, after in zip(oracle.parameters(), gradients, parameters, strict=True):
        checks.close(after, before - gradient, "a parameter after the step, in float64")


@pytest.mark.exercise("1.19")
def test_clipping_is_of_the_whole_gradient():
    pieces = [
        (torch.tensor([[0, 0, 0]]), torch.tensor([[1, 1, 1]])),
        (torch.tensor([[1]]), torch.tensor([[0]])),
    ]
    told, (scores, _) = step(Table(), pieces, grad_clip=0.1)
    gradient = torch.tensor([[0.375, -0.375], [-0.125, 0.125]])
    checks.close(told["grad_norm"], gradient.norm(), "gradient norm, before clipping to 0.1")
    checks.close(scores, -0.1 * gradient / gradient.norm(), "scores after a step of length 0.1")


@pytest.mark.exercise("1.19")
def test_gradients_of_the_last_step_are_gone():
    batch = (torch.tensor([[0, 0]]), torch.tensor([[1, 1]]))
    model = Table()
    model.scores.grad = torch.full((2, 2), 100.0)
    _, (scores, _) = step(model, [batch])
    checks.close(scores[0], torch.tensor([-0.5, 0.5]), "scores; a gradient of 100 lay about")


@pytest.mark.exercise("1.19")
def test_pieces_without_targets_add_nothing():
    x, y = torch.tensor([[0, 0]]), torch.tensor([[1, 1]])
    nothing = (x, torch.full_like(y, IGNORED))
    told, (scores, _) = step(Table(), [nothing, (x, y), nothing])
    checks.close(told["loss"], torch.tensor(math.log(2)), "loss, two pieces have no target")
    checks.close(scores[0], torch.tensor([-0.5, 0.5]), "scores, two pieces have no target")
    told, (scores, _) = step(Table(), [nothing])
    checks.close(told["loss"], torch.tensor(0.0), "loss where no target counts")
    checks.close(told["grad_norm"], torch.tensor(0.0), "gradient norm where no target counts")
    checks.close(scores, torch.zeros(2, 2), "scores where no target counts")


@pytest.mark.exercise("1.19")
def test_each_piece_is_done_before_the_next_begins():
    events = []
    model = Table(events=events)
    batch = (torch.tensor([[0, 1]]), torch.tensor([[1, 1]]))
    step(model, [batch] * 3, optimizer=Descent(model, events))
    checks.equal(events.count("step"), 1, "steps of the optimiser")
    work = [event for event in events if event in ("forward", "backward")]
    checks.equal(work, ["forward", "backward"] * 3, "forward and backward of three pieces")


@pytest.mark.exercise("1.19")
def test_what_is_told_are_tensors_without_a_graph():
    told, _ = step(Table(), [(torch.tensor([[0, 1]]), torch.tensor([[1, 1]]))])
    tensors = sorted(name for name, value in told.items() if torch.is_tensor(value))
    checks.equal(tensors, ["grad_norm", "loss"], "what is told as a tensor")
    kept = [name for name, value in told.items() if getattr(value, "requires_grad", False)]
    checks.equal(kept, [], "what is told but keeps the graph, and so all activations, in memory")


@pytest.mark.exercise("1.19")
def test_it_hands_autocast_on():
    class Spy(Table):
        def forward(self, x, y=None):
            self.events.append(torch.is_autocast_enabled("cpu"))
            return super().forward(x, y)

    batch = (torch.tensor([[0, 1]]), torch.tensor([[1, 1]]))
    for autocast in (None, torch.bfloat16):
        model = Spy()
        training.training_step(model, Descent(model), [batch], 1.0, autocast)
        name = f"whether the model runs under autocast, with autocast={autocast}"
        checks.equal(model.events[0], autocast is not None, name)


def test_bfloat16_is_near_float32():
    x, y = make_batch()
    exact, _ = step(make_gpt(), [(x, y)])
    model = make_gpt(FUSED)
    told = training.training_step(model, Descent(model), [(x, y)], NO_CLIP, torch.bfloat16)
    # bfloat16 has eight bits: 2**-8 of the logits, which are small before training.
    checks.close(told["loss"], exact["loss"], "loss under autocast", rtol=4e-3)
    checks.equal(told["loss"].dtype, torch.float32, "dtype of the loss under autocast")


def test_it_trains_with_torchs_optimiser():
    x, y = make_batch()
    model = make_gpt()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = [training.training_step(model, optimizer, [(x, y)], 1.0)["loss"] for _ in range(200)]
    checks.at_most(losses[-1], 0.1, "loss on a batch that is learned by heart")
