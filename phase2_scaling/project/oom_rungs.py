"""The job of the OOM lab, and its ladder: one training step, and six ways of fitting it into less.

Every rung has all fixes of the rungs before it. All of them start from the same weights, take the
same batch, and take one step of AdamW; whatever they save, the gradient must be the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from phase2_scaling.project.job import forward_loss
from phase2_scaling.solution.accumulation import accumulate
from phase2_scaling.solution.ddp import average_gradients
from phase2_scaling.solution.memory import Plan
from phase2_scaling.solution.mixed_precision import MasterWeights
from phase2_scaling.solution.model import GPT, IGNORED, GPTConfig
from phase2_scaling.solution.offload import OffloadedOptimizer, offload_activations
from phase2_scaling.solution.pipeline import MicroBatch
from phase2_scaling.solution.rules import AdamW, WithMaster
from phase2_scaling.solution.tracker import MIB, MemoryTracker, elsewhere
from phase2_scaling.solution.zero import ShardedOptimizer
from shared import ranks

RULE = AdamW(lr=1e-3)
MASTERED = WithMaster(RULE)  # for parameters of 16 bits


@dataclass(frozen=True)
class Job:
    """What is to be trained, and the budgets that its ladder climbs down.

    Attributes:
        config: of the model.
        n_sequences: in the batch, of `config.block_size` tokens each.
        chunk: targets whose logits exist at a time, where the loss is taken in chunks.
        budgets: MiB, one for each fix.
        device: where.
    """

    config: GPTConfig
    n_sequences: int
    chunk: int
    budgets: tuple[float, ...]
    device: str


JOBS = {
    "cpu": Job(
        GPTConfig(vocab_size=4096, block_size=128, n_layer=6, n_head=4, n_embd=128),
        n_sequences=16,
        chunk=64,
        budgets=(96, 64, 48, 36, 28, 20),
        device="cpu",
    ),
    "cuda": Job(  # GPT-2's smallest; budgets lie halfway between what the calculator says
        GPTConfig(vocab_size=50304, block_size=1024, n_layer=12, n_head=12, n_embd=768),
        n_sequences=32,
        chunk=2048,
        budgets=(16384, 9216, 5632, 3968, 2816),
        device="cuda",
    ),
}


@dataclass(frozen=True)
class Fixes:
    """What is switched on."""

    n_micro: int = 1
    """micro-batches that the batch is cut into"""
    dtype: torch.dtype = torch.float32
    """of parameters, gradients and activations; the optimiser's numbers stay float32"""
    recompute: bool = False
    """blocks keep their input alone"""
    chunk: int | None = None
    """targets whose logits exist at a time; None is all"""
    n_ranks: int = 1
    """that share the batch and the optimiser's state"""
    offload: bool = False
    """the optimiser's state, and what the forward pass keeps, lie elsewhere"""


@dataclass(frozen=True)
class Rung:
    """One step up the ladder.

    Attributes:
        name: what is switched on here.
        exercise: where you write it.
        fixes: everything that is on.
        budget: MiB; this rung fits, the one before does not.
    """

    name: str
    exercise: str
    fixes: Fixes
    budget: float | None


def ladder(job: Job) -> list[Rung]:
    """The rungs from the bottom up; the first has no fix, and no budget. One GPU is one rank."""
    changes = [
        ("4 micro-batches", "2.8", {"n_micro": 4}),
        ("bfloat16", "2.9", {"dtype": torch.bfloat16}),
        ("recomputed blocks", "2.10", {"recompute": True}),
        ("loss in chunks", "2.8", {"chunk": job.chunk}),
        ("optimiser on 2 ranks", "2.18", {"n_ranks": 2}),
        ("offloaded", "2.12", {"offload": True}),
    ]
    if job.device != "cpu":
        changes = [change for change in changes if "n_ranks" not in change[2]]
    rungs = [Rung("as it is", "", Fixes(), None)]
    for (name, exercise, change), budget in zip(changes, job.budgets, strict=True):
        rungs.append(Rung(name, exercise, replace(rungs[-1].fixes, **change), budget))
    return rungs


def plan_of(job: Job, fixes: Fixes) -> Plan | None:
    """Say it in the calculator's words; it has none for what is offloaded."""
    if fixes.offload:
        return None
    return Plan(
        job.n_sequences // fixes.n_micro,
        job.config.block_size,
        fixes.dtype,
        accumulates=fixes.n_micro // fixes.n_ranks > 1,
        recompute=fixes.recompute,
        chunk=fixes.chunk,
        zero=int(fixes.n_ranks > 1),
        dp=fixes.n_ranks,
    )


@dataclass(frozen=True)
class Measured:
    """What one step of a rung took, on its first rank.

    Attributes:
        loss: nats per target that counts.
        gradients: of the whole batch, by parameter.
        weights: after the step.
        peak: bytes.
        timeline: the phase of each operation, and the bytes alive after it.
        seconds: of the step, with the tracker's own work.
    """

    loss: float
    gradients: list[Tensor]
    weights: list[Tensor]
    peak: int
    timeline: list[tuple[str, int]]
    seconds: float


