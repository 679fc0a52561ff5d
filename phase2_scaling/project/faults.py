"""Kill a training run again and again, and see that it ends as if nothing had happened.

    python -m phase2_scaling.project.faults                # ten kills, a minute or two
    python -m phase2_scaling.project.faults --kills 1

Trains a small model on several processes twice, under `accelerate launch --max_restarts`: once
undisturbed, once with a process killed by SIGKILL at random steps, from outside. The launcher
starts all processes again and the run goes on from its newest checkpoint. In the end the weights
have to be the same bit by bit, and no step may be counted twice. Both runs and faults.png are
under runs/phase2/faults/.
"""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from phase2_scaling.project.heartbeat import read_beats
from shared import cli, runs
from shared.drawing import BLUE, ORANGE, write_figure
from shared.pages import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure

SAVE_EVERY = 5
SETTINGS = {
    "block-size": 32,
    "n-layer": 2,
    "n-head": 2,
    "n-embd": 32,
    "dropout": 0.1,
    "batch-size": 12,
    "micro-batch-size": 2,
    "warmup-steps": 5,
    "decay-steps": 20,
    "save-every": SAVE_EVERY,
    "eval-every": 1000,
    "device": "cpu",
}
POLL_S = 0.002
PATIENCE_S = 120.0  # without a step


@dataclass(frozen=True)
class Config:
    """How often to kill, and whom."""

    kills: int = 10
    """processes killed, one at a time"""
    processes: int = 2
    """that train together"""
    steps: int = 60
    """of each run"""
    seed: int = 0
    """decides who is killed when"""

    def __post_init__(self) -> None:
        if not 0 <= self.kills < self.steps:
            raise ValueError(f"kills must lie in [0, {self.steps}), got {self.kills}")


@dataclass(frozen=True)
class Kill:
    """One process killed: which rank, and how many steps were done then."""

    rank: int
    step: int


@dataclass(frozen=True)
class Demonstration:
    """What came of it.

    Attributes:
        kills: in order.
        starts: the steps from which the run went on, the first of them 0.
        same_weights: whether both runs ended with the same weights, bit by bit.
        steps: those in the disturbed run's metrics.jsonl, as they stand there.
        losses: the disturbed run's, step by step.
        undisturbed: the other run's.
        seconds: wall clock of the disturbed run and of the other.
        figure: for the tour.
    """

    kills: list[Kill]
    starts: list[int]
    same_weights: bool
    steps: list[int]
    losses: list[float]
    undisturbed: list[float]
    seconds: tuple[float, float]
    figure: Figure

    @property
    def each_step_once(self) -> bool:
        """Whether no step is missing, and none is counted twice."""
        return self.steps == list(range(1, len(self.undisturbed) + 1))

    @property
    def headline(self) -> str:
        """The result in one line."""
        bits = "the same bit by bit" if self.same_weights else "DIFFERENT"
        counted = "each step counted once" if self.each_step_once else "steps MISCOUNTED"
        n = len(self.kills)
        return f"{n} kill{'s' * (n != 1)}: final weights {bits}, {counted}"


def demonstrate(
    folder: Path, kills: int = 1, processes: int = 2, steps: int = 60, seed: int = 0
) -> Demonstration:
    """Train undisturbed and disturbed, and compare.

    Args:
        folder: for both runs and the figure.
        kills, processes, steps, seed: see `Config`.

    Raises:
        RuntimeError: a run failed, or made no step for `PATIENCE_S`.
    """
    plan = plan_kills(kills, processes, steps, seed)
    began = time.monotonic()
    run(folder, "undisturbed", processes, steps, [])
    between = time.monotonic()
    done = run(folder, "killed", processes, steps, plan)
    ended = time.monotonic()
    undisturbed, disturbed = (records(folder / "phase2" / n) for n in ("undisturbed", "killed"))
    digests = [result(folder, name)["weights_sha256"] for name in ("undisturbed", "killed")]
    losses = [record["loss"] for record in undisturbed]
    starts = find_starts(folder / "killed.log")
    return Demonstration(
        kills=done,
        starts=starts,
        same_weights=digests[0] == digests[1],
        steps=[record["step"] for record in disturbed],
        losses=[record["loss"] for record in disturbed],
        undisturbed=losses,
        seconds=(ended - between, between - began),
        figure=draw(folder / "faults.png", done, starts, losses, disturbed),
    )


def plan_kills(kills: int, processes: int, steps: int, seed: int) -> list[Kill]:
    """Draw who is to be killed after how many steps; each kill is after the one before it."""
    luck = random.Random(seed)
    when = sorted(luck.sample(range(1, steps), kills))
    return [Kill(luck.randrange(processes), step) for step in when]


