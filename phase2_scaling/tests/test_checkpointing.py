"""Activation checkpointing: the plain backward pass to the last bit, and what is kept for it."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from phase2_scaling.solution import checkpointing, tracker
from phase2_scaling.solution.model import GPT, GPTConfig, next_token_loss
from shared import checks

CONFIG = GPTConfig(vocab_size=11, block_size=8, n_layer=3, n_head=2, n_embd=16, dropout=0.3)


class Counted(nn.Module):
    """A linear layer, dropout and tanh that count how often they run."""

    def __init__(self, dropout=0.5):
        super().__init__()
        self.linear, self.dropout, self.calls = nn.Linear(6, 6), nn.Dropout(dropout), 0

    def forward(self, x):
        self.calls += 1
        return self.dropout(self.linear(x)).tanh()


def make(n=2, dropout=0.5):
    torch.manual_seed(0)
    return [Counted(dropout) for _ in range(n)], torch.randn(5, 6)


def plain(function, *args):
    return function(*args)


def run(call, blocks, x, seed=3):
    """Send x through the blocks, each by `call`, and back; return all that one could look at."""
    x = x.clone().requires_grad_()
    for block in blocks:
        block.zero_grad()
        block.calls = 0
    torch.manual_seed(seed)
    y = x
    for block in blocks:
        y = call(block, y)
    y.square().sum().backward()
    parameters = [p.grad for block in blocks for p in block.parameters()]
    return {"output": y.detach(), "input": x.grad, "parameters": parameters, "next": torch.rand(2)}


@pytest.mark.exercise("2.10")
def test_a_product_by_hand():
    x, y = (torch.tensor(value, requires_grad=True) for value in (3.0, 5.0))
    output = checkpointing.recompute(lambda a, b: a * a * b, x, y)
    checks.equal(output, torch.tensor(45.0), "3 x 3 x 5, checkpointed")
    checks.law(output.requires_grad, "what recompute gives takes part in the backward pass")
    output.backward(torch.tensor(2.0))
    # 2 x 2 x y and x^2, times the gradient 2 that came from above.
    checks.equal(x.grad, torch.tensor(60.0), "gradient of x in x x y, times 2")
    checks.equal(y.grad, torch.tensor(18.0), "gradient of y in x x y, times 2")


@pytest.mark.exercise("2.10")
def test_parameters_get_their_gradients():
    blocks, x = make(n=1, dropout=0.0)
    expected, found = run(plain, blocks, x), run(checkpointing.recompute, blocks, x)
    checks.equal(found["output"], expected["output"], "output of a block, checkpointed")
    checks.equal(found["parameters"], expected["parameters"], "gradients of the block's parameters")
    checks.equal(found["input"], expected["input"], "gradient of the block's input")
    checks.equal(blocks[0].calls, 2, "how often the block ran: forward, and again for backward")


@pytest.mark.exercise("2.10")
def test_dropout_drops_the_same_again():
    blocks, x = make(n=3)
    expected, found = run(plain, blocks, x), run(checkpointing.recompute, blocks, x)
    checks.equal(found["output"], expected["output"], "output of three blocks with dropout")
    name = "gradients of three blocks with dropout"
    checks.equal(found["parameters"], expected["parameters"], name)
    checks.equal(found["input"], expected["input"], "gradient of their input")
    checks.equal(found["next"], expected["next"], "the random numbers that come after backward")
    checks.equal([b.calls for b in blocks], [2, 2, 2], "how often each of three blocks ran")


@pytest.mark.exercise("2.10")
def test_random_numbers_go_on_between_forward_and_backward():
    """Somebody draws a number after the forward pass; the next one after backward is the next."""
    blocks, x = make(n=1)
    torch.manual_seed(1)
    y = checkpointing.recompute(blocks[0], x.requires_grad_())
    torch.rand(7)
    state = torch.get_rng_state()
    y.sum().backward()
    left = torch.equal(torch.get_rng_state(), state)
    checks.law(left, "backward leaves the random numbers where it found them")


@pytest.mark.exercise("2.10")
def test_only_the_arguments_are_saved():
    """Autograd is asked what it saves: the input of a block, and nothing that the block makes."""
    (block,), x = make(n=1)
    x.requires_grad_()

    def saved(call):
        tensors = []
        with torch.autograd.graph.saved_tensors_hooks(tensors.append, lambda t: t):
            call(block, x)
        return tensors

    tensors = saved(checkpointing.recompute)
    name = "tensors that autograd saves, by save_for_backward, of a block with one argument"
    checks.equal(len(tensors), 1, name)
    checks.equal(tensors[0], x.detach(), "what is saved: the input")


@pytest.mark.exercise("2.10")
def test_nothing_else_stays_alive():
    function = lambda x: (x * 2).sin().exp().cos()  # noqa: E731
    x = torch.randn(1000, requires_grad=True)

    def alive(call):
        with tracker.MemoryTracker() as memory:
            output = call(function, x)
            return memory.live if output is not None else 0

    plainly = alive(plain)
    found = alive(checkpointing.recompute)
    checks.at_most(found, plainly / 2, f"bytes alive after the forward pass ({plainly} without)")


@pytest.mark.exercise("2.10")
def test_arguments_of_all_kinds():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    constant = torch.tensor([2.0, 2.0, 2.0])
    index = torch.tensor([2, 0])

    def function(scale, a, nothing, b, chosen, shift):
        assert nothing is None
        return (scale * a * b + shift)[chosen]

    output = checkpointing.recompute(function, 10.0, x, None, constant, index, 1)
    checks.equal(output.detach(), torch.tensor([61.0, 21.0]), "20 x + 1 at 2 and 0")
    output.sum().backward()
    checks.equal(x.grad, torch.tensor([20.0, 0.0, 20.0]), "gradient of x: 20 where it was chosen")
    checks.law(constant.grad is None, "an argument that needs no gradient gets none")


@pytest.mark.exercise("2.10")
def test_only_the_parameters_need_gradients():
    """As in the first layers of a model, whose input is tokens."""
    torch.manual_seed(0)
    embedding, idx = nn.Embedding(4, 3), torch.tensor([1, 1, 3])
    checkpointing.recompute(embedding, idx).sum().backward()
    expected = torch.tensor([0.0, 2.0, 0.0, 1.0])[:, None].expand(4, 3)
    checks.equal(embedding.weight.grad, expected, "gradient of an embedding of tokens 1, 1, 3")


@pytest.mark.exercise("2.10")
def test_nothing_needs_a_gradient():
    w = torch.tensor(2.0, requires_grad=True)
    frozen = checkpointing.recompute(lambda x: x * 3, torch.tensor(5.0))
    (w * frozen).backward()
    checks.equal(w.grad, torch.tensor(15.0), "gradient beside a block where nothing needs one")


@pytest.mark.exercise("2.10")
def test_one_inside_another():
    blocks, x = make(n=2)

    def both(y):
        return checkpointing.recompute(blocks[1], checkpointing.recompute(blocks[0], y))

    expected = run(plain, blocks, x)
    x = x.clone().requires_grad_()
    for block in blocks:
        block.zero_grad()
    torch.manual_seed(3)
    checkpointing.recompute(both, x).square().sum().backward()
    checks.equal(x.grad, expected["input"], "gradient of the input, recompute inside recompute")
    found = [p.grad for block in blocks for p in block.parameters()]
    checks.equal(found, expected["parameters"], "gradients of the parameters, one inside another")


@pytest.mark.exercise("2.10")
def test_the_second_run_has_the_autocast_of_the_first():
    (block,), x = make(n=1, dropout=0.0)
    found = []
    for call in (plain, checkpointing.recompute):
        block.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = call(block, x)
        output.float().sum().backward()
        found.append(block.linear.weight.grad.clone())
    checks.equal(found[1], found[0], "gradient of a weight used under autocast, in bfloat16")


@pytest.mark.exercise("2.10")
def test_a_change_of_the_input_is_not_hidden():
    x = torch.ones(3, requires_grad=True)
    between = x * 2
    output = checkpointing.recompute(torch.sin, between)
    between.add_(1)  # after the function has seen it
    name = "backward, after the argument of sin was changed in place,"
    checks.raises(lambda: output.sum().backward(), RuntimeError, name, match="inplace")


# -- proofs -----------------------------------------------------------------------------------


def gpt_gradients(call):
    torch.manual_seed(0)
    model = GPT(CONFIG)
    idx, targets = torch.randint(11, (2, 4, 8))
    with tracker.MemoryTracker() as memory:
        x = model.embed(idx)
        for block in model.blocks:
            x = call(block, x)
        alive = memory.live
        next_token_loss(model.head(model.norm(x)), targets).backward()
    return [p.grad for p in model.parameters()], alive


def test_a_gpt_with_dropout_learns_the_same():
    expected, plainly = gpt_gradients(plain)
    found, alive = gpt_gradients(checkpointing.recompute)
    checks.equal(found, expected, "gradients of a GPT whose blocks are checkpointed")
    checks.at_most(alive, plainly / 2, f"bytes alive after the blocks ({plainly} without)")


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_it_is_torchs(use_reentrant):
    blocks, x = make(n=3)
    theirs = lambda block, y: checkpoint(block, y, use_reentrant=use_reentrant)  # noqa: E731
    checks.equal(run(checkpointing.recompute, blocks, x), run(theirs, blocks, x), "everything")


def test_without_gradients_it_is_the_function():
    (block,), x = make(n=1, dropout=0.0)
    with torch.no_grad():
        output = checkpointing.recompute(block, x)
    assert not output.requires_grad
    assert block.calls == 1


def test_backward_may_be_asked_twice():
    x = torch.tensor(3.0, requires_grad=True)
    output = checkpointing.recompute(torch.square, x)
    output.backward(retain_graph=True)
    output.backward()
    checks.equal(x.grad, torch.tensor(12.0), "gradient of the square of 3, twice")


@pytest.mark.gpu
def test_random_numbers_of_a_gpu():
    torch.manual_seed(0)
    blocks, x = [Counted().cuda() for _ in range(2)], torch.randn(5, 6, device="cuda")
    found = run(checkpointing.recompute, blocks, x)
    state = torch.cuda.get_rng_state()
    checks.equal(found, run(plain, blocks, x), "everything on a GPU")
    checks.equal(state, torch.cuda.get_rng_state(), "the GPU's random numbers after backward")
