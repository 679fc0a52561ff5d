"""A model and its tokenizer as one folder that Hugging Face opens, and that the later phases read.

    python -m phase1_transformers.project.export                              # the newest run
    python -m phase1_transformers.project.export --run runs/phase1/tiny --folder shared-with-me

A run that finishes exports itself. This does it for the newest checkpoint of any run, one that was
stopped halfway as well. Then, anywhere:

    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from phase1_transformers.project import config as settings
from phase1_transformers.project.corpus import open_corpus
from phase1_transformers.project.formats import save_tokenizer
from phase1_transformers.project.hub import save_pretrained
from phase1_transformers.project.record import FOLDER
from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.tokenizer import END, Tokenizer
from shared import cli
from shared.runs import RunError, load_checkpoint


@dataclass(frozen=True)
class Config:
    """What to export, and to where."""

    run: Path | None = None
    """folder of a run; by default the newest one that has a checkpoint"""
    folder: Path | None = None
    """where to write; by default hf/ in the run's folder"""


def export(model: GPT, tokenizer: Tokenizer, folder: Path) -> Path:
    """Write a model, its tokenizer and what generation needs to know; return the folder.

    Raises:
        ValueError: if Hugging Face has no such model, or it has no row for one of the tokens.
    """
    if tokenizer.vocab_size > model.config.vocab_size:
        raise ValueError(
            f"the tokenizer has {tokenizer.vocab_size} tokens, "
            f"the model knows {model.config.vocab_size}"
        )
    save_pretrained(model, folder, tokenizer.specials.get(END))
    save_tokenizer(tokenizer, folder)
    return folder


def export_run(run: Path, folder: Path | None = None) -> Path:
    """Export the newest checkpoint of a run; return the folder, by default hf/ in the run's own.

    Raises:
        RunError: if the run has no checkpoint.
        ValueError: if Hugging Face has no such model.
    """
    saved = load_checkpoint(run)
    chosen = json.loads((run / "config.json").read_text(encoding="utf-8"))
    tokenizer = open_corpus(run / "data").tokenizer
    model = GPT(settings.Config(**chosen).model(tokenizer.vocab_size))
    weights = {
        name.removeprefix("model."): torch.from_numpy(array)
        for name, array in saved.arrays.items()
        if name.startswith("model.")
    }
    model.load_state_dict(weights)
    return export(model, tokenizer, folder or run / "hf")


def newest_checkpointed(runs: Path = FOLDER) -> Path:
    """Find the run whose checkpoint is the newest.

    Raises:
        RunError: if no run has one.
    """
    found = list(runs.glob("*/checkpoints/step-????????/state.json"))
    if not found:
        raise RunError(f"no checkpoint under {runs}; train first")
    return max(found, key=lambda path: path.stat().st_mtime).parents[2]


def main(config: Config) -> None:
    """Export, and say how the folder opens."""
    folder = export_run(config.run or newest_checkpointed(), config.folder)
    print(f'AutoModelForCausalLM.from_pretrained("{folder}") opens it')


if __name__ == "__main__":
    cli.run(__spec__.name)
