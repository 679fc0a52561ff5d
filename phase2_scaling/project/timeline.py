"""The timeline of a pipeline, drawn from the timestamps of a real step.

    python -m phase2_scaling.project.timeline
    python -m phase2_scaling.project.timeline --stages 2 --computing
    python -m phase2_scaling.project.timeline --micro-batches 16 --schedule 1f1b

Runs the stages as processes of this machine, prints the bubble as measured and as the formula has
it, and writes timeline.png and spans.json to runs/phase2/timeline/. Without `--computing`, a stage
keeps busy by sleeping, as a process does while its GPU works (see `clocked.py`): four stages that
compute would need four cores.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from phase2_scaling.project import clocked
from phase2_scaling.project.clocked import Span
from phase2_scaling.solution import schedules
from shared import cli, runs
from shared.drawing import BLUE, ORANGE, write_figure
from shared.files import write_text
from shared.machine import usable_cores
from shared.pages import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure

SCHEDULES = {"gpipe": schedules.gpipe, "1f1b": schedules.one_f_one_b}
NAMES = {"gpipe": "GPipe", "1f1b": "1F1B"}
COLOURS = {"forward": BLUE, "backward": ORANGE}


@dataclass(frozen=True)
class Config:
    """Which pipeline to run."""

    stages: int = 4
    """p, a process each"""
    micro_batches: int = 8
    """m, in one step"""
    schedule: Literal["gpipe", "1f1b", "both"] = "both"
    """the order of the work"""
    computing: bool = False
    """real blocks in place of stages that sleep; needs a core for each stage"""
    name: str = "timeline"
    """folder of the run under runs/phase2"""

    def __post_init__(self) -> None:
        if self.stages < 1 or self.micro_batches < 1:
            raise ValueError("stages and micro_batches must be positive")
        if self.computing and self.stages > min(usable_cores(), clocked.REAL.n_layer):
            raise ValueError(
                f"--computing needs a core and a block for each stage; there are {usable_cores()} "
                f"cores and {clocked.REAL.n_layer} blocks"
            )

    @property
    def chosen(self) -> list[str]:
        """Keys of the schedules to run."""
        return list(SCHEDULES) if self.schedule == "both" else [self.schedule]


Timelines = dict[str, list[list[Span]]]  # by schedule, then by stage


def measure(config: Config) -> Timelines:
    """Run one step under each schedule."""
    p, m = config.stages, config.micro_batches
    return {key: clocked.run(p, m, SCHEDULES[key], config.computing) for key in config.chosen}


def report(timelines: Timelines) -> str:
    """Tell the bubbles, and what each stage held, as a table."""
    lines = [f"{'':8}{'step':>10}{'bubble':>10}{'formula':>10}  micro-batches held, by stage"]
    for key, stages in timelines.items():
        length = max(span.ended for stage in stages for span in stage)
        held = " ".join(str(most_held(stage)) for stage in stages)
        lines.append(
            f"{NAMES[key]:8}{1000 * length:7.0f} ms{clocked.idle_share(stages):10.1%}"
            f"{formula(stages):10.1%}  {held}"
        )
    return "\n".join(lines)


def formula(stages: list[list[Span]]) -> float:
    """The bubble of as many stages and micro-batches, in theory."""
    return schedules.bubble(len(stages), len(stages[0]) // 2)


def most_held(stage: list[Span]) -> int:
    """Count the micro-batches whose activations a stage had in memory at once, at most."""
    held = most = 0
    for span in stage:
        held += 1 if span.action.kind == "forward" else -1
        most = max(most, held)
    return most


# -- the figure -------------------------------------------------------------------------------


def write_timeline(timelines: Timelines, path: Path) -> Path:
    """Draw a row for each stage and a bar for each action, one schedule below the other."""
    p = len(next(iter(timelines.values())))
    height = 0.8 + len(timelines) * (0.7 + 0.32 * p)

    def fill(figure: MatplotlibFigure) -> None:
        panels = figure.subplots(len(timelines), sharex=True, squeeze=False)[:, 0]
        for axes, (key, stages) in zip(panels, timelines.items()):
            draw_stages(axes, NAMES[key], stages)
        panels[-1].set_xlabel("milliseconds since the step began")

    return write_figure(path, (10, height), fill)


def draw_stages(axes: Axes, name: str, stages: list[list[Span]]) -> None:
    """Draw one schedule; the number in a bar is that of its micro-batch."""
    length = max(span.ended for stage in stages for span in stage)
    for row, stage in enumerate(stages):
        for span in stage:
            colour = COLOURS[span.action.kind]
            axes.barh(row, 1000 * span.seconds, 0.9, 1000 * span.began, color=colour, ec="white")
            if span.seconds > 0.012 * length:  # else there is no room for the number
                middle = 500 * (span.began + span.ended)
                style = {"ha": "center", "va": "center", "color": "white", "fontsize": 8}
                axes.text(middle, row, str(span.action.micro), **style)
    idle, theory = clocked.idle_share(stages), formula(stages)
    axes.set(
        title=f"{name}: bubble {idle:.1%} measured, {theory:.1%} by the formula "
        "(blue forward, orange backward)",
        yticks=range(len(stages)),
        yticklabels=[f"stage {row}" for row in range(len(stages))],
        ylim=(len(stages) - 0.5, -0.5),
    )


def draw(folder: Path) -> Figure:
    """Run both schedules with four stages that wait, and show them; a second or two."""
    timelines = measure(Config())
    path = write_timeline(timelines, folder / "timeline.png")
    told = " and ".join(
        f"{NAMES[key]} {clocked.idle_share(stages):.1%}" for key, stages in timelines.items()
    )
    theory = formula(timelines["gpipe"])
    return Figure(
        path,
        "A pipeline of four stages, by the clock",
        "Four processes have a part of the model each, and eight micro-batches pass through them. "
        "Each bar is a real action, drawn from its timestamps; the work of a stage is a wait of "
        f"{1000 * clocked.FORWARD_S:.0f} ms forward and {1000 * clocked.BACKWARD_S:.0f} ms "
        "backward, as that of a process is while its GPU computes. White is the bubble: "
        f"{told} measured, (p - 1) / (m + p - 1) = {theory:.1%} in theory. Both orders take "
        "equally long; in 1F1B the first stage holds four micro-batches at most, in GPipe eight.",
    )


def main(config: Config) -> None:
    """Run, print, draw."""
    timelines = measure(config)
    print(report(timelines))
    with runs.start("phase2", config.name, config) as run:
        spans = {
            key: [[[str(s.action), s.began, s.ended] for s in stage] for stage in stages]
            for key, stages in timelines.items()
        }
        write_text(run.path / "spans.json", json.dumps(spans))
        print(f"the figure: {write_timeline(timelines, run.path / 'timeline.png')}")


if __name__ == "__main__":
    cli.run(__spec__.name)
