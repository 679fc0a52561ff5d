"""A GPT whose parameters come on demand, against one process, FSDP2, and a count of bytes."""

import pytest
import torch
import torch.distributed as dist

from phase2_scaling.solution import fully_sharded
from phase2_scaling.solution.model import GPT, GPTConfig
from phase2_scaling.solution.tracker import MemoryTracker
from phase2_scaling.tests.descent import Momentum
from shared import checks, ranks


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


class Watch(MemoryTracker):
    """Remembers the most bytes that lay under the label "full"."""

    most = 0

    def __torch_dispatch__(self, *args, **kwargs):
        result = super().__torch_dispatch__(*args, **kwargs)
        self.most = max(self.most, self.by_label["full"])
        return result


def memory_of_parameters():
    """Whole parameters in bytes, after a step and at most, and the bytes of each unit."""
    model = fully_sharded.FullySharded(make_gpt())
    optimizer = Momentum(model.parameters(), lr=0.1)
    train(model, optimizer, batches(2))
    with Watch() as memory:
        memory.hold("full", [unit.full for unit in model.units])
        train(model, optimizer, batches(1))
    return memory.by_label["full"], memory.most, [unit.full_bytes for unit in model.units]


def test_a_tracker_sees_that_at_most_two_units_are_whole():
    for rest, most, sizes in ranks.run(2, memory_of_parameters):
        checks.equal(rest, 0, "bytes of whole parameters between steps")
        checks.law(
            0 < most <= sum(sorted(sizes)[-2:]), "the largest two units are whole at most", most
        )


def bytes_of_a_dtensor(init_device_mesh, distribute_tensor, shard):
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    whole = distribute_tensor(torch.zeros(8), mesh, [shard])
    with MemoryTracker() as memory:
        memory.hold("held", [whole])
        made = torch.ones_like(whole)
    return memory.by_label["held"], memory.by_label["other"], made.shape


def test_a_tracker_counts_the_local_part_of_a_dtensor():
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    arguments = (init_device_mesh, distribute_tensor, Shard(0))
    for held, made, shape in ranks.run(2, bytes_of_a_dtensor, *arguments):
        checks.equal((held, made, tuple(shape)), (16, 16, (8,)), "bytes held, bytes made, shape")


def shared_between_blocks():
    model = make_gpt()
    model.blocks[1].mlp.up.weight = model.blocks[0].mlp.up.weight
    checks.raises(
        lambda: fully_sharded.FullySharded(model), ValueError, "tied blocks", match="two units"
    )


def test_a_parameter_of_two_blocks_is_refused():
    ranks.run(1, shared_between_blocks)
