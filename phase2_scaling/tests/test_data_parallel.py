import time
from contextlib import ExitStack, suppress

import pytest
import torch
import torch.distributed as dist
from torch import nn

from phase2_scaling.solution import data_parallel
from phase2_scaling.solution.ddp import global_mean_loss
from phase2_scaling.solution.model import GPT
from phase2_scaling.tests.groups import of_members, watch_all_reduces
from phase2_scaling.tests.test_ddp import TINY, Odd, batches, descend, loss_sum_of, train_alone
from shared import checks, ranks

ALONE = 1  # bytes: a bucket for each parameter
TOGETHER = 2**20


class Layers(nn.Module):
    """Three layers of a weight and a bias each, applied in the order given."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(2, 2, dtype=torch.float64) for _ in range(3))

    def forward(self, x, order=(0, 1, 2), reached=lambda _: None):
        for i in order:
            x = self.layers[i](x)
            x.register_hook(reached)
        return x.sum()


def replica(module, bucket_bytes, group=None):
    return data_parallel.DataParallel(module, group, bucket_bytes)


def copied(gradients):
    return [None if p is None else p.clone() for p in gradients]


# -- one backward pass ------------------------------------------------------------------------


class Weights(nn.Module):
    """Two weights; a rank may leave out either."""

    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.rand(2, dtype=torch.float64))
        self.b = nn.Parameter(torch.rand(2, dtype=torch.float64))
        self.never = nn.Parameter(torch.rand(2, dtype=torch.float64))

    def forward(self, a, b):
        loss = 0 if a is None else a * self.a.sum()
        return loss if b is None else loss + b * self.b.sum()

    def gradients(self):
        return copied([self.a.grad, self.b.grad, self.never.grad])


def gradients_of(factors, bucket_bytes, group=None):
    """Backward once for each pair of factors of this rank, and keep the gradients."""
    module = Weights()
    model, kept = replica(module, bucket_bytes, group), []
    if dist.get_rank(group) == 1:
        time.sleep(0.1)  # whoever does not wait for its messages has no mean yet
    for a, b in factors[dist.get_rank(group)]:
        model(a, b).backward()
        kept.append(module.gradients())
        for p in module.parameters():
            p.grad = None
    return kept


def twos(*values):
    filled = [v if v is None else torch.full((2,), v, dtype=torch.float64) for v in values]
    return [*filled, None]


def places():
    """Whether each gradient lies in a bucket's buffer, of those that were there before."""
    model = replica(module := Weights(), TOGETHER)
    buffers = [bucket.flat.untyped_storage().data_ptr() for bucket in model.buckets]
    model(1.0, 10.0).backward()
    found = [p.grad for p in (module.a, module.b)]
    return [g is not None and g.untyped_storage().data_ptr() in buffers for g in found]


@pytest.mark.exercise("2.15")
def test_gradients_lie_in_the_buckets():
    checks.equal(ranks.run(1, places)[0], [True, True], "gradients of a, b are in the buckets")


@pytest.mark.exercise("2.15")
@pytest.mark.parametrize("n", [2, 3])
def test_mean(n):
    factors = [[(1.0 + rank, 10.0)] for rank in range(n)]
    results = ranks.run(n, gradients_of, factors, TOGETHER)
    name = f"gradients 1 .. {n} and 10, averaged over {n} ranks"
    checks.close([kept[0][:2] for kept in results], [twos((n + 1) / 2, 10.0)[:2]] * n, name)
    name = f"gradients of one that none of {n} ranks uses"
    checks.equal([kept[0][2] for kept in results], [None] * n, name)


ORDERS = ((0, 1, 2), (2, 1, 0))


def loss_of(model, rank):
    return model(torch.full((1, 2), rank + 1.0, dtype=torch.float64), ORDERS[rank])


def other_way_round():
    model = replica(Layers(), ALONE)
    loss_of(model, dist.get_rank()).backward()
    parameters = list(model.parameters())
    alone = [torch.autograd.grad(loss_of(model.module, rank), parameters) for rank in (0, 1)]
    return copied(p.grad for p in parameters), [(a + b) / 2 for a, b in zip(*alone, strict=True)]


