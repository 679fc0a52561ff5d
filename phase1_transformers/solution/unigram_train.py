"""Learn the pieces of a unigram tokenizer: start with too many, keep those that are missed most.

Kudo 2018 (arXiv:1804.10959), section 3.2. Two steps take turns:

    EM      Make the text more probable. How often is each piece used, on average over all
            segmentations, each weighed by its probability (E)? Use that as its frequency (M).
    prune   Drop a share of the pieces: those without which the text loses least probability.

The average over all segmentations needs no list of them: a forward and a backward pass over the
text's lattice do, as in a hidden Markov model. A lattice has a node between any two characters,
and an edge from node to node for each piece that fits.

SentencePiece does the same from other seeds, with a prior in its M-step; its pieces differ a bit.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import regex

from phase1_transformers.solution.bpe import N_BYTES
from phase1_transformers.solution.splitting import GPT4_PATTERN, split
from phase1_transformers.solution.tokenizer import END
from phase1_transformers.solution.unigram import ASCII, UnigramTokenizer, viterbi

MAX_WORD = 64  # characters; a longer word is cut, as the passes go node by node
SEED_RATIO = 8  # pieces to begin with, as a multiple of those to end with
KEPT = 0.75  # share of the pieces that survives a pruning
EM_STEPS = 2  # between two prunings, as in SentencePiece
DECIMALS = (
    9  # of a log-probability: readers of JSON err in the 16th digit, and must not break a tie
)
MIN_USES = 1e-3  # expected uses of a piece count as this at least: no piece is impossible


def train(
    text: str,
    vocab_size: int,
    pattern: str = GPT4_PATTERN,
    max_length: int = 16,
    coverage: float = 0.9995,
) -> dict[str, float]:
    """Learn pieces and their log-probabilities.

    Args:
        text: to learn from.
        vocab_size: the 256 bytes and the pieces that are no ASCII character; specials not counted.
            A text of few different words may give fewer.
        pattern: regular expression whose matches no piece may leave.
        max_length: characters of a piece, at most.
        coverage: share of the text's characters that must be pieces; the rarest beyond it are
            left to the byte fallback.

    Returns:
        Nats for each piece, what `UnigramTokenizer` takes.

    Raises:
        ValueError: if the text is empty, or vocab_size has no room for bytes and characters.
    """
    characters = covered_characters(text, coverage)
    n_pieces = vocab_size - (N_BYTES - len(ASCII))
    if n_pieces < len(characters):
        least = vocab_size + len(characters) - n_pieces
        raise ValueError(f"vocab_size must be at least {least} for this text, got {vocab_size}")
    words = count_words(text, pattern, characters)
    if not words:
        raise ValueError("the text is empty: there is nothing to learn from")
    log_probs = seed_pieces(words, characters, SEED_RATIO * n_pieces, max_length)
    while True:
        lattice = Lattice(words, log_probs)
        for _ in range(EM_STEPS):
            log_probs, _ = em_step(lattice, log_probs)
        if len(log_probs) <= n_pieces:
            return {piece: round(nats, DECIMALS) for piece, nats in log_probs.items()}
        log_probs = prune(log_probs, max(n_pieces, int(KEPT * len(log_probs))))


def train_tokenizer(
    text: str, vocab_size: int, pattern: str = GPT4_PATTERN, specials: Sequence[str] = (END,)
) -> UnigramTokenizer:
    """Learn pieces with `train` so that bytes, pieces and specials are vocab_size tokens."""
    log_probs = train(text, vocab_size - len(specials), pattern)
    first = len(log_probs) + N_BYTES - len(ASCII)
    return UnigramTokenizer(
        log_probs, pattern, {special: first + i for i, special in enumerate(specials)}
    )


def covered_characters(text: str, coverage: float) -> set[str]:
    """Take the ASCII characters, and the text's most frequent ones up to a share of the text."""
    covered, needed = set(ASCII), coverage * len(text)
    for character, count in Counter(text).most_common():
        if needed <= 0:
            break
        covered.add(character)
        needed -= count
    return covered


def count_words(text: str, pattern: str, characters: Iterable[str]) -> Counter[str]:
    """Count the matches of pattern, cut where a character is not covered or MAX_WORD is reached."""
    words: Counter[str] = Counter()
    known = regex.compile(f"[{regex.escape(''.join(characters))}]{{1,{MAX_WORD}}}")
    for word, count in Counter(split(text, pattern)).items():
        for part in known.findall(word):
            words[part] += count
    return words


