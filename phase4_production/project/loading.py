"""Find a model by what a person types, and load it for the engine."""

from __future__ import annotations

from pathlib import Path

import torch

from phase4_production.project.decoder import Decoder
from phase4_production.project.tokenizing import Tokenizer
from shared.runs import RUNS

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def find(model: Path | None, runs: Path = RUNS) -> Path:
    """Return the folder of a model; by default the newest that earlier phases have written.

    Raises:
        ValueError: there is none.
    """
    if model is not None:
        return model
    found = [path.parent for path in runs.glob("phase[134]/*/hf/config.json")]
    if not found:
        raise ValueError(
            "there is no model yet: name a folder by --model, or make one with "
            "python -m phase1_transformers.project.train"
        )
    return max(found, key=lambda folder: (folder / "config.json").stat().st_mtime)


def load(folder: Path, method: str = "float32", device: str = "cpu") -> tuple[Decoder, Tokenizer]:
    """Load a model and its tokenizer.

    Args:
        folder: in Hugging Face's format.
        method: how the weights are kept, one of `DTYPES`.
        device: "cpu" or "cuda".

    Raises:
        ValueError: in one line, if the folder holds no model that can be read.
    """
    if method not in DTYPES:
        raise ValueError(f"method {method!r} is unknown: {', '.join(DTYPES)}")
    decoder = Decoder.load(folder, DTYPES[method], device)
    a = decoder.architecture
    return decoder, Tokenizer.load(folder, a.vocab_size, a.eos_ids)


def name_of(folder: Path) -> str:
    """Name a model for clients: runs/phase1/tiny/hf is "tiny"."""
    path = folder.resolve()
    return path.parent.name if path.name == "hf" else path.name
