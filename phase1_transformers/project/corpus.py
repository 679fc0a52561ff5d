"""A text as tokens on disk: read by memory map, so that it may be larger than memory.

    <run>/data/
        tokenizer.json         the tokenizer; `transformers.AutoTokenizer` opens the folder
        train.bin, val.bin     token ids, little-endian uint16, or uint32 for a large vocabulary
        corpus.json            where the text is from, dtype, bytes of text behind each file

A text that is published with a validation part keeps it; of any other, the last tenth is held out,
as nanoGPT does. The tokenizer is trained on the training part only.
"""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import regex

from phase1_transformers.project import formats, tokenizing
from phase1_transformers.project.config import Config
from phase1_transformers.solution.tokenizer import END, Tokenizer
from shared import data
from shared.files import write_text
from shared.machine import usable_cores

TRAIN_SHARE = 0.9
PIECE = 2**20  # characters that are encoded at once
LARGE = 2**26  # bytes from which on a file is streamed, and encoded by all cores
LAST_CUT = regex.compile(r"(?r)[\p{L}\p{N}](?=\s)")  # (?r): searches from the end


@dataclass(frozen=True)
class Corpus:
    """A text in two parts, as token ids.

    Attributes:
        tokenizer: what made the ids.
        train, val: (n,) memory maps.
        n_train_bytes, n_val_bytes: UTF-8 bytes of the text, names of special tokens not counted.
        source: where the text is from, for people to read.
    """

    tokenizer: Tokenizer
    train: np.ndarray
    val: np.ndarray
    n_train_bytes: int
    n_val_bytes: int
    source: str


def build_corpus(config: Config, found: tuple[str, dict[str, Pieces]], folder: Path) -> Corpus:
    """Train the tokenizer on a text, write both into a folder and open it.

    Args:
        config: the settings.
        found: what `find_text` gave for `config.data`.
        folder: where to write.

    Raises:
        ValueError: the text is too short for the tokenizer or for one window.
    """
    source, parts = found
    tokenizer = tokenizing.make(config, parts["train"])
    folder.mkdir(parents=True, exist_ok=True)
    formats.save_tokenizer(tokenizer, folder)
    dtype = "<u2" if tokenizer.vocab_size <= 2**16 else "<u4"
    told = {"source": source, "dtype": dtype}
    for name, pieces in parts.items():
        told[f"n_{name}_bytes"] = write_tokens(tokenizer, pieces, folder / f"{name}.bin", dtype)
    write_text(folder / "corpus.json", json.dumps(told, indent=2))
    corpus = open_corpus(folder)
    for name in ("train", "val"):
        if len(getattr(corpus, name)) <= config.block_size:
            raise ValueError(
                f"{source}: the {name} part has {len(getattr(corpus, name))} tokens, "
                f"too few for one window of {config.block_size}"
            )
    return corpus


def open_corpus(folder: Path) -> Corpus:
    """Open what `build_corpus` wrote.

    Raises:
        ValueError: the folder is not there, or not whole.
    """
    try:
        told = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
        dtype = told.pop("dtype")
        tokens = {
            name: np.memmap(folder / f"{name}.bin", dtype, mode="r") for name in ("train", "val")
        }
        return Corpus(tokenizer=formats.load_tokenizer(folder), **tokens, **told)
    except (FileNotFoundError, KeyError) as error:
        raise ValueError(f"{folder} holds no whole corpus ({error})") from None


# -- text, piece by piece ---------------------------------------------------------------------