@pytest.mark.exercise("2.15")
def test_all_ranks_send_in_one_order():
    for rank, (means, expected) in enumerate(ranks.run(2, other_way_round)):
        name = f"gradients on rank {rank}, when rank 1 uses the layers the other way round"
        checks.close(means, expected, name, rtol=1e-12, atol=1e-12)


@pytest.mark.exercise("2.15")
@pytest.mark.parametrize("bucket_bytes", [TOGETHER, ALONE])
def test_unused_on_some_ranks(bucket_bytes):
    # Rank 0 leaves out b, then a; rank 1 leaves out a, then b; in the end nobody uses a.
    factors = [
        [(2.0, None), (None, 6.0), (None, 2.0)],
        [(None, 8.0), (4.0, None), (None, 4.0)],
    ]
    results = ranks.run(2, gradients_of, factors, bucket_bytes)
    how = "one bucket" if bucket_bytes == TOGETHER else "a bucket for each parameter"
    expected = [twos(1.0, 4.0), twos(2.0, 3.0), twos(None, 3.0)]
    for step, want in enumerate(expected):
        name = f"step {step}, ranks that leave out other parameters, {how}: gradients by rank"
        checks.equal([kept[step] for kept in results], [want] * 2, name)


@pytest.mark.exercise("2.15")
def test_in_a_group():
    def within(group):
        return gradients_of([[(1.0, 10.0)], [(2.0, 20.0)]], TOGETHER, group)

    grads = [kept[0] for kept in of_members(5, within)]
    checks.equal(grads, [twos(1.5, 15.0)] * 2, "gradients in a group of two ranks within five")


# -- when messages leave ----------------------------------------------------------------------


def messages_when_reached(n_backward, n_silent=0):
    """For each backward pass, messages sent when it reaches layers 2, 1, 0, and at its end."""
    model, sent, counts = replica(Layers(), ALONE), watch_all_reduces(), []
    x = torch.ones(1, 2, dtype=torch.float64)
    for _ in range(n_silent):
        with model.no_sync():
            model(x).backward()
    for _ in range(n_backward):
        model(x, reached=lambda _: counts.append(len(sent))).backward()
        counts.append(len(sent))
    return counts


@pytest.mark.exercise("2.15")
def test_messages_leave_early():
    results = ranks.run(2, messages_when_reached, 2)
    # A layer has two parameters, and here each is a bucket.
    name = "messages under way when backward reaches layers 2, 1, 0, and at its end, twice"
    checks.equal(results, [[0, 2, 4, 6, 6, 8, 10, 12]] * 2, name)


def wait_for_the_other():
    """Rank 1 begins its backward pass when rank 0 has come to the end of its own, nearly."""
    model, token = replica(Layers(), ALONE), torch.zeros(1)
    counts, sent = [], watch_all_reduces()

    def tell(_):
        counts.append(len(sent))
        if len(counts) == 3:
            dist.send(token, 1)

    if dist.get_rank() == 1:
        loss = model(torch.ones(1, 2, dtype=torch.float64))
        dist.recv(token, 0)
    else:
        loss = model(torch.ones(1, 2, dtype=torch.float64), reached=tell)
    loss.backward()
    return counts


@pytest.mark.exercise("2.15")
def test_backward_goes_on_while_messages_travel():
    # Rank 1 takes part in no message before rank 0 has reached layer 0: to wait is to hang.
    counts = ranks.run(2, wait_for_the_other)[0]
    checks.equal(counts, [0, 2, 4], "messages of rank 0, whose backward rank 1 waits for")


def count_messages(bucket_bytes):
    model = replica(Odd(), bucket_bytes)
    sent = watch_all_reduces()
    (model.module.weight.sum() + model.module.small.sum()).backward()
    return len(sent), len(model.buckets)


