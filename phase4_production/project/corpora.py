"""The tokens that a model is calibrated and judged on.

A run of phase 1 keeps its own in `data/` beside the exported folder: `corpus.json` says which dtype
`train.bin` and `val.bin` have. For any other model, a text of `shared.data` is encoded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from phase4_production.project.tokenizing import Tokenizer
from shared import data
from shared.texts import END

TRAIN_SHARE = 0.9  # of a text whose publisher keeps nothing apart
TRAIN_CHARACTERS = 2_000_000  # calibration needs a few windows, not a whole training text


@dataclass(frozen=True)
class Corpus:
    """Tokens, int64, one after the other.

    Attributes:
        train: for calibration.
        validation: all of it, for perplexity.
        source: for people to read.
    """

    train: Tensor
    validation: Tensor
    source: str

    def windows(self, length: int, n: int, seed: int = 0) -> Tensor:
        """Cut n windows from random places of the training text: (n, length).

        Raises:
            ValueError: the text is shorter than a window.
        """
        last = len(self.train) - length
        if last < 0:
            raise ValueError(f"{self.source}: {len(self.train)} tokens fill no window of {length}")
        starts = torch.randint(last + 1, (n,), generator=torch.Generator().manual_seed(seed))
        return self.train[starts[:, None] + torch.arange(length)]


def load(name: str | None, folder: Path, tokenizer: Tokenizer) -> Corpus:
    """Find the tokens for a model.

    Args:
        name: of a data set; None is the model's own text, TinyStories where it brings none.
        folder: of the model.
        tokenizer: the model's.

    Raises:
        ValueError: the data set is unknown, or its files are damaged.
    """
    own = folder.resolve().parent / "data"
    if name is None and (own / "corpus.json").is_file():
        return _own(own)
    text = data.load(name or "tinystories")
    train, validation = text.text, text.validation
    if not validation:
        cut = int(len(train) * TRAIN_SHARE)
        train, validation = train[:cut], train[cut:]
    train = train[:TRAIN_CHARACTERS]
    return Corpus(_encode(tokenizer, train), _encode(tokenizer, validation), text.source)


def _own(folder: Path) -> Corpus:
    told = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
    train, validation = (
        torch.from_numpy(np.fromfile(folder / name, told["dtype"]).astype(np.int64))
        for name in ("train.bin", "val.bin")
    )
    return Corpus(train, validation, told["source"])


def _encode(tokenizer: Tokenizer, text: str) -> Tensor:
    """Encode each document by itself; what its tokenizer puts in front of a text goes in front."""
    if tokenizer.engine.token_to_id(END) is not None:
        return torch.tensor(tokenizer.encode(text))
    documents = [document.strip() for document in text.split(END)]
    return torch.tensor([i for one in documents if one for i in tokenizer.encode(one)])
