"""Classic wrong units for `solution/fully_sharded.py`."""

import torch
import torch.distributed as dist

from shared.mistakes import mistake


@mistake(
    "2.19",
    "fully_sharded.Unit.gather",
    "It gathers although the parameters are here already. Prefetching would double the traffic: look before you ask.",
)
def gather_every_time(self):
    self.full.untyped_storage().resize_(self.full_bytes)
    shares = list(self.full.chunk(self.n))
    self.gathering = dist.all_gather(shares, self.local, group=self.group, async_op=True)


@mistake(
    "2.19",
    "fully_sharded.Unit.gather",
    "It waits until all is there. The point of asking early is to compute meanwhile: start the work, and keep what to wait for.",
)
def gather_waits(self):
    if not self.is_whole:
        self.full.untyped_storage().resize_(self.full_bytes)
        dist.all_gather(list(self.full.chunk(self.n)), self.local, group=self.group)


@mistake(
    "2.19",
    "fully_sharded.Unit.gather",
    "This rank's share comes first, then those of the ranks after it. On every rank the order is that of the ranks: 0, 1, 2 ...",
)
def gather_own_first(self):
    if not self.is_whole:
        self.full.untyped_storage().resize_(self.full_bytes)
        shares, rank = list(self.full.chunk(self.n)), dist.get_rank(self.group)
        shares = [shares[(r - rank) % self.n] for r in range(self.n)]
        self.gathering = dist.all_gather(shares, self.local, group=self.group, async_op=True)


@mistake(
    "2.19",
    "fully_sharded.Unit.gather",
    "The numbers go into memory of their own, and the parameters, which are views of full, never see them.",
)
def gather_elsewhere(self):
    if not self.is_whole:
        self.full.untyped_storage().resize_(self.full_bytes)
        self.full.zero_()
        shares = [torch.empty_like(self.local) for _ in range(self.n)]
        self.gathering = dist.all_gather(shares, self.local, group=self.group, async_op=True)


@mistake(
    "2.19",
    "fully_sharded.Unit.gather",
    "The work goes to all ranks there are. Shares lie on those of the group alone.",
)
def gather_forgets_the_group(self):
    if not self.is_whole:
        self.full.untyped_storage().resize_(self.full_bytes)
        shares = list(self.full.chunk(self.n))
        self.gathering = dist.all_gather(shares, self.local, async_op=True)


@mistake(
    "2.19",
    "fully_sharded.Unit.gather",
    "Only this rank's share is put in its place; the others' have to come from the others.",
)
def gather_own_only(self):
    if not self.is_whole:
        self.full.untyped_storage().resize_(self.full_bytes)
        self.full.zero_()
        mine = self.full.chunk(self.n)[dist.get_rank(self.group)].copy_(self.local)
        self.gathering = dist.all_gather(
            [torch.empty_like(mine) for _ in range(self.n)], mine, group=self.group, async_op=True
        )


@mistake(
    "2.19",
    "fully_sharded.Unit.reduce_scatter",
    "It waits until the sum is there: the rest of the backward pass could be computed meanwhile.",
)
def reduce_scatter_waits(self):
    self.received = torch.empty_like(self.local)
    dist.reduce_scatter(self.received, list(self.gradient.chunk(self.n)), group=self.group)


@mistake(
    "2.19",
    "fully_sharded.Unit.reduce_scatter",
    "The gradients are divided when they are sent. Send them as they are: the mean is taken in finish, once.",
)
def reduce_scatter_averages(self):
    self.received = torch.empty_like(self.local)
    shares = list((self.gradient / self.n).chunk(self.n))
    self.reducing = dist.reduce_scatter(self.received, shares, group=self.group, async_op=True)


@mistake(
    "2.19",
    "fully_sharded.Unit.reduce_scatter",
    "The shares are sent out from the last to the first: rank 0 gets the gradients of what rank n - 1 holds.",
)
def reduce_scatter_backwards(self):
    self.received = torch.empty_like(self.local)
    shares = list(self.gradient.chunk(self.n))[::-1]
    self.reducing = dist.reduce_scatter(self.received, shares, group=self.group, async_op=True)


