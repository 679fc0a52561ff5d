"""Parameters on demand: one unit by hand, the order of units, and training against one process."""

import pytest
import torch
import torch.distributed as dist
from torch import nn

from phase2_scaling.solution import fully_sharded
from phase2_scaling.solution.model import GPT, GPTConfig
from phase2_scaling.solution.tracker import MemoryTracker
from phase2_scaling.tests.descent import Momentum
from shared import checks, ranks

F64 = torch.float64


def row(*numbers):
    return torch.tensor(numbers, dtype=F64)


# -- one unit ---------------------------------------------------------------------------------


def make_unit(members=None):
    """Five numbers in two parameters; rank 0's are 1 to 5, the others' are other numbers."""
    group = dist.new_group(members) if members else None
    if members and dist.get_rank() not in members:
        return None
    first = dist.get_rank(group) * 100.0 + 1
    p, q = (nn.Parameter(row(*(first + i for i in range(a, b)))) for a, b in ((0, 2), (2, 5)))
    return fully_sharded.Unit([p, q], group)


def gathered(members=None):
    """Gather, change the shares, gather again; then once more, though all are here."""
    unit = make_unit(members)
    if unit is None:
        return None
    found = {}
    unit.gather()
    found["under way"] = unit.gathering is not None
    unit.wait()
    found["first"] = [p.detach().clone() for p in unit.params] if unit.is_whole else None
    unit.free()
    unit.local += 10 * (dist.get_rank(unit.group) + 1)
    unit.gather()
    unit.wait()
    found["second"] = unit.full.clone() if unit.is_whole else None
    unit.full[0] = 99.0  # a second all-gather would overwrite it
    unit.gather()
    found["again under way"] = unit.gathering is not None
    unit.wait()
    found["again"] = unit.full[0].item()
    return found


@pytest.mark.exercise("2.19")
@pytest.mark.parametrize(("n", "members"), [(2, None), (3, None), (3, [1, 2])])
def test_gather_by_hand(n, members):
    for rank, found in enumerate(ranks.run(n, gathered, members)):
        if found is None:
            continue
        where = f"on rank {rank} of {n}" + (f", the group being {members}" if members else "")
        name = f"the parameters after gather and wait, {where}"
        checks.close(found["first"], [row(1.0, 2.0), row(3.0, 4.0, 5.0)], name)
        checks.equal(found["under way"], True, f"gathering is a work to wait for, {where}")
        # Shares of three, or of two: the ranks add 10, 20, 30 to theirs. The last number is no
        # parameter's.
        two = row(11.0, 12.0, 13.0, 24.0, 25.0, 20.0)
        three = row(11.0, 12.0, 23.0, 24.0, 35.0, 30.0)
        expected = three if n == 3 and not members else two
        checks.close(found["second"], expected, f"full, after the shares have changed, {where}")
        checks.equal(found["again"], 99.0, f"a number of a unit that is here already, {where}")
        checks.equal(found["again under way"], False, f"a second all-gather, {where}")


def reduced(members=None):
    """Send 0, 1, 2 ... times a factor that is 1, 2, 3 by rank."""
    unit = make_unit(members)
    if unit is None:
        return None
    factor = dist.get_rank(unit.group) + 1.0
    unit.gradient = factor * torch.arange(len(unit.full), dtype=F64)
    unit.reduce_scatter()
    found = {"under way": unit.reducing is not None}
    if unit.reducing is not None:
        unit.reducing.wait()
    found["received"] = unit.received
    found["sent"] = unit.gradient / factor if unit.gradient is not None else None
    return found


