"""Cutting text before any merging: into pre-tokens, and around special tokens.

Merges never cross a pre-token's border, so "dog." and "dog!" share the token "dog", and a trainer
counts words and not sentences. Special tokens are cut out before that: they are commands to the
model, no text. Radford et al. 2019, section 2.2, for the reason; the patterns are those of
OpenAI's gpt-2 and tiktoken, and need the Unicode classes of the `regex` library. Every library has
Unicode's tables of some year, so a character younger than that may be cut otherwise elsewhere.
"""

from collections.abc import Collection

import regex

GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""A contraction; letters, digits or other signs, each with the space before them; spaces"""

GPT4_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Also: any sign before letters, at most three digits, line ends apart from indentation.

As published with GPT-4. Today's tiktoken joins spaces and line ends at the very end of a text.
"""


def split(text: str, pattern: str) -> list[str]:
    """Cut text into pre-tokens: the matches of a pattern, and what lies between them.

    The matches are those that `regex.finditer` finds. Text between two matches, before the first
    and after the last, is a pre-token too, so that no pattern can lose any. A pattern may have
    groups; they change nothing.

    Args:
        text: any text.
        pattern: a regular expression of the `regex` library.

    Returns:
        Strings in the order of the text, none empty, that joined give the text again.
    """
    # TODO 1.3: The matches of the pattern, whole, and the text between them, in order; nothing is
    # lost and nothing is empty.
    raise NotImplementedError("exercise 1.3: split")


def split_specials(text: str, specials: Collection[str]) -> list[str]:
    """Cut special tokens out of text, from left to right.

    Where several of them begin at one place, the longest wins. Special tokens are plain strings:
    no character of theirs has a meaning of its own.

    Args:
        text: any text.
        specials: the special tokens, in any order; there may be none.

    Returns:
        Strings in the order of the text, none empty, that joined give the text again. Each is
        either a special token, whole, or text in which none occurs.

    Raises:
        ValueError: if a special token is empty.
    """
    if "" in specials:
        raise ValueError("a special token needs at least one character")
    # TODO 1.3: Each special token is a piece of its own, the leftmost first and the longest of
    # those that begin at one place; the rest stays as it is.
    raise NotImplementedError("exercise 1.3: split_specials")