class Pieces:
    """A text that can be read again and again, in pieces; no pre-token lies across two of them.

    Args:
        text: the text, or a file of it in UTF-8.
        begin, end: which bytes of the file; both at the beginning of a line.
    """

    def __init__(self, text: str | Path, begin: int = 0, end: int | None = None) -> None:
        self.text, self.begin, self.end = text, begin, end

    @property
    def is_large(self) -> bool:
        """Whether it is worth several processes."""
        return (len(self.text) if isinstance(self.text, str) else self.end - self.begin) > LARGE

    def __iter__(self) -> Iterator[str]:
        held = ""
        for block in self._blocks():
            held += block
            end = last_safe_cut(held)
            if end:
                yield held[:end]
                held = held[end:]
        if held:
            yield held

    def _blocks(self) -> Iterator[str]:
        if isinstance(self.text, str):
            yield from (self.text[i : i + PIECE] for i in range(0, len(self.text), PIECE))
            return
        with self.text.open("rb") as file:
            file.seek(self.begin)
            decoder = codecs.getincrementaldecoder("utf-8")()
            while (left := self.end - file.tell()) > 0:
                yield decoder.decode(file.read(min(PIECE, left)), final=left <= PIECE)


def last_safe_cut(text: str) -> int:
    """Find the end of the last letter or digit before a space or line end; 0 if there is none.

    There every split pattern ends a pre-token, whatever follows, and no special token is cut.
    """
    found = LAST_CUT.search(text)
    return found.end() if found else 0


def find_text(name: str) -> tuple[str, dict[str, Pieces]]:
    """Find a text by `shared.data.load`, a large file without reading it.

    Returns:
        Where it is from, and its parts, "train" and "val".

    Raises:
        shared.data.DataError: there is no such text, or it cannot be trusted.
        ValueError: it is no text.
    """
    path = Path(name)
    if path.is_file() and path.stat().st_size > LARGE:
        return f"{path}, {path.stat().st_size / 1e6:,.0f} MB", split_file(path)
    found = data.load(name)
    if not isinstance(found, data.Text):
        raise ValueError(f"{name} is not a text")
    if found.validation:
        return found.source, {"train": Pieces(found.text), "val": Pieces(found.validation)}
    cut = int(TRAIN_SHARE * len(found.text))
    return found.source, {"train": Pieces(found.text[:cut]), "val": Pieces(found.text[cut:])}


def split_file(path: Path) -> dict[str, Pieces]:
    """Cut a file at the first line that begins in its last tenth."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(int(TRAIN_SHARE * size))
        file.readline()
        cut = file.tell()
    return {"train": Pieces(path, 0, cut), "val": Pieces(path, cut, size)}


# -- tokens -----------------------------------------------------------------------------------


def write_tokens(tokenizer: Tokenizer, pieces: Pieces, path: Path, dtype: str) -> int:
    """Encode a text into a file; return how many bytes of text there were."""
    n_bytes = 0
    with path.open("wb") as file:
        for ids, n in encode_pieces(tokenizer, pieces):
            np.array(ids, dtype).tofile(file)
            n_bytes += n
        file.flush()
        os.fsync(file.fileno())
    return n_bytes


def encode_pieces(tokenizer: Tokenizer, pieces: Pieces) -> Iterator[tuple[list[int], int]]:
    """Encode piece by piece, in order; a large text on all cores, a few pieces each at a time."""
    workers = usable_cores() if pieces.is_large else 1
    if workers == 1:
        yield from (encode(tokenizer, piece) for piece in pieces)
        return
    left = iter(pieces)
    with get_context("spawn").Pool(workers, _keep, (tokenizer,)) as pool:
        while some := list(islice(left, 4 * workers)):
            yield from pool.map(_encode, some)


def encode(tokenizer: Tokenizer, text: str) -> tuple[list[int], int]:
    """Return the ids of a text that may name special tokens, and how many bytes the rest has."""
    n_bytes = len(text.replace(END, "").encode())
    return tokenizer.encode(text, allowed_special=True), n_bytes


def _keep(tokenizer: Tokenizer) -> None:
    """Give a worker its tokenizer, once."""
    global _tokenizer
    _tokenizer = tokenizer


def _encode(text: str) -> tuple[list[int], int]:
    return encode(_tokenizer, text)
