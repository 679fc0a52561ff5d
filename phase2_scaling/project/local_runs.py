"""Measure training steps that are shared by several processes of this machine, one thread each.

Three ways to share: *replicas* see a batch each and average gradients in buckets
(`DataParallel`); *stages* have some blocks each and pass micro-batches on (1F1B); *slices* have a
part of each layer. `local_model.py` says what such a step should take.

A block computes a little and waits for a set time, as a process does while its GPU works. So eight
of them run side by side on two cores, as on eight GPUs; what the cores do is what they do there
too: Python, and every message.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.distributed as dist
from torch import Tensor, nn

from phase2_scaling.project.clocked import WaitingBlock
from phase2_scaling.solution import tensor_model
from phase2_scaling.solution.data_parallel import DataParallel
from phase2_scaling.solution.model import GPT, GPTConfig
from phase2_scaling.solution.pipeline import MicroBatch, Stage, forward_backward
from shared import ranks

Parts = dict[str, float]
"""Seconds of a step: "forward", "backward", "optimizer", "all", and "core", of a core's time."""


@dataclass(frozen=True)
class Workload:
    """A training step to be shared.

    Attributes:
        way: "replicas", "stages" or "slices".
        config: of the model.
        wait_s: seconds that all blocks together wait in the forward pass of a micro-batch, when
            one process has the whole model; twice that in the backward pass.
        n_micro: micro-batches in a step, of one sequence each; 1 but for stages.
        bucket_bytes: of gradients in a message, for replicas.
    """

    way: str
    config: GPTConfig
    wait_s: float
    n_micro: int = 1
    bucket_bytes: int = 2**20

    def __str__(self) -> str:
        """Name it for a table."""
        shape = f"{self.config.n_layer} x {self.config.n_embd}"
        return f"{self.way}, {shape}, {self.n_micro} x {1000 * self.wait_s:.0f} ms"

    def batch(self) -> list[MicroBatch]:
        """Draw random micro-batches; every rank draws the same."""
        generator = torch.Generator().manual_seed(0)
        shape = (2, self.n_micro, 1, self.config.block_size)
        idx, targets = torch.randint(self.config.vocab_size, shape, generator=generator)
        return list(zip(idx, targets))


Loss = Callable[[Tensor, Tensor], Tensor]


def measure(workload: Workload, n: int, steps: int) -> Parts:
    """Run some steps on n processes; return the median seconds of a step and of its parts.

    What is timed is rank 0; "core" is the mean over the ranks.
    """
    everyone = ranks.run(n, _steps, workload, steps, timeout_s=600)
    return everyone[0] | {"core": statistics.mean(parts["core"] for parts in everyone)}


def _steps(workload: Workload, steps: int) -> Parts:
    torch.manual_seed(0)  # the same weights everywhere
    model, batch = GPT(workload.config), workload.batch()
    wait_s = workload.wait_s / workload.config.n_layer
    if workload.way == "slices":
        tensor_model.parallelise(model)
        wait_s /= dist.get_world_size()
    waiting = (WaitingBlock(block, wait_s, 2 * wait_s) for block in model.blocks)
    model.blocks = nn.ModuleList(waiting)
    make = {"replicas": _replica, "stages": _stage, "slices": _slice}[workload.way]
    module, gradients = make(model, workload, batch)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-4)
    seconds: list[Parts] = []
    for _ in range(steps + 1):
        optimizer.zero_grad()
        dist.barrier()
        began, core_s = time.perf_counter(), time.process_time()
        parts = gradients()
        stepped = time.perf_counter()
        optimizer.step()
        parts["optimizer"] = time.perf_counter() - stepped
        parts["core"] = time.process_time() - core_s
        dist.barrier()
        parts["all"] = time.perf_counter() - began
        seconds.append(parts)
    return median(seconds[1:])  # the first step makes connections and the optimiser's state


def median(seconds: list[Parts]) -> Parts:
    """Return the median of each part."""
    return {part: statistics.median(one[part] for one in seconds) for part in seconds[0]}


def _replica(
    model: GPT, workload: Workload, batch: list[MicroBatch]
) -> tuple[nn.Module, Callable[[], Parts]]:
    replica = DataParallel(model, bucket_bytes=workload.bucket_bytes)
    return replica, partial(_pass, lambda idx, targets: replica(idx, targets)[1], batch)


def _slice(
    model: GPT, workload: Workload, batch: list[MicroBatch]
) -> tuple[nn.Module, Callable[[], Parts]]:
    return model, partial(_pass, partial(tensor_model.loss, model), batch)


def _stage(
    model: GPT, workload: Workload, batch: list[MicroBatch]
) -> tuple[nn.Module, Callable[[], Parts]]:
    stage = Stage(model)

    def gradients() -> Parts:
        began = time.perf_counter()
        forward_backward(stage, batch)
        seconds = time.perf_counter() - began
        return {"forward": seconds / 3, "backward": 2 * seconds / 3}

    return stage, gradients


def _pass(loss: Loss, batch: list[MicroBatch]) -> Parts:
    """Run forward and backward over every micro-batch, by the clock."""
    forward = backward = 0.0
    for idx, targets in batch:
        began = time.perf_counter()
        value = loss(idx, targets)
        middle = time.perf_counter()
        value.backward()
        forward += middle - began
        backward += time.perf_counter() - middle
    return {"forward": forward, "backward": backward}
