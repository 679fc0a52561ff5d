"""The fast trainer: the merges of `bpe.train`, hundreds of times sooner, from counted pre-tokens.

The clear trainer looks at the whole text before each merge. This one looks at what can change.

1. *Different pre-tokens, once.* A text has few of them. They are laid out in one flat array, each
   with its weight, so that a merge costs no more in a text ten times as long.
2. *Places, not scans.* For each pair that may be merged soon, an array says where it begins. A
   merge touches those places, all at once, and finds the new pairs right beside them.
3. *Counts that only fall.* A pair is never as common as when its younger token was made: later
   merges can only take places away. So an old count is an upper bound. The largest one in a heap is
   counted again; if it has not changed, no other pair is commoner, and ties are where they were.
4. *Rare pairs later.* Pairs far below the commonest are not kept. When those that are have been
   used up, everything is counted anew.
"""

from collections.abc import Iterator, Mapping
from heapq import heappop, heappush, heapreplace

import numpy as np

from phase1_transformers.solution.bpe import N_BYTES, Pair
from phase1_transformers.solution.tokenizer import utf8

GONE = -1  # where no token begins any more
KEPT = 16  # pairs down to a 16th of the commonest; 4 to 64 take about the same time

Places = np.ndarray  # (N,) int64, where tokens begin in the corpus, ascending


def learn_merges(counts: Mapping[str, int], vocab_size: int, kept: int = KEPT) -> list[Pair]:
    """Learn merges, the rule and the order those of `bpe.train`.

    Args:
        counts: how often each pre-token occurs.
        vocab_size: bytes and merges together.
        kept: how many times rarer than the commonest pair another may be to be kept in mind. It
            changes the speed only.

    Returns:
        The merged pairs: vocab_size - 256 of them, fewer if no pair is left.

    Raises:
        ValueError: if a pre-token has no UTF-8 bytes.
    """
    corpus = Corpus(counts, border=vocab_size)
    candidates = Candidates(corpus, kept)
    merges = []
    while len(merges) < vocab_size - N_BYTES and (commonest := candidates.pop()):
        pair, places = commonest
        new_id = N_BYTES + len(merges)
        candidates.add_beside(new_id, corpus.merge(pair, places, new_id))
        merges.append(pair)
    return merges


class Corpus:
    """Every different pre-token once, byte after byte in flat arrays that never change their size.

    A token that begins at place p covers size[id] bytes: its right neighbour begins behind them,
    its left neighbour ends at p - 1.

    Attributes:
        head: (N,) int32, at the first byte of a token its id; GONE where a merge swallowed one.
        tail: (N,) int32, at the last byte of a token its id; out of date elsewhere.
        weight: (N,) int64, how often the text has the pre-token of this place.
        border: the id that stands between pre-tokens, above all others; no pair may hold it.
        size: how many bytes each id covers.
    """

    def __init__(self, counts: Mapping[str, int], border: int):
        pieces = [utf8(piece) for piece in counts]
        lengths = np.array([1] + [len(piece) + 1 for piece in pieces])  # with the border behind
        flat = b"\0" + b"\0".join([*pieces, b""])  # any byte would do where borders come
        self.head = np.frombuffer(flat, np.uint8).astype(np.int32)
        self.head[lengths.cumsum() - 1] = border
        self.tail = self.head.copy()
        self.weight = np.array([0, *counts.values()]).repeat(lengths)
        self.border = border
        self.size = [1] * N_BYTES

    def pairs(self) -> tuple[np.ndarray, Places]:
        """List every pair as left * (border + 1) + right, an order that ties can use, and where."""
        places = np.flatnonzero(self.head != GONE)
        ids = self.head[places].astype(np.int64)
        keys = ids[:-1] * (self.border + 1) + ids[1:]
        inside = (ids[:-1] != self.border) & (ids[1:] != self.border)
        return keys[inside], places[:-1][inside]

    def still(self, pair: Pair, places: Places) -> Places:
        """Of places where a pair began once, keep those where it still does."""
        left, right = pair
        begins = self.head[places] == left
        return places[begins & (self.head[places + self.size[left]] == right)]

    def merge(self, pair: Pair, places: Places, new_id: int) -> Places:
        """Put the new id in place of a pair; return where, as of two that overlap one remains."""
        left, right = (self.size[token] for token in pair)
        if pair[0] == pair[1]:
            places = places[_every_other(places, left)]
        self.head[places] = new_id
        self.head[places + left] = GONE
        self.tail[places + (left + right - 1)] = new_id
        self.size.append(left + right)
        return places


