"""The mistakes of `mistakes/data_parallel_launch.py`, as others would write them."""

import torch.distributed as dist

from shared.mistakes import attempt


def send(model, bucket, n):
    bucket.flat.mul_(1 / n)
    work = dist.all_reduce(bucket.flat, op=dist.ReduceOp.SUM, group=model.group, async_op=True)
    model.under_way += [work]
    return work


def next_full(model):
    """Return the next bucket if it is full, else None."""
    rest = model.buckets[len(model.under_way) :]
    return rest[0] if rest and not rest[0].missing else None


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


@attempt("launch_sends_a_copy")
def _(self):
    while (bucket := next_full(self)) is not None:
        mean = bucket.flat / dist.get_world_size(self.group)
        self.under_way.append(dist.all_reduce(mean, group=self.group, async_op=True))


@attempt("launch_forgets_the_group")
def _(self):
    while (bucket := next_full(self)) is not None:
        bucket.flat.div_(dist.get_world_size(self.group))
        self.under_way += [dist.all_reduce(bucket.flat, async_op=True)]