@pytest.mark.exercise("2.19")
@pytest.mark.parametrize(("n", "members"), [(2, None), (3, None), (3, [1, 2])])
def test_reduce_scatter_by_hand(n, members):
    results = [found for found in ranks.run(n, reduced, members) if found is not None]
    for rank, found in enumerate(results):
        size, where = len(results), f"on rank {rank} of {len(results)}"
        factor, share = (6.0, 2) if size == 3 else (3.0, 3)  # 1 + 2 + 3, or 1 + 2
        expected = factor * torch.arange(rank * share, (rank + 1) * share, dtype=F64)
        checks.close(found["received"], expected, f"received, when the work is done, {where}")
        checks.equal(found["under way"], True, f"reducing is a work to wait for, {where}")
        sent = torch.arange(size * share, dtype=F64)
        checks.close(found["sent"], sent, f"what was sent, afterwards, {where}")


class Arrives:
    """A work whose tensor holds nonsense until somebody waits for it."""

    def __init__(self, tensor, numbers):
        self.tensor, self.numbers = tensor, numbers

    def wait(self):
        self.tensor.copy_(self.numbers)


def finished():
    """Two numbers of a frozen parameter and two of a trained one have come, twice."""
    p, q, r = (nn.Parameter(torch.zeros(k, dtype=F64)) for k in (2, 2, 4))
    p.requires_grad_(False)
    unit = fully_sharded.Unit([p, q, r])
    rank, found = dist.get_rank(), []
    for numbers in (row(2.0, 4.0, 6.0, 8.0), row(10.0, 20.0, 30.0, 50.0)):
        unit.gradient = torch.zeros_like(unit.full)
        unit.received = torch.full_like(unit.local, torch.nan)
        unit.reducing = Arrives(unit.received, numbers * (1 + rank))
        unit.finish()
        found.append([None if g.grad is None else g.grad.clone() for g in unit.parts.values()])
    gone = [unit.gradient is None, unit.received is None, unit.reducing is None]
    unit.finish()
    found.append([None if g.grad is None else g.grad.clone() for g in unit.parts.values()])
    return found, gone


@pytest.mark.exercise("2.19")
def test_finish_by_hand():
    for rank, (found, gone) in enumerate(ranks.run(2, finished)):
        where = f"on rank {rank} of 2"
        if rank == 0:  # parts: the frozen p and the whole q
            once, twice = [None, row(3.0, 4.0)], [None, row(18.0, 29.0)]
        else:  # its only part is r
            once, twice = [row(2.0, 4.0, 6.0, 8.0)], [row(12.0, 24.0, 36.0, 58.0)]
        checks.law(
            all((a is None) == (b is None) for a, b in zip(found[0], once)),
            f"parts that are trained have a gradient, a frozen one has none, {where}",
            found[0],
        )
        for name, actual, wanted in (("the first", found[0], once), ("a second", found[1], twice)):
            for a, b in zip(actual, wanted):
                if b is not None:
                    checks.close(a, b, f"gradient of a part after {name} sum has come, {where}")
        checks.equal(gone, [True] * 3, f"gradient, received, reducing are None, {where}")
        if rank == 1:
            checks.close(found[2], twice, f"gradient after finish with nothing under way, {where}")


# -- the order of units -----------------------------------------------------------------------


class Spy:
    """Looks like a unit; tells what is done to it, and how many of its kind are whole at once."""

    def __init__(self, name, world):
        self.name, self.world = name, world
        self.is_whole = self.is_coming = False
        world.append(self)

    def gather(self):
        if not self.is_whole:
            self.is_whole = self.is_coming = True
            self.world.events.append(f"gather {self.name}")
            self.world.most = max(self.world.most, sum(unit.is_whole for unit in self.world))

    def wait(self):
        if self.is_coming:
            self.is_coming = False
            self.world.events.append(f"wait {self.name}")

    def free(self):
        self.wait()
        if self.is_whole:
            self.is_whole = False
            self.world.events.append(f"free {self.name}")


class World(list):
    """All spies, and what has happened to them."""

    def __init__(self, names):
        super().__init__()
        self.events, self.most = [], 0
        for name in names:
            Spy(name, self)


