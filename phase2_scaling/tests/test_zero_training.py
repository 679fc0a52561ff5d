"""A GPT under the sharded optimiser: torch's as oracles, resuming, and the bytes held."""

import pytest
import torch
import torch.distributed as dist
from torch import nn

from phase2_scaling.solution import data_parallel, zero
from phase2_scaling.solution.model import GPT, GPTConfig
from phase2_scaling.solution.tracker import MemoryTracker
from shared import checks, ranks

CONFIG = GPTConfig(vocab_size=37, block_size=9, n_layer=2, n_head=2, n_embd=8)


def make_gpt(seed=5):
    return GPT(CONFIG, torch.Generator().manual_seed(seed)).double()


def decay_groups(model):
    params = list(model.parameters())
    return [
        {"params": [p for p in params if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in params if p.ndim < 2], "weight_decay": 0.0},
    ]


def adamw(groups):
    return torch.optim.AdamW(groups, lr=1e-2)


def whole_batches(n, steps=5):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(CONFIG.vocab_size, (steps, n * 2, 10), generator=generator)


def train_gpt(model, optimizer, data):
    """Train on a rank's part of each batch; returns the last loss."""
    n, rank = (dist.get_world_size(), dist.get_rank()) if dist.is_initialized() else (1, 0)
    for ids in data.chunk(n, dim=1)[rank]:
        optimizer.zero_grad()
        _, loss = model(ids[:, :-1], ids[:, 1:])
        loss.backward()
        for p in model.parameters() if n > 1 else ():
            dist.all_reduce(p.grad)
            p.grad /= n
        optimizer.step()
    return loss.item()


def train_gpt_sharded(data):
    model = make_gpt()
    optimizer = zero.ShardedOptimizer(decay_groups(model), adamw)
    train_gpt(model, optimizer, data)
    return model.state_dict(), optimizer.state_dict()


@pytest.mark.parametrize("n", [2, 3])
def test_a_gpt_learns_as_with_torchs_adamw(n):
    data, model = whole_batches(n), make_gpt()
    reference = adamw(decay_groups(model))
    train_gpt(model, reference, data)
    for weights, state in ranks.run(n, train_gpt_sharded, data):
        checks.close(weights, dict(model.state_dict()), "weights", rtol=1e-9, atol=1e-9)
        expected = reference.state_dict()
        checks.close(state["state"], expected["state"], "state", rtol=1e-9, atol=1e-12)
        checks.equal(str(state["param_groups"]), str(expected["param_groups"]), "groups")


def train_replicas(data):
    """Average by buckets, whose gradients are views, and step in shares."""
    model = make_gpt(seed=dist.get_rank())
    replica = data_parallel.DataParallel(model, bucket_bytes=2000)
    optimizer = zero.ShardedOptimizer(model.parameters(), adamw)
    for ids in data.chunk(dist.get_world_size(), dim=1)[dist.get_rank()]:
        optimizer.zero_grad()
        replica(ids[:, :-1], ids[:, 1:])[1].backward()
        optimizer.step()
    return model.state_dict()


def test_replicas_with_a_sharded_optimizer():
    data, model = whole_batches(3), make_gpt(seed=0)
    train_gpt(model, adamw(model.parameters()), data)
    for weights in ranks.run(3, train_replicas, data):
        checks.close(dict(weights), dict(model.state_dict()), "weights", rtol=1e-9, atol=1e-9)


def train_gpt_by_torchs_zero(data, peer):
    model = make_gpt()
    optimizer = peer(model.parameters(), torch.optim.AdamW, lr=1e-2)
    train_gpt(model, optimizer, data)
    ours = make_gpt()
    train_gpt(ours, zero.ShardedOptimizer(ours.parameters(), adamw), data)
    return ours.state_dict(), model.state_dict()


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # what it is made of itself
def test_torchs_zero_redundancy_optimizer_agrees():
    from torch.distributed.optim import ZeroRedundancyOptimizer as Peer

    for ours, torchs in ranks.run(3, train_gpt_by_torchs_zero, whole_batches(3), Peer):
        checks.close(dict(ours), dict(torchs), "weights", rtol=1e-9, atol=1e-9)