def run(folder: Path, name: str, processes: int, steps: int, plan: list[Kill]) -> list[Kill]:
    """Train to the end, and kill on the way; return the kills as they happened.

    Raises:
        RuntimeError: the run failed, or made no step for `PATIENCE_S`.
    """
    flags = {**SETTINGS, "max-steps": steps, "name": name, "root": folder}
    told = shlex.join(word for flag, value in flags.items() for word in (f"--{flag}", str(value)))
    command = [
        *(sys.executable, "-m", "phase2_scaling.project.launch", "--nproc", str(processes)),
        *("--max-restarts", str(len(plan)), f"--args={told}"),
    ]
    log, beats = folder / f"{name}.log", folder / "phase2" / name / "ranks"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(beats, ignore_errors=True)  # of an earlier demonstration's processes
    with log.open("w") as output:
        launcher = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            done = list(kill(plan, beats, processes, launcher))
            code = launcher.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"the run {name} does not come to its end; see {log}") from None
        finally:
            end(launcher)
    if code:
        raise RuntimeError(f"the run {name} failed; see {log}")
    return done


def kill(
    plan: list[Kill], beats: Path, processes: int, launcher: subprocess.Popen
) -> Iterator[Kill]:
    """Kill as planned, and yield each kill as it happened; a process may be a step further by then.

    Raises:
        RuntimeError: the launcher ended before, or no process came to the step.
    """
    gone: set[int | None] = {None}  # processes of earlier starts, whose last beats are still there
    for planned in plan:
        patience = time.monotonic() + PATIENCE_S
        while True:
            now = read_beats(beats, processes)
            pids = {beat["pid"] for beat in now}
            victim = now[planned.rank]
            if not pids & gone and victim["step"] >= planned.step:
                break
            if launcher.poll() is not None or time.monotonic() > patience:
                raise RuntimeError(f"nobody came to step {planned.step} to be killed there")
            time.sleep(POLL_S)
        os.kill(victim["pid"], signal.SIGKILL)
        gone |= pids
        yield Kill(planned.rank, victim["step"])


def end(launcher: subprocess.Popen) -> None:
    """End a launcher and what it has started, if they still run: they are one session."""
    if launcher.poll() is None:
        os.killpg(launcher.pid, signal.SIGKILL)
        launcher.wait()


def records(path: Path) -> list[dict]:
    """The records of steps in a run's metrics.jsonl, as they stand there."""
    return [record for record in runs.read_metrics(path) if "loss" in record]


def result(folder: Path, name: str) -> dict:
    """A run's results.json."""
    return json.loads((folder / "phase2" / name / "results.json").read_text(encoding="utf-8"))


def find_starts(log: Path) -> list[int]:
    """After how many steps each start of the processes went on, as the run itself has said."""
    text = log.read_text(encoding="utf-8")
    return [int(step) - 1 for step in re.findall(r"^training: steps (\d+) to", text, re.MULTILINE)]


def draw(
    path: Path, kills: list[Kill], starts: list[int], losses: list[float], disturbed: list[dict]
) -> Figure:
    """Draw both loss curves, and from where to where each start came."""

    def fill(figure: MatplotlibFigure) -> None:
        axes = figure.subplot_mosaic([["loss"], ["starts"]], height_ratios=(2, 1), sharex=True)
        steps = range(1, len(losses) + 1)
        axes["loss"].plot(steps, losses, color=BLUE, linewidth=4, alpha=0.4, label="undisturbed")
        axes["loss"].plot(
            [record["step"] for record in disturbed],
            [record["loss"] for record in disturbed],
            color=ORANGE,
            linewidth=1,
            label="killed and resumed",
        )
        axes["loss"].set(ylabel="loss (nats per byte)")
        axes["loss"].legend()
        draw_starts(axes["starts"], kills, starts, len(losses))

    caption = (
        f"{len(kills)} time{'s' * (len(kills) != 1)} a process was killed by SIGKILL. Below, each "
        "line is one start of the processes, from its checkpoint to its end: what two lines share "
        "is work that was lost and done again. The loss is the undisturbed run's all the same."
    )
    return Figure(write_figure(path, (9, 5), fill), "A run that is killed", caption)


def draw_starts(axes: Axes, kills: list[Kill], starts: list[int], n_steps: int) -> None:
    """One line for each start, a cross where somebody was killed."""
    ends = [*(kill.step for kill in kills), n_steps]
    for number, (begin, stop) in enumerate(zip(starts, ends, strict=True)):
        axes.plot([begin, stop], [number, number], color=BLUE, linewidth=3, solid_capstyle="butt")
    axes.plot(ends[:-1], range(len(kills)), "x", color=ORANGE)
    axes.set(xlabel="training step", ylabel="start", yticks=range(len(starts)))
    axes.invert_yaxis()


def main(config: Config) -> None:
    """Demonstrate; exit with 1 if the disturbed run did not end as the other one."""
    folder = runs.RUNS / "phase2" / "faults"
    seen = demonstrate(folder, config.kills, config.processes, config.steps, config.seed)
    for number, (killed, start) in enumerate(zip(seen.kills, seen.starts[1:], strict=True), 1):
        print(
            f"kill {number}: rank {killed.rank} after {killed.step} steps; "
            f"the run goes on after step {start}"
        )
    print(f"{seen.headline}; {seen.seconds[0]:.0f} s, undisturbed {seen.seconds[1]:.0f} s")
    print(f"figure: {seen.figure.path}")
    sys.exit(0 if seen.same_weights and seen.each_step_once else 1)


if __name__ == "__main__":
    cli.run(__spec__.name)
