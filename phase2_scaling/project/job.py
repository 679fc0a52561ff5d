"""One training step as a plan lays it out: the exercises' ways of saving memory, put together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from phase2_scaling.solution import tensor_model, vocab_parallel
from phase2_scaling.solution.accumulation import accumulate
from phase2_scaling.solution.checkpointing import recompute
from phase2_scaling.solution.chunked_loss import chunked_cross_entropy
from phase2_scaling.solution.data_parallel import DataParallel
from phase2_scaling.solution.ddp import average_gradients
from phase2_scaling.solution.fully_sharded import FullySharded
from phase2_scaling.solution.memory import Plan
from phase2_scaling.solution.mesh import Mesh
from phase2_scaling.solution.mixed_precision import MasterWeights
from phase2_scaling.solution.model import GPT, next_token_loss
from phase2_scaling.solution.pipeline import (
    MicroBatch,
    Schedule,
    Stage,
    forward_backward,
    summed_loss,
)
from phase2_scaling.solution.schedules import one_f_one_b
from phase2_scaling.solution.sharded_gradients import ShardedGradients
from phase2_scaling.solution.zero import ShardedOptimizer

Step = Callable[[list[MicroBatch]], None]
OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda params: torch.optim.SGD(params, lr=1e-3),
    "momentum": lambda params: torch.optim.SGD(params, lr=1e-3, momentum=0.9),
    "adam": lambda params: torch.optim.AdamW(params, lr=1e-3, fused=True),  # without scratch
}


def forward_loss(
    recomputes: bool = False, chunk: int | None = None
) -> Callable[[nn.Module, Tensor, Tensor], Tensor]:
    """Make a loss function for `accumulate`: in nats, summed over the targets that count.

    Args:
        recomputes: blocks keep their input alone.
        chunk: targets whose logits exist at a time; None is all.
    """

    def loss(model: GPT, idx: Tensor, targets: Tensor) -> Tensor:
        x = model.embed(idx)
        for block in model.blocks:
            x = recompute(block, x) if recomputes else block(x)
        x = model.norm(x)
        if chunk is not None:
            return chunked_cross_entropy(x, model.head.weight, targets, chunk, reduction="sum")
        return next_token_loss(model.head(x), targets, reduction="sum")

    return loss


def make_step(
    plan: Plan, model: GPT, schedule: Schedule = one_f_one_b
) -> tuple[Step, list[Tensor]]:
    """Return a training step of micro-batches, and the tensors that are there before the first."""
    if plan.zero == 3:
        return fully_sharded_step(plan, model)
    if plan.zero:
        return sharded_step(plan, model)
    if plan.tp > 1 or plan.pp > 1:
        return cut_step(plan, model, schedule)
    if plan.dp > 1:
        return data_parallel_step(plan, model)
    return single_step(plan, model)


def single_step(plan: Plan, model: GPT) -> tuple[Step, list[Tensor]]:
    """One process; master weights for a dtype of 16 bits."""
    loss = forward_loss(plan.recompute, plan.chunk)
    weights = MasterWeights(model, plan.dtype) if plan.dtype != torch.float32 else None
    masters = weights.masters if weights else []
    optimizer = OPTIMIZERS[plan.optimizer](masters or model.parameters())

    def step(batches: list[MicroBatch]) -> None:
        optimizer.zero_grad()
        accumulate(model, batches, loss)
        if weights:
            weights.collect_gradients()
        optimizer.step()
        if weights:
            weights.publish()

    return step, [*model.parameters(), *masters]


def data_parallel_step(plan: Plan, model: GPT) -> tuple[Step, list[Tensor]]:
    """Replicas whose gradients lie in buckets."""
    loss = forward_loss(plan.recompute, plan.chunk)
    replica = DataParallel(model)
    optimizer = OPTIMIZERS[plan.optimizer](model.parameters())

    def step(batches: list[MicroBatch]) -> None:
        optimizer.zero_grad()
        accumulate(model, batches, loss)
        optimizer.step()

    return step, [*model.parameters(), *(bucket.flat for bucket in replica.buckets)]


def sharded_step(plan: Plan, model: GPT) -> tuple[Step, list[Tensor]]:
    """ZeRO 1, whose gradients are averaged whole, or ZeRO 2, whose gradients leave at once."""
    loss = forward_loss(plan.recompute, plan.chunk)
    optimizer = ShardedOptimizer(model.parameters(), OPTIMIZERS[plan.optimizer])
    if plan.zero == 2:
        ShardedGradients(optimizer)

    def step(batches: list[MicroBatch]) -> None:
        optimizer.zero_grad()
        accumulate(model, batches, loss)
        if plan.zero == 1:
            average_gradients(model)
        optimizer.step()

    return step, [optimizer.flat]


def fully_sharded_step(plan: Plan, model: GPT) -> tuple[Step, list[Tensor]]:
    """ZeRO 3."""
    sharded = FullySharded(model)
    optimizer = OPTIMIZERS[plan.optimizer](sharded.parameters())

    def step(batches: list[MicroBatch]) -> None:
        optimizer.zero_grad()
        for idx, targets in batches:
            next_token_loss(sharded(idx)[0], targets).backward()
        optimizer.step()

    return step, [t for unit in sharded.units for t in (unit.local, unit.full)]


def cut_step(plan: Plan, model: GPT, schedule: Schedule) -> tuple[Step, list[Tensor]]:
    """Layers cut over tp ranks, the depth over pp stages, and dp replicas of all that."""
    mesh = Mesh(plan.dp, plan.tp, plan.pp)
    loss = summed_loss
    if plan.tp > 1:
        tensor_model.parallelise(model, mesh.tp_group)
        loss = partial(vocab_parallel.cross_entropy, group=mesh.tp_group, reduction="sum")
    stage = Stage(model, mesh.pp_group)
    optimizer = OPTIMIZERS[plan.optimizer](stage.parameters())

    def step(batches: list[MicroBatch]) -> None:
        forward_backward(stage, batches, schedule, loss)
        if plan.dp > 1:
            average_gradients(stage, mesh.dp_group)
        optimizer.step()

    return step, [*stage.parameters()]
