"""Byte-pair encoding again, fast: the merges and the ids of `bpe.py`, hundreds of times sooner.

Training is counting pre-tokens (`pretokenize`) and then learning from the counts
(`bpe_fast_train`). Encoding merges each different piece once and keeps the answer, for in any text
most pieces have been met before.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from heapq import heapify, heappop, heappush
from itertools import chain, pairwise

from phase1_transformers.solution.bpe import N_BYTES, BytePairTokenizer, Pair
from phase1_transformers.solution.bpe_fast_train import learn_merges
from phase1_transformers.solution.pretokenize import Texts, count, split_blocks
from phase1_transformers.solution.splitting import GPT4_PATTERN
from phase1_transformers.solution.tokenizer import END, utf8

CACHE_SIZE = 1 << 17  # pieces whose ids are kept: some 30 MB
CACHED_LENGTH = 64  # characters of the longest of them


def train(
    texts: Texts, vocab_size: int, pattern: str = GPT4_PATTERN, processes: int = 1
) -> list[Pair]:
    """Learn the merges that `bpe.train` learns, from any amount of text.

    Args:
        texts: a text, a UTF-8 file (a Path), or any number of them; see `pretokenize.count`.
        vocab_size: bytes and merges together.
        pattern: cuts the text into pre-tokens; no pair crosses a cut.
        processes: how many count pre-tokens.

    Returns:
        The merged pairs, in order: vocab_size - 256 of them, fewer if no pair is left.

    Raises:
        ValueError: if vocab_size is below 256, or a text or file has no UTF-8 bytes.
    """
    if vocab_size < N_BYTES:
        raise ValueError(f"the {N_BYTES} bytes alone need more than vocab_size={vocab_size}")
    return learn_merges(count(texts, pattern, processes), vocab_size)


def encode_piece(ids: Sequence[int], ranks: Mapping[Pair, int]) -> list[int]:
    """Do what `bpe.encode_piece` does, in O(n log n) steps for n ids.

    A heap holds the merges that are possible now, lowest rank first and then leftmost. Each merge
    adds those that it makes possible with its two neighbours, whose rank is always higher.
    """
    ids: list[int | None] = list(ids)
    before, after = [*range(-1, len(ids) - 1)], [*range(1, len(ids) + 1)]  # the neighbours
    found = map(ranks.get, pairwise(ids))
    heap = [(rank, i) for i, rank in enumerate(found) if rank is not None]
    heapify(heap)
    while heap:
        rank, i = heappop(heap)
        j = after[i]
        if j == len(ids) or ranks.get((ids[i], ids[j])) != rank:
            continue  # another merge was here since
        ids[i], ids[j] = rank, None
        after[i] = k = after[j]
        if k < len(ids):
            before[k] = i
            if (higher := ranks.get((rank, ids[k]))) is not None:
                heappush(heap, (higher, i))
        if i and (higher := ranks.get((ids[before[i]], rank))) is not None:
            heappush(heap, (higher, before[i]))
    return [token for token in ids if token is not None]


class Pieces(dict[str, list[int]]):
    """The ids of each piece that was met, made when they are first asked for."""

    def __init__(self, byte_ids: Sequence[int], ranks: Mapping[Pair, int]):
        super().__init__()
        self.byte_ids, self.ranks = byte_ids, ranks

    def __missing__(self, piece: str) -> list[int]:
        ids = encode_piece([self.byte_ids[byte] for byte in utf8(piece)], self.ranks)
        if len(piece) <= CACHED_LENGTH:
            if len(self) >= CACHE_SIZE:
                self.clear()
            self[piece] = ids
        return ids


class FastBytePairTokenizer(BytePairTokenizer):
    """A `BytePairTokenizer` that learns and encodes fast; merges and ids are the same."""

    @classmethod
    def train(
        cls,
        texts: Texts,
        vocab_size: int,
        pattern: str = GPT4_PATTERN,
        specials: Sequence[str] = (END,),
        processes: int = 1,
    ) -> "FastBytePairTokenizer":
        """Learn merges so that bytes, merges and specials are vocab_size tokens."""
        merges = train(texts, vocab_size - len(specials), pattern, processes)
        first = N_BYTES + len(merges)
        return cls(merges, pattern, {special: first + i for i, special in enumerate(specials)})

    @classmethod
    def like(cls, tokenizer: BytePairTokenizer) -> "FastBytePairTokenizer":
        """Return the fast tokenizer that gives the ids of another one."""
        return cls(tokenizer.merges, tokenizer.pattern, tokenizer.specials, tokenizer.byte_ids)

    @cached_property
    def pieces(self) -> Pieces:
        """The ids of the pieces met so far."""
        return Pieces(self.byte_ids, self.ranks)

    def encode_ordinary(self, text: str) -> list[int]:
        """Return the ids of text in which nothing is special."""
        ids = []
        for pieces in split_blocks(text, self.pattern):
            ids.extend(chain.from_iterable(map(self.pieces.__getitem__, pieces)))
        return ids
