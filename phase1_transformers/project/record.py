"""What a run left in its folder, read back for figures, pages and tables."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from phase1_transformers.project import hub
from phase1_transformers.project.config import Config
from phase1_transformers.project.corpus import Corpus, open_corpus
from phase1_transformers.solution.gpt import GPT
from shared.runs import RUNS, RunError, read_metrics

FOLDER = RUNS / "phase1"


@dataclass(frozen=True)
class Record:
    """A finished run.

    Attributes:
        path: its folder.
        config: its settings.
        results: what results.json holds; see `train.Result`.
        steps: one record for each training step: step, loss, lr, grad_norm, tokens_per_s.
        looks: one for each look at the validation text: step, train_loss, val_loss,
            val_bits_per_byte, seconds.
        samples: one for each sample: step, sample.
    """

    path: Path
    config: Config
    results: dict[str, Any]
    steps: list[dict[str, float]]
    looks: list[dict[str, float]]
    samples: list[dict[str, Any]]

    @cached_property
    def corpus(self) -> Corpus:
        """The text, as tokens, and its tokenizer."""
        return open_corpus(self.path / "data")

    @cached_property
    def model(self) -> GPT:
        """The trained model, in evaluation mode."""
        return hub.load_pretrained(self.path / "hf")


def read_record(path: Path) -> Record:
    """Read a run's folder, runs/phase1/<name>.

    Raises:
        RunError: the run is not there or not finished.
    """
    if not is_finished(path):
        raise RunError(f"{path} holds no finished run; train first")
    settings, results = (
        json.loads((path / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("config", "results")
    )
    metrics = read_metrics(path)
    return Record(
        path=path,
        config=Config(**{**settings, "betas": tuple(settings["betas"])}),
        results=results,
        steps=[record for record in metrics if "loss" in record],
        looks=[record for record in metrics if "val_loss" in record],
        samples=[record for record in metrics if "sample" in record],
    )


def is_finished(path: Path) -> bool:
    """Whether a folder holds a run that ended; other programs leave results, but no model."""
    return (path / "results.json").exists() and (path / "hf").is_dir()


def finished_runs(folder: Path = FOLDER) -> list[Path]:
    """Find the runs that ended, by name; those that made way for another are left out."""
    found = (path for path in sorted(folder.glob("*")) if path.suffix != ".previous")
    return [path for path in found if is_finished(path)]


def newest_run(folder: Path = FOLDER) -> Path:
    """Find the run that was finished last.

    Raises:
        RunError: there is none.
    """
    finished = finished_runs(folder)
    if not finished:
        raise RunError(f"no finished run under {folder}; train first")
    return max(finished, key=lambda path: (path / "results.json").stat().st_mtime)
