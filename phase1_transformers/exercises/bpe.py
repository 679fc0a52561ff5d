"""Byte-pair encoding: count the pairs, merge the commonest, repeat.

Gage 1994 for compression, Sennrich, Haddow and Birch 2015 (arXiv:1508.07909) for translation,
Radford et al. 2019, section 2.2, for bytes in place of characters: 256 tokens to begin with, and
every text of the world can be written with them.

This is the clear version. `bpe_fast.py` learns the same merges and gives the same ids, faster.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import regex

from phase1_transformers.solution.splitting import GPT4_PATTERN, split
from phase1_transformers.solution.tokenizer import END, Tokenizer, utf8
from shared.files import write_text

N_BYTES = 256
Pair = tuple[int, int]


# -- training: which pairs become tokens ------------------------------------------------------


def pair_counts(pieces: Iterable[Sequence[int]]) -> dict[Pair, int]:
    """Count how often each pair of ids stands side by side within a pre-token.

    Every neighbourhood counts, also where two overlap: in 7 7 7 the pair (7, 7) occurs twice.

    Args:
        pieces: the ids of each pre-token; they are left unchanged.

    Returns:
        The count of each pair that occurs.
    """
    # TODO 1.1: Every neighbourhood within a pre-token is counted, overlapping ones too, and none
    # across a border.
    raise NotImplementedError("exercise 1.1: pair_counts")


def merge_pair(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """Put a new id in place of each occurrence of a pair, from left to right.

    An id belongs to one occurrence only: merging (7, 7) in 7 7 7 gives the new id and a 7.

    Args:
        ids: the ids of one pre-token; they are left unchanged.
        pair: two ids, which may be equal.
        new_id: what they become.

    Returns:
        A new list.
    """
    # TODO 1.1: Each occurrence of the pair, from left to right and without overlap, is one new id,
    # in a new list.
    raise NotImplementedError("exercise 1.1: merge_pair")


def train(text: str, vocab_size: int, pattern: str = GPT4_PATTERN) -> list[Pair]:
    """Learn merges from text, one after the other, each on what the ones before it left.

    The pre-tokens of `splitting.split` start as their UTF-8 bytes, with ids 0 to 255. Each merge
    takes the pair that is commonest in all of them together; among equally common ones that with
    the smallest left id, then the smallest right id. The first merge makes id 256, the next 257.

    Args:
        text: what to learn from.
        vocab_size: bytes and merges together.
        pattern: cuts the text into pre-tokens; no pair crosses a cut.

    Returns:
        The merged pairs, in order: vocab_size - 256 of them, fewer if no pair is left.

    Raises:
        ValueError: if vocab_size is below 256, or the text has no UTF-8 bytes.
    """
    if vocab_size < N_BYTES:
        raise ValueError(f"the {N_BYTES} bytes alone need more than vocab_size={vocab_size}")
    # TODO 1.1: Each merge is the commonest pair of what the merges before it left; ties go to the
    # smallest left id, then right id; it ends early when no pair is left.
    raise NotImplementedError("exercise 1.1: train")


# -- using the merges -------------------------------------------------------------------------


def vocabulary(
    merges: Sequence[Pair], byte_ids: Sequence[int] = range(N_BYTES)
) -> dict[int, bytes]:
    """Spell out the bytes of every id.

    Args:
        merges: pairs of ids; each may use what the ones before it made. The first one's id
            follows the highest of the bytes' ids, the next one's follows that.
        byte_ids: the ids of the bytes 0 to 255, in this order.

    Returns:
        The bytes that each id stands for.
    """
    # TODO 1.2: Each byte's id stands for that byte, each merge's id for the bytes of its left and
    # then its right half.
    raise NotImplementedError("exercise 1.2: vocabulary")


def encode_piece(ids: Sequence[int], ranks: Mapping[Pair, int]) -> list[int]:
    """Merge the ids of one pre-token as far as the merges go, those learned first before others.

    Of all pairs that stand side by side, the one of lowest rank is merged, wherever it stands;
    then the search begins again with what that gave, until no pair is left that has a rank.

    Args:
        ids: the ids of the bytes of one pre-token; they are left unchanged.
        ranks: the id that each pair merges into. A pair learned earlier has a smaller one, so
            that ids rank the merges. The order of the mapping's items means nothing.

    Returns:
        A new list.
    """
    # TODO 1.2: The pair of the lowest rank is merged first, wherever it stands, again and again,
    # until no pair has a rank.
    raise NotImplementedError("exercise 1.2: encode_piece")


def decode_ids(ids: Sequence[int], vocab: Mapping[int, bytes]) -> str:
    """Return the text that ids stand for.

    One character's bytes may be spread over several ids. Bytes that are no UTF-8, which a model
    may well sample, become the replacement character U+FFFD, as Python's `replace` does it.

    Raises:
        ValueError: if an id is not in the vocabulary.
    """
    if unknown := [i for i in ids if i not in vocab]:
        raise ValueError(f"no token has the id {unknown[0]}")
    # TODO 1.2: The bytes of all ids together are read as UTF-8, and U+FFFD stands where they are
    # none.
    raise NotImplementedError("exercise 1.2: decode_ids")


class BytePairTokenizer(Tokenizer):
    """A byte-level BPE tokenizer: the merges, the pattern and the special tokens.

    Args:
        merges: pairs of ids, in the order in which they were learned.
        pattern: cuts text into pre-tokens.
        specials: ids of the special tokens, none of them taken by a byte or a merge.
        byte_ids: ids of the bytes 0 to 255; GPT-2 has an order of its own. Merges have the ids
            above.

    Raises:
        ValueError: if the ids contradict each other.
        regex.error: if the pattern is none.
    """

    def __init__(
        self,
        merges: Iterable[Pair],
        pattern: str = GPT4_PATTERN,
        specials: Mapping[str, int] | None = None,
        byte_ids: Sequence[int] = range(N_BYTES),
    ):
        if len(set(byte_ids)) != N_BYTES or len(byte_ids) != N_BYTES:
            raise ValueError(f"byte_ids needs {N_BYTES} different ids, one for each byte")
        self.merges = [(left, right) for left, right in merges]
        self.pattern, self.byte_ids = pattern, list(byte_ids)
        self.specials = dict(specials or {})
        split("", pattern)  # a pattern that does not compile shows here
        try:
            self.vocab = vocabulary(self.merges, self.byte_ids)
        except KeyError as error:
            raise ValueError(
                f"a merge uses the id {error}, which nothing before it makes"
            ) from None
        first = max(self.byte_ids) + 1
        self.ranks = {pair: new_id for new_id, pair in enumerate(self.merges, start=first)}
        for special, special_id in self.specials.items():
            if special_id in self.vocab:
                raise ValueError(f"the id {special_id} of {special!r} is another token's")
            self.vocab[special_id] = utf8(special)
        self.vocab_size = max(self.vocab) + 1

    @classmethod
    def train(
        cls,
        text: str,
        vocab_size: int,
        pattern: str = GPT4_PATTERN,
        specials: Sequence[str] = (END,),
    ) -> "BytePairTokenizer":
        """Learn merges with `train` so that bytes, merges and specials are vocab_size tokens."""
        merges = train(text, vocab_size - len(specials), pattern)
        first = N_BYTES + len(merges)
        return cls(merges, pattern, {special: first + i for i, special in enumerate(specials)})

    def encode_ordinary(self, text: str) -> list[int]:
        """Return the ids of text in which nothing is special."""
        ids = []
        for piece in split(text, self.pattern):
            ids += encode_piece([self.byte_ids[byte] for byte in utf8(piece)], self.ranks)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text that ids stand for, with U+FFFD where they are no UTF-8."""
        return decode_ids(ids, self.vocab)

    def save(self, path: Path) -> None:
        """Write all that makes the tokenizer as JSON; `project/formats.py` has other formats."""
        fields = ("pattern", "specials", "byte_ids", "merges")
        write_text(path, json.dumps({name: getattr(self, name) for name in fields}))

    @classmethod
    def load(cls, path: Path) -> "BytePairTokenizer":
        """Read what `save` wrote.

        Raises:
            ValueError: if the file holds something else.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (TypeError, ValueError, regex.error) as error:
            raise ValueError(f"{path} is no saved tokenizer: {error}") from None
