"""Run one step of a pipeline on ranks of this machine, with a clock at every action.

Stages keep busy in one of two ways. *Computing*: real blocks, on a core each; more stages than
cores would wait for each other's cores, not for each other's results. *Waiting*: each block is tiny
and then sleeps for a set time, as a process does while its GPU works. Then any number of stages run
side by side on one core, and what is measured is the schedule and its messages, not arithmetic.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from phase2_scaling.solution.model import GPT, GPTConfig
from phase2_scaling.solution.pipeline import MicroBatch, Schedule, Stage, forward_backward
from phase2_scaling.solution.schedules import Action
from shared import ranks

FORWARD_S, BACKWARD_S = 0.020, 0.040  # of a stage that waits; a backward is two forwards' work
TINY = GPTConfig(vocab_size=64, block_size=16, n_layer=1, n_head=2, n_embd=32)
REAL = GPTConfig(vocab_size=256, block_size=64, n_layer=8, n_head=4, n_embd=128)
ROWS = 4  # sequences in a micro-batch


@dataclass(frozen=True)
class Span:
    """One action of a stage, in seconds since the first one of the step began."""

    action: Action
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


class Clock:
    """The `around` of a pipeline's step: notes when each action begins and ends."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    @contextmanager
    def __call__(self, action: Action) -> Iterator[None]:
        """Note one action; all processes of a machine share the clock's zero."""
        began = time.perf_counter()
        yield
        self.spans.append(Span(action, began, time.perf_counter()))


class Wait(torch.autograd.Function):
    """The identity, which takes its time in both directions and no core."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, forward_s: float, backward_s: float) -> Tensor:
        """Return x after `forward_s`."""
        ctx.backward_s = backward_s
        time.sleep(forward_s)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient after `backward_s`."""
        time.sleep(ctx.backward_s)
        return gradient, None, None


class WaitingBlock(nn.Module):
    """A block whose work is done elsewhere, as on a GPU; the small one in it runs here."""

    def __init__(
        self, block: nn.Module, forward_s: float = FORWARD_S, backward_s: float = BACKWARD_S
    ) -> None:
        super().__init__()
        self.block, self.forward_s, self.backward_s = block, forward_s, backward_s

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, C) to (B, T, C)."""
        return Wait.apply(self.block(x), self.forward_s, self.backward_s)


def make_model(waiting: int | None) -> GPT:
    """Make a GPT of so many waiting blocks, or of real ones if that is None."""
    if waiting is None:
        return GPT(REAL)
    model = GPT(replace(TINY, n_layer=waiting))
    model.blocks = nn.ModuleList(WaitingBlock(block) for block in model.blocks)
    return model


def make_batch(config: GPTConfig, n_micro: int) -> list[MicroBatch]:
    """Draw micro-batches of random tokens, the same on every rank."""
    generator = torch.Generator().manual_seed(0)
    shape = (2, n_micro, ROWS, config.block_size)
    idx, targets = torch.randint(config.vocab_size, shape, generator=generator)
    return list(zip(idx, targets))


def run(n_stages: int, n_micro: int, schedule: Schedule, computing: bool) -> list[list[Span]]:
    """Run a step and return each stage's spans, in the order in which it worked.

    Args:
        n_stages: p, a rank each.
        n_micro: m.
        schedule: the order of the work.
        computing: keep busy with real blocks.
    """
    spans = ranks.run(n_stages, _step, n_micro, schedule, computing)
    zero = min(span.began for stage in spans for span in stage)
    return [[Span(s.action, s.began - zero, s.ended - zero) for s in stage] for stage in spans]


def _step(n_micro: int, schedule: Schedule, computing: bool) -> list[Span]:
    stage = Stage(make_model(None if computing else dist.get_world_size()))
    batch = make_batch(REAL if computing else TINY, n_micro)
    forward_backward(stage, batch[:1], schedule)  # connections are made, memory is touched
    clock = Clock()
    dist.barrier()
    forward_backward(stage, batch, schedule, around=clock)
    return clock.spans


def idle_share(spans: list[list[Span]]) -> float:
    """The bubble as measured: the share of the step's time, over all stages, without work."""
    length = max(span.ended for stage in spans for span in stage)
    busy = sum(span.seconds for stage in spans for span in stage)
    return 1 - busy / (len(spans) * length)
