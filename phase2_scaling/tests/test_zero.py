"""The sharded optimiser against the optimiser that is not, one rank's share at a time."""

import pytest
import torch
import torch.distributed as dist
from torch import nn

from phase2_scaling.solution import zero
from phase2_scaling.solution.model import GPT, GPTConfig
from phase2_scaling.solution.tracker import MemoryTracker
from phase2_scaling.tests.descent import Momentum
from shared import checks, ranks

F64 = torch.float64


# -- cut --------------------------------------------------------------------------------------


def check_cut(sizes, expected):
    """Compare the shares of all ranks."""
    n = len(expected)
    for rank in range(n):
        pieces = zero.cut(sizes, n, rank)
        name = f"the pieces (index, start, stop) of rank {rank} of {n}, sizes {sizes}"
        checks.law(isinstance(pieces, list), f"cut returns a list, sizes {sizes}", pieces)
        got = [tuple(piece) if isinstance(piece, tuple | list) else piece for piece in pieces]
        checks.equal(got, expected[rank], name)


@pytest.mark.exercise("2.18")
def test_cut_by_hand():
    check_cut([4], [[(0, 0, 2)], [(0, 2, 4)]])
    check_cut([4, 2], [[(0, 0, 3)], [(0, 3, 4), (1, 0, 2)]])
    # The row is 000001112222, a share 4: rank 1 has the last 0, all three 1, nothing of 2.
    check_cut([5, 3, 4], [[(0, 0, 4)], [(0, 4, 5), (1, 0, 3)], [(2, 0, 4)]])


@pytest.mark.exercise("2.18")
def test_cut_what_cannot_be_shared_equally():
    check_cut([5], [[(0, 0, 2)], [(0, 2, 4)], [(0, 4, 5)]])
    check_cut([5], [[(0, 0, 2)], [(0, 2, 4)], [(0, 4, 5)], []])
    check_cut([3, 8], [[(0, 0, 3)], [(1, 0, 3)], [(1, 3, 6)], [(1, 6, 8)]])
    check_cut([0, 2, 0, 1], [[(1, 0, 2)], [(3, 0, 1)]])


@pytest.mark.exercise("2.18")
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
def test_every_number_has_one_owner(n):
    sizes = [7, 1, 30, 0, 2, 11]
    owners = [[0] * size for size in sizes]
    for rank in range(n):
        pieces = zero.cut(sizes, n, rank)
        for index, start, stop in pieces:
            for i in range(start, stop):
                owners[index][i] += 1
        held = sum(stop - start for _, start, stop in pieces)
        checks.at_most(held, -(-51 // n), f"numbers that rank {rank} of {n} has, of 51")
    checks.equal(owners, [[1] * size for size in sizes], f"how many of {n} ranks have each number")


def test_cut_refuses_a_rank_that_is_not():
    checks.raises(lambda: zero.cut([4], 2, 2), ValueError, "rank 2 of 2", match="from 0 to 1")


# -- groups -----------------------------------------------------------------------------------


def parameters(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=generator, dtype=F64)) for shape in shapes]


def names_of(groups, known):
    """Replace each parameter by its name, so that groups can be compared and shown."""
    checks.law(isinstance(groups, list), "trainable_groups returns a list of groups", groups)
    named = []
    for group in groups:
        checks.law(isinstance(group, dict), "each group is a dict", group)
        own = [next((k for k, p in known.items() if p is q), "?") for q in group.get("params", ())]
        named.append({**group, "params": own})
    return named


@pytest.mark.exercise("2.18")
def test_groups_by_hand():
    a, b, c = parameters(2, 3, 4)
    known = {"a": a, "b": b, "c": c}
    actual = names_of(zero.trainable_groups([a, b, c]), known)
    checks.equal(actual, [{"params": ["a", "b", "c"]}], "groups of the parameters a, b, c")
    actual = names_of(zero.trainable_groups(iter([a, b])), known)
    checks.equal(actual, [{"params": ["a", "b"]}], "groups of what yields a and b, once")


