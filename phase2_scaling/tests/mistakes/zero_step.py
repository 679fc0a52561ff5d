"""Classic wrong steps of the sharded optimiser of `solution/zero.py`."""

import torch
import torch.distributed as dist

from shared.mistakes import mistake


@mistake(
    "2.18",
    "zero.ShardedOptimizer.step",
    "Each rank has stepped its share and nobody has told the others: their copies of it are old.",
)
def step_keeps_to_itself(self):
    for (index, start, stop), part in zip(self.pieces, self.parts):
        gradient = self.params[index].grad
        if gradient is not None:
            part.grad = gradient.reshape(-1)[start:stop].to(part.dtype)
    self.inner.step()
    for (index, start, stop), part in zip(self.pieces, self.parts):
        part.grad = None
        if part.dtype != self.flat.dtype:
            self.params[index].data.view(-1)[start:stop] = part.detach()


@mistake(
    "2.18",
    "zero.ShardedOptimizer.step",
    "The shares are gathered before they are stepped: the others get those of the step before.",
)
def step_gathers_first(self):
    for (index, start, stop), part in zip(self.pieces, self.parts):
        gradient = self.params[index].grad
        if gradient is not None:
            part.grad = gradient.reshape(-1)[start:stop].to(part.dtype)
    dist.all_gather(self.shares, self.shares[self.rank], group=self.group)
    self.inner.step()
    for (index, start, stop), part in zip(self.pieces, self.parts):
        part.grad = None
        if part.dtype != self.flat.dtype:
            self.params[index].data.view(-1)[start:stop] = part.detach()


@mistake(
    "2.18",
    "zero.ShardedOptimizer.step",
    "Each part gets the first numbers of the gradient, whichever numbers of the parameter it stands for.",
)
def step_takes_first_numbers(self):
    for (index, start, stop), part in zip(self.pieces, self.parts):
        gradient = self.params[index].grad
        if gradient is not None:
            part.grad = gradient.reshape(-1)[: stop - start].to(part.dtype)
    self.inner.step()
    for (index, start, stop), part in zip(self.pieces, self.parts):
        part.grad = None
        if part.dtype != self.flat.dtype:
            self.params[index].data.view(-1)[start:stop] = part.detach()
    dist.all_gather(self.shares, self.shares[self.rank], group=self.group)


@mistake(
    "2.18",
    "zero.ShardedOptimizer.step",
    "The gradients are divided by the number of ranks here. They were averaged before; now the learning rate depends on n.",
)
def step_averages_again(self):
    for (index, start, stop), part in zip(self.pieces, self.parts):
        gradient = self.params[index].grad
        if gradient is not None:
            part.grad = gradient.reshape(-1)[start:stop].to(part.dtype) / self.n
    self.inner.step()
    for (index, start, stop), part in zip(self.pieces, self.parts):
        part.grad = None
        if part.dtype != self.flat.dtype:
            self.params[index].data.view(-1)[start:stop] = part.detach()
    dist.all_gather(self.shares, self.shares[self.rank], group=self.group)


@mistake(
    "2.18",
    "zero.ShardedOptimizer.step",
    "The gradients are added up over the ranks here. They were averaged before: each rank has the mean already.",
)
def step_adds_up_gradients(self):
    for (index, start, stop), part in zip(self.pieces, self.parts):
        gradient = self.params[index].grad
        if gradient is not None:
            part.grad = gradient.reshape(-1)[start:stop].to(part.dtype) * self.n
    self.inner.step()
    for (index, start, stop), part in zip(self.pieces, self.parts):
        part.grad = None
        if part.dtype != self.flat.dtype:
            self.params[index].data.view(-1)[start:stop] = part.detach()
    dist.all_gather(self.shares, self.shares[self.rank], group=self.group)


@mistake(
    "2.18",
    "zero.ShardedOptimizer.step",
    "All ranks get what rank 0 has. Every rank has made one share, and the row is put together of all of them.",
)
def step_broadcasts_rank_0(self):
    for (index, start, stop), part in zip(self.pieces, self.parts):
        gradient = self.params[index].grad
        if gradient is not None:
            part.grad = gradient.reshape(-1)[start:stop].to(part.dtype)
    self.inner.step()
    for (index, start, stop), part in zip(self.pieces, self.parts):
        part.grad = None
        if part.dtype != self.flat.dtype:
            self.params[index].data.view(-1)[start:stop] = part.detach()
    dist.broadcast(self.flat, group=self.group, group_src=0)


@mistake(
    "2.18",
    "zero.ShardedOptimizer.step",
    "The rows of all ranks are averaged. Only one of them has stepped a number; the others hold its old value, and the step shrinks.",
)
def step_averages_the_row(self):
    for (index, start, stop), part in zip(self.pieces, self.parts):
        gradient = self.params[index].grad
        if gradient is not None:
            part.grad = gradient.reshape(-1)[start:stop].to(part.dtype)
    self.inner.step()
    for (index, start, stop), part in zip(self.pieces, self.parts):
        part.grad = None
        if part.dtype != self.flat.dtype:
            self.params[index].data.view(-1)[start:stop] = part.detach()
    dist.all_reduce(self.flat, group=self.group)
    self.flat.div_(self.n)


