"""The mistakes of `mistakes/data_parallel.py`, as others would write them."""

import torch.distributed as dist

from phase2_scaling.solution import data_parallel
from shared.mistakes import attempt


def file_away(model, p):
    model.home[p].keep(p)
    model.home[p].missing -= {p}


def notice_end(model):
    if model.in_backward is False:
        data_parallel.at_end_of_backward(model.finish)
    model.in_backward = True


def send(model, bucket, n):
    bucket.flat.mul_(1 / n)
    work = dist.all_reduce(bucket.flat, op=dist.ReduceOp.SUM, group=model.group, async_op=True)
    model.under_way += [work]
    return work


def next_full(model):
    """Return the next bucket if it is full, else None."""
    rest = model.buckets[len(model.under_way) :]
    return rest[0] if rest and not rest[0].missing else None


def complete(model):
    [bucket.fill() for bucket in model.buckets]
    model.launch()


@attempt("no_sync_ends_all")
def _(self):
    setattr(self, "syncing", False)
    try:
        yield self
    finally:
        setattr(self, "syncing", True)


@attempt("no_sync_survives_no_error")
def _(self):
    old = self.syncing
    self.syncing = False
    yield self
    self.syncing = old


@attempt("no_sync_for_ever")
def _(self):
    try:
        self.syncing = False
        yield self
    finally:
        self.syncing = False


@attempt("no_sync_still_syncs")
def _(self):
    yield self


@attempt("arrived_always_sends")
def _(self, p):
    notice_end(self)
    file_away(self, p)
    self.launch()


@attempt("arrived_finishes_often")
def _(self, p):
    if not self.syncing:
        self.home[p].keep(p)
    else:
        data_parallel.at_end_of_backward(self.finish)
        file_away(self, p)
        self.launch()


@attempt("arrived_never_finishes")
def _(self, p):
    if not self.syncing:
        return self.home[p].keep(p)
    file_away(self, p)
    self.launch()


@attempt("arrived_keeps_when_syncing")
def _(self, p):
    if self.syncing:
        notice_end(self)
        file_away(self, p)
        self.launch()


@attempt("arrived_sends_at_the_end")
def _(self, p):
    if self.syncing:
        file_away(self, p)
        notice_end(self)
    else:
        self.home[p].keep(p)


@attempt("arrived_averages_at_once")
def _(self, p):
    if not self.syncing:
        return
    p.grad.div_(dist.get_world_size(self.group))
    work = dist.all_reduce(p.grad, group=self.group, async_op=True)
    work.wait()


@attempt("arrived_keeps_nothing")
def _(self, p):
    if self.syncing:
        notice_end(self)
        self.home[p].missing -= {p}
        self.launch()


@attempt("launch_sums")
def _(self):
    while (bucket := next_full(self)) is not None:
        send(self, bucket, 1)


@attempt("launch_divides_by_the_world")
def _(self):
    while (bucket := next_full(self)) is not None:
        send(self, bucket, dist.get_world_size())


@attempt("launch_in_order_of_arrival")
def _(self):
    if len(self.under_way) == 0:
        self.sent = [False] * len(self.buckets)
    for index in range(len(self.buckets)):
        if self.sent[index] or len(self.buckets[index].missing) > 0:
            continue
        self.sent[index] = True
        send(self, self.buckets[index], dist.get_world_size(self.group))


@attempt("launch_waits")
def _(self):
    while (bucket := next_full(self)) is not None:
        send(self, bucket, dist.get_world_size(self.group)).wait()


@attempt("launch_one")
def _(self):
    bucket = next_full(self)
    if bucket is not None:
        send(self, bucket, dist.get_world_size(self.group))


@attempt("finish_leaves_the_partial")
def _(self):
    for i, work in enumerate(self.under_way):
        work.wait()
        self.buckets[i].settle()
    self.in_backward = False
    self.under_way = []


@attempt("finish_does_not_wait")
def _(self):
    complete(self)
    [bucket.settle() for bucket in self.buckets]
    self.in_backward = False
    self.under_way.clear()


@attempt("finish_does_not_settle")
def _(self):
    complete(self)
    while self.under_way:
        self.under_way.pop().wait()
    self.in_backward = False


@attempt("finish_keeps_the_list")
def _(self):
    complete(self)
    [work.wait() for work in self.under_way]
    [bucket.settle() for bucket in self.buckets]
    self.in_backward = False


@attempt("finish_stays_in_backward")
def _(self):
    complete(self)
    while self.under_way:
        self.under_way.pop(0).wait()
    for bucket in self.buckets:
        bucket.settle()
