"""Predict a training step's peak memory, run it, and compare.

    python -m phase2_scaling.project.memory_check

Each row is a real run of two steps under a tracker of live tensor bytes; on a machine with a GPU
`--device cuda` asks `torch.cuda.max_memory_allocated` instead, for the rows of a single process.
Rows of several ranks show the rank that is furthest off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from phase2_scaling.project.job import make_step
from phase2_scaling.solution import memory
from phase2_scaling.solution.memory import Plan
from phase2_scaling.solution.model import GPT, GPTConfig
from phase2_scaling.solution.pipeline import Schedule
from phase2_scaling.solution.schedules import gpipe, one_f_one_b
from phase2_scaling.solution.tracker import MIB, MemoryTracker
from shared import cli, ranks

CPU = torch.device("cpu")
BOUND = 0.10  # share by which a prediction may be off
N_STEPS = 2  # the second one meets the optimiser's state
MODEL = GPTConfig(vocab_size=1024, block_size=128, n_layer=4, n_head=4, n_embd=64)
DEEP, WIDE = replace(MODEL, n_layer=8), replace(MODEL, n_embd=128)
UNTIED, WORDY = replace(MODEL, tied=False), replace(MODEL, vocab_size=8192)
PLAN = Plan(batch_size=4, n_tokens=64)


@dataclass(frozen=True)
class Config:
    """Where to run."""

    device: str = "cpu"
    """cpu, or cuda: then the rows of a single process only"""


@dataclass(frozen=True)
class Case:
    """One configuration.

    Attributes:
        what: in words.
        config: of the model.
        plan: of the step; of a pipeline, any of its stages.
        n_micro: micro-batches of a step.
        schedule: of a pipeline.
    """

    what: str
    config: GPTConfig = MODEL
    plan: Plan = PLAN
    n_micro: int = 1
    schedule: Schedule = one_f_one_b

    @property
    def n_ranks(self) -> int:
        """Processes that it takes."""
        return self.plan.dp * self.plan.tp * self.plan.pp

    def plan_of(self, rank: int) -> Plan:
        """The plan as this rank sees it: its stage, and what is in flight there."""
        plan = self.plan
        stage = rank // (plan.dp * plan.tp)  # as `Mesh` places it
        most = self.n_micro if self.schedule is gpipe else min(self.n_micro, plan.pp - stage)
        return replace(plan, stage=stage, in_flight=most if plan.pp > 1 else 1)


def case(
    what: str,
    config: GPTConfig = MODEL,
    n_micro: int = 1,
    schedule: Schedule = one_f_one_b,
    **changes: Any,
) -> Case:
    """Make a case from changes to `PLAN`."""
    return Case(what, config, replace(PLAN, accumulates=n_micro > 1, **changes), n_micro, schedule)


CASES = [
    case("the base: 4 layers, width 64"),
    case("a batch of 1", batch_size=1),
    case("a batch of 16", batch_size=16),
    case("twice the context", n_tokens=128),
    case("twice the layers", DEEP),
    case("twice the width", WIDE),
    case("eight times the vocabulary", WORDY),
    case("an untied head", UNTIED),
    case("with dropout", replace(MODEL, dropout=0.1)),
    case("SGD", optimizer="sgd"),
    case("SGD with momentum", optimizer="momentum"),
    case("bfloat16, float32 masters", dtype=torch.bfloat16),
    case("bfloat16, a batch of 16", dtype=torch.bfloat16, batch_size=16),
    case("4 micro-batches of 1", n_micro=4, batch_size=1),
    case("4 of 1, untied", UNTIED, n_micro=4, batch_size=1),
    case("recomputed blocks", recompute=True),
    case("8 recomputed blocks, batch 16", DEEP, recompute=True, batch_size=16),
    case("loss in chunks of 32", WORDY, chunk=32),
    case("chunks of 32, untied", replace(WORDY, tied=False), chunk=32),
    case("chunks of 32, bfloat16", WORDY, chunk=32, dtype=torch.bfloat16),
    case("recomputed, in chunks", WORDY, chunk=64, recompute=True, batch_size=16),
    case(
        "all of these",
        replace(WORDY, n_layer=8),
        n_micro=2,
        chunk=32,
        recompute=True,
        dtype=torch.bfloat16,
    ),
    case("data parallel, 2 ranks", WIDE, dp=2),
    case("ZeRO 1, 2 ranks", zero=1, dp=2),
    case("ZeRO 1, 3 ranks, wide", WIDE, zero=1, dp=3),
    case("ZeRO 1, 2 ranks, recomputed", DEEP, zero=1, dp=2, recompute=True),
    case("ZeRO 2, 2 ranks", WIDE, zero=2, dp=2),
    case("ZeRO 2, 4 ranks", WIDE, zero=2, dp=4),
    case("ZeRO 3, 2 ranks", WIDE, zero=3, dp=2),
    case("ZeRO 3, 4 ranks, deep", replace(WIDE, n_layer=8), zero=3, dp=4),
    case("tensor parallel, 2 ranks", WIDE, tp=2),
    case("tensor parallel, 4 ranks", WIDE, tp=4, batch_size=8),
    case("pipeline, 2 stages, 4 in GPipe", DEEP, n_micro=4, pp=2, schedule=gpipe),
    case("pipeline, 2 stages, 4 in 1F1B", DEEP, n_micro=4, pp=2),
    case("pipeline, 4 stages, 6 in 1F1B", DEEP, n_micro=6, pp=4, batch_size=2),
    case("2 x 2, tensor parallel, pipeline", WIDE, n_micro=4, tp=2, pp=2),
    case("2 x 2, replicas, tensor parallel", WIDE, n_micro=2, dp=2, tp=2),
]


# -- one run ----------------------------------------------------------------------------------


class Meter:
    """The peak of memory within its block: a GPU's own count, or a tracker's."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.tracker = device, MemoryTracker()

    def __enter__(self) -> Meter:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        else:
            self.tracker.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if self.device.type != "cuda":
            self.tracker.__exit__(*error)

    def hold(self, label: str, tensors: list[Tensor]) -> None:
        """Let the tracker know what was there before; a GPU knows it."""
        if self.device.type != "cuda":
            self.tracker.hold(label, tensors)

    @property
    def peak(self) -> int:
        """Bytes."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        return self.tracker.peak


def measure(this: Case, device: torch.device) -> int:
    """Run two steps in this process, a rank if there are several, and return its peak in bytes."""
    config, plan = this.config, this.plan
    model = GPT(config).to(device)
    shape = plan.batch_size, plan.n_tokens
    idx = [torch.randint(config.vocab_size, shape, device=device) for _ in range(this.n_micro)]
    step, held = make_step(this.plan, model, this.schedule)
    del model
    with Meter(device) as meter:
        meter.hold("before", [*held, *idx])
        for _ in range(N_STEPS):
            step([(x, x) for x in idx])  # any targets do
    return meter.peak


# -- the comparison ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A prediction and what came of it, on the rank where they differ most.

    Attributes:
        what: the case in words.
        predicted: bytes.
        measured: bytes.
        largest: the largest part of what was predicted.
    """

    what: str
    predicted: int
    measured: int
    largest: str

    @property
    def error(self) -> float:
        """Share of what was measured by which the prediction is too high."""
        return self.predicted / self.measured - 1

    def __str__(self) -> str:
        """A line of the table."""
        numbers = f"{self.predicted / MIB:9.2f} {self.measured / MIB:9.2f} {self.error:8.1%}"
        return f"{self.what:36}{numbers}   {self.largest}"


