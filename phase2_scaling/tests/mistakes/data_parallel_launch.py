"""Classic wrong ways to send the buckets of `solution/data_parallel.py`."""

import torch.distributed as dist

from shared.mistakes import mistake


@mistake(
    "2.15",
    "data_parallel.DataParallel.launch",
    "The sum travels and nobody divides it: the learning rate is multiplied by the number of ranks.",
)
def launch_sums(self):
    while len(self.under_way) < len(self.buckets):
        bucket = self.buckets[len(self.under_way)]
        if bucket.missing:
            return
        self.under_way.append(dist.all_reduce(bucket.flat, group=self.group, async_op=True))


@mistake(
    "2.15",
    "data_parallel.DataParallel.launch",
    "Divided by the size of the world; the mean is over the group.",
)
def launch_divides_by_the_world(self):
    while len(self.under_way) < len(self.buckets):
        bucket = self.buckets[len(self.under_way)]
        if bucket.missing:
            return
        bucket.flat /= dist.get_world_size()
        self.under_way.append(dist.all_reduce(bucket.flat, group=self.group, async_op=True))


@mistake(
    "2.15",
    "data_parallel.DataParallel.launch",
    "Whichever bucket is full leaves first: where gradients come in another order, ranks add up different buckets.",
)
def launch_in_order_of_arrival(self):
    if not self.under_way:
        self.gone = set()
    for i, bucket in enumerate(self.buckets):
        if not bucket.missing and i not in self.gone:
            self.gone.add(i)
            bucket.flat /= dist.get_world_size(self.group)
            self.under_way.append(dist.all_reduce(bucket.flat, group=self.group, async_op=True))


@mistake(
    "2.15",
    "data_parallel.DataParallel.launch",
    "It waits for each message: backward stands still while the bytes travel, and nothing overlaps.",
)
def launch_waits(self):
    while len(self.under_way) < len(self.buckets):
        bucket = self.buckets[len(self.under_way)]
        if bucket.missing:
            return
        bucket.flat /= dist.get_world_size(self.group)
        work = dist.all_reduce(bucket.flat, group=self.group, async_op=True)
        work.wait()
        self.under_way.append(work)


@mistake(
    "2.15",
    "data_parallel.DataParallel.launch",
    "One bucket a call: those behind it may have been full for long, and at the end some are left.",
)
def launch_one(self):
    i = len(self.under_way)
    if i < len(self.buckets) and not self.buckets[i].missing:
        bucket = self.buckets[i]
        bucket.flat /= dist.get_world_size(self.group)
        self.under_way.append(dist.all_reduce(bucket.flat, group=self.group, async_op=True))


@mistake(
    "2.15",
    "data_parallel.DataParallel.launch",
    "A copy of the buffer is averaged; the gradients, which are views of the buffer itself, never see the mean.",
)
def launch_sends_a_copy(self):
    while len(self.under_way) < len(self.buckets):
        bucket = self.buckets[len(self.under_way)]
        if bucket.missing:
            return
        bucket.flat = bucket.flat / dist.get_world_size(self.group)
        self.under_way.append(dist.all_reduce(bucket.flat, group=self.group, async_op=True))


@mistake(
    "2.15",
    "data_parallel.DataParallel.launch",
    "The messages go to all ranks there are, not to those of the group: who is not in it never answers.",
)
def launch_forgets_the_group(self):
    while len(self.under_way) < len(self.buckets):
        bucket = self.buckets[len(self.under_way)]
        if bucket.missing:
            return
        bucket.flat /= dist.get_world_size(self.group)
        self.under_way.append(dist.all_reduce(bucket.flat, async_op=True))