def visit(names, expected=()):
    """Enter units in an order, when another was seen in the step before; return what happens."""
    model = fully_sharded.FullySharded.__new__(fully_sharded.FullySharded)
    world = model.units = World("abcd")
    by_name = {unit.name: unit for unit in world}
    model.path, model.expected = [], [by_name[name] for name in expected]
    happened = []
    for name in names:
        world.events.clear()
        model.enter(by_name[name])
        happened.append(list(world.events))
        checks.law(by_name[name].is_whole, f"{name} is here when it is entered", happened[-1])
        checks.equal(by_name[name].is_coming, False, f"{name} is on its way still, after enter")
    path = "".join(unit.name for unit in model.path)
    return happened, path, world.most, "".join(unit.name for unit in world if unit.is_whole)


@pytest.mark.exercise("2.19")
def test_enter_for_the_first_time():
    happened, path, most, whole = visit("abc")
    expected = [
        ["gather a", "wait a"],
        ["free a", "gather b", "wait b"],
        ["free b", "gather c", "wait c"],
    ]
    checks.equal(happened, expected, "what happens to units a, b, c in the first step")
    checks.equal((path, most, whole), ("abc", 1, "c"), "path, most units at once, units at the end")


@pytest.mark.exercise("2.19")
def test_enter_looks_ahead():
    happened, path, most, whole = visit("abcb", expected="abcb")
    expected = [
        ["gather a", "gather b", "wait a"],
        ["wait b", "free a", "gather c"],
        ["wait c"],  # b comes next: it is neither freed nor gathered again
        ["free c"],
    ]
    for i, (actual, wanted) in enumerate(zip(happened, expected)):
        # Waiting for what was on its way may come before or after the rest is freed and asked for.
        name = f"what happens on entering {'abcb'[i]}, as the {i + 1}. of a, b, c, b"
        checks.equal(sorted(actual), sorted(wanted), name)
    checks.equal(
        happened[0], expected[0], "what happens first: a is asked for before b, then awaited"
    )
    checks.at_most(most, 2, "units that are whole at once")
    checks.equal((path, whole), ("abcb", "b"), "path, units at the end")


@pytest.mark.exercise("2.19")
def test_enter_the_same_unit_again():
    happened, path, _, whole = visit("aabb", expected="abc")
    name = "what happens to units entered as a, a, b, b, where a, b, c is expected"
    checks.equal([happened[1], happened[3]], [[], []], name)
    checks.equal((path, whole), ("ab", "bc"), "path, units at the end")


@pytest.mark.exercise("2.19")
def test_enter_another_unit_than_expected():
    _, path, most, whole = visit("acd", expected="abd")
    checks.equal((path, whole), ("acd", "d"), "path, units at the end, after a, c, d for a, b, d")
    checks.at_most(most, 2, "units that are whole at once")


# -- training ---------------------------------------------------------------------------------


def make_gpt(tied=True, seed=5):
    config = GPTConfig(vocab_size=37, block_size=9, n_layer=3, n_head=2, n_embd=8, tied=tied)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return GPT(config, generator).double()


def batches(steps=5, rows=12):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(37, (steps, rows, 10), generator=generator)


def train(model, optimizer, data, clip=None):
    losses, norms = [], []
    for ids in data:
        optimizer.zero_grad()
        _, loss = model(ids[:, :-1], ids[:, 1:])
        loss.backward()
        losses.append(loss.item())
        if clip:
            norms.append(clip().item())
        optimizer.step()
    return losses, norms


def count_whole(model):
    """From now on, note how many units are whole whenever one is entered."""
    enter, counts = model.enter, []

    def counted(unit):
        enter(unit)
        counts.append(sum(unit.is_whole for unit in model.units))

    model.enter = counted
    return counts


