"""Gradients that lie in shares: their norm, and how they come to lie there."""

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from phase2_scaling.solution import sharded_gradients, zero
from phase2_scaling.solution.model import GPT, GPTConfig
from phase2_scaling.tests.descent import Momentum
from shared import checks, ranks

F64 = torch.float64


# -- clipping ---------------------------------------------------------------------------------


def clip(gradients_of_rank, max_norm, members=None):
    """Clip this rank's gradients; return what clip_grad_norm says, and what it leaves."""
    group = dist.new_group(members) if members else None
    if members and dist.get_rank() not in members:
        return None
    gradients = gradients_of_rank[dist.get_rank()]
    parameters = [nn.Parameter(torch.zeros(len(g or [0.0]), dtype=F64)) for g in gradients]
    for p, gradient in zip(parameters, gradients):
        p.grad = gradient and torch.tensor(gradient, dtype=F64)
    norm = sharded_gradients.clip_grad_norm(iter(parameters), max_norm, group)
    return norm, [p.grad for p in parameters]


def check_clip(gradients_of_rank, max_norm, norm, scale, what, members=None):
    n = len(gradients_of_rank)
    for rank, result in enumerate(ranks.run(n, clip, gradients_of_rank, max_norm, members)):
        if result is None:
            continue
        where = f"{what}, on rank {rank} of {n}"
        checks.law(isinstance(result[0], torch.Tensor), f"the norm is a tensor, {where}", result[0])
        checks.close(result[0], torch.tensor(norm, dtype=F64), f"the norm of {where}")
        for actual, gradient in zip(result[1], gradients_of_rank[rank]):
            if gradient is None:
                checks.equal(actual, None, f"a gradient that was None, {where}")
            else:
                wanted = scale * torch.tensor(gradient, dtype=F64)
                checks.close(actual, wanted, f"gradients clipped to {max_norm:g}, {where}")


@pytest.mark.exercise("2.19")
def test_clip_by_hand():
    # 2^2 + 3^2 + 6^2 = 7^2
    check_clip([[[2.0, 3.0]], [[6.0]]], 1.0, 7.0, 1 / 7, "2, 3 here and 6 there")


@pytest.mark.exercise("2.19")
def test_clip_several_and_none():
    gradients = [[[4.0], None, [-4.0]], [[0.0, 2.0]], [[8.0], None]]  # 16 + 16 + 4 + 64 = 10^2
    check_clip(gradients, 5.0, 10.0, 0.5, "three ranks' gradients")


@pytest.mark.exercise("2.19")
def test_a_short_gradient_stays():
    check_clip([[[2.0, 3.0]], [[6.0]]], 7.5, 7.0, 1.0, "2, 3 here and 6 there")


@pytest.mark.exercise("2.19")
def test_clip_within_a_group():
    gradients = [[[100.0]], [[3.0]], [[4.0]]]
    check_clip(gradients, 1.0, 5.0, 0.2, "3 and 4 in the group of ranks 1 and 2", [1, 2])


class Asked(TorchFunctionMode):
    """While it is entered, notes what asks a tensor for its value."""

    ASKING = (Tensor.item, Tensor.tolist, Tensor.__bool__, Tensor.__float__, Tensor.__int__)

    def __init__(self):
        super().__init__()
        self.by = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in self.ASKING:
            self.by.append(func.__name__)
        return func(*args, **(kwargs or {}))


def clip_and_watch():
    p = nn.Parameter(torch.zeros(2, dtype=F64))
    p.grad = torch.tensor([3.0, 4.0], dtype=F64)
    with Asked() as asked:
        sharded_gradients.clip_grad_norm([p], 1.0, None)
    return asked.by


@pytest.mark.exercise("2.19")
def test_nobody_asks_for_the_length():
    checks.equal(ranks.run(1, clip_and_watch)[0], [], "what asks a tensor for its value")


# -- gradients that are reduced as they come ----------------------------------------------------

CONFIG = GPTConfig(vocab_size=37, block_size=9, n_layer=4, n_head=2, n_embd=8)


def make_gpt(seed=5):
    return GPT(CONFIG, torch.Generator().manual_seed(seed)).double()


def batches(steps=5, rows=12):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(CONFIG.vocab_size, (steps, rows, 10), generator=generator)


def train(model, optimizer, data, micro_batches=1):
    for ids in data:
        optimizer.zero_grad()
        for part in ids.chunk(micro_batches):
            (model(part[:, :-1], part[:, 1:])[1] / micro_batches).backward()
        optimizer.step()


def train_sharded(micro_batches, frozen, master):
    model = make_gpt()
    model.blocks[1].requires_grad_(not frozen)
    make = lambda ps: Momentum(ps, lr=0.3, momentum=0.9)  # noqa: E731
    optimizer = zero.ShardedOptimizer(model.parameters(), make, master=master)
    sharded_gradients.ShardedGradients(optimizer)
    data = batches().chunk(dist.get_world_size(), dim=1)[dist.get_rank()]
    train(model, optimizer, data, micro_batches)
    return model.state_dict(), [name for name, p in model.named_parameters() if p.grad is not None]


@pytest.mark.parametrize(
    ("n", "micro_batches", "frozen"), [(2, 1, False), (3, 2, False), (4, 3, True)]
)
def test_training_is_that_of_one_process(n, micro_batches, frozen):
    model = make_gpt()
    model.blocks[1].requires_grad_(not frozen)
    train(model, Momentum(model.parameters(), lr=0.3, momentum=0.9), batches())
    for weights, left in ranks.run(n, train_sharded, micro_batches, frozen, None):
        checks.close(dict(weights), dict(model.state_dict()), "weights", rtol=1e-9, atol=1e-10)
        checks.equal(left, [], "parameters whose whole gradient is still there")


def gradient_bytes():
    """Return the most bytes of gradients between two arrivals in a backward pass."""
    model = make_gpt()
    optimizer = zero.ShardedOptimizer(model.parameters(), Momentum)
    sharded = sharded_gradients.ShardedGradients(optimizer)
    most = 0

    def look(_):
        nonlocal most
        whole = sum(p.grad.nbytes for p in model.parameters() if p.grad is not None)
        most = max(most, whole + sum(b.nbytes for b in sharded._buffers.values()))

    for p in model.parameters():
        p.register_post_accumulate_grad_hook(look)
    ids = batches()[0]
    model(ids[:, :-1], ids[:, 1:])[1].backward()
    return most, sum(p.nbytes for p in model.parameters())


def test_at_most_three_shares_of_the_gradients_are_here():
    for most, whole in ranks.run(8, gradient_bytes):
        # One range fills, one travels, one is this rank's.
        checks.at_most(most, 3 / 8 * whole + 8 * 8, "bytes of gradients in a backward pass")