@pytest.mark.exercise("2.18")
def test_a_tied_parameter_is_there_once():
    a, b, _ = parameters(2, 2, 4)
    known = {"a": a, "b": b}
    actual = names_of(zero.trainable_groups([a, b, a]), known)
    checks.equal(actual, [{"params": ["a", "b"]}], "groups of a, b and a again")
    given = [{"params": [a]}, {"params": [a], "decay": 0.0}]
    actual = names_of(zero.trainable_groups(given), known)
    checks.equal(actual, [{"params": ["a"]}, {"params": [], "decay": 0.0}], "a in two groups")


@pytest.mark.exercise("2.18")
def test_groups_keep_options_and_are_new():
    a, b, c = parameters(2, 3, 4)
    known = {"a": a, "b": b, "c": c}
    b.requires_grad_(False)
    given = [{"params": [b, a], "decay": 0.5}, {"params": [a, c], "lr": 2.0}]
    actual = names_of(zero.trainable_groups(given), known)
    name = "groups with options; b is frozen, and a is in both"
    expected = [{"params": ["a"], "decay": 0.5}, {"params": ["c"], "lr": 2.0}]
    checks.equal(actual, expected, name)
    before = [{"params": ["b", "a"], "decay": 0.5}, {"params": ["a", "c"], "lr": 2.0}]
    checks.equal(names_of(given, known), before, "what trainable_groups was given, afterwards")


# -- one step ---------------------------------------------------------------------------------


def row(*numbers, dtype=F64):
    return torch.tensor(numbers, dtype=dtype)


def step_by_hand():
    """One parameter of five numbers, which are all 0; the gradient is 1, 2, 3, 4, 5."""
    p = nn.Parameter(torch.zeros(5, dtype=F64))
    optimizer = zero.ShardedOptimizer([p], Momentum)
    p.grad = row(1.0, 2.0, 3.0, 4.0, 5.0)
    optimizer.step()
    gradient = p.grad if p.grad is None else p.grad.clone()
    left = [part.grad for part in optimizer.parts]
    return p.detach().clone(), gradient, left


@pytest.mark.exercise("2.18")
@pytest.mark.parametrize("n", [2, 3])
def test_step_by_hand(n):
    # The last rank first: what rank 0 sees tells less, since a broadcast from it changes nothing.
    for rank, (p, gradient, left) in reversed([*enumerate(ranks.run(n, step_by_hand))]):
        where = f"on rank {rank} of {n}"
        checks.close(p, row(-1.0, -2.0, -3.0, -4.0, -5.0), f"0 minus 1, 2, 3, 4, 5, {where}")
        checks.equal(gradient, row(1.0, 2.0, 3.0, 4.0, 5.0), f"the gradient after a step, {where}")
        checks.equal(left, [None] * len(left), f"gradients of the parts after a step, {where}")


SHAPES = (3, 5), (4,), (2, 2), (7,), (1,)
OPTIONS = {"lr": 0.5, "momentum": 0.9}


def gradient_of(p, step):
    """Make up a gradient; that of a matrix does not lie in a row, as some of torch's do not."""
    generator = torch.Generator().manual_seed(p.numel() + 100 * step)
    gradient = torch.randn(p.shape[::-1], generator=generator, dtype=F64)
    return gradient.mT if p.ndim > 1 else gradient


def train(make, params, steps=3):
    """Step with made-up gradients; the second parameter has none in the second step."""
    decayed = {"params": [p for p in params if p.ndim > 1], "decay": 0.1, **OPTIONS}
    others = {"params": [p for p in params if p.ndim < 2], **OPTIONS}
    optimizer = make([decayed, others])
    after = []
    for step in range(steps):
        for i, p in enumerate(params):
            p.grad = None if (i, step) == (1, 1) else gradient_of(p, step)
        optimizer.step()
        after.append([p.detach().clone() for p in params])
    return optimizer, after