def train_sharded(tied=True, frozen=False, max_norm=None):
    """Train, each rank on its rows, from weights that are right on rank 0 only."""
    n, rank = dist.get_world_size(), dist.get_rank()
    whole = make_gpt(tied, None if rank else 5)
    whole.blocks[1].mlp.requires_grad_(not frozen)
    model = fully_sharded.FullySharded(whole)
    counts = count_whole(model)
    optimizer = Momentum(model.parameters(), lr=0.3, momentum=0.9)
    data = batches().chunk(n, dim=1)[rank]
    clip = max_norm and (lambda: model.clip_grad_norm(max_norm))
    losses, norms = train(model, optimizer, data, clip)
    at_rest = sum(unit.is_whole for unit in model.units)
    held = sum(state.numel() for state in optimizer.state.values())
    return model.unsharded_state_dict(), losses, norms, max(counts, default=0), at_rest, held


def train_whole(tied=True, frozen=False, max_norm=None):
    model = make_gpt(tied)
    model.blocks[1].mlp.requires_grad_(not frozen)
    params = list(model.parameters())

    def clip():  # torch's own adds 1e-6 to the norm
        gradients = [p.grad for p in params if p.grad is not None]
        norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
        for gradient in gradients:
            gradient *= min(1.0, max_norm / norm.item())
        return norm

    optimizer = Momentum(params, lr=0.3, momentum=0.9)
    return train(model, optimizer, batches(), max_norm and clip), model.state_dict()


@pytest.mark.exercise("2.19")
@pytest.mark.parametrize("n", [2, 3])
def test_training_is_that_of_one_process(n):
    (losses, _), weights = train_whole()
    results = ranks.run(n, train_sharded)
    for step in range(5):
        mean = sum(result[1][step] for result in results) / n
        checks.close(mean, losses[step], f"mean loss in step {step + 1}", rtol=1e-9, atol=0)
    for rank, (actual, _, _, most, at_rest, held) in enumerate(results):
        where = f"on rank {rank} of {n}"
        for name, weight in weights.items():
            checks.close(actual[name], weight, f"{name}, {where}", rtol=1e-9, atol=1e-10)
        checks.at_most(most, 2, f"units that are whole at once, {where}")
        checks.equal(at_rest, 0, f"units that are whole between steps, {where}")
        numel = sum(p.numel() for p in make_gpt().parameters())
        checks.at_most(held, numel / n + 4, f"numbers of optimiser state, {where}")


# -- proofs beyond the exercise ---------------------------------------------------------------


@pytest.mark.parametrize(("n", "tied", "frozen"), [(2, False, True), (4, True, True)])
def test_untied_and_frozen_parameters_and_clipping(n, tied, frozen):
    (_, norms), weights = train_whole(tied, frozen, 0.2)
    for actual, _, actual_norms, *_ in ranks.run(n, train_sharded, tied, frozen, 0.2):
        checks.close(actual, dict(weights), "weights", rtol=1e-9, atol=1e-10)
        checks.close(actual_norms, norms, "norms", rtol=1e-9, atol=0)


def train_both_fsdp(init_device_mesh, fully_shard, steps=5):
    """Ours, then FSDP2, with torch's AdamW."""
    data = batches(steps).chunk(dist.get_world_size(), dim=1)[dist.get_rank()]
    ours = fully_sharded.FullySharded(make_gpt())
    train(ours, torch.optim.AdamW(ours.parameters(), lr=1e-2), data)
    theirs, mesh = make_gpt(), init_device_mesh("cpu", (dist.get_world_size(),))
    for module in (*theirs.blocks, theirs):
        fully_shard(module, mesh=mesh)
    train(theirs, torch.optim.AdamW(theirs.parameters(), lr=1e-2), data)
    full = {name: p.full_tensor().detach() for name, p in theirs.named_parameters()}
    return ours.unsharded_state_dict(), full


@pytest.mark.parametrize("n", [2, 3])
def test_fsdp2_learns_the_same(n):
    from torch.distributed.device_mesh import init_device_mesh  # once, before there are ranks
    from torch.distributed.fsdp import fully_shard

    for ours, theirs in ranks.run(n, train_both_fsdp, init_device_mesh, fully_shard):
        for name, weight in theirs.items():
            checks.close(ours[name], weight, name, rtol=1e-9, atol=1e-9)


