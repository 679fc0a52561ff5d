"""Pipeline parallelism: a GPT cut by depth, its stages on several ranks, micro-batches in a row.

Huang et al. 2018 (arXiv:1811.06965). Activations travel forward, their gradients backward, from
neighbour to neighbour; `schedules.py` says when. It is given.

    stage = Stage(model, group)
    loss = forward_backward(stage, micro_batches)
    clip_grad_norm(stage, 1.0)

Every rank is given the same micro-batches: the first stage reads their tokens, the last one their
targets, and those between know by their shapes what they will receive, so that nobody has to say.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
import torch.distributed as dist
from torch import Tensor, nn

from phase2_scaling.solution.model import GPT, IGNORED, next_token_loss
from phase2_scaling.solution.schedules import Action, one_f_one_b

MicroBatch = tuple[Tensor, Tensor]  # idx and targets, (B, T) each
Schedule = Callable[[int, int, int], list[Action]]
summed_loss = partial(next_token_loss, reduction="sum")


class Stage(nn.Module):
    """What one rank of a pipeline has of a GPT: some of its blocks, and an end if it is at one.

    Parameters keep their names, so that the stages' together are the GPT's. A tied head is a copy
    on the last stage; it starts as the first stage's table, and `forward_backward` gives both the
    same gradient, so that they stay equal.

    Args:
        model: the same shape on every rank. Of its weights, those of this stage matter.
        group: the stages in order; the whole world by default.

    Raises:
        ValueError: if there are fewer blocks than stages.
    """

    def __init__(self, model: GPT, group: dist.ProcessGroup | None = None) -> None:
        super().__init__()
        self.group, self.n_embd = group, model.config.n_embd
        self.index, self.count = dist.get_rank(group), dist.get_world_size(group)
        self.is_first, self.is_last = self.index == 0, self.index == self.count - 1
        depth = len(model.blocks)
        if depth < self.count:
            raise ValueError(f"{depth} blocks are not enough for {self.count} stages")
        self.tied = model.head.weight is model.token_embedding.weight and self.count > 1
        if self.tied:
            dist.broadcast(model.head.weight.data, group_src=0, group=group)
        if self.is_first:
            self.token_embedding = model.token_embedding
            self.position_embedding = model.position_embedding
        own = range(self.index * depth // self.count, (self.index + 1) * depth // self.count)
        self.blocks = nn.ModuleDict({str(i): model.blocks[i] for i in own})
        if self.is_last:
            self.norm, self.head = model.norm, model.head

    def forward(self, x: Tensor) -> Tensor:
        """Map what the stage before sends, (B, T, C), to what the next one needs.

        The first stage takes token ids, (B, T); the last one gives logits, (B, T, V).
        """
        if self.is_first:
            positions = torch.arange(x.shape[1], device=x.device)
            x = self.token_embedding(x) + self.position_embedding(positions)
        for block in self.blocks.values():
            x = block(x)
        return self.head(self.norm(x)) if self.is_last else x


# -- one step ---------------------------------------------------------------------------------


def forward_backward(
    stage: Stage,
    micro_batches: list[MicroBatch],
    schedule: Schedule = one_f_one_b,
    loss_function: Callable[[Tensor, Tensor], Tensor] = summed_loss,
    n_targets: float | None = None,
    around: Callable[[Action], AbstractContextManager] = lambda action: nullcontext(),
) -> Tensor:
    """Fill every parameter's gradient with that of the mean loss over all targets that count.

    Whatever the gradients were before is dropped. B and T may differ between micro-batches, and so
    may the targets that count: each of these weighs the same.

    Args:
        stage: of this rank; the others of its group make the same call.
        micro_batches: of the whole step, the same on every rank.
        schedule: the order of the work.
        loss_function: of (logits, targets), the *sum* in nats over the targets that count.
        n_targets: what the sum is divided by, if not by the number of targets that count here:
            with replicas whose gradients are averaged, their mean number.
        around: a context that is entered around the work of each action, without its waiting: a
            clock, or the `no_sync` of replicas for every backward but the last.

    Returns:
        The mean loss in nats, a scalar without a graph, equal on all stages.
    """
    if n_targets is None:
        n_targets = max(1, sum(int((targets != IGNORED).sum()) for _, targets in micro_batches))
    stage.zero_grad()
    step = _Step(stage, micro_batches, loss_function, n_targets)
    actions = schedule(stage.count, len(micro_batches), stage.index)
    received = step.exchange(None, None, actions[0])
    for action, following in zip(actions, [*actions[1:], None]):
        with around(action):
            made = step.do(action, received)
        received = step.exchange(action, made, following)
    step.exchange(None, None, None)
    if stage.count > 1:
        dist.broadcast(step.loss, group_src=stage.count - 1, group=stage.group)
    _sum_tied_gradients(stage)
    return step.loss


class _Step:
    """What a stage has in its hands during one step."""

    def __init__(
        self,
        stage: Stage,
        micro_batches: list[MicroBatch],
        loss_function: Callable,
        n_targets: float,
    ) -> None:
        self.stage, self.micro_batches = stage, micro_batches
        self.loss_function, self.n_targets = loss_function, n_targets
        self.weight = next(stage.parameters())  # its dtype and device are those of all messages
        self.loss = self.weight.new_zeros(())
        self.held: dict[
            int, tuple[Tensor, Tensor]
        ] = {}  # what went in and came out, by micro-batch
        self.sends: list[dist.Work] = []

    def do(self, action: Action, received: Tensor | None) -> Tensor | None:
        """Work on one micro-batch and return what a neighbour waits for."""
        work = self.forward if action.kind == "forward" else self.backward
        return work(action.micro, received)

    def forward(self, i: int, x: Tensor | None) -> Tensor:
        idx, targets = self.micro_batches[i]
        x = idx if self.stage.is_first else x.requires_grad_()
        y = self.stage(x)
        if self.stage.is_last:
            y = self.loss_function(y, targets) / self.n_targets
            self.loss += y.detach()
        self.held[i] = x, y
        return y.detach()

    def backward(self, i: int, gradient: Tensor | None) -> Tensor | None:
        x, y = self.held.pop(i)
        y.backward(gradient)  # that of y; of the loss, on the last stage, it is 1
        return x.grad

    def exchange(
        self, done: Action | None, made: Tensor | None, following: Action | None
    ) -> Tensor | None:
        """Send what the action that is done has made, receive what the following one needs.

        Both at once: two neighbours that first send to each other wait for ever. What is sent is
        waited for only at the next exchange, so that a busy neighbour delays nobody.
        """
        for work in self.sends:
            work.wait()
        operations, buffer = [], None
        source = self._neighbour(following, -1)
        if source is not None:
            shape = (*self.micro_batches[following.micro][0].shape, self.stage.n_embd)
            buffer = self.weight.new_empty(shape)
            operations.append(self._message(dist.irecv, buffer, source))
        target = self._neighbour(done, +1)
        if target is not None:
            operations.append(self._message(dist.isend, made.contiguous(), target))
        works = dist.batch_isend_irecv(operations) if operations else []
        n_awaited = int(buffer is not None)  # with NCCL there is one work for both
        for work in works[:n_awaited]:
            work.wait()
        self.sends = works[n_awaited:]
        return buffer

    def _neighbour(self, action: Action | None, step: int) -> int | None:
        """Return who is `step` further on in the direction of an action, if there is anybody."""
        if action is None:
            return None
        index = self.stage.index + (step if action.kind == "forward" else -step)
        return index if 0 <= index < self.stage.count else None

    def _message(self, operation: Callable, tensor: Tensor, peer: int) -> dist.P2POp:
        return dist.P2POp(operation, tensor, group=self.stage.group, group_peer=peer)


def _sum_tied_gradients(stage: Stage) -> None:
    """Add up the gradients of the two copies of a tied table, on the first and the last stage."""
    if not stage.tied or not (stage.is_first or stage.is_last):
        return
    weight = stage.token_embedding.weight if stage.is_first else stage.head.weight
    other = torch.empty_like(weight.grad)
    peer = stage.count - 1 if stage.is_first else 0
    operations = [
        dist.P2POp(dist.irecv, other, group=stage.group, group_peer=peer),
        dist.P2POp(dist.isend, weight.grad, group=stage.group, group_peer=peer),
    ]
    for work in dist.batch_isend_irecv(operations):
        work.wait()
    # a + b here and b + a there are equal to the bit, so the copies never drift apart.
    weight.grad += other


def clip_grad_norm(stage: Stage, max_norm: float) -> Tensor:
    """Shorten the gradient of all stages together, in place, to a length of at most `max_norm`.

    As `clipping.clip_grad_norm` does for one process. A stage that clipped by the length of its own
    part would turn the gradient into another direction. A tied table counts once.

    Returns:
        The length before, a scalar tensor, equal on all stages.
    """
    copy = stage.head.weight if stage.tied and stage.is_last else None
    gradients = [p.grad for p in stage.parameters() if p.grad is not None]
    counted = [p.grad for p in stage.parameters() if p.grad is not None and p is not copy]
    square = sum(gradient.square().sum() for gradient in counted)
    dist.all_reduce(square, group=stage.group)
    norm = square.sqrt()
    for gradient in gradients:
        gradient.mul_((max_norm / norm).clamp(max=1))
    return norm
