"""`make tour`: let every phase that can show something show it, on one page that works offline.

A phase takes part by having `project/tour.py` with `stage(folder) -> Stage`, which trains what it
trains, writes into `folder` and says in words and figures what one sees. The page is
runs/tour/index.html (see `shared.pages`). It is written anew after each stage, so that a failure
later on costs nothing.
"""

import time
import traceback
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from shared import blocks
from shared.pages import Stage, write_page
from shared.runs import RUNS
from shared.syllabus import Phase, find_root, load_phases


@dataclass(frozen=True)
class Section:
    """One phase on the page: its stage, or why there is none."""

    phase: Phase
    whose: str
    seconds: float
    stage: Stage | None = None
    failure: str = ""


@dataclass
class Page:
    """The page as far as it has come."""

    path: Path
    sections: list[Section] = field(default_factory=list)
    stopped: bool = False

    def write(self) -> None:
        """Write the page as it stands."""
        write_page(self.path, "tour", sections=self.sections, stopped=self.stopped)


def main(whose: str = "solution", root: Path | None = None, out: Path = RUNS / "tour") -> int:
    """Run every phase's stage and write the page; return the exit code.

    Args:
        whose: "solution", or "mine" for the learner's passed exercises in place of ours.
        root: the course's folder.
        out: folder of the page and of what the stages write.

    Returns:
        0, 1 if a stage failed, 130 after Ctrl-C.
    """
    every = load_phases(root or find_root())
    phases = [phase for phase in every if (phase.folder / "project" / "tour.py").is_file()]
    page = Page(out / "index.html")
    with blocks.mine(phases) if whose == "mine" else nullcontext():
        for phase in phases:
            print(f"\n== phase {phase.number}: {phase.title}")
            try:
                page.sections.append(run_stage(phase, whose, out / phase.package))
            except KeyboardInterrupt:
                page.stopped = True
            page.write()
            if page.stopped:
                break
    print()
    for section in page.sections:
        told = section.stage.headline if section.stage else f"failed: {section.failure}"
        print(f"phase {section.phase.number}: {told}")
    print(f"the page: {page.path}")
    if page.stopped:
        return 130
    return int(any(section.failure for section in page.sections))


def run_stage(phase: Phase, whose: str, folder: Path) -> Section:
    """Run one phase's stage; what it raises is shown and becomes a note on the page."""
    began = time.perf_counter()
    stage, failure = None, ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = import_module(f"{phase.package}.project.tour").stage(folder)
    except Exception as error:  # whatever it is, the other stages still have their say
        traceback.print_exc()
        failure = f"{type(error).__name__}: {error}"
    return Section(phase, told(phase, whose), time.perf_counter() - began, stage, failure)


def told(phase: Phase, whose: str) -> str:
    """Say whose code ran."""
    passed = blocks.passed_exercises(phase)[0] if whose == "mine" else []
    if not passed:
        return "the solution's blocks"
    return f"your own blocks for {', '.join(passed)}, the solution's for the rest"
