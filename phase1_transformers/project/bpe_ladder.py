"""What each idea of the fast trainer buys: the same merges, learned in five ways.

    python -m phase1_transformers.project.bpe_ladder

prints processor seconds of one run each, on this Python's documentation or on --data, for
--vocab-size tokens. Counting pre-tokens is timed apart: all ways but the first start from it.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from rich.console import Console
from rich.table import Table

from phase1_transformers.solution import bpe
from phase1_transformers.solution.bpe_fast_train import Corpus, Groups, learn_merges
from phase1_transformers.solution.pretokenize import count
from phase1_transformers.solution.splitting import GPT4_PATTERN, split
from shared import cli, data


@dataclass(frozen=True)
class Config:
    """What to learn from, and how much."""

    data: str = "text"
    """a text of shared.data, or a file"""
    vocab_size: int = 512
    """bytes and merges together"""


def by_words(counts: Mapping[str, int], vocab_size: int) -> list[bpe.Pair]:
    """Learn as the clear trainer does, but from each different pre-token once."""
    words = {tuple(piece.encode()): n for piece, n in counts.items()}
    merges = []
    for new_id in range(bpe.N_BYTES, vocab_size):
        pairs = Counter()
        for ids, n in words.items():
            for pair in pairwise(ids):
                pairs[pair] += n
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        words = {tuple(bpe.merge_pair(ids, best, new_id)): n for ids, n in words.items()}
        merges.append(best)
    return merges


def by_arrays(counts: Mapping[str, int], vocab_size: int) -> list[bpe.Pair]:
    """Learn from the flat arrays of `Corpus`, but count every pair anew before each merge."""
    corpus = Corpus(counts, border=vocab_size)
    merges = []
    for new_id in range(bpe.N_BYTES, vocab_size):
        groups = Groups(*corpus.pairs(), corpus.weight)
        if not len(groups.counts):
            break
        best = groups.counts.argmax()  # the first of equals, and keys ascend
        start, end = groups.edges[best : best + 2]
        pair = divmod(int(groups.keys[start]), vocab_size + 1)
        corpus.merge(pair, groups.places[start:end], new_id)
        merges.append(pair)
    return merges


def by_bounds(counts: Mapping[str, int], vocab_size: int) -> list[bpe.Pair]:
    """Learn from places and bounds, but keep every pair, however rare."""
    return learn_merges(counts, vocab_size, kept=1 << 62)


def rungs(text: str, vocab_size: int) -> list[tuple[str, float]]:
    """Time every way.

    Returns:
        What was done, and its processor seconds.

    Raises:
        ValueError: if two ways learned different merges.
    """
    found = []

    def timed(what: str, work: Callable, *arguments: object) -> object:
        began = time.process_time()
        result = work(*arguments)
        found.append((what, time.process_time() - began))
        return result

    merges = timed("bpe.train: the whole text, before each merge", bpe.train, text, vocab_size)
    timed("pre-tokens counted with regex", lambda: Counter(split(text, GPT4_PATTERN)))
    counts = timed("pre-tokens counted in blocks, ASCII with re", count, text, GPT4_PATTERN)
    learners = {
        "merges from each different pre-token once": by_words,
        "... laid out in flat arrays": by_arrays,
        "... with places, and bounds in a heap": by_bounds,
        "... and rare pairs later: bpe_fast": learn_merges,
    }
    for what, learn in learners.items():
        if timed(what, learn, counts, vocab_size) != merges:
            raise ValueError(f"other merges than those of bpe.train: {what}")
    return found


def main(config: Config) -> None:
    """Print the table."""
    text = data.load(config.data)
    table = Table("what", "processor seconds", box=None)
    for what, seconds in rungs(text.text, config.vocab_size):
        table.add_row(what, f"{seconds:.3f}")
    Console(highlight=False).print(table)


if __name__ == "__main__":
    cli.run(__spec__.name)
