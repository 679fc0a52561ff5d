"""A job that dies for want of memory, and six ways of making it live.

    python -m phase2_scaling.project.oom_lab
    python -m phase2_scaling.project.oom_lab --budget 40
    python -m phase2_scaling.project.oom_lab --blocks mine

One training step climbs down a ladder of budgets. Under each it dies first, with an error that
says what was alive, and then fits, with one fix more; the gradient stays what it was. With
`--budget` all rungs have the same one, and the lab ends with the first that fits. The table goes to
runs/phase2/oom_lab/results.json, the figure to memory.png. `--device cuda` does it with GPT-2's
smallest model and a real GPU's limit.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from phase2_scaling.project.oom_rungs import JOBS, Fixes, Job, Measured, Rung, ladder, plan_of, run
from phase2_scaling.solution import counting, memory
from phase2_scaling.solution.tracker import MIB
from shared import cli, runs
from shared.drawing import BLUE, GREEN, GREY, ORANGE, write_figure
from shared.files import write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# How far a gradient may be from that of the job as it is, as a share of its length: in float32 it
# is summed in another order; a bfloat16 number has 8 bits, each operation is off by up to 0.4 %.
OFF_BY_AT_MOST = {torch.float32: 1e-5, torch.bfloat16: 2e-2}
N_POINTS = 400  # of a timeline, in the figure
COLOURS = {"forward": BLUE, "backward": ORANGE, "update": GREEN}


@dataclass(frozen=True)
class Config:
    """How much memory there is."""

    budget: float | None = None
    """MiB, for every rung; without it each has its own"""
    device: Literal["cpu", "cuda"] = "cpu"
    """on a CPU a tracker keeps the budget, on a GPU PyTorch's allocator does"""
    name: str = "oom_lab"
    """the run's folder under runs/phase2"""

    def __post_init__(self) -> None:
        if self.budget is not None and self.budget <= 0:
            raise ValueError(f"budget must be positive, got {self.budget}")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("there is no GPU that PyTorch can use; leave --device out")


@dataclass(frozen=True)
class Outcome:
    """What one rung did.

    Attributes:
        name: what was switched on.
        exercise: where it is written.
        budget: MiB; None without one.
        error: how the rung before it died under this budget; None if it fits.
        peak: MiB.
        predicted: the same, by the calculator; None where it has no word for it.
        off_by: distance of the gradient from that of the job as it is, as a share of its length.
        operations: of the step, as a multiple of those of the job as it is.
        seconds: of the step, with the tracker's own work.
        timeline: phase and MiB alive, through the step.
    """

    name: str
    exercise: str
    budget: float | None
    error: str | None
    peak: float
    predicted: float | None
    off_by: float
    operations: float
    seconds: float
    timeline: list[tuple[str, float]]

    @property
    def fits(self) -> bool:
        """Whether the peak is within the budget."""
        return self.budget is not None and self.peak <= self.budget

    def __str__(self) -> str:
        """A line of the table."""
        budget = "" if self.budget is None else f"{self.budget:g}"
        predicted = "" if self.predicted is None else f"{self.predicted:.1f}"
        return (
            f"{self.name:22}{self.exercise:>6}{budget:>8}{self.peak:>9.1f}{predicted:>12}"
            f"{self.off_by:>10.0e}{self.operations:>8.2f}{self.seconds:>7.1f}"
        )


HEADING = (
    f"{'MiB':22}{'':>6}{'budget':>8}{'peak':>9}{'calculator':>12}{'off by':>10}{'work':>8}{'s':>7}"
)


@dataclass(frozen=True)
class Result:
    """How the lab ended.

    Attributes:
        outcomes: of the rungs, from the job as it is on.
        figure: memory over time, before and after each fix.
    """

    outcomes: list[Outcome]
    figure: Path

    @property
    def headline(self) -> str:
        """The result in one line."""
        first, last = self.outcomes[0], self.outcomes[-1]
        return (
            f"a step that needed {first.peak:.0f} MiB runs in {last.peak:.1f} MiB, "
            f"{first.peak / last.peak:.0f} times less; its gradient is off by {last.off_by:.1%}"
        )


def lab(
    folder: Path,
    budget: float | None = None,
    device: str = "cpu",
    tell: Callable[[str], None] = lambda line: None,
) -> Result:
    """Climb down the ladder; write results.json and memory.png into a folder.

    Args:
        folder: exists.
        budget: MiB for every rung, None for each its own.
        device: cpu or cuda.
        tell: is given each line of the story.

    Raises:
        ValueError: a gradient is not what it was, or not even the last rung fits the budget.
    """
    job = JOBS[device]
    rungs = ladder(job)
    tell(f"one step of {describe(job)}")
    original = run(job, rungs[0].fixes)
    outcomes = [look(job, rungs[0], None, None, original, original)]
    for before, rung in pairwise(rungs):
        if budget is not None and outcomes[-1].peak <= budget:
            break
        limit = budget or rung.budget
        error = death(job, before.fixes, limit)
        tell(f"\n{limit:g} MiB, {before.name}: {error or 'fits already'}")
        outcomes.append(look(job, rung, limit, error, run(job, rung.fixes), original))
        tell(f"  + {rung.name} (exercise {rung.exercise}): {outcomes[-1].peak:.1f} MiB")
    if budget is not None and outcomes[-1].peak > budget:
        raise ValueError(f"not even all fixes together fit into {budget:g} MiB")
    write_text(folder / "results.json", json.dumps([asdict(o) for o in outcomes], indent=1))
    return Result(outcomes, draw(outcomes, folder / "memory.png"))