def names_gathered():
    """Gather in the third step, forward and backward, by number; 3 is what lies outside blocks."""
    model = fully_sharded.FullySharded(make_gpt())
    optimizer = Momentum(model.parameters(), lr=0.1)
    train(model, optimizer, batches(2))
    calls = []
    for i, unit in enumerate(model.units):

        def gather(unit=unit, i=i, gather=unit.gather):
            calls.extend([] if unit.is_whole else [i])
            gather()

        unit.gather = gather
    train(model, optimizer, batches(1))
    return calls


def test_each_unit_is_asked_for_one_ahead_and_no_more_often_than_needed():
    # Forward: outside, blocks, outside (the head). Backward: the last block is still here.
    for calls in ranks.run(2, names_gathered):
        checks.equal(calls, [3, 0, 1, 2, 3, 1, 0], "units gathered in a step")


def evaluate_between():
    """Evaluate between steps: what is gathered must be of the step that it is."""
    whole = make_gpt()
    model, data = fully_sharded.FullySharded(make_gpt()), batches(4)
    ours, theirs = (Momentum(m.parameters(), lr=0.3) for m in (model, whole))
    found = []
    for ids in data:
        for m, optimizer in ((model, ours), (whole, theirs)):
            with torch.no_grad():
                found.append(m(ids[:, :-1], ids[:, 1:])[1].item())
            train(m, optimizer, ids[None])
    return found, sum(unit.is_whole for unit in model.units)


def test_evaluation_sees_the_newest_parameters():
    for found, whole in ranks.run(2, evaluate_between):
        checks.close(found[::2], found[1::2], "losses", rtol=1e-9, atol=0)
        checks.equal(whole, 0, "units that are whole in the end")


def accumulate():
    model = fully_sharded.FullySharded(make_gpt())
    ids = batches(1, 12)[0].chunk(dist.get_world_size())[dist.get_rank()]
    for part in ids.chunk(3):
        (model(part[:, :-1], part[:, 1:])[1] / 3).backward()
    Momentum(model.parameters(), lr=0.3).step()
    return model.unsharded_state_dict()


def test_gradients_add_up_over_micro_batches():
    whole = make_gpt()
    train(whole, Momentum(whole.parameters(), lr=0.3), batches(1, 12))
    for weights in ranks.run(2, accumulate):
        checks.close(weights, dict(whole.state_dict()), "weights", rtol=1e-9, atol=1e-10)


def memory_of_parameters():
    """Whole parameters in bytes as a tracker sees them, after every operation of a step."""
    model = fully_sharded.FullySharded(make_gpt())
    optimizer = Momentum(model.parameters(), lr=0.1)
    train(model, optimizer, batches(2))
    most = 0
    with MemoryTracker() as memory:
        memory.hold("full", [unit.full for unit in model.units])
        train(model, optimizer, batches(1))
        most = memory.by_label["full"], max(n for n in (memory.at_peak["full"], 0))
    return *most, [unit.full_bytes for unit in model.units]


def test_a_tracker_sees_that_at_most_two_units_are_whole():
    for rest, most, sizes in ranks.run(2, memory_of_parameters):
        checks.equal(rest, 0, "bytes of whole parameters between steps")
        checks.at_most(most, sum(sorted(sizes)[-2:]), "bytes of whole parameters at the peak")


def shared_between_blocks():
    model = make_gpt()
    model.blocks[1].mlp.up.weight = model.blocks[0].mlp.up.weight
    checks.raises(
        lambda: fully_sharded.FullySharded(model), ValueError, "tied blocks", match="two units"
    )


def test_a_parameter_of_two_blocks_is_refused():
    ranks.run(1, shared_between_blocks)
