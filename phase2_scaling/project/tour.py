"""What phase 2 shows on the tour: a law of one's own, less memory, a pipeline, a run that survives.

`python -m shared.course tour` (or `make tour`) runs it and puts it on the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from phase2_scaling.project import faults, law_figures, oom_lab, sweep, timeline
from phase2_scaling.project.faults import Demonstration
from shared.pages import Figure, Stage


@dataclass(frozen=True)
class Settings:
    """How much is done, so that a test can do less."""

    sweep: sweep.Config = sweep.PRESETS["quick"]
    steps: int = 60
    """of the run that is killed"""


def stage(folder: Path, settings: Settings = Settings()) -> Stage:
    """Sweep, predict, save memory, draw a pipeline, kill a run; and say what one sees.

    Args:
        folder: for everything that is written.
        settings: how much is done.
    """
    law = sweep.sweep(settings.sweep, folder)
    print(law.headline)
    (folder / "lab").mkdir(parents=True, exist_ok=True)
    lab = oom_lab.lab(folder / "lab")
    print(lab.headline)
    pipeline = timeline.draw(folder)
    killed = faults.demonstrate(folder / "faults", kills=1, steps=settings.steps)
    print(killed.headline)
    return Stage(
        title="Phase 2: scaling is arithmetic",
        headline=law.headline,
        paragraphs=paragraphs(law, killed),
        figures=[*law_figures.exhibits(law), memory(lab), pipeline, killed.figure],
        numbers=numbers(law, lab, killed),
        next_step="make phase2-test",
    )


def paragraphs(law: sweep.Result, killed: Demonstration) -> list[str]:
    """What was done."""
    return [
        f"{len(law.points)} small models were trained, each at the end of its own schedule when "
        f"its bytes were used up. The text: {law.source}. A law L = E + A / N^alpha + B / D^beta "
        "went through their losses, and told the loss of a model with at least "
        f"{law.target.n_params / max(p.n_params for p in law.points):.1f} times the parameters of "
        "any of them. Only then was that one trained. make phase2-look, after a sweep of your own, "
        "shows more.",
        "The second part is what gets in the way: memory, the machine's idle time, and machines "
        "that die. One training step is made to fit into a fraction of its memory without "
        f"changing its gradient; {len(killed.kills)} process of a running job is killed, and the "
        f"job ends as if nothing had happened: {killed.headline}.",
    ]


def numbers(law: sweep.Result, lab: oom_lab.Result, killed: Demonstration) -> dict[str, str]:
    """The row of numbers."""
    first, last = lab.outcomes[0], lab.outcomes[-1]
    return {
        "predicted": f"{law.prediction.loss:.3f} nats",
        "measured": f"{law.target.loss:.3f} nats",
        "off by": f"{law.error:+.1%}",
        "memory of a step": f"{first.peak:.0f} to {last.peak:.0f} MiB",
        "processes killed": f"{len(killed.kills)}",
        "steps lost": "0" if killed.each_step_once else "some",
    }


def memory(lab: oom_lab.Result) -> Figure:
    """The six fixes."""
    return Figure(
        lab.figure,
        "One training step, before and after each fix",
        f"The same step, six times over: {lab.headline}. Each panel adds one fix to those "
        "before it: grey is what was alive without it, the line is the budget under which the step "
        "died then, and the colour is what is left. This is what CUDA out "
        "of memory looks like from inside.",
    )
