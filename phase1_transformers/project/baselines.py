"""How good should it be? What guessing, counting letters and counting pairs would score.

    python -m phase1_transformers.project.baselines
    python -m phase1_transformers.project.baselines --data text --tokenizer bpe

A loss means nothing by itself. Below the first rows a model has learned which tokens there are;
below the pairs, it has begun to look further back than one token. Finished runs on the same text
with the same kind of tokenizer are listed beneath.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from phase1_transformers.project.corpus import Corpus, build_corpus, find_text
from phase1_transformers.project.evaluate import Score
from phase1_transformers.project.presets import TINY
from phase1_transformers.project.record import finished_runs, read_record
from shared import cli


@dataclass(frozen=True)
class Config:
    """Which text, in which tokens."""

    data: str = "tinyshakespeare"
    """text, tinyshakespeare, tinystories, a text file, or a data set id of the hub"""
    tokenizer: Literal["char", "bpe", "unigram"] = "char"
    """kind of tokenizer"""
    vocab_size: int = 1024
    """tokens of a bpe or unigram tokenizer"""


def uniform(corpus: Corpus) -> float:
    """Nats per token of a model that gives every token of the training text the same chance."""
    return math.log(len(np.unique(corpus.train)))


def unigram(corpus: Corpus) -> float:
    """Nats per token of one that knows how often each token comes, each counted once more."""
    counts = 1.0 + np.bincount(corpus.train, minlength=corpus.tokenizer.vocab_size)
    return -np.log(counts / counts.sum())[corpus.val[1:]].mean()


def bigram(corpus: Corpus) -> float:
    """Nats per token of one that knows how often each token follows each, as `unigram` counts."""
    V = corpus.tokenizer.vocab_size
    train, val = corpus.train.astype(np.int64), corpus.val.astype(np.int64)
    pairs = 1.0 + np.bincount(train[:-1] * V + train[1:], minlength=V * V).reshape(V, V)
    return -np.log(pairs / pairs.sum(axis=1, keepdims=True))[val[:-1], val[1:]].mean()


def finished(config: Config, source: str) -> list[tuple[str, float, float]]:
    """Name, nats per token and bits per byte of the finished runs that can be compared."""
    records = map(read_record, finished_runs())
    return [
        (f"run {record.path.name}", r["val_loss"], r["val_bits_per_byte"])
        for record in records
        for r in (record.results,)
        if (r["source"], record.config.tokenizer) == (source, config.tokenizer)
    ]


def main(config: Config) -> None:
    """Print the table, the worst first."""
    chosen = replace(
        TINY,
        data=config.data,
        tokenizer=config.tokenizer,
        vocab_size=config.vocab_size,
    )
    with tempfile.TemporaryDirectory() as folder:
        corpus = build_corpus(chosen, find_text(config.data), Path(folder))
        n_tokens, n_bytes = len(corpus.val) - 1, corpus.n_val_bytes
        told = {
            "every token alike": uniform(corpus),
            "how often each token comes": unigram(corpus),
            "how often each follows each": bigram(corpus),
        }
        bits = {name: Score(loss, n_tokens).bits_per_byte(n_bytes) for name, loss in told.items()}
    rows = [(name, loss, bits[name]) for name, loss in told.items()] + finished(
        config, corpus.source
    )
    print("| what it knows | nats per token | bits per byte |\n|---|---|---|")
    for name, loss, bit in sorted(rows, key=lambda row: -row[1]):
        print(f"| {name} | {loss:.3f} | {bit:.3f} |")


if __name__ == "__main__":
    cli.run(__spec__.name)