def describe(job: Job) -> str:
    """Say what the job is."""
    n = counting.n_parameters(job.config)
    return (
        f"{n / 1e6:.1f} million parameters on {job.n_sequences} sequences of "
        f"{job.config.block_size} tokens, with {job.config.vocab_size:,} different ones"
    )


def death(job: Job, fixes: Fixes, budget: float) -> str | None:
    """Say how a step dies under a budget; None if it does not."""
    try:
        run(job, fixes, budget)
    except torch.OutOfMemoryError as error:
        return str(error)
    return None


def look(
    job: Job,
    rung: Rung,
    budget: float | None,
    error: str | None,
    measured: Measured,
    original: Measured,
) -> Outcome:
    """Compare a rung with the job as it is.

    Raises:
        ValueError: its gradient is further off than rounding explains.
    """
    off_by = distance(measured.gradients, original.gradients)
    if not off_by <= OFF_BY_AT_MOST[rung.fixes.dtype]:
        raise ValueError(f"{rung.name}: the gradient is off by {off_by:.1%} of its length")
    plan = plan_of(job, rung.fixes)
    predicted = None if plan is None else sum(memory.peak(job.config, plan).values()) / MIB
    flops = [
        counting.flops_per_token(job.config, recompute=on) for on in (rung.fixes.recompute, False)
    ]
    return Outcome(
        rung.name,
        rung.exercise,
        budget,
        error,
        measured.peak / MIB,
        predicted,
        off_by,
        flops[0] / flops[1],
        measured.seconds,
        thin(measured.timeline),
    )


def distance(gradients: list[Tensor], others: list[Tensor]) -> float:
    """Length of the difference of two gradients, as a share of the second one's length."""
    difference = sum((g - o).square().sum() for g, o in zip(gradients, others, strict=True))
    return float((difference / sum(o.square().sum() for o in others)).sqrt())


# -- the figure -------------------------------------------------------------------------------


def thin(timeline: list[tuple[str, int]]) -> list[tuple[str, float]]:
    """Keep the highest of every few points, in MiB, so that no peak is lost."""
    width = max(1, len(timeline) // N_POINTS)
    groups = [timeline[i : i + width] for i in range(0, len(timeline), width)]
    return [(phase, n / MIB) for phase, n in (max(group, key=lambda p: p[1]) for group in groups)]


def draw(outcomes: list[Outcome], path: Path) -> Path:
    """Draw memory over time through one step, a panel for each fix: grey before, coloured after."""

    def fill(figure: Figure) -> None:
        n_rows = -(-(len(outcomes) - 1) // 3) or 1
        panels = figure.subplots(n_rows, 3, squeeze=False).flat
        for axes, before, after in zip(panels, outcomes, outcomes[1:]):
            draw_fix(axes, before, after)
        for axes in list(panels):
            axes.remove()
        figure.supxlabel("share of the step's operations that are done")
        figure.supylabel("MiB alive")
        figure.suptitle("before (grey), and after: forward blue, backward orange, update green")

    return write_figure(path, (11, 3.2 * (-(-(len(outcomes) - 1) // 3) or 1) + 0.6), fill)


def draw_fix(axes: Axes, before: Outcome, after: Outcome) -> None:
    """Draw one fix: what was alive before it and after it, and the budget between."""
    axes.fill_between(share(before), [n for _, n in before.timeline], color=GREY, alpha=0.3, lw=0)
    places, values = share(after), [n for _, n in after.timeline]
    for phase, colour in COLOURS.items():
        here = [label == phase for label, _ in after.timeline]
        axes.fill_between(places, values, where=here, color=colour, lw=0, step="post")
    axes.step(places, values, where="post", color="black", linewidth=0.5)
    if after.budget is not None:
        axes.axhline(after.budget, color="black", linestyle="--", linewidth=0.8)
    axes.set(
        title=f"{after.name}: {before.peak:.0f} to {after.peak:.0f} MiB",
        xlim=(0, 1),
        ylim=(0, 1.05 * before.peak),
    )


def share(outcome: Outcome) -> list[float]:
    """Where the points of a timeline lie, from 0 to 1."""
    n = len(outcome.timeline)
    return [i / max(1, n - 1) for i in range(n)]


def main(config: Config) -> None:
    """Climb down, tell, and draw."""
    with runs.start("phase2", config.name, config) as kept:
        result = lab(kept.path, config.budget, config.device, print)
    print(f"\n{HEADING}")
    for outcome in result.outcomes:
        print(outcome)
    print(f"\n{result.headline}\nthe figure: {result.figure}")


if __name__ == "__main__":
    cli.run(__spec__.name)
