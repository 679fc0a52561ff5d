"""Classic wrong answers for `solution/metrics.py`."""

import torch
import torch.distributed as dist

from shared.mistakes import mistake


@mistake(
    "2.14",
    "metrics.global_mean",
    "A mean of the ranks' means: a rank with few tokens weighs as much as one with many. Add up totals and counts, then divide.",
)
def global_mean_of_means(total, count, group=None):
    count = torch.as_tensor(count).to(total.device).double()
    mean = total.detach().double() / count
    if dist.is_initialized():
        dist.all_reduce(mean, group=group)
        mean /= dist.get_world_size(group)
    return mean


@mistake(
    "2.14",
    "metrics.global_mean",
    "This is the rank's own mean: what it logs is the loss of its own share. Every rank has to be told the mean over all of them.",
)
def global_mean_local(total, count, group=None):
    return total.detach().double() / torch.as_tensor(count).to(total.device).double()


@mistake(
    "2.14",
    "metrics.global_mean",
    "The totals of all ranks are divided by this rank's count alone; the counts have to be added up as well.",
)
def global_mean_own_count(total, count, group=None):
    total = total.detach().double()
    if dist.is_initialized():
        dist.all_reduce(total, group=group)
    return total / torch.as_tensor(count).to(total.device).double()


@mistake(
    "2.14",
    "metrics.global_mean",
    "The totals are averaged over the ranks and divided by this rank's count: right only where all ranks counted the same.",
)
def global_mean_average_total(total, count, group=None):
    total = total.detach().double()
    if dist.is_initialized():
        dist.all_reduce(total, group=group)
        total /= dist.get_world_size(group)
    return total / torch.as_tensor(count).to(total.device).double()


@mistake(
    "2.14",
    "metrics.global_mean",
    "all_reduce works in place, and here it works on the arguments: the caller's total is everybody's now. Reduce a copy.",
)
def global_mean_in_place(total, count, group=None):
    count = torch.as_tensor(count)
    if dist.is_initialized():
        dist.all_reduce(total.detach(), group=group)
        dist.all_reduce(count, group=group)
    return total.detach().double() / count.double()


@mistake(
    "2.14",
    "metrics.global_mean",
    "The sums are taken in float32, where 16,777,216 + 1 is 16,777,216: a large count loses tokens. Sum in float64.",
)
def global_mean_float32(total, count, group=None):
    sums = torch.stack([total.detach().float(), torch.as_tensor(count).to(total.device).float()])
    if dist.is_initialized():
        dist.all_reduce(sums, group=group)
    return (sums[0] / sums[1]).double()


@mistake(
    "2.14",
    "metrics.global_mean",
    "The sums are taken in the dtype of the total; in bfloat16 256 + 1 is 256. Widen before you add.",
)
def global_mean_own_dtype(total, count, group=None):
    sums = torch.stack([total.detach(), torch.as_tensor(count).to(total)])
    if dist.is_initialized():
        dist.all_reduce(sums, group=group)
    return (sums[0] / sums[1]).double()


@mistake(
    "2.14",
    "metrics.global_mean",
    "The group is not handed on, so all ranks take part: those of other groups, too.",
)
def global_mean_every_group(total, count, group=None):
    sums = torch.stack([total.detach().double(), torch.as_tensor(count).to(total.device).double()])
    if dist.is_initialized():
        dist.all_reduce(sums)
    return sums[0] / sums[1]


@mistake(
    "2.14",
    "metrics.global_mean",
    "Without a process group this fails: a run of one process has none, and its mean is its own.",
)
def global_mean_needs_group(total, count, group=None):
    sums = torch.stack([total.detach().double(), torch.as_tensor(count).to(total.device).double()])
    dist.all_reduce(sums, group=group)
    return sums[0] / sums[1]


@mistake(
    "2.14",
    "metrics.global_mean",
    "`reduce` gives the sums to one rank only; the others go on with what they had. Every rank needs the mean: all_reduce.",
)
def global_mean_first_rank(total, count, group=None):
    sums = torch.stack([total.detach().double(), torch.as_tensor(count).to(total.device).double()])
    if dist.is_initialized():
        dist.reduce(sums, group=group, group_dst=0)
    return sums[0] / sums[1]


@mistake(
    "2.14",
    "metrics.global_mean",
    "The mean still hangs on the graph of the total: whoever keeps it keeps every activation. Detach it.",
)
def global_mean_keeps_graph(total, count, group=None):
    count = torch.as_tensor(count).to(total.device).double()
    sums = torch.stack([total.detach().double(), count])
    if dist.is_initialized():
        dist.all_reduce(sums, group=group)
    return sums[0] / sums[1] + 0 * total.double()


@mistake(
    "2.14",
    "metrics.global_mean",
    "Where nothing was counted you tell 0, the best loss there is. There is no mean then: NaN.",
)
def global_mean_zero_of_nothing(total, count, group=None):
    sums = torch.stack([total.detach().double(), torch.as_tensor(count).to(total.device).double()])
    if dist.is_initialized():
        dist.all_reduce(sums, group=group)
    return sums[0] / sums[1].clamp(min=1)


@mistake(
    "2.14",
    "metrics.global_mean",
    "`double()` copies nothing if the total has float64 already: the sum over the ranks then lands in the caller's total.",
)
def global_mean_in_a_view(total, count, group=None):
    nats, n = total.detach().double(), torch.tensor(float(count), dtype=torch.float64)
    if dist.is_initialized():
        dist.all_reduce(nats, group=group)
        dist.all_reduce(n, group=group)
    return nats / n


@mistake(
    "2.14",
    "metrics.global_mean",
    "A rank that has counted nothing leaves before the message, and the others wait for it for ever. Everybody takes part.",
)
def global_mean_leaves_early(total, count, group=None):
    if count == 0:
        return torch.tensor(torch.nan, dtype=torch.float64, device=total.device)
    sums = torch.stack([total.detach().double(), torch.as_tensor(count, dtype=torch.float64)])
    if dist.is_initialized():
        dist.all_reduce(sums, group=group)
    return sums[0] / sums[1]


@mistake(
    "2.14",
    "metrics.global_mean",
    "Total and count travel in a message each. A message costs the same time for one number as for two: send them together.",
)
def global_mean_in_two_messages(total, count, group=None):
    nats = total.detach().double().clone()
    n = torch.tensor(float(count), dtype=torch.float64, device=total.device)
    if dist.is_initialized():
        dist.all_reduce(nats, group=group)
        dist.all_reduce(n, group=group)
    return nats / n
