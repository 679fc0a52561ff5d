import copy
import gc
import weakref

import pytest
import torch

from phase2_scaling.solution import clinic_memory
from phase2_scaling.solution.model import GPT, GPTConfig
from phase2_scaling.solution.tracker import MIB, MemoryTracker
from shared import checks
from shared.checks import Sealed

TINY = GPTConfig(vocab_size=7, block_size=5, n_layer=1, n_head=2, n_embd=8, dropout=0.2)
ROWS, HELD_OUT = 3, 2  # of a step, of an evaluation
LR = 0.5


class Mark:
    """Something to be alive as long as the node of a graph that it is tied to."""


def make(steps, rows=ROWS, held_out=HELD_OUT, config=TINY):
    """A model, rows for each step, rows held out; always the same."""
    generator = torch.Generator().manual_seed(3)
    model = GPT(config, generator)
    shape = (steps * rows + held_out, config.block_size + 1)
    tokens = torch.randint(config.vocab_size, shape, generator=generator)
    return model, tokens[held_out:].view(steps, rows, -1), tokens[:held_out]


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def train(steps, every):
    """The model, trained, and what `train` returns, whatever that does to autograd's switch."""
    model, rows, held_out = make(steps)
    model.double()
    torch.manual_seed(5)  # of dropout
    with torch.enable_grad():
        told = clinic_memory.train(model, rows, held_out, LR, every)
    checks.law(
        isinstance(told, tuple) and len(told) == 2, "train returns a tuple of two lists", told
    )
    return model, *told


def plain(steps, every):
    """The same with another loop: gradients that nobody stores, evaluations of a copy."""
    model, rows, held_out = make(steps)
    model.double()
    torch.manual_seed(5)
    losses, validation = [], []
    for step, batch in enumerate(rows):
        if step % every == 0:
            idle = copy.deepcopy(model).eval().requires_grad_(False)
            validation.append(idle(held_out[:, :-1], held_out[:, 1:])[1].item())
        loss = model(batch[:, :-1], batch[:, 1:])[1]
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        for p, gradient in zip(model.parameters(), gradients, strict=True):
            p.data -= LR * gradient
        losses.append(loss.item())
    return model, losses, validation


def watch(steps, every):
    """Train, and note how things stand when each step begins, and in each evaluation."""
    bytes_alive, graphs_alive, evaluations, graphs = [], [], [], weakref.WeakSet()
    model, rows, held_out = make(steps)
    model.double()

    def look(_, args):
        if len(args[0]) == ROWS:
            bytes_alive.append(memory.live)
            graphs_alive.append(len(graphs))

    def tie(_, args, logits):
        if len(args[0]) == HELD_OUT:
            evaluations.append(logits.requires_grad)
        if logits.grad_fn is not None:
            logits.grad_fn.metadata["mark"] = mark = Mark()
            graphs.add(mark)

    model.token_embedding.register_forward_pre_hook(look)
    model.head.register_forward_hook(tie)
    with MemoryTracker() as memory, torch.enable_grad():
        memory.hold("parameters", model.parameters())
        clinic_memory.train(model, rows, held_out, LR, every)
    return bytes_alive, graphs_alive, evaluations


@pytest.mark.exercise("2.11")
@pytest.mark.parametrize(("steps", "every"), [(1, 1), (4, 2), (7, 3)])
def test_numbers_are_those_of_a_plain_loop(steps, every):
    expected, expected_losses, expected_validation = plain(steps, every)
    model, losses, validation = train(steps, every)
    how = f"a run of steps={steps}, every={every}"
    # The plain loop may round a step otherwise (one operation or two), in float64.
    exactly = {"rtol": 1e-12, "atol": 1e-12}
    wanted = torch.tensor(expected_validation, dtype=torch.float64)
    checks.close(validation, wanted, f"losses of the evaluations in {how}", **exactly)
    wanted = torch.tensor(expected_losses, dtype=torch.float64)
    checks.close(losses, wanted, f"losses of the steps in {how}", **exactly)
    checks.close(flat(model), flat(expected), f"parameters after {how}", **exactly)
    kinds = sorted({type(loss).__name__ for loss in [*losses, *validation]})
    checks.equal(kinds, ["float"], "types of the losses that are returned")


@pytest.mark.exercise("2.11")
def test_no_garbage_is_collected(monkeypatch):
    calls = []
    monkeypatch.setattr(gc, "collect", lambda *_: calls.append("collect"))
    train(5, 2)
    checks.equal(len(calls), 0, "calls of the garbage collector in 5 steps")


@pytest.mark.exercise("2.11")
def test_memory_does_not_grow():
    steps, every = 10, 2
    alive, graphs, evaluations = watch(steps, every)
    checks.equal(len(alive), steps, f"forward passes with the rows of {steps} steps")
    # What else a loop leaves lying about until its next turn is there both times.
    grown = [alive[i] - alive[i - every] for i in range(2 * every, steps)]
    name = f"bytes more when a step begins than {every} steps before, from step {2 * every} on"
    numbers = 8 * (every + 1)  # a float64 for each step and for the evaluation
    checks.close(grown, torch.zeros(len(grown)), name, rtol=0, atol=numbers)
    checks.equal(sum(evaluations), 0, "evaluations that built a graph")
    name = "no graph but that of the step before is there when a step begins"
    checks.law(max(graphs) <= 1, name, graphs)


@pytest.mark.exercise("2.11")
def test_the_model_is_left_ready():
    model, *_ = train(3, 2)
    gradients = sum(p.grad is not None for p in model.parameters())
    checks.equal(gradients, 0, "parameters that have a gradient when training is over")
    checks.law(model.training, "the model is in training mode when training is over")
    frozen = sum(not p.requires_grad for p in model.parameters())
    checks.equal(frozen, 0, "parameters that are frozen when training is over")


@pytest.mark.exercise("2.11")
def test_cause():
    checks.guess(clinic_memory.train_cause(), Sealed("2.11", "e108087d94e0228b"), "the cause")


# -- the story that the patient tells ---------------------------------------------------------

PATIENT = GPTConfig(vocab_size=64, block_size=32, n_layer=2, n_head=2, n_embd=64)


def told(every, rows=8, held_out=8, clean_up=lambda: None):
    """MiB alive when steps 1, 11 and 21 begin, in a loop that keeps every loss as it is."""
    model, rows, held_out = make(22, rows, held_out, PATIENT)
    losses, alive = [], []
    with MemoryTracker() as memory:
        memory.hold("parameters", model.parameters())
        for step, batch in enumerate(rows):
            if step % every == 0:
                losses.append(model(held_out[:, :-1], held_out[:, 1:])[1])
            alive.append(memory.live / MIB)
            losses.append(model(batch[:, :-1], batch[:, 1:])[1])
            losses[-1].backward()
            model.zero_grad()
            clean_up()
    return alive[1::10]


def test_the_story_is_true():
    table = [told(10), told(5), told(22), told(10, rows=16), told(10, held_out=16)]
    expected = [[2.7, 4.9, 7.1], [2.7, 7.1, 11.5], [2.7] * 3, [2.7, 4.9, 7.1], [4.9, 9.3, 13.7]]
    # What autograd saves for attention may change from one torch to the next.
    checks.close(table, expected, "MiB alive when steps 1, 11 and 21 begin", rtol=0.05, atol=0)
    checks.equal(told(10, clean_up=gc.collect), table[0], "the first row, with collections")
