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
    # TODO 1.4: Return how many pre-tokens the number makes.
    raise NotImplementedError("exercise 1.4: pieces_of_a_number")


def pieces_after_a_space() -> int:
    """How many pre-tokens do "Hello " and "world" have together, each cut by itself?

    The pattern is GPT-2's. The first text ends with a space, as prompts often do.

    Return a whole number.
    """
    # TODO 1.4: Return how many pre-tokens the two texts make, cut one by one.
    raise NotImplementedError("exercise 1.4: pieces_after_a_space")


def tokens_of_a_foreign_word() -> int:
    """How many tokens has 日本語 for a byte-level BPE that was trained on English only?

    The three characters lie between U+0800 and U+FFFF.

    Return a whole number.
    """
    # TODO 1.4: Return how many tokens the word makes.
    raise NotImplementedError("exercise 1.4: tokens_of_a_foreign_word")


def tokens_after_three_merges() -> int:
    """How many tokens are left of 100 times the letter a, after three merges learned on it?

    All hundred letters are one pre-token.

    Return a whole number.
    """
    # TODO 1.4: Return how many tokens are left.
    raise NotImplementedError("exercise 1.4: tokens_after_three_merges")


def better_model() -> str:
    """Which model predicts the same English text better?

    a. One with GPT-2's tokens, of 4 bytes each on this text: 3.2 nats per token.
    b. One with characters as tokens, of 1 byte each on this text: 0.9 nats per token.

    Return the letter.
    """
    # TODO 1.4: Return the letter of the model that predicts the text better.
    raise NotImplementedError("exercise 1.4: better_model")
