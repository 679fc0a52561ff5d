"""The loop around every training program of this phase: steps, metrics, checkpoints, Ctrl-C.

A program says what one step does and what is looked at now and then (`Task`); that it has a
progress bar, survives `kill -9` and resumes bit by bit is the same for all, and is here.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

from phase3_alignment.project.learner import Learner
from shared import runs
from shared.loops import Bar, stop_on_interrupt
from shared.runs import RUNS, Checkpoint, Run

PHASE = "phase3"


class Task(Protocol):
    """What a program does.

    Attributes:
        learner: what trains; its `n_steps` is the length of the run.
        look_every: steps from one look, and checkpoint, to the next.
        shown: names of the metrics that the progress bar shows.
    """

    learner: Learner
    look_every: int
    shown: tuple[str, ...]

    def step(self) -> dict[str, float]:
        """Take one step (`learner.begin_step` is done already) and return its metrics."""

    def look(self) -> dict[str, Any]:
        """Evaluate; return what goes into metrics.jsonl, with "says": a line for people."""

    def state(self) -> dict[str, Any]:
        """Return what the program itself counts, as JSON."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from another's `state`."""


def open_run(
    name: str, settings: dict[str, Any], resume: bool, root: Path = RUNS
) -> tuple[Run, Checkpoint | None]:
    """Start a run, or open it where its newest checkpoint stands.

    Args:
        name: folder under runs/phase3.
        settings: what must be the same for a run to go on: the config without `resume`.
        resume: whether to go on.
        root: folder of all runs.

    Raises:
        shared.runs.RunError: there is nothing to resume, or it had other settings.
    """
    if resume:
        return runs.resume(PHASE, name, settings, root)
    return runs.start(PHASE, name, settings, root), None


def fit(task: Task, run: Run, saved: Checkpoint | None = None) -> None:
    """Take the steps that are left.

    The first look comes before the first step, so that every curve begins where training did.

    Raises:
        KeyboardInterrupt: Ctrl-C, after a checkpoint.
    """
    learner, seconds = task.learner, 0.0
    if saved:
        learner.restore(saved)
        task.load_state(saved.state["task"])
        seconds = saved.state["seconds"]
    began = time.monotonic() - seconds

    def keep() -> None:
        state = {"task": task.state(), "seconds": time.monotonic() - began}
        run.save(learner.done, learner.arrays(), state)

    with stop_on_interrupt() as stop, Bar("training", learner.n_steps, done=learner.done) as bar:
        if not learner.done:
            _look(task, run, bar)
        while learner.done < learner.n_steps and not stop:
            learner.begin_step()
            metrics = task.step()
            run.log(step=learner.done, **metrics)
            bar.advance(**{name: metrics[name] for name in task.shown})
            if learner.done % task.look_every == 0 or learner.done == learner.n_steps:
                _look(task, run, bar)
                keep()
    if learner.done < learner.n_steps:
        keep()
        print(f"stopped and saved after step {learner.done}; go on with --resume")
        raise KeyboardInterrupt


def _look(task: Task, run: Run, bar: Bar) -> None:
    seen = task.look()
    says = seen.pop("says", None)
    if seen:
        run.log(step=task.learner.done, **seen)
    if says:
        bar.note(f"step {task.learner.done}: {says}")
