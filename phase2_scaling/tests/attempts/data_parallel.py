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


@attempt("arrived_crosses_off_in_silence")
def _(self, p):
    file_away(self, p)
    if self.syncing:
        notice_end(self)
        self.launch()
