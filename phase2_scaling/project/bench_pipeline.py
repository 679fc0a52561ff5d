"""How well our pipeline keeps its stages busy, against the formula and against PyTorch's pipeline.

Efficiency is the time that one process takes for a step, over p times that of p stages: it counts
everything that the stages lose, in the bubble or in messages. The formula, which knows the bubble
alone, gives m / (m + p - 1). Measured for four stages that wait (20 ms forward, 40 ms backward and
next to no arithmetic, as a process does whose GPU works: two cores can run four of them), and for
two stages of a real GPT on a core each.

Against `torch.distributed.pipelining` with its Schedule1F1B: the time of a step, on the same two
stages and the same micro-batches. All sides live in the same processes and take turns.

Run `make phase2-bench`, or `python -m phase2_scaling.project.bench_pipeline` for these rows alone.
"""

import statistics
import time
from collections.abc import Callable
from copy import deepcopy
from functools import partial

import torch
import torch.distributed as dist
import torch.nn.functional as F

from phase2_scaling.project.clocked import REAL, TINY, make_batch, make_model
from phase2_scaling.solution.model import GPT
from phase2_scaling.solution.pipeline import MicroBatch, Stage, forward_backward
from phase2_scaling.solution.schedules import bubble, gpipe, one_f_one_b
from shared import ranks
from shared.bench import Row

WAITING, COMPUTING = 4, 2  # stages
N_MICRO = 8
TURNS = {WAITING: 3, COMPUTING: 9}
GOAL = 0.9  # within 10 % of the formula
OURS = {"gpipe": gpipe, "1f1b": one_f_one_b}
PEER = "torch.distributed.pipelining Schedule1F1B"

Step = Callable[[], object]


# -- the sides --------------------------------------------------------------------------------


def alone(model: GPT, batch: list[MicroBatch]) -> Step:
    """Do all the work of the step on rank 0, while the others wait."""

    def step() -> None:
        if dist.get_rank():
            return
        for idx, targets in batch:
            _, loss = model(idx, targets)
            (loss / len(batch)).backward()

    return step


def with_torch(stage: Stage, batch: list[MicroBatch]) -> Step:
    """Run a stage as PyTorch's documentation does."""
    from torch.distributed.pipelining import PipelineStage, Schedule1F1B

    peer = PipelineStage(stage, stage.index, stage.count, torch.device("cpu"))

    def loss_function(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(logits.mT, targets)

    schedule = Schedule1F1B(peer, len(batch), loss_fn=loss_function)
    idx, targets = (torch.cat(side) for side in zip(*batch))

    def step() -> None:
        stage.zero_grad()
        inputs = (idx,) if stage.is_first else ()
        schedule.step(*inputs, target=targets if stage.is_last else None)

    return step


def sides(computing: bool) -> dict[str, Step]:
    """Make everything that is timed, on this rank."""
    torch.manual_seed(0)
    model = make_model(None if computing else dist.get_world_size())
    batch = make_batch(REAL if computing else TINY, N_MICRO)
    stage = Stage(deepcopy(model))
    made = {"alone": alone(model, batch)}
    made |= {name: partial(forward_backward, stage, batch, order) for name, order in OURS.items()}
    return made | ({"torch": with_torch(deepcopy(stage), batch)} if computing else {})


def times(computing: bool) -> dict[str, float]:
    """Return the median seconds of a step of each side, in turns."""
    made = sides(computing)
    seconds = {name: [] for name in made}
    for _ in range(1 + TURNS[dist.get_world_size()]):
        for name, step in made.items():
            dist.barrier()
            began = time.perf_counter()
            step()
            dist.barrier()
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


# -- the rows ---------------------------------------------------------------------------------


def rows() -> list[Row]:
    """Time both kinds of stages."""
    waiting, computing = (
        ranks.run(p, times, p == COMPUTING, timeout_s=600)[0] for p in (WAITING, COMPUTING)
    )
    return [
        *(efficiency_row(name, WAITING, "stages that wait", waiting) for name in OURS),
        *(efficiency_row(name, COMPUTING, "stages that compute", computing) for name in OURS),
        Row.compare(
            f"2-pipeline-step-{COMPUTING}",
            f"1F1B, {COMPUTING} stages of a GPT of {REAL.n_layer} layers, {REAL.n_embd} wide, "
            f"{N_MICRO} micro-batches: a step",
            "ms/step",
            1000 * computing["1f1b"],
            PEER,
            1000 * computing["torch"],
            higher_is_better=False,
            runs=TURNS[COMPUTING],
        ),
    ]


def efficiency_row(name: str, p: int, what: str, seconds: dict[str, float]) -> Row:
    """Compare the share of the stages' time that is work with the formula's."""
    formula = 1 - bubble(p, N_MICRO)
    return Row.compare(
        f"2-pipeline-{name}-{p}",
        f"{name}, {p} {what}, {N_MICRO} micro-batches: efficiency",
        "share",
        seconds["alone"] / (p * seconds[name]),
        "m / (m + p - 1)",
        formula,
        higher_is_better=True,
        goal=GOAL,
        limit=formula,
        runs=TURNS[p],
    )


if __name__ == "__main__":
    for row in rows():
        print(f"{row.id:24} {row.ours:8.3f} {row.peer_value:8.3f} {row.unit:8} {row.ratio:5.2f} x")