def _every_other(places: Places, size: int) -> np.ndarray:
    """Mark the first, third, ... of each run of places that stand `size` apart: (N,) bool."""
    number = np.arange(len(places))
    begins = np.concatenate(([True], places[1:] != places[:-1] + size))
    return (number - np.maximum.accumulate(number * begins)) % 2 == 0


class Candidates:
    """The pairs that may be merged next: where they were, and how common they were, at most."""

    def __init__(self, corpus: Corpus, kept: int):
        self.corpus, self.kept = corpus, kept
        self.places: dict[Pair, Places] = {}
        self.heap: list[tuple[int, int, int]] = []  # (-count, left, right): ties as in bpe.train
        self.least = 1  # pairs rarer than this are not kept

    def pop(self) -> tuple[Pair, Places] | None:
        """Take out the commonest pair, with its places; None if no pair is left."""
        while self.heap or self._count_anew():
            bound, left, right = self.heap[0]
            places = self.corpus.still((left, right), self.places[left, right])
            count = int(self.corpus.weight[places].sum())
            if count == -bound:
                heappop(self.heap)
                del self.places[left, right]
                return (left, right), places
            if count >= self.least:
                heapreplace(self.heap, (-count, left, right))
                self.places[left, right] = places
            else:
                heappop(self.heap)
                del self.places[left, right]
        return None

    def add_beside(self, new_id: int, places: Places) -> None:
        """Add the pairs of a new token, which stands at these places, with its neighbours."""
        corpus = self.corpus
        left_ids = corpus.tail[places - 1]
        for left, where, n in Groups(left_ids, places, corpus.weight).at_least(self.least):
            if left not in (corpus.border, new_id):  # two new tokens: found on the other side
                self._add((left, new_id), where - corpus.size[left], n)
        right_ids = corpus.head[places + corpus.size[new_id]]
        for right, where, n in Groups(right_ids, places, corpus.weight).at_least(self.least):
            if right != corpus.border:
                self._add((new_id, right), where, n)

    def _count_anew(self) -> bool:
        """Find the commonest pairs of the whole corpus; return whether there is any."""
        keys, places = self.corpus.pairs()
        groups = Groups(keys, places, self.corpus.weight)
        self.least = max(1, groups.counts.max(initial=0) // self.kept)
        for key, where, n in groups.at_least(self.least):
            self._add(divmod(key, self.corpus.border + 1), where, n)
        return bool(self.heap)

    def _add(self, pair: Pair, places: Places, count: int) -> None:
        self.places[pair] = places
        heappush(self.heap, (-count, *pair))


class Groups:
    """Places sorted by a key, ascending within each key, and the count of each key.

    Args:
        keys: (N,) integers.
        places: (N,) where each stands, ascending.
        weight: how much each place counts.
    """

    def __init__(self, keys: np.ndarray, places: Places, weight: np.ndarray):
        order = keys.argsort(kind="stable")
        self.keys, self.places = keys[order], places[order]
        changes = np.flatnonzero(self.keys[1:] != self.keys[:-1])
        self.edges = np.empty(len(changes) + 2, np.int64)
        self.edges[0], self.edges[1:-1], self.edges[-1] = 0, changes + 1, len(keys)
        self.counts = np.add.reduceat(weight[self.places], self.edges[:-1]) if len(keys) else keys

    def at_least(self, least: int) -> Iterator[tuple[int, Places, int]]:
        """Yield key, places and count of each group that counts at least so much."""
        for group in np.flatnonzero(self.counts >= least).tolist():
            start, end = self.edges[group : group + 2]
            yield int(self.keys[start]), self.places[start:end], int(self.counts[group])