def train_sharded(group_of=None):
    group = dist.new_group(group_of) if group_of else None
    if group_of and dist.get_rank() not in group_of:
        return None
    params = parameters(*SHAPES)
    optimizer, after = train(lambda gs: zero.ShardedOptimizer(gs, Momentum, group), params)
    held = sum(state.numel() for state in optimizer.inner.state.values())
    return after, held


@pytest.mark.exercise("2.18")
@pytest.mark.parametrize("n", [2, 3, 4])
def test_steps_are_those_of_one_process(n):
    _, expected = train(Momentum, parameters(*SHAPES))
    for rank, (after, held) in enumerate(ranks.run(n, train_sharded)):
        for step, (params, wanted) in enumerate(zip(after, expected)):
            where = f"after step {step + 1} on rank {rank} of {n}"
            for actual, want, shape in zip(params, wanted, SHAPES):
                checks.close(actual, want, f"parameter {shape}, {where}", rtol=1e-12, atol=1e-12)
        checks.at_most(held, -(-31 // n), f"numbers of momentum on rank {rank} of {n}, of 31")


@pytest.mark.exercise("2.18")
def test_a_group_of_some_ranks():
    _, expected = train(Momentum, parameters(*SHAPES))
    for rank, result in enumerate(ranks.run(3, train_sharded, [1, 2])):
        if rank:
            name = f"parameters after 3 steps of the group of ranks 1 and 2, on rank {rank}"
            checks.close(result[0][-1], expected[-1], name, rtol=1e-12, atol=1e-12)


def step_with_a_master():
    """Steps that are too small for bfloat16: 1 - 0.001 rounds to 1 there, 1 - 4 * 0.001 does not.

    The second parameter's parts have gradients of their own, as ZeRO-2 leaves them.
    """
    p, q = (nn.Parameter(torch.ones(3, dtype=torch.bfloat16)) for _ in range(2))
    optimizer = zero.ShardedOptimizer([p, q], Momentum, master=torch.float32)
    after = []
    for _ in range(4):
        p.grad = torch.full_like(p, 2**-10)
        for piece, part in zip(optimizer.pieces, optimizer.parts):
            if piece.index == 1:
                part.grad = torch.full_like(part, 0.5)
        optimizer.step()
        after.append((p.detach().float(), q.detach().float()))
    return after, [part.detach() for part in optimizer.parts]


@pytest.mark.exercise("2.18")
def test_a_master_copy_and_gradients_that_are_there():
    results = ranks.run(2, step_with_a_master)
    for rank, (_, parts) in enumerate(results):
        expected = torch.full((3,), 1 - 4 * 2**-10 if rank == 0 else -1.0)
        checks.close(parts, [expected], f"float32 master after 4 steps, on rank {rank} of 2")
    for rank, (after, _) in enumerate(results):
        where = f"on rank {rank} of 2"
        for step, (_, q) in enumerate(after, start=1):
            name = f"ones after {step} steps of -0.5 by the gradients of the parts, {where}"
            checks.close(q, torch.full((3,), 1 - 0.5 * step), name)
        # bfloat16 is 2^-8 apart below 1
        name = f"bfloat16 ones after 4 steps of -2^-10, {where}"
        checks.close(after[-1][0], torch.full((3,), 1 - 2**-8), name)


# -- proofs beyond the exercise ---------------------------------------------------------------

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
    a, b = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2, dtype=F64))
    checks.raises(lambda: zero.ShardedOptimizer([a, b], adamw), ValueError, "two dtypes", "dtype")
    checks.raises(lambda: zero.ShardedOptimizer([], adamw), ValueError, "nothing", "got \\[\\]")


def test_parameters_of_two_dtypes_are_refused():
    ranks.run(1, refusals)