def resume(data, weights, state):
    model = make_gpt()
    model.load_state_dict(weights)
    optimizer = zero.ShardedOptimizer(decay_groups(model), adamw)
    optimizer.load_state_dict(state)
    train_gpt(model, optimizer, data)
    return model.state_dict()


@pytest.mark.parametrize("then", [1, 2, 4])
def test_a_run_goes_on_with_another_number_of_ranks(then):
    first, second = whole_batches(4, steps=6).split(3)
    model = make_gpt()
    optimizer = adamw(decay_groups(model))
    for part in (first, second):
        train_gpt(model, optimizer, part)
    weights, state = ranks.run(3, train_gpt_in_thirds, first)[0]
    for resumed in ranks.run(then, resume, second, weights, state):
        checks.close(dict(resumed), dict(model.state_dict()), "weights", rtol=1e-9, atol=1e-9)


def train_gpt_in_thirds(data):
    """Eight rows do not cut into three: each rank takes all of them, and the mean is the same."""
    model = make_gpt()
    optimizer = zero.ShardedOptimizer(decay_groups(model), adamw)
    for ids in data:
        optimizer.zero_grad()
        model(ids[:, :-1], ids[:, 1:])[1].backward()
        optimizer.step()
    return model.state_dict(), optimizer.state_dict()


def state_in_bfloat16():
    params = [
        nn.Parameter(torch.ones(5, dtype=torch.bfloat16)),
        nn.Parameter(torch.ones(2).bfloat16()),
    ]
    optimizer = zero.ShardedOptimizer(params, adamw, master=torch.float32)
    for _ in range(3):
        for p in params:
            p.grad = torch.full_like(p, 0.5)
        optimizer.step()
    saved = optimizer.state_dict()
    other = zero.ShardedOptimizer(params, adamw, master=torch.float32)
    other.load_state_dict(saved)
    return saved, other.state_dict(), other.parts


def test_master_copies_are_saved_and_come_back():
    for saved, loaded, parts in ranks.run(3, state_in_bfloat16):
        checks.equal(saved["state"], loaded["state"], "state")
        checks.close(saved["state"][0]["master"], torch.full((5,), 0.97), "master", atol=1e-3)
        checks.equal({part.dtype for part in parts}, {torch.float32}, "dtype of the parts")


def bytes_held():
    """What a mixed-precision Adam adds: a master copy and two moments, in float32."""
    with MemoryTracker() as memory:
        model = make_gpt().bfloat16()
        before = memory.live
        optimizer = zero.ShardedOptimizer(model.parameters(), adamw, master=torch.float32)
        for p in model.parameters():
            p.grad = torch.zeros_like(p)
        optimizer.step()
        optimizer.zero_grad()
        return (
            memory.live - before,
            sum(p.numel() for p in model.parameters()),
            len(optimizer.parts),
        )


@pytest.mark.parametrize("n", [1, 2, 4])
def test_memory_is_twelve_bytes_a_parameter_over_the_ranks(n):
    for held, numel, parts in ranks.run(n, bytes_held):
        # A counter of steps in float32 for each part, and up to n - 1 numbers of bfloat16 behind.
        checks.close(held, 12 * numel / n, "bytes", rtol=0, atol=4 * parts + 12 + 2 * n)


def refusals():
    a, b = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2, dtype=torch.float64))
    checks.raises(lambda: zero.ShardedOptimizer([a, b], adamw), ValueError, "two dtypes", "dtype")
    checks.raises(lambda: zero.ShardedOptimizer([], adamw), ValueError, "nothing", "got \\[\\]")


def test_parameters_of_two_dtypes_are_refused():
    ranks.run(1, refusals)