class Resident:
    """An optimiser whose state is where the parameters are, unlike `OffloadedOptimizer`'s."""

    def __init__(self, parameters: Iterable[Tensor], rule: AdamW) -> None:
        self.parameters, self.rule, self.steps = list(parameters), rule, 0
        self.states = [rule.state(p.detach()) for p in self.parameters]

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter by the rule."""
        self.steps += 1
        for parameter, state in zip(self.parameters, self.states):
            self.rule.update(parameter, parameter.grad, state, self.steps)


def make_batch(job: Job, device: torch.device) -> MicroBatch:
    """Draw tokens, and as targets the next ones, of which another part counts in each sequence."""
    generator = torch.Generator().manual_seed(0)
    B, T, V = job.n_sequences, job.config.block_size, job.config.vocab_size
    tokens = torch.randint(V, (B, T + 1), generator=generator)
    lengths = torch.randint(T // 4, T + 1, (B, 1), generator=generator)
    targets = tokens[:, 1:].where(torch.arange(T) < lengths, IGNORED)
    return tokens[:, :-1].to(device), targets.to(device)


def make_model(config: GPTConfig) -> GPT:
    """Make the model that all rungs start from: float32 numbers that bfloat16 has, too."""
    return GPT(config, torch.Generator().manual_seed(1)).bfloat16().float()


def run(job: Job, fixes: Fixes, budget: float | None = None) -> Measured:
    """Take one step with some fixes on, under a budget in MiB for each rank.

    Raises:
        torch.OutOfMemoryError: it does not fit.
    """
    if fixes.n_ranks == 1:
        return step(job, fixes, budget)
    found = ranks.run(fixes.n_ranks, step, job, fixes, budget)
    return replace(found[0], loss=sum(one.loss for one in found) / len(found))


def step(job: Job, fixes: Fixes, budget: float | None) -> Measured:
    """Take one step in this process, a rank if there are several."""
    device = torch.device(job.device)
    model, batch = make_model(job.config).to(device), make_batch(job, device)
    micro_batches = list(zip(*(part.chunk(fixes.n_micro) for part in batch)))
    if fixes.n_ranks > 1:
        micro_batches = micro_batches[dist.get_rank() :: fixes.n_ranks]
    loss = loss_function(fixes, batch, micro_batches)
    weights = None
    if fixes.dtype != torch.float32 and fixes.n_ranks == 1 and not fixes.offload:
        weights = MasterWeights(model, fixes.dtype)
    parameters = list(model.to(fixes.dtype).parameters())
    optimizer, state = make_optimizer(fixes, weights.masters if weights else parameters)

    with limited(budget, device) as memory:
        for label, tensors in (("optimiser", state), ("parameters", parameters), ("batch", batch)):
            memory.hold(label, tensors)
        began = time.perf_counter()
        with memory.phase("backward"):
            value = accumulate(model, micro_batches, partial(loss, memory))
            if fixes.n_ranks > 1:
                average_gradients(model)
        seen = [elsewhere(p.grad) for p in parameters]
        with memory.phase("update"):
            if weights:
                weights.collect_gradients()
            optimizer.step()
            if weights:
                weights.publish()
        seconds = time.perf_counter() - began
    gradients, after = [g.float() for g in seen], [p.detach().float() for p in parameters]
    timeline = [entry for entry in memory.timeline if entry[0] != "other"]  # without our looking
    return Measured(value, gradients, after, memory.peak, timeline, seconds)


def limited(budget: float | None, device: torch.device) -> MemoryTracker:
    """Make a tracker that keeps to a budget in MiB; on a GPU, PyTorch's own allocator keeps to it.

    There the tracker counts only, for the timeline.
    """
    limit = None if budget is None else round(budget * MIB)
    if device.type == "cpu":
        return MemoryTracker(limit)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(1.0 if limit is None else limit / total, device)
    return MemoryTracker()


def loss_function(
    fixes: Fixes, batch: MicroBatch, own: list[MicroBatch]
) -> Callable[[MemoryTracker, GPT, Tensor, Tensor], Tensor]:
    """Make the summed loss of a micro-batch, such that the ranks' gradients average to the whole's.

    `accumulate` divides by the targets that count on this rank; what is wanted is a mean over those
    of all ranks.
    """
    forward = forward_loss(fixes.recompute, fixes.chunk)
    here = sum(int((targets != IGNORED).sum()) for _, targets in own)
    weight = fixes.n_ranks * here / int((batch[1] != IGNORED).sum())

    def loss(memory: MemoryTracker, model: GPT, idx: Tensor, targets: Tensor) -> Tensor:
        saving = offload_activations(keep=model.parameters()) if fixes.offload else nullcontext()
        with memory.phase("forward"), saving:
            return forward(model, idx, targets) * weight

    return loss


def make_optimizer(fixes: Fixes, parameters: list[nn.Parameter]) -> tuple[Any, list[Tensor]]:
    """Make the optimiser, and list what it keeps on the device."""
    if fixes.n_ranks == 1:
        inner = make_inner(fixes, parameters)
        return inner, kept_by(inner)
    wide = None if fixes.offload else torch.float32
    sharded = ShardedOptimizer(
        parameters, lambda groups: make_inner(fixes, groups[0]["params"]), master=wide
    )
    return sharded, kept_by(sharded.inner)


def make_inner(fixes: Fixes, parameters: list[nn.Parameter]) -> Resident | OffloadedOptimizer:
    """Make AdamW over these parameters, with its state here or elsewhere."""
    if not fixes.offload:
        return Resident(parameters, RULE)
    return OffloadedOptimizer(parameters, RULE if fixes.dtype == torch.float32 else MASTERED)


def kept_by(optimizer: Resident | OffloadedOptimizer) -> list[Tensor]:
    """List what an optimiser keeps on the device: the float32 parameters that it moves, too."""
    if isinstance(optimizer, OffloadedOptimizer):
        return []
    return [*optimizer.parameters, *(t for state in optimizer.states for t in state.values())]
