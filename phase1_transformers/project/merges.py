"""See it merge: how the bytes of a sentence become tokens, one merge after the other.

    python -m phase1_transformers.project.merges --text "she sells seashells"

prints each merge with its rank, and writes a page that shows the same, byte under byte. The
tokenizer is that of --tokenizer, a folder with a tokenizer.json or with GPT-2's two files; without
it, one is learned on the spot from this Python's documentation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from phase1_transformers.project.merge_pictures import draw, write_page
from phase1_transformers.project.merge_steps import Step, Token, spell, steps
from phase1_transformers.solution.bpe import BytePairTokenizer
from phase1_transformers.solution.bpe_fast import FastBytePairTokenizer
from shared import cli, data
from shared.runs import RUNS

__all__ = ["Config", "draw", "main", "show", "steps", "write_page"]

SENTENCE = "It never sees the letters."


@dataclass(frozen=True)
class Config:
    """What to merge, with which tokenizer."""

    text: str = SENTENCE
    """the text to watch; best a sentence"""
    tokenizer: Path | None = None
    """folder with tokenizer.json, or with vocab.json and merges.txt"""
    vocab_size: int = 1024
    """tokens to learn where there is no --tokenizer"""
    output: Path = RUNS / "phase1" / "merges"
    """folder for merges.html and merges.png"""


def show(found: Sequence[Step], console: Console) -> None:
    """Print the steps, one a line; what a merge made stands in brackets."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("rank", justify="right", style="dim")
    table.add_column("merge", no_wrap=True)
    table.add_column("the text after it")
    for step in found:
        rank = f"{step.rank:,}" if step.rank else ""
        pair = " + ".join(spell(data, console.encoding) for data in step.pair) or "bytes"
        table.add_row(rank, Text(pair), _line(step, console.encoding))
    console.print(table)
    console.print(Text(headline(found)))


def _line(step: Step, encoding: str) -> Text:
    """Join tokens by a space, words by two."""
    words = [Text(" ").join(_token(token, encoding) for token in word) for word in step.words]
    return Text("  ").join(words)


def _token(token: Token, encoding: str) -> Text:
    text = spell(token.data, encoding)
    return Text(f"[{text}]", style="bold cyan") if token.is_new else Text(text)


def headline(found: Sequence[Step]) -> str:
    """Say in one line what came of what."""
    n_bytes, n_tokens = len(found[0].tokens), len(found[-1].tokens)
    return f"{n_bytes} bytes, {len(found) - 1} merges, {n_tokens} tokens"


def find_tokenizer(config: Config) -> tuple[BytePairTokenizer, str]:
    """Open or learn the tokenizer; return it and where it comes from.

    Raises:
        ValueError: the folder holds none, or one without merges.
    """
    if config.tokenizer is None:
        text = data.load("text")
        tokenizer = FastBytePairTokenizer.train(text.text, config.vocab_size)
        return tokenizer, f"{tokenizer.vocab_size:,} tokens, learned from {text.source}"
    from phase1_transformers.project import formats

    tokenizer = formats.load_tokenizer(config.tokenizer)
    if not isinstance(tokenizer, BytePairTokenizer):
        kind = type(tokenizer).__name__
        raise ValueError(f"{config.tokenizer} holds a {kind}, which merges nothing")
    return tokenizer, f"{tokenizer.vocab_size:,} tokens, from {config.tokenizer}"


def main(config: Config) -> None:
    """Print the merges, and write page and picture."""
    tokenizer, source = find_tokenizer(config)
    found = steps(tokenizer, config.text)
    show(found, Console(highlight=False))
    draw(config.output / "merges.png", found)
    print(write_page(config.output / "merges.html", found, source))


if __name__ == "__main__":
    cli.run(__spec__.name)