@pytest.mark.exercise("2.15")
def test_a_message_for_each_bucket():
    # Trained are two of float64 that are used, one that is not, and one of float32.
    counts = [ranks.run(2, count_messages, size) for size in (TOGETHER, ALONE)]
    checks.equal(counts, [[(2, 2)] * 2, [(4, 4)] * 2], "messages and buckets, by rank")


# -- accumulation -----------------------------------------------------------------------------


def blocks():
    """What `syncing` is in and behind blocks of `no_sync`."""
    model, seen = replica(Weights(), TOGETHER), []
    with model.no_sync():
        seen.append(model.syncing)
        with model.no_sync():
            seen.append(model.syncing)
        seen.append(model.syncing)
    seen.append(model.syncing)
    with suppress(KeyError), model.no_sync():
        raise KeyError("something went wrong in the block")
    return [*seen, model.syncing]


@pytest.mark.exercise("2.15")
def test_no_sync_ends_with_its_block():
    name = "syncing in a block, in one within it, after that, after both, after an error in one"
    checks.equal(ranks.run(1, blocks)[0], [False, False, False, True, True], name)


def accumulate(factors, n_silent):
    """Backward for each pair of factors, the first ones without sync; what was sent, and grads."""
    module = Weights()
    model, sent, kept = replica(module, TOGETHER), watch_all_reduces(), []
    for i, (a, b) in enumerate(factors[dist.get_rank()]):
        with ExitStack() as stack:
            if i < n_silent:
                stack.enter_context(model.no_sync())
            model(a, b).backward()
        kept.append((len(sent), module.gradients()))
    return kept


@pytest.mark.exercise("2.15")
def test_accumulation_without_sync():
    # b has its gradient in the first micro-batches only.
    factors = [[(1.0, 2.0), (10.0, None), (100.0, None)], [(3.0, 4.0), (30.0, 1.0), (300.0, None)]]
    first, second = ranks.run(2, accumulate, factors, 2)
    name = "after a micro-batch without sync: messages sent, rank 0's own gradients"
    checks.equal(first[0], (0, twos(1.0, 2.0)), name)
    checks.equal(second[1], (0, twos(33.0, 5.0)), "after two of them, on rank 1")
    name = "after the third micro-batch, with sync: messages, mean of the sums of all three"
    checks.equal([first[2], second[2]], [(1, twos(222.0, 3.5))] * 2, name)


@pytest.mark.exercise("2.15")
def test_buckets_wait_although_a_silent_pass_came_by():
    results = ranks.run(2, messages_when_reached, 1, 1)
    name = "messages when backward reaches layers 2, 1, 0, and at its end, after a silent pass"
    checks.equal(results, [[0, 2, 4, 6]] * 2, name)


# -- all of it --------------------------------------------------------------------------------


def train_together(rows, cuts, bucket_bytes, micro_batches=1):
    model = replica(GPT(TINY).double(), bucket_bytes)  # each rank draws its own
    start = {name: value.clone() for name, value in model.module.state_dict().items()}
    for batch in rows:
        mine = batch.tensor_split(cuts)[dist.get_rank()]
        count = torch.tensor(mine[:, 1:].numel())
        parts = mine.tensor_split(micro_batches)
        for i, part in enumerate(parts):
            with ExitStack() as stack:
                if i < micro_batches - 1:
                    stack.enter_context(model.no_sync())
                global_mean_loss(loss_sum_of(model, part), count).backward()
        descend(model)
    return start, model.module.state_dict()


@pytest.mark.exercise("2.15")
@pytest.mark.parametrize(("n", "cuts", "k"), [(2, (3,), 2), (3, (3, 3), 1)])
def test_five_steps_on_uneven_batches(n, cuts, k):
    rows = batches(5, 8)
    results = ranks.run(n, train_together, rows, cuts, 1000, k)
    alone = train_alone(results[0][0], rows)
    for rank, (_, together) in enumerate(results):
        name = f"parameters on rank {rank} of {n} after five steps of {k} micro-batches"
        # Sums in another order, in float64, over five steps.
        checks.close(together, alone, name, rtol=1e-12, atol=1e-12)
