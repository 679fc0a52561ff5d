"""Parameters on demand: one unit by hand, and the order in which units come and go."""

import pytest
import torch
import torch.distributed as dist
from torch import nn

from phase2_scaling.solution import fully_sharded
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


def is_here(unit):
    """Whether full and the parameters, its views, have memory: to look at them without is fatal."""
    return unit.is_whole and all(p.untyped_storage().nbytes() for p in unit.params)


def gathered(members=None):
    """Gather, change the shares, gather again; then once more, though all are here."""
    unit = make_unit(members)
    if unit is None:
        return None
    found = {}
    unit.gather()
    found["under way"] = unit.gathering is not None
    unit.wait()
    found["first"] = [p.detach().clone() for p in unit.params] if is_here(unit) else None
    if found["first"] is None:
        return found
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
