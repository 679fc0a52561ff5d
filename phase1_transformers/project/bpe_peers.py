"""The tokenizers that one would pick instead of ours, set to do the same work.

`tokenizers` and `tiktoken` are dependencies of this phase; `rustbpe` may be missing, and `minbpe`,
which is no package, is used from a folder that holds its repository.
"""

import json
from collections.abc import Callable, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import tiktoken
import tokenizers
from tokenizers import Regex, models, pre_tokenizers, trainers

from phase1_transformers.project.formats import byte_characters
from phase1_transformers.solution import bpe
from phase1_transformers.solution.bpe import BytePairTokenizer
from phase1_transformers.solution.splitting import GPT2_PATTERN

Pieces = list[list[int]]  # the ids of every pre-token of a text
Step = Callable[[Pieces], Pieces]  # one merge of a trainer that looks at all of them for it


# -- training ---------------------------------------------------------------------------------


def train_tokenizers(texts: Sequence[str], vocab_size: int, pattern: str) -> tokenizers.Tokenizer:
    """Train with `tokenizers`, for GPT-2's pattern with the code that it has for it."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern == GPT2_PATTERN)
    steps = [as_bytes] if pattern == GPT2_PATTERN else [split, as_bytes]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=as_bytes.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def merges_of(tokenizer: tokenizers.Tokenizer) -> list[tuple[bytes, bytes]]:
    """Return what a trained tokenizer of `tokenizers` merges, as bytes."""
    byte_of = {character: byte for byte, character in enumerate(byte_characters())}
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return [tuple(bytes(byte_of[c] for c in half) for half in pair) for pair in merges]


def train_rustbpe(texts: Sequence[str], vocab_size: int, pattern: str) -> object:
    """Train with `rustbpe`."""
    import rustbpe

    tokenizer = rustbpe.Tokenizer()
    tokenizer.train_from_iterator(iter(texts), vocab_size, pattern=pattern)
    return tokenizer


def minbpe_step(folder: Path) -> Step:
    """Return what minbpe's RegexTokenizer does for each merge, from a clone of its repository.

    Raises:
        ValueError: if the folder does not hold minbpe.
    """
    path = folder / "minbpe" / "base.py"
    if not path.is_file():
        raise ValueError(f"{folder} does not hold minbpe's repository: there is no {path}")
    spec = spec_from_file_location("minbpe_base", path)
    base = module_from_spec(spec)
    spec.loader.exec_module(base)

    def step(pieces: Pieces) -> Pieces:
        counts = {}
        for ids in pieces:
            base.get_stats(ids, counts)
        pair = max(counts, key=counts.get)
        return [base.merge(ids, pair, -1) for ids in pieces]

    return step


def clear_step(pieces: Pieces) -> Pieces:
    """Do what `bpe.train` does for each merge."""
    counts = bpe.pair_counts(pieces)
    pair = min(counts, key=lambda pair: (-counts[pair], pair))
    return [bpe.merge_pair(ids, pair, -1) for ids in pieces]


# -- encoding ---------------------------------------------------------------------------------


def as_tokenizers(tokenizer: BytePairTokenizer) -> tokenizers.ByteLevelBPETokenizer:
    """Build the tokenizer of `tokenizers` with the vocabulary of one that has GPT-2's pattern."""
    characters = byte_characters()
    names = {
        token: "".join(characters[byte] for byte in data) for token, data in tokenizer.vocab.items()
    }
    merges = [(names[left], names[right]) for left, right in tokenizer.merges]
    vocab = {name: token for token, name in names.items()}
    return tokenizers.ByteLevelBPETokenizer(vocab, merges)


def as_tiktoken(tokenizer: BytePairTokenizer) -> tiktoken.Encoding:
    """Build the encoding of `tiktoken` with the same vocabulary and pattern."""
    specials = set(tokenizer.specials.values())
    ranks = {data: token for token, data in tokenizer.vocab.items() if token not in specials}
    return tiktoken.Encoding(
        "same",
        pat_str=tokenizer.pattern,
        mergeable_ranks=ranks,
        special_tokens=tokenizer.specials,
    )