def seed_pieces(
    words: Mapping[str, int], characters: Iterable[str], n_pieces: int, max_length: int
) -> dict[str, float]:
    """Take all characters and the n_pieces substrings that cover most text, by their frequency."""
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for start in range(len(word)):
            for end in range(start + 1, min(start + max_length, len(word)) + 1):
                counts[word[start:end]] += count
    seeds = [piece for piece, count in counts.items() if len(piece) > 1 and count > 1]
    seeds.sort(key=lambda piece: (-counts[piece] * len(piece), piece))
    pieces = sorted(characters) + seeds[:n_pieces]
    return normalised(pieces, np.array([counts[piece] for piece in pieces], dtype=float))


def normalised(pieces: Iterable[str], uses: np.ndarray) -> dict[str, float]:
    """Turn numbers of uses into log-probabilities."""
    uses = np.maximum(uses, MIN_USES)
    return dict(zip(pieces, np.log(uses / uses.sum()).tolist()))


class Lattice:
    """All segmentations of all words at once, as arrays of edges.

    The words lie one after the other on one row of nodes, len(word) + 1 nodes each. Edges with the
    same depth, the place in its word where an edge ends (or starts), are worked through together.

    Args:
        words: how often each comes in the text.
        pieces: what may be an edge; every character of a word must be among them.
    """

    def __init__(self, words: Mapping[str, int], pieces: Iterable[str]) -> None:
        numbers = {piece: i for i, piece in enumerate(pieces)}
        max_length = max(map(len, numbers))
        edges, first = [], 0
        for word in words:
            for start in range(len(word)):
                for end in range(start + 1, min(start + max_length, len(word)) + 1):
                    number = numbers.get(word[start:end])
                    if number is not None:
                        edges.append((first + start, first + end, number, start, end))
            first += len(word) + 1
        self.n_pieces, self.n_nodes = len(numbers), first
        self.start, self.end, self.piece, begins, ends = np.array(edges).reshape(-1, 5).T
        self.by_begin, self.by_end = by_depth(begins), by_depth(ends)
        self.counts = np.array(list(words.values()))
        sizes = np.array([len(word) + 1 for word in words])
        self.last = sizes.cumsum() - 1  # of each word, its last node
        self.word = np.repeat(np.arange(len(sizes)), sizes)  # of each node, its word

    def expected_uses(self, log_probs: np.ndarray) -> tuple[np.ndarray, float]:
        """E-step: forward and backward in log space.

        Args:
            log_probs: (n_pieces,) nats.

        Returns:
            (n_pieces,) expected number of uses of each piece in the text, and the text's
            log-likelihood: nats, summed over all segmentations.
        """
        scores = log_probs[self.piece]  # of each edge
        forward = np.full(self.n_nodes, -np.inf)  # of all ways from the word's first node
        backward = np.full(self.n_nodes, -np.inf)  # of all ways to the word's last node
        forward[self.last - np.diff(self.last, prepend=-1) + 1] = 0
        backward[self.last] = 0
        for edges in self.by_end:
            arrived = forward[self.start[edges]] + scores[edges]
            np.logaddexp.at(forward, self.end[edges], arrived)
        for edges in reversed(self.by_begin):
            left = backward[self.end[edges]] + scores[edges]
            np.logaddexp.at(backward, self.start[edges], left)
        whole = forward[self.last]  # of all segmentations of each word
        word = self.word[self.start]
        shares = np.exp(forward[self.start] + scores + backward[self.end] - whole[word])
        uses = np.bincount(self.piece, shares * self.counts[word], minlength=self.n_pieces)
        return uses, float(self.counts @ whole)


def by_depth(depths: np.ndarray) -> list[np.ndarray]:
    """Group the numbers of the edges by depth, from the smallest."""
    order = np.argsort(depths, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(depths[order])) + 1)


def em_step(lattice: Lattice, log_probs: Mapping[str, float]) -> tuple[dict[str, float], float]:
    """Make the text more probable, or leave it as probable as it is.

    Args:
        lattice: of the text's words, over exactly these pieces in this order.
        log_probs: nats for each piece.

    Returns:
        New log-probabilities, and the text's log-likelihood under the given ones, in nats.
    """
    uses, log_likelihood = lattice.expected_uses(np.array(list(log_probs.values())))
    return normalised(log_probs, uses), log_likelihood


def prune(log_probs: Mapping[str, float], n_pieces: int) -> dict[str, float]:
    """Keep all single characters, and of the others those whose loss would cost most.

    A piece that is gone is replaced by the best segmentation of it into others, at every use:
    its loss is its frequency times the difference of the two scores, to first order.
    """

    def cost(piece: str) -> float:
        parts = viterbi(piece, log_probs, max_length=len(piece) - 1, unknown=-math.inf)
        score = log_probs[piece]
        return math.exp(score) * (score - sum(log_probs[part] for part in parts))

    single = {piece for piece in log_probs if len(piece) == 1}
    others = sorted((p for p in log_probs if p not in single), key=lambda p: (-cost(p), p))
    kept = single.union(others[: n_pieces - len(single)])
    return {piece: score for piece, score in log_probs.items() if piece in kept}
