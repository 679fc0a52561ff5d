"""Before you run it: what does a tokenizer make of a text, and what does that cost?

Answer by returning literals. The finished file cuts, trains and encodes.
"""

import math

from phase1_transformers.solution.bpe import N_BYTES, BytePairTokenizer, encode_piece, train
from phase1_transformers.solution.splitting import GPT2_PATTERN, GPT4_PATTERN, split

ENGLISH = "the quick brown fox jumps over the lazy dog, and then the other dog jumps too"


def pieces_of_a_number() -> int:
    """Into how many pre-tokens does GPT-4's pattern cut 1234567890?

    Return a whole number.
    """
    return len(split("1234567890", GPT4_PATTERN))


def pieces_after_a_space() -> int:
    """How many pre-tokens do "Hello " and "world" have together, each cut by itself?

    The pattern is GPT-2's. The first text ends with a space, as prompts often do.

    Return a whole number.
    """
    return len(split("Hello ", GPT2_PATTERN)) + len(split("world", GPT2_PATTERN))


def tokens_of_a_foreign_word() -> int:
    """How many tokens has 日本語 for a byte-level BPE that was trained on English only?

    The three characters lie between U+0800 and U+FFFF.

    Return a whole number.
    """
    tokenizer = BytePairTokenizer.train(ENGLISH, N_BYTES + 20)
    return len(tokenizer.encode("日本語"))


def tokens_after_three_merges() -> int:
    """How many tokens are left of 100 times the letter a, after three merges learned on it?

    All hundred letters are one pre-token.

    Return a whole number.
    """
    text = "a" * 100
    merges = train(text, N_BYTES + 3, GPT4_PATTERN)
    ranks = {pair: N_BYTES + i for i, pair in enumerate(merges)}
    return len(encode_piece(list(text.encode()), ranks))


def better_model() -> str:
    """Which model predicts the same English text better?

    a. One with GPT-2's tokens, of 4 bytes each on this text: 3.2 nats per token.
    b. One with characters as tokens, of 1 byte each on this text: 0.9 nats per token.

    Return the letter.
    """
    bits_per_byte = {"a": 3.2 / math.log(2) / 4, "b": 0.9 / math.log(2) / 1}
    return min(bits_per_byte, key=bits_per_byte.__getitem__)
