"""Offloaded activations: the plain gradients to the last bit, and what is alive meanwhile."""

import pytest
import torch
from torch import nn

from phase2_scaling.solution import checkpointing, offload, tracker
from phase2_scaling.solution.model import GPT, GPTConfig, next_token_loss
from shared import checks


class Peek(torch.autograd.Function):
    """The square; its backward pass tells how many bytes the tensor that it saved brings along."""

    memory, brought = None, []

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad_output):
        before = Peek.memory.live
        (x,) = ctx.saved_tensors
        Peek.brought.append(Peek.memory.live - before)
        return 2 * x * grad_output


@pytest.mark.exercise("2.12")
def test_a_square_by_hand():
    x = torch.tensor([3.0, -2.0], requires_grad=True)
    with offload.offload_activations(min_bytes=0):
        y = x.square()
    y.sum().backward()
    checks.equal(x.grad, torch.tensor([6.0, -4.0]), "gradient of the squares of 3 and -2")


@pytest.mark.exercise("2.12")
def test_what_is_saved_leaves_the_device_and_comes_back():
    start = torch.linspace(0, 1, 1000, requires_grad=True)
    Peek.brought.clear()
    with tracker.MemoryTracker() as memory:
        Peek.memory = memory
        before = memory.live
        with offload.offload_activations(min_bytes=1000):
            y = Peek.apply(Peek.apply(start * 3))
        # 3 x and its square, 4,000 bytes each, are saved; y is alive, and as large.
        checks.equal(memory.live - before, 4000, "bytes alive after the forward pass: y's")
        y.sum().backward()
    checks.equal(Peek.brought, [4000, 4000], "bytes that come back for each of two squares")
    x = start.detach()
    checks.close(start.grad, 4 * 81 * x**3, "gradient of (3 x)^4")


@pytest.mark.exercise("2.12")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_small_tensors_stay(dtype):
    """Moved are those of `min_bytes` and more."""
    size = torch.empty(0, dtype=dtype).element_size()
    for n, expected in [(101, 101 * size), (100, 100 * size), (99, 0)]:
        x = torch.ones(n, dtype=dtype, requires_grad=True)
        Peek.brought.clear()
        with tracker.MemoryTracker() as memory:
            Peek.memory = memory
            memory.hold("x", [x])
            with offload.offload_activations(min_bytes=100 * size):
                y = Peek.apply(x)
            y.sum().backward()
        name = f"bytes that come back of {n} numbers, min_bytes those of 100"
        checks.equal(Peek.brought, [expected], name)


@pytest.mark.exercise("2.12")
def test_parameters_stay_and_so_do_their_views():
    weight = nn.Parameter(torch.ones(10, 10))
    views = {"itself": lambda w: w, "its transpose": lambda w: w.T, "its rows": lambda w: w[2:5]}
    for what, view in views.items():
        Peek.brought.clear()
        with tracker.MemoryTracker() as memory:
            Peek.memory = memory
            memory.hold("weight", [weight])
            with offload.offload_activations(keep=iter([torch.ones(3), weight]), min_bytes=4):
                y = Peek.apply(view(weight)) + Peek.apply(view(weight))
            y.sum().backward()
        name = f"bytes that come back of a parameter that is kept ({what}, saved twice)"
        checks.equal(Peek.brought, [0, 0], name)


def gpt_gradients(call, dropout=0.1):
    """Gradients of a GPT whose forward pass is `call(model, idx)`, and bytes alive after it."""
    torch.manual_seed(0)
    config = GPTConfig(11, block_size=16, n_layer=2, n_head=2, n_embd=32, dropout=dropout)
    model = GPT(config)
    idx, targets = torch.randint(11, (2, 4, 16))
    with tracker.MemoryTracker() as memory:
        memory.hold("parameters", model.parameters())
        x = call(model, idx)
        alive = memory.live
        next_token_loss(model.head(x), targets).backward()
    return [p.grad for p in model.parameters()], alive, sum(p.nbytes for p in model.parameters())


@pytest.mark.exercise("2.12")
def test_a_gpt_learns_the_same():
    def offloaded(model, idx):
        with offload.offload_activations(keep=model.parameters(), min_bytes=1024):
            return model.hidden(idx)

    expected, plainly, parameters = gpt_gradients(GPT.hidden)
    found, alive, _ = gpt_gradients(offloaded)
    checks.equal(found, expected, "gradients of a GPT, to the last bit")
    bound = parameters + (plainly - parameters) / 4
    checks.at_most(alive, bound, f"bytes alive after the forward pass ({plainly} without)")


# -- proofs --------------------------------------------------------------------------------------


def test_recomputed_blocks_save_only_their_inputs():
    def both(model, idx):
        x = model.embed(idx)
        with offload.offload_activations(keep=model.parameters(), min_bytes=1024):
            for block in model.blocks:
                x = checkpointing.recompute(block, x)
        return model.norm(x)

    expected, *_ = gpt_gradients(GPT.hidden)
    found, alive, parameters = gpt_gradients(both)
    checks.equal(found, expected, "gradients of a GPT, recomputed and offloaded")
    stream = 4 * 16 * 32 * 4
    # The last block's output, its norm, and the norm's two numbers per row: no block's inside.
    checks.at_most(alive - parameters, 3 * stream, "bytes alive after the forward pass")
