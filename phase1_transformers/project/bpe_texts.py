"""The texts of the tokenizer benchmarks: Shakespeare's plays and the interpreter's own source."""

import sysconfig
from dataclasses import dataclass
from pathlib import Path

from phase1_transformers.solution.tokenizer import utf8
from shared import data

SOURCE_SIZE = 10_000_000  # characters


@dataclass(frozen=True)
class Corpus:
    """Documents, and how often to time what is done with them."""

    name: str
    what: str
    texts: list[str]
    turns: int

    @property
    def megabytes(self) -> float:
        """Size in UTF-8."""
        return sum(len(utf8(text)) for text in self.texts) / 1e6


def corpora() -> list[Corpus]:
    """Return the two corpora."""
    plays = data.load("tinyshakespeare")
    what = plays.source.partition(",")[0].partition(" from ")[0]
    return [
        Corpus("plays", what, [plays.text], turns=5),
        Corpus("source", "Python's source", interpreter_source(), turns=3),
    ]


def interpreter_source(size: int = SOURCE_SIZE) -> list[str]:
    """Read the standard library's files in alphabetical order, about `size` characters of them."""
    folder = Path(sysconfig.get_path("stdlib"))
    texts, length = [], 0
    for path in sorted(folder.rglob("*.py")):
        if length >= size:
            break
        if "site-packages" not in path.parts:
            text = read_or_skip(path)
            texts.append(text)
            length += len(text)
    return texts


def read_or_skip(path: Path) -> str:
    """Read a file; empty if it is not UTF-8, as some tests of the interpreter are not."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""