@mistake(
    "2.18",
    "zero.ShardedOptimizer.step",
    "The gradients of the parts stay. A parameter that has none in the next step is then moved by that of this one.",
)
def step_leaves_old_gradients(self):
    for (index, start, stop), part in zip(self.pieces, self.parts):
        gradient = self.params[index].grad
        if gradient is not None:
            part.grad = gradient.reshape(-1)[start:stop].to(part.dtype)
    self.inner.step()
    for (index, start, stop), part in zip(self.pieces, self.parts):
        if part.dtype != self.flat.dtype:
            self.params[index].data.view(-1)[start:stop] = part.detach()
    dist.all_gather(self.shares, self.shares[self.rank], group=self.group)


@mistake(
    "2.18",
    "zero.ShardedOptimizer.step",
    "The gradients of the parameters are thrown away. They belong to the caller; drop those of the parts.",
)
def step_drops_parameters_gradients(self):
    for (index, start, stop), part in zip(self.pieces, self.parts):
        gradient = self.params[index].grad
        if gradient is not None:
            part.grad = gradient.reshape(-1)[start:stop].to(part.dtype)
    self.inner.step()
    for (index, start, stop), part in zip(self.pieces, self.parts):
        part.grad = None
        if part.dtype != self.flat.dtype:
            self.params[index].data.view(-1)[start:stop] = part.detach()
    dist.all_gather(self.shares, self.shares[self.rank], group=self.group)
    self.zero_grad()


@mistake(
    "2.18",
    "zero.ShardedOptimizer.step",
    "Where a parameter has no gradient, the part's own is overwritten. ZeRO-2 puts the gradients right there: leave it.",
)
def step_overwrites_parts_gradients(self):
    for (index, start, stop), part in zip(self.pieces, self.parts):
        gradient = self.params[index].grad
        part.grad = None if gradient is None else gradient.reshape(-1)[start:stop].to(part.dtype)
    self.inner.step()
    for (index, start, stop), part in zip(self.pieces, self.parts):
        part.grad = None
        if part.dtype != self.flat.dtype:
            self.params[index].data.view(-1)[start:stop] = part.detach()
    dist.all_gather(self.shares, self.shares[self.rank], group=self.group)


@mistake(
    "2.18",
    "zero.ShardedOptimizer.step",
    "A parameter without a gradient is stepped with zeros: momentum and decay move it all the same. It is to be passed over.",
)
def step_makes_up_zeros(self):
    for (index, start, stop), part in zip(self.pieces, self.parts):
        gradient = self.params[index].grad
        if gradient is None and part.grad is None:
            gradient = torch.zeros_like(self.params[index])
        if gradient is not None:
            part.grad = gradient.reshape(-1)[start:stop].to(part.dtype)
    self.inner.step()
    for (index, start, stop), part in zip(self.pieces, self.parts):
        part.grad = None
        if part.dtype != self.flat.dtype:
            self.params[index].data.view(-1)[start:stop] = part.detach()
    dist.all_gather(self.shares, self.shares[self.rank], group=self.group)


@mistake(
    "2.18",
    "zero.ShardedOptimizer.step",
    "The master copies are stepped, and the parameters never hear of it: round them into this rank's numbers.",
)
def step_forgets_the_master(self):
    for (index, start, stop), part in zip(self.pieces, self.parts):
        gradient = self.params[index].grad
        if gradient is not None:
            part.grad = gradient.reshape(-1)[start:stop].to(part.dtype)
    self.inner.step()
    for part in self.parts:
        part.grad = None
    dist.all_gather(self.shares, self.shares[self.rank], group=self.group)


@mistake(
    "2.18",
    "zero.ShardedOptimizer.step",
    "The shares are gathered among all ranks there are, not among those of the group.",
)
def step_forgets_the_group(self):
    for (index, start, stop), part in zip(self.pieces, self.parts):
        gradient = self.params[index].grad
        if gradient is not None:
            part.grad = gradient.reshape(-1)[start:stop].to(part.dtype)
    self.inner.step()
    for (index, start, stop), part in zip(self.pieces, self.parts):
        part.grad = None
        if part.dtype != self.flat.dtype:
            self.params[index].data.view(-1)[start:stop] = part.detach()
    dist.all_gather(self.shares, self.shares[self.rank])


@mistake(
    "2.18",
    "zero.ShardedOptimizer.step",
    "view(-1) is for what lies in a row, and a gradient may not, for instance one that came out of a transposition.",
)
def step_views_the_gradient(self):
    for (index, start, stop), part in zip(self.pieces, self.parts):
        gradient = self.params[index].grad
        if gradient is not None:
            part.grad = gradient.view(-1)[start:stop].to(part.dtype)
    self.inner.step()
    for (index, start, stop), part in zip(self.pieces, self.parts):
        part.grad = None
        if part.dtype != self.flat.dtype:
            self.params[index].data.view(-1)[start:stop] = part.detach()
    dist.all_gather(self.shares, self.shares[self.rank], group=self.group)


@mistake(
    "2.18",
    "zero.ShardedOptimizer.step",
    "An all-reduce in a step: the gradients are averages already, and each share has one owner. To gather takes half the bytes.",
)
def step_all_reduces(self):
    for (index, start, stop), part in zip(self.pieces, self.parts):
        gradient = self.params[index].grad
        if gradient is not None:
            part.grad = gradient.reshape(-1)[start:stop].to(part.dtype)
    self.inner.step()
    for (index, start, stop), part in zip(self.pieces, self.parts):
        part.grad = None
        if part.dtype != self.flat.dtype:
            self.params[index].data.view(-1)[start:stop] = part.detach()
    for rank, share in enumerate(self.shares):
        if rank != self.rank:
            share.zero_()
    dist.all_reduce(self.flat, group=self.group)
