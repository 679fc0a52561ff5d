"""Look at a sweep: one page with its law, its valleys and its prediction.

    python -m phase2_scaling.project.look
    python -m phase2_scaling.project.look --run sweep-quick

writes index.html into the sweep's folder, from the results that lie there; nothing is trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from phase2_scaling.project import law_figures, sweep
from shared import cli, runs
from shared.pages import Stage, write_page


@dataclass(frozen=True)
class Config:
    """What to look at."""

    run: str = "sweep"
    """folder of a sweep under runs/phase2"""


def look(config: Config, root: Path = runs.RUNS) -> Path:
    """Draw a sweep anew and write the page; return where it is.

    Raises:
        ValueError: there is no such sweep.
    """
    path = root / sweep.PHASE / config.run
    if not (path / "results.json").is_file():
        raise ValueError(f"no sweep is in {path}; run python -m phase2_scaling.project.sweep first")
    result = sweep.read_result(path)
    law_figures.draw_all(result, path)
    law = result.law
    shown = Stage(
        title=f"A look at {config.run}",
        headline=result.headline,
        paragraphs=[
            f"{len(result.points)} small models, trained on {result.source}, and what they say of "
            "a larger one.",
        ],
        figures=law_figures.exhibits(result),
        numbers={
            "E": f"{law.E:.3f}",
            "A": f"{law.A:.4g}",
            "B": f"{law.B:.4g}",
            "alpha": f"{law.alpha:.3f}",
            "beta": f"{law.beta:.3f}",
            "training, all runs": f"{sum(p.seconds for p in result.points):,.0f} core seconds",
        },
        next_step="python -m phase2_scaling.project.planner --help",
    )
    return write_page(path / "index.html", "look", stage=shown)


def main(config: Config) -> None:
    """Write the page and say where it is."""
    print(f"the page: {look(config)}")


if __name__ == "__main__":
    cli.run(__spec__.name)
