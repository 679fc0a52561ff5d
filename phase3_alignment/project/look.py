"""Look at a run of this phase: one page with its pictures and what the model said.

    python -m phase3_alignment.project.look
    python -m phase3_alignment.project.look --run intents-lora-r16

writes index.html into the run's folder, from what lies there; nothing is trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from phase3_alignment.project import curves, exhibits, loop
from shared import cli, runs
from shared.pages import Stage, write_page

HELD_OUT = "val_"
MOST_NUMBERS = 6


@dataclass(frozen=True)
class Config:
    """What to look at."""

    run: str | None = None
    """folder of a run under runs/phase3; by default the one that was finished last"""


def look(config: Config, root: Path = runs.RUNS) -> Path:
    """Write the page; return where it is.

    Raises:
        ValueError: there is no such run, or it has nothing to show.
    """
    path = root / loop.PHASE / config.run if config.run else newest(root / loop.PHASE)
    if not path.is_dir():
        raise ValueError(f"no run is in {path}; the runs there are listed by ls {path.parent}")
    figures = [*exhibits.pictures(path), *exhibits.quote(path)]
    if not figures:
        raise ValueError(f"{path} has nothing to show; a run that has ended leaves pictures there")
    shown = Stage(
        title=f"A look at {path.name}",
        headline=f"what the run has left in {path}",
        paragraphs=[],
        figures=figures,
        numbers=numbers(path),
        next_step="python -m phase3_alignment.project.align --help",
    )
    return write_page(path / "index.html", "look", stage=shown)


def newest(folder: Path) -> Path:
    """Find the run that was finished last.

    Raises:
        ValueError: there is none.
    """
    found = [path for path in folder.glob("*/results.json") if ".previous" not in path.parent.name]
    if not found:
        raise ValueError(f"no finished run is in {folder}; python -m phase3_alignment.project.sft")
    return max(found, key=lambda path: path.stat().st_mtime).parent


def numbers(path: Path) -> dict[str, str]:
    """What the last look at held-out data has measured."""
    metrics = runs.read_metrics(path) if (path / "metrics.jsonl").is_file() else []
    looks = [record for record in metrics if any(name.startswith(HELD_OUT) for name in record)]
    last = looks[-1] if looks else {}
    named = {
        curves.KNOWN.get(plain := name.removeprefix(HELD_OUT), (plain.replace("_", " "), ""))[0]: v
        for name, v in last.items()
        if name.startswith(HELD_OUT)
    }
    return {name: f"{value:.3g}" for name, value in [*named.items()][:MOST_NUMBERS]}


def main(config: Config) -> None:
    """Write the page and say where it is."""
    print(f"the page: {look(config)}")


if __name__ == "__main__":
    cli.run(__spec__.name)
