"""The mistakes of `mistakes/fully_sharded.py`, as others would write them."""

import torch
import torch.distributed as dist

from shared.mistakes import attempt


def slots(unit):
    size = unit.local.numel()
    return [unit.full[r * size : (r + 1) * size] for r in range(unit.n)]


def make_room(unit):
    unit.full.untyped_storage().resize_(unit.full_bytes)


@attempt("gather_every_time")
def _(self):
    make_room(self)
    self.gathering = dist.all_gather(slots(self), self.local, self.group, async_op=True)


@attempt("gather_waits")
def _(self):
    if self.is_whole:
        return
    make_room(self)
    work = dist.all_gather(slots(self), self.local, group=self.group, async_op=True)
    work.wait()


@attempt("gather_own_first")
def _(self):
    if self.is_whole:
        return
    make_room(self)
    places = slots(self)
    shift = dist.get_rank(self.group)
    turned = [places[(i + self.n - shift) % self.n] for i in range(self.n)]
    self.gathering = dist.all_gather(turned, self.local, group=self.group, async_op=True)


@attempt("gather_elsewhere")
def _(self):
    if self.is_whole:
        return
    make_room(self)
    self.full.fill_(0)
    copies = [slot.clone() for slot in slots(self)]
    self.gathering = dist.all_gather(copies, self.local, group=self.group, async_op=True)


@attempt("gather_forgets_the_group")
def _(self):
    if self.is_whole:
        return
    make_room(self)
    self.gathering = dist.all_gather(slots(self), self.local, group=None, async_op=True)


@attempt("gather_own_only")
def _(self):
    if self.is_whole:
        return
    make_room(self)
    self.full.fill_(0)
    slots(self)[dist.get_rank(self.group)].copy_(self.local)
    self.gathering = dist.barrier(group=self.group, async_op=True)


def pieces_of(unit):
    return list(unit.gradient.split(unit.local.numel()))


@attempt("reduce_scatter_waits")
def _(self):
    self.received = torch.zeros_like(self.local)
    work = dist.reduce_scatter(self.received, pieces_of(self), group=self.group, async_op=True)
    work.wait()


@attempt("reduce_scatter_averages")
def _(self):
    self.received = torch.zeros_like(self.local)
    scaled = [piece / dist.get_world_size(self.group) for piece in pieces_of(self)]
    self.reducing = dist.reduce_scatter(self.received, scaled, group=self.group, async_op=True)


@attempt("reduce_scatter_backwards")
def _(self):
    self.received = torch.zeros_like(self.local)
    turned = list(reversed(pieces_of(self)))
    self.reducing = dist.reduce_scatter(self.received, turned, group=self.group, async_op=True)


@attempt("reduce_scatter_all_reduces")
def _(self):
    self.reducing = dist.all_reduce(self.gradient, group=self.group, async_op=True)
    self.received = pieces_of(self)[dist.get_rank(self.group)]


@attempt("reduce_scatter_only_scatters")
def _(self):
    first = dist.get_global_rank(self.group, 0) if self.group else 0
    self.received = torch.zeros_like(self.local)
    if dist.get_rank() == first:
        self.reducing = dist.scatter(
            self.received, pieces_of(self), src=first, group=self.group, async_op=True
        )
    else:
        self.reducing = dist.scatter(self.received, src=first, group=self.group, async_op=True)


@attempt("reduce_scatter_forgets_the_group")
def _(self):
    self.received = torch.zeros_like(self.local)
    self.reducing = dist.reduce_scatter(self.received, pieces_of(self), async_op=True)


def take(unit, numbers, skip=False, thaw=False, add=True):
    offset = 0
    for part in unit.parts.values():
        if thaw or part.requires_grad:
            mine = numbers[offset : offset + len(part)].clone()
            if add and part.grad is not None:
                mine += part.grad
            part.grad = mine
        elif skip:
            continue
        offset += len(part)


def forget(unit):
    unit.gradient = None
    unit.received = None
    unit.reducing = None


@attempt("finish_keeps_the_sum")
def _(self):
    if self.reducing is not None:
        self.reducing.wait()
        take(self, self.received)
        forget(self)


@attempt("finish_overwrites")
def _(self):
    if self.reducing is not None:
        self.reducing.wait()
        take(self, self.received / self.n, add=False)
        forget(self)


@attempt("finish_forgets_frozen_places")
def _(self):
    if self.reducing is not None:
        self.reducing.wait()
        take(self, self.received / self.n, skip=True)
        forget(self)


@attempt("finish_thaws")
def _(self):
    if self.reducing is not None:
        self.reducing.wait()
        take(self, self.received / self.n, thaw=True)
        forget(self)


@attempt("fully_sharded_finish_does_not_wait")
def _(self):
    if self.reducing is not None:
        take(self, self.received / self.n)
        forget(self)


@attempt("finish_keeps_the_gradient")
def _(self):
    if self.reducing is not None:
        self.reducing.wait()
        take(self, self.received / self.n)
        kept = self.gradient
        forget(self)
        self.gradient = kept
