"""The sharded optimiser, its parts by hand and its steps against those of one process."""

import pytest
import torch
import torch.distributed as dist
from torch import nn

from phase2_scaling.solution import zero
from phase2_scaling.tests.descent import Momentum
from phase2_scaling.tests.groups import watch_all_reduces
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


@pytest.mark.exercise("2.18")
def test_pieces_have_names():
    pieces = zero.cut([4, 2], 2, 1)
    named = [isinstance(piece, zero.Piece) for piece in pieces]
    checks.equal(named, [True, True], "which of the two pieces are a Piece")


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


def step_and_look():
    """Whether the parts' gradients lie where the parameter's does, and how many all-reduces."""
    p = nn.Parameter(torch.zeros(4, dtype=F64))
    optimizer, found = zero.ShardedOptimizer([p], Momentum), []
    p.grad, summed, step = row(1.0, 2.0, 3.0, 4.0), watch_all_reduces(), optimizer.inner.step
    memory = p.grad.untyped_storage().data_ptr()

    def look_and_step():
        gradients = [part.grad for part in optimizer.parts]
        found.extend(g is not None and g.untyped_storage().data_ptr() == memory for g in gradients)
        step()

    optimizer.inner.step = look_and_step
    optimizer.step()
    return found, len(summed)


@pytest.mark.exercise("2.18")
def test_nothing_is_copied_and_nothing_added_up():
    for rank, (views, summed) in enumerate(ranks.run(2, step_and_look)):
        checks.equal(views, [True], f"whether the gradients of the parts are views, on rank {rank}")
        checks.equal(summed, 0, f"all-reduces in a step, on rank {rank} of 2")
