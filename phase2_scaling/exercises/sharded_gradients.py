"""ZeRO, stage 2: a gradient goes to the rank that needs it as soon as it is there, and is freed.

Rajbhandari et al. 2019 (arXiv:1910.02054), P_g: the ranges are those of `zero`, and each is reduced
to its owner while the backward pass goes on. Also here: the norm of gradients that lie in shares.
"""

from collections.abc import Iterable
from functools import partial

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd import Variable

from phase2_scaling.solution.zero import Group, ShardedOptimizer, cut


def clip_grad_norm(parameters: Iterable[nn.Parameter], max_norm: float, group: Group) -> Tensor:
    """Shorten, in place, a gradient that lies in shares, to a length of at most max_norm.

    Pascanu, Mikolov, Bengio 2013 (arXiv:1211.5063), algorithm 1. The length is that of all shares
    of all ranks together, as one vector. One number travels.

    Args:
        parameters: this rank's shares; those whose gradient is None are left out, and at least one
            has a gradient.
        max_norm: positive.
        group: of ranks that have the other shares, all of which call this; None is all ranks.

    Returns:
        The length before, a scalar tensor, the same on every rank. It is never asked for its value
        here: a GPU would have to wait.
    """
    # TODO 2.19: All ranks scale by one factor, the one that shortens the whole vector of all shares
    # to max_norm, and return its length before.
    raise NotImplementedError("exercise 2.19: clip_grad_norm")


class ShardedGradients:
    """Averages gradients over the ranks, and leaves each rank those of its share alone.

        gradients = ShardedGradients(optimizer)  # and from now on, at every step:
        loss.backward()
        optimizer.step()

    While the backward pass goes on, the gradients of one owner's range gather in one buffer. When
    the last of them has come, the buffer is on its way, and its gradients are None again. After the
    backward pass the optimiser's `parts` have theirs. A parameter that is used on some ranks only
    is not supported; one that is used nowhere counts as one whose gradient is 0.

    Args:
        optimizer: whose parameters and shares these are.
    """

    def __init__(self, optimizer: ShardedOptimizer) -> None:
        self.optimizer, self.n = optimizer, optimizer.n
        sizes = [p.numel() for p in optimizer.params]
        self._cuts = [cut(sizes, self.n, owner) for owner in range(self.n)]
        self._buffers: dict[int, Tensor] = {}  # by owner, while one fills or travels
        self._travelling: dict[int, dist.Work] = {}
        self._missing: list[set[int]] = []  # what each owner still waits for in this backward pass
        for index, p in enumerate(optimizer.params):
            p.register_post_accumulate_grad_hook(partial(self._arrive, index))

    def _arrive(self, index: int, param: nn.Parameter) -> None:
        """Spread one gradient over the buffers of its owners, and let go of it."""
        if not self._missing:
            self._missing = [{piece.index for piece in pieces} for pieces in self._cuts]
            Variable._execution_engine.queue_callback(self._end)
        gradient, param.grad = param.grad.reshape(-1), None
        for owner, missing in enumerate(self._missing):
            if index in missing:
                self._fill(owner, index, gradient)
                missing.discard(index)
                if not missing:
                    self._send(owner)

    def _fill(self, owner: int, index: int, gradient: Tensor) -> None:
        at = 0
        for piece in self._cuts[owner]:
            length = piece.stop - piece.start
            if piece.index == index:
                self._buffer(owner)[at : at + length] = gradient[piece.start : piece.stop]
            at += length

    def _buffer(self, owner: int) -> Tensor:
        if owner not in self._buffers:
            self._buffers[owner] = torch.zeros_like(self.optimizer.shares[owner])
        return self._buffers[owner]

    def _send(self, owner: int) -> None:
        self._finish()  # one buffer on its way is enough: the next one fills meanwhile
        work = dist.reduce(
            self._buffer(owner), group_dst=owner, group=self.optimizer.group, async_op=True
        )
        self._travelling[owner] = work

    def _finish(self) -> None:
        for owner, work in self._travelling.items():
            work.wait()
            if owner == self.optimizer.rank:
                self._keep(self._buffers[owner].div_(self.n))
            del self._buffers[owner]
        self._travelling.clear()

    def _keep(self, mean: Tensor) -> None:
        """Give the optimiser's parts their gradients, added to what they have."""
        lengths = [part.numel() for part in self.optimizer.parts]
        for part, run in zip(self.optimizer.parts, mean[: sum(lengths)].split(lengths)):
            run = run.to(part.dtype)
            part.grad = run if part.grad is None else part.grad + run

    def _end(self) -> None:
        """Send what has not gone yet, from the last range to the first as ever, and wait."""
        for owner in reversed(range(self.n)):
            if self._missing[owner]:
                self._send(owner)
        self._finish()
        self._missing = []
