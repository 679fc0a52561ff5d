"""The tokenizer that a run's settings ask for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from phase1_transformers.project import formats
from phase1_transformers.project.config import Config
from phase1_transformers.solution import unigram_train
from phase1_transformers.solution.bpe_fast import FastBytePairTokenizer
from phase1_transformers.solution.characters import CharTokenizer
from phase1_transformers.solution.tokenizer import END, Tokenizer


def make(config: Config, pieces: Iterable[str]) -> Tokenizer:
    """Train a tokenizer on a text, or fetch GPT-2's.

    Args:
        config: says which.
        pieces: the training text.

    Raises:
        ValueError: vocab_size is too small for the text, or GPT-2's files cannot be had.
    """
    if config.tokenizer == "gpt2":
        return formats.load_tokenizer(find_gpt2())
    ordinary = without_specials(pieces)
    if config.tokenizer == "char":
        return CharTokenizer.train("".join(sorted(set().union(*ordinary))))
    if config.tokenizer == "bpe":
        return FastBytePairTokenizer.train(ordinary, config.vocab_size)
    return unigram_train.train_tokenizer("".join(ordinary), config.vocab_size)


def without_specials(pieces: Iterable[str]) -> Iterator[str]:
    """Leave out the names of special tokens, which no ordinary token should be wasted on."""
    return (part for piece in pieces for part in piece.split(END))


def find_gpt2() -> Path:
    """Find GPT-2's two files, in $COURSE_DATA or on the hub.

    Raises:
        ValueError: they are in neither place.
    """
    folder = Path(os.environ.get("COURSE_DATA") or ".") / "gpt2"
    if (folder / "merges.txt").is_file():
        return folder
    from huggingface_hub import hf_hub_download  # a second of import, for the hub only

    try:
        for name in ("vocab.json", "merges.txt"):
            path = hf_hub_download("openai-community/gpt2", name)
    except Exception as error:  # the hub's exceptions have no family of their own
        raise ValueError(
            f"GPT-2's tokenizer is neither in $COURSE_DATA/gpt2 nor on the hub "
            f"({type(error).__name__}); use --tokenizer bpe"
        ) from None
    return Path(path).parent