def compare(this: Case, device: torch.device = CPU) -> Row:
    """Predict a case and run it."""
    several = this.n_ranks > 1
    peaks = ranks.run(this.n_ranks, measure, this, device) if several else [measure(this, device)]
    rows = []
    for rank, measured in enumerate(peaks):
        parts = memory.peak(this.config, this.plan_of(rank))
        largest = max(parts, key=parts.get)
        rows.append(Row(this.what, sum(parts.values()), measured, largest))
    return max(rows, key=lambda row: abs(row.error))


def main(config: Config) -> None:
    """Compare all cases that the device can run.

    Raises:
        ValueError: a prediction is off by more than `BOUND`, or there is no such device.
    """
    device = torch.device(config.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("there is no GPU that PyTorch can use; --device cpu needs none")
    cases = [this for this in CASES if device.type == "cpu" or this.n_ranks == 1]
    print(f"{'MiB':36}{'predicted':>9} {'measured':>9} {'error':>8}   largest part")
    rows = []
    for this in cases:
        rows.append(compare(this, device))
        print(rows[-1])
    worst = max(rows, key=lambda row: abs(row.error))
    print(f"{len(rows)} configurations; the worst is off by {abs(worst.error):.1%} ({worst.what})")
    if abs(worst.error) > BOUND:
        raise ValueError(f"{worst.what}: off by more than {BOUND:.0%}")


if __name__ == "__main__":
    cli.run(__spec__.name)
