"""Data parallelism whose gradients travel while backward still runs: torch's DDP, in its essence.

Li et al. 2020 (arXiv:2006.15704), sections 3.2 and 4. Leaves out what DDP has besides: buffers are
made equal once, at the start, and not before each forward pass.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from phase2_scaling.solution.buckets import Bucket, assign_buckets
from phase2_scaling.solution.ddp import broadcast_parameters

Group = dist.ProcessGroup | None


def at_end_of_backward(call: Callable[[], None]) -> None:
    """Have autograd call it once, when the backward pass that runs now has done all else."""
    torch.autograd.Variable._execution_engine.queue_callback(call)


class DataParallel(nn.Module):
    """A replica of a module: each rank gives it other data, all get the mean of the gradients.

    Use it as the module. When `backward` returns, `.grad` of every parameter is the mean over the
    ranks, where one without a gradient counts as zeros; what no rank has a gradient of has none.
    Gradients are views into the buckets' buffers, which stay: no second copy of them lives.

    Each rank's loss counts the same. Where batches differ in size, `ddp.global_mean_loss` makes
    losses of which that is right, and a rank without samples takes an empty batch: its backward
    pass has to run, for the others wait for its messages.

    Args:
        module: on its device already; made equal on all ranks at once, by rank 0's numbers.
        group: of ranks; None is all.
        bucket_bytes: of gradients in one message.

    Attributes:
        buckets: in the order in which they are sent.
        home: the bucket of each parameter.
        syncing: whether a backward pass that runs now is to be averaged.
        in_backward: whether one that is to be averaged has begun.
        under_way: messages sent in it, those of the first buckets.
    """

    def __init__(
        self, module: nn.Module, group: Group = None, bucket_bytes: int = 25 * 2**20
    ) -> None:
        super().__init__()
        self.module, self.group = module, group
        broadcast_parameters(module, group)
        self.buckets = [Bucket(ps) for ps in assign_buckets(module.parameters(), bucket_bytes)]
        self.home = {p: bucket for bucket in self.buckets for p in bucket.parameters}
        for p in self.home:
            p.register_post_accumulate_grad_hook(self.arrived)
        self.syncing = True
        self.under_way: list[dist.Work] = []
        self.in_backward = False

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Do what the module does."""
        return self.module(*args, **kwargs)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Within the block, backward passes add up gradients on this rank and send nothing.

        What counts is where `backward` runs, not where the forward pass ran. The next backward pass
        outside averages all that was added up.
        """
        # TODO 2.15: Within the block backward passes send nothing; after it, however it ends, it is
        # as it was before.
        raise NotImplementedError("exercise 2.15: DataParallel.no_sync")

    def arrived(self, p: Tensor) -> None:
        """Hook: backward has just added the last part of the gradient of `p` to `p.grad`.

        The gradient gets its place in the bucket (`Bucket.keep`) in any case. If syncing is off
        that is all. Otherwise the first to arrive in a backward pass sees to it that `finish` is
        called at its end, once; the bucket misses `p` no more; and whatever is full is launched.
        """
        # TODO 2.15: The gradient lies in its bucket; unless nothing is to be sent now, the bucket
        # misses it no more, what is full is launched, and the end of this backward pass will be
        # noticed, once.
        raise NotImplementedError("exercise 2.15: DataParallel.arrived")

    def launch(self) -> None:
        """Send the buckets that are full, in the order of the list.

        All ranks must send the same messages in the same order, whichever gradients come first on
        each; so a bucket that misses a parameter holds up those behind it. What is sent is `flat`,
        the gradients divided by the number of ranks of the group, so that their sum is the mean.
        Nothing is waited for: the messages stand in `under_way`.
        """
        # TODO 2.15: Buckets that miss nothing are on their way, averaged, none before those that
        # stand before it in the list.
        raise NotImplementedError("exercise 2.15: DataParallel.launch")

    def finish(self) -> None:
        """Hook: backward has ended. Send what is left, wait for all, be ready for the next.

        Parameters that are still missing will not come: the buckets fill with zeros for them
        (`Bucket.fill`). When a message has arrived, its bucket hands out what other ranks had
        (`Bucket.settle`), and misses all its parameters anew.
        """
        # TODO 2.15: What no gradient came for is filled and sent, everything has arrived and is
        # handed out, and the next backward pass finds all as at the beginning.
        raise NotImplementedError("exercise 2.15: DataParallel.finish")