@mistake(
    "2.19",
    "fully_sharded.Unit.reduce_scatter",
    "Every rank gets the sum of everything, to use a share of it: twice the traffic, and gradient is overwritten on the way.",
)
def reduce_scatter_all_reduces(self):
    self.reducing = dist.all_reduce(self.gradient, group=self.group, async_op=True)
    self.received = self.gradient.chunk(self.n)[dist.get_rank(self.group)]


@mistake(
    "2.19",
    "fully_sharded.Unit.reduce_scatter",
    "Nothing is added up: each rank gets its share from one rank only.",
)
def reduce_scatter_only_scatters(self):
    self.received = torch.empty_like(self.local)
    shares = list(self.gradient.chunk(self.n)) if dist.get_rank(self.group) == 0 else None
    self.reducing = dist.scatter(
        self.received, shares, group=self.group, group_src=0, async_op=True
    )


@mistake(
    "2.19",
    "fully_sharded.Unit.reduce_scatter",
    "The gradients are sent to all ranks there are, not to those of the group.",
)
def reduce_scatter_forgets_the_group(self):
    self.received = torch.empty_like(self.local)
    shares = list(self.gradient.chunk(self.n))
    self.reducing = dist.reduce_scatter(self.received, shares, async_op=True)


@mistake(
    "2.19",
    "fully_sharded.Unit.finish",
    "What arrives is a sum over the ranks; the gradient of the mean loss is their mean.",
)
def finish_keeps_the_sum(self):
    if self.reducing is None:
        return
    self.reducing.wait()
    at = 0
    for part in self.parts.values():
        if part.requires_grad:
            run = self.received[at : at + part.numel()]
            part.grad = run if part.grad is None else part.grad + run
        at += part.numel()
    self.gradient = self.received = self.reducing = None


@mistake(
    "2.19",
    "fully_sharded.Unit.finish",
    "The gradient that a part has already is overwritten. A backward pass adds to what there is, else micro-batches are lost.",
)
def finish_overwrites(self):
    if self.reducing is None:
        return
    self.reducing.wait()
    mean = self.received.div_(self.n)
    at = 0
    for part in self.parts.values():
        if part.requires_grad:
            part.grad = mean[at : at + part.numel()]
        at += part.numel()
    self.gradient = self.received = self.reducing = None


@mistake(
    "2.19",
    "fully_sharded.Unit.finish",
    "A frozen part is passed over, but not its place: the parts after it get the numbers that belong to it.",
)
def finish_forgets_frozen_places(self):
    if self.reducing is None:
        return
    self.reducing.wait()
    mean = self.received.div_(self.n)
    at = 0
    for part in self.parts.values():
        if part.requires_grad:
            run = mean[at : at + part.numel()]
            part.grad = run if part.grad is None else part.grad + run
            at += part.numel()
    self.gradient = self.received = self.reducing = None


@mistake(
    "2.19",
    "fully_sharded.Unit.finish",
    "Frozen parts get gradients too, and an optimiser moves, or decays, what has one.",
)
def finish_thaws(self):
    if self.reducing is None:
        return
    self.reducing.wait()
    mean = self.received.div_(self.n)
    at = 0
    for part in self.parts.values():
        run = mean[at : at + part.numel()]
        part.grad = run if part.grad is None else part.grad + run
        at += part.numel()
    self.gradient = self.received = self.reducing = None


@mistake(
    "2.19",
    "fully_sharded.Unit.finish",
    "Nobody waits for the sum: what is handed out is what happened to lie in that memory.",
)
def fully_sharded_finish_does_not_wait(self):
    if self.reducing is None:
        return
    mean = self.received.div_(self.n)
    at = 0
    for part in self.parts.values():
        if part.requires_grad:
            run = mean[at : at + part.numel()]
            part.grad = run if part.grad is None else part.grad + run
        at += part.numel()
    self.gradient = self.received = self.reducing = None


@mistake(
    "2.19",
    "fully_sharded.Unit.finish",
    "The whole gradient is kept: it is as large as the unit itself, and nobody needs it any more.",
)
def finish_keeps_the_gradient(self):
    if self.reducing is None:
        return
    self.reducing.wait()
    mean = self.received.div_(self.n)
    at = 0
    for part in self.parts.values():
        if part.requires_grad:
            run = mean[at : at + part.numel()]
            part.grad = run if part.grad is None else part.grad + run
        at += part.numel()
    self.received = self.reducing = None
