"""Classic wrong answers for `solution/data_parallel.py`."""

import torch.distributed as dist

from phase2_scaling.solution.data_parallel import at_end_of_backward
from shared.mistakes import mistake


@mistake(
    "2.15",
    "data_parallel.DataParallel.no_sync",
    "At the end of the block syncing is on, whatever it was before: an inner block ends the outer one.",
)
def no_sync_ends_all(self):
    self.syncing = False
    try:
        yield
    finally:
        self.syncing = True


@mistake(
    "2.15",
    "data_parallel.DataParallel.no_sync",
    "An error in the block leaves the replica silent for ever: what must happen in any case belongs into `finally`.",
)
def no_sync_survives_no_error(self):
    before, self.syncing = self.syncing, False
    yield
    self.syncing = before


@mistake(
    "2.15",
    "data_parallel.DataParallel.no_sync",
    "Syncing never comes back: the block has an end, too.",
)
def no_sync_for_ever(self):
    self.syncing = False
    yield


@mistake(
    "2.15",
    "data_parallel.DataParallel.no_sync",
    "Nothing changes within the block: every micro-batch still sends its gradients.",
)
def no_sync_still_syncs(self):
    before = self.syncing
    try:
        yield
    finally:
        self.syncing = before


@mistake(
    "2.15",
    "data_parallel.DataParallel.arrived",
    "It sends whatever `no_sync` says: look at `syncing` before a bucket leaves.",
)
def arrived_always_sends(self, p):
    bucket = self.home[p]
    bucket.keep(p)
    if not self.in_backward:
        self.in_backward = True
        at_end_of_backward(self.finish)
    bucket.missing.discard(p)
    self.launch()


@mistake(
    "2.15",
    "data_parallel.DataParallel.arrived",
    "Each parameter asks for the end to be noticed, so it is noticed many times, and everything is sent again each time.",
)
def arrived_finishes_often(self, p):
    bucket = self.home[p]
    bucket.keep(p)
    if not self.syncing:
        return
    self.in_backward = True
    at_end_of_backward(self.finish)
    bucket.missing.discard(p)
    self.launch()


@mistake(
    "2.15",
    "data_parallel.DataParallel.arrived",
    "Nobody notices that backward ends: buckets that miss a parameter are never sent, and nothing is waited for.",
)
def arrived_never_finishes(self, p):
    bucket = self.home[p]
    bucket.keep(p)
    if self.syncing:
        bucket.missing.discard(p)
        self.launch()


@mistake(
    "2.15",
    "data_parallel.DataParallel.arrived",
    "In silent passes the gradient never gets into its bucket; one that comes only then is sent as what lay there before.",
)
def arrived_keeps_when_syncing(self, p):
    if not self.syncing:
        return
    bucket = self.home[p]
    bucket.keep(p)
    if not self.in_backward:
        self.in_backward = True
        at_end_of_backward(self.finish)
    bucket.missing.discard(p)
    self.launch()


@mistake(
    "2.15",
    "data_parallel.DataParallel.arrived",
    "Buckets are filled, and all sent when backward has ended: call `launch` at each arrival, for they may be full.",
)
def arrived_sends_at_the_end(self, p):
    bucket = self.home[p]
    bucket.keep(p)
    if not self.syncing:
        return
    if not self.in_backward:
        self.in_backward = True
        at_end_of_backward(self.finish)
    bucket.missing.discard(p)


@mistake(
    "2.15",
    "data_parallel.DataParallel.arrived",
    "Every gradient is a message of its own, waited for at once, and a rank that lacks one leaves the others waiting.",
)
def arrived_averages_at_once(self, p):
    if self.syncing:
        dist.all_reduce(p.grad, group=self.group)
        p.grad /= dist.get_world_size(self.group)


@mistake(
    "2.15",
    "data_parallel.DataParallel.arrived",
    "The bucket never sees the gradient: it sends the zeros that it was made with.",
)
def arrived_keeps_nothing(self, p):
    bucket = self.home[p]
    if not self.syncing:
        return
    if not self.in_backward:
        self.in_backward = True
        at_end_of_backward(self.finish)
    bucket.missing.discard(p)
    self.launch()


@mistake(
    "2.15",
    "data_parallel.DataParallel.finish",
    "A bucket that still misses a parameter is never sent: fill it when nothing more can come.",
)
def finish_leaves_the_partial(self):
    for bucket, work in zip(self.buckets, self.under_way):
        work.wait()
        bucket.settle()
    self.under_way, self.in_backward = [], False


@mistake(
    "2.15",
    "data_parallel.DataParallel.finish",
    "The messages are not waited for: backward returns with gradients that are still on their way.",
)
def finish_does_not_wait(self):
    for bucket in self.buckets:
        bucket.fill()
    self.launch()
    for bucket in self.buckets:
        bucket.settle()
    self.under_way, self.in_backward = [], False


@mistake(
    "2.15",
    "data_parallel.DataParallel.finish",
    "The buckets do not settle: a rank that left a parameter out gets no gradient, and nothing is missing any more.",
)
def finish_does_not_settle(self):
    for bucket in self.buckets:
        bucket.fill()
    self.launch()
    for work in self.under_way:
        work.wait()
    self.under_way, self.in_backward = [], False


@mistake(
    "2.15",
    "data_parallel.DataParallel.finish",
    "The list of messages is not emptied: in the next backward pass all buckets seem to be gone already.",
)
def finish_keeps_the_list(self):
    for bucket in self.buckets:
        bucket.fill()
    self.launch()
    for bucket, work in zip(self.buckets, self.under_way):
        work.wait()
        bucket.settle()
    self.in_backward = False


@mistake(
    "2.15",
    "data_parallel.DataParallel.finish",
    "It stays in backward: the next pass does not ask for its end to be noticed.",
)
def finish_stays_in_backward(self):
    for bucket in self.buckets:
        bucket.fill()
    self.launch()
    for bucket, work in zip(self.buckets, self.under_way):
        work.wait()
        bucket.settle()
    self.under_way = []


@mistake(
    "2.15",
    "data_parallel.DataParallel.arrived",
    "A silent pass crosses parameters off: in the next one the buckets seem full, and leave before its gradients are in them.",
)
def arrived_crosses_off_in_silence(self, p):
    bucket = self.home[p]
    bucket.keep(p)
    bucket.missing.discard(p)
    if not self.syncing:
        return
    if not self.in_backward:
        self.in_backward = True
        at_end_of_backward(self.finish)
    self.launch()
