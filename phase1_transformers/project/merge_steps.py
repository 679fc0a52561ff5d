"""The way from the bytes of a text to its tokens, step by step, for `merges` to show."""

from dataclasses import dataclass
from itertools import pairwise

from phase1_transformers.solution.bpe import BytePairTokenizer, merge_pair
from phase1_transformers.solution.splitting import split
from phase1_transformers.solution.tokenizer import utf8

MARKS = {" ": "␣", "\n": "↵", "\t": "⇥"}  # so that they can be seen
PLAIN_MARKS = {" ": "_", "\n": r"\n", "\t": r"\t"}  # in ASCII


@dataclass(frozen=True)
class Token:
    """One token of a step: its id, its bytes, and whether this step made it."""

    id: int
    data: bytes
    is_new: bool


@dataclass(frozen=True)
class Step:
    """A text after one merge.

    Attributes:
        rank: the place of the merge in the order of learning, from 1; 0 before any merge.
        pair: the bytes of the two tokens that were merged; empty before any merge.
        words: the tokens of each pre-token.
    """

    rank: int
    pair: tuple[bytes, ...]
    words: list[list[Token]]

    @property
    def tokens(self) -> list[Token]:
        """All tokens in the order of the text."""
        return [token for word in self.words for token in word]


def steps(tokenizer: BytePairTokenizer, text: str) -> list[Step]:
    """Merge a text's bytes as the tokenizer does, but all pre-tokens side by side.

    A tokenizer takes one pre-token after the other. As no merge crosses from one into another, the
    tokens are the same if the lowest rank of the whole text goes first, which is easier to watch.

    Returns:
        The bytes, then the text after each merge that occurs in it; the last one has the tokens of
        `tokenizer.encode(text)`.

    Raises:
        ValueError: if the text is empty, or has no UTF-8 bytes.
    """
    if not text:
        raise ValueError("an empty text has nothing to merge")
    pieces = split(text, tokenizer.pattern)
    words = [[tokenizer.byte_ids[byte] for byte in utf8(piece)] for piece in pieces]
    found = [_step(tokenizer, 0, (), words, None)]
    while new_id := min(_possible(tokenizer, words), default=None):
        rank = new_id - max(tokenizer.byte_ids)
        pair = tokenizer.merges[rank - 1]
        words = [merge_pair(ids, pair, new_id) for ids in words]
        spelled = tuple(tokenizer.vocab[token] for token in pair)
        found.append(_step(tokenizer, rank, spelled, words, new_id))
    return found


def _possible(tokenizer: BytePairTokenizer, words: list[list[int]]) -> list[int]:
    pairs = (pair for ids in words for pair in pairwise(ids))
    return [tokenizer.ranks[pair] for pair in pairs if pair in tokenizer.ranks]


def _step(
    tokenizer: BytePairTokenizer,
    rank: int,
    pair: tuple[bytes, ...],
    words: list[list[int]],
    new_id: int | None,
) -> Step:
    vocab = tokenizer.vocab
    return Step(rank, pair, [[Token(i, vocab[i], i == new_id) for i in ids] for ids in words])


def spell(data: bytes, encoding: str = "utf-8") -> str:
    r"""Write a token's bytes so that each of them can be seen.

    Spaces and line ends get a mark; bytes that are only part of a character, control characters,
    and what the encoding lacks are written like \xe2.
    """
    try:
        "".join(MARKS.values()).encode(encoding)
        marks = MARKS
    except UnicodeEncodeError:
        marks = PLAIN_MARKS
    text = data.decode("utf-8", errors="backslashreplace")
    seen = (marks.get(c) or (c if c.isprintable() else ascii(c)[1:-1]) for c in text)
    return "".join(seen).encode(encoding, errors="backslashreplace").decode(encoding)
