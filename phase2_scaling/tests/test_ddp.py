import pytest
import torch
import torch.distributed as dist
from torch import nn

from phase2_scaling.solution import ddp
from phase2_scaling.solution.model import GPT, GPTConfig, next_token_loss
from phase2_scaling.tests.groups import of_members, watch_all_reduces
from shared import checks, ranks

TINY = GPTConfig(vocab_size=11, block_size=6, n_layer=1, n_head=2, n_embd=8)
WAYS = ("average_gradients", "average_gradients_flat")


class Odd(nn.Module):
    """Everything that a model can hold besides plain weights."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(2, dtype=torch.float64))
        self.tied = self.weight
        self.small = nn.Parameter(torch.rand(3, dtype=torch.float32))
        self.frozen = nn.Parameter(torch.rand(2), requires_grad=False)
        self.sometimes = nn.Parameter(torch.rand(2, 1, dtype=torch.float64))
        self.never = nn.Parameter(torch.rand(2, dtype=torch.float64))
        self.register_buffer("mean", torch.rand(2))
        self.register_buffer("count", torch.randint(100, ()))
        self.register_buffer("mask", torch.rand(2), persistent=False)

    def numbers(self):
        tensors = [*self.named_parameters(), *self.named_buffers()]
        return {name: tensor.detach().clone() for name, tensor in tensors}

    def gradients(self):
        kept = {name: p.grad for name, p in self.named_parameters()}
        return {n: g if g is None else g.detach().clone() for n, g in kept.items()}


# -- broadcast_parameters ---------------------------------------------------------------------


def before_and_after(source, group=None):
    module = Odd()
    before, objects = module.numbers(), [p.data_ptr() for p in module.parameters()]
    ddp.broadcast_parameters(module, group, source)
    in_place = objects == [p.data_ptr() for p in module.parameters()]
    return before, module.numbers(), in_place


@pytest.mark.exercise("2.14")
@pytest.mark.parametrize(("n", "source"), [(2, 0), (3, 2)])
def test_broadcast(n, source):
    results = ranks.run(n, before_and_after, source)
    expected = results[source][0]
    for name in expected:
        got = [after[name] for _, after, _ in results]
        checks.equal(got, [expected[name]] * n, f"{name!r} on {n} ranks, which rank {source} gave")
    checks.equal([where for *_, where in results], [True] * n, "parameters changed in place")


@pytest.mark.exercise("2.14")
def test_broadcast_in_a_group():
    (_, first, _), (given, second, _) = of_members(5, lambda group: before_and_after(1, group))
    name = "'weight' on both ranks of a group, which the group's rank 1 gave"
    checks.equal([first["weight"], second["weight"]], [given["weight"]] * 2, name)


# -- average_gradients and average_gradients_flat ---------------------------------------------


def averaged(way, group=None):
    """Give the ranks 0, 1, 2 gradients of 1, 2, 3 (of `sometimes` only rank 0) and average."""
    module, rank = Odd(), dist.get_rank(group)
    loss = (rank + 1) * (module.weight.sum() + 10 * module.small.sum())
    if rank == 0:
        loss = loss + 12 * module.sometimes.sum()
    loss.backward()
    numbers = module.numbers()
    messages = watch_all_reduces()
    getattr(ddp, way)(module, group)
    changed = [n for n, x in module.numbers().items() if not torch.equal(x, numbers[n])]
    return module.gradients(), changed, len(messages)


@pytest.mark.exercise("2.14")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("n", [2, 3])
def test_average(way, n):
    results = ranks.run(n, averaged, way)
    mean = (n + 1) / 2  # of 1 .. n
    for name, value, shape in [("weight", mean, (2,)), ("small", 10 * mean, (3,))]:
        kind = torch.float64 if name == "weight" else torch.float32
        expected = torch.full(shape, value, dtype=kind)
        said = f"{way}: gradient of {name!r} on {n} ranks"
        checks.close([grads[name] for grads, *_ in results], [expected] * n, said)
    said = f"{way}: gradient of one that only rank 0 of {n} uses"
    expected = torch.full((2, 1), 12 / n, dtype=torch.float64)
    checks.close([grads["sometimes"] for grads, *_ in results], [expected] * n, said)
    said = f"{way}: gradients of one that is used nowhere, and of a frozen one"
    got = [[grads["never"], grads["frozen"]] for grads, *_ in results]
    checks.equal(got, [[None, None]] * n, said)
    said = f"{way}: parameters and buffers that changed"
    checks.equal([changed for _, changed, _ in results], [[]] * n, said)


@pytest.mark.exercise("2.14")
@pytest.mark.parametrize("way", WAYS)
def test_average_in_a_group(way):
    grads = [g["weight"] for g, *_ in of_members(5, lambda group: averaged(way, group))]
    expected = torch.full((2,), 1.5, dtype=torch.float64)
    checks.close(grads, [expected] * 2, f"{way}: gradient in a group of two ranks within five")


@pytest.mark.exercise("2.14")
def test_messages_of_the_flat_way():
    messages = ranks.run(2, averaged, "average_gradients_flat")[0][2]
    checks.equal(messages, 3, "messages: that of `used_anywhere`, and one for each of two dtypes")


# -- global_mean_loss -------------------------------------------------------------------------


def share(n_losses, group=None):
    """Losses 1, 2, .. on rank 0, 11, 12, .. on rank 1, and so on, each times a weight of 1."""
    rank = dist.get_rank(group)
    weight = torch.ones((), dtype=torch.float64, requires_grad=True)
    count = torch.tensor(n_losses[rank])
    loss_sum = (weight * (torch.arange(1, n_losses[rank] + 1) + 10 * rank)).sum()
    before = loss_sum.item()
    loss = ddp.global_mean_loss(loss_sum, count, group)
    loss.backward()
    return loss.detach(), weight.grad, (loss_sum.item() - before, count.item())


@pytest.mark.exercise("2.14")
def test_loss_of_uneven_batches():
    n_losses = [3, 1]
    results = ranks.run(2, share, n_losses)
    # 1, 2, 3 and 11: their mean is 17 / 4; the ranks' own means are 2 and 11.
    values = [loss for loss, *_ in results]
    checks.close(sum(values) / 2, 17 / 4, "mean over the ranks of losses 1, 2, 3 and 11")
    checks.close(values, [2 * 6 / 4, 2 * 11 / 4], "each rank's loss, of 1, 2, 3 and of 11")
    checks.close([grad for _, grad, _ in results], values, "gradients of what is 1 times the loss")
    kept = [kept for *_, kept in results]
    checks.equal(kept, [(0.0, n) for n in n_losses], "change of loss_sum, and count afterwards")


@pytest.mark.exercise("2.14")
def test_loss_of_an_empty_batch():
    values = [loss for loss, *_ in ranks.run(3, share, [2, 0, 2])]
    checks.close(values, [3 * 3 / 4, 0.0, 3 * 43 / 4], "losses 1, 2; none; 21, 22")


@pytest.mark.exercise("2.14")
def test_loss_in_a_group():
    values = [loss for loss, *_ in of_members(5, lambda group: share([3, 1], group))]
    checks.close(values, [3.0, 5.5], "losses of two ranks within five")


# -- all of it --------------------------------------------------------------------------------


def batches(n_steps, n_rows):
    generator = torch.Generator().manual_seed(5)
    shape = (n_steps, n_rows, TINY.block_size + 1)
    return torch.randint(TINY.vocab_size, shape, generator=generator)


def loss_sum_of(model, rows):
    return next_token_loss(model(rows[:, :-1])[0], rows[:, 1:], "sum")


def descend(model, lr=0.5):
    with torch.no_grad():
        for p in model.parameters():
            p -= lr * p.grad
            p.grad = None


def train_alone(state, rows):
    model = GPT(TINY).double()
    model.load_state_dict(state)
    for batch in rows:
        (loss_sum_of(model, batch) / batch[:, 1:].numel()).backward()
        descend(model)
    return model.state_dict()


def train_together(way, rows, cuts):
    model = GPT(TINY).double()  # each rank draws its own
    ddp.broadcast_parameters(model)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    for batch in rows:
        mine = batch.tensor_split(cuts)[dist.get_rank()]
        count = torch.tensor(mine[:, 1:].numel())
        ddp.global_mean_loss(loss_sum_of(model, mine), count).backward()
        getattr(ddp, way)(model)
        descend(model)
    return start, model.state_dict()


@pytest.mark.exercise("2.14")
@pytest.mark.parametrize(("way", "cuts"), [(WAYS[0], (3, 4)), (WAYS[1], (1,))])
def test_five_steps_on_uneven_batches(way, cuts):
    rows = batches(5, 8)
    results = ranks.run(len(cuts) + 1, train_together, way, rows, cuts)
    alone = train_alone(results[0][0], rows)
    for rank, (_, together) in enumerate(results):
        name = f"parameters on rank {rank} after five steps, {way}"
        # Sums in another order, in float64, over five steps.
        checks.close(together, alone, name, rtol=1e-12, atol=1e-12)


# -- proofs of the solution, against torch's own ----------------------------------------------


def against_torch():
    from torch.nn.parallel import DistributedDataParallel

    torch.manual_seed(dist.get_rank())
    theirs = DistributedDataParallel(GPT(TINY).double())
    ours = GPT(TINY).double()
    ddp.broadcast_parameters(ours)
    ours.load_state_dict(theirs.module.state_dict())
    rows = batches(1, 2 * dist.get_world_size())[0].tensor_split(dist.get_world_size())
    mine = rows[dist.get_rank()]
    for model in (ours, theirs):
        model(mine[:, :-1], mine[:, 1:])[1].backward()
    for way in WAYS:
        getattr(ddp, way)(ours)  # of the mean, the second time, which changes nothing
        for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            checks.close(p.grad, q.grad, f"{way}: {name}", rtol=1e-12, atol=1e-14)


def test_gradients_agree_with_torch():
    ranks.run(2, against_torch)
