"""The unigram tokenizer: of all ways to cut a text into pieces, take the most probable.

Kudo 2018 (arXiv:1804.10959), section 3.2; SentencePiece's default. Where BPE replays a list of
merges, this model knows one probability for each piece, and a segmentation is as probable as the
product of its pieces. How the probabilities are found is in `unigram_train.py`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from phase1_transformers.solution.bpe import N_BYTES, decode_ids
from phase1_transformers.solution.splitting import GPT4_PATTERN, split
from phase1_transformers.solution.tokenizer import Tokenizer, utf8
from shared.files import write_text

ASCII = [chr(i) for i in range(128)]
PENALTY = 10.0  # nats by which an unknown character is less probable than any piece
CACHED_WORDS = 1 << 16  # words come again and again: these many are segmented only once


def viterbi(
    text: str, log_probs: Mapping[str, float], *, max_length: int, unknown: float
) -> list[str]:
    """Find the segmentation of a text whose pieces' log-probabilities have the largest sum.

    Viterbi 1967. The best segmentation of a text ends in some piece, and what stands before this
    piece is segmented as well as it can be; so the best scores of the beginnings of the text, from
    short to long, need each other and nothing else: O(n max_length) in place of 2^(n - 1) ways.

    Args:
        text: any string.
        log_probs: nats for each piece; not changed.
        max_length: no piece of more characters is considered.
        unknown: the score of a single character that is not in log_probs; a longer string that
            is not there is no piece.

    Returns:
        The pieces in order; joined, they are the text. If the best score of a beginning of the
        text is reached in several ways, the one with the longest last piece is taken. The empty
        text has no pieces.

    Raises:
        ValueError: if max_length is not positive.
    """
    if max_length < 1:
        raise ValueError(f"max_length must be at least 1, got {max_length}")
    # TODO 1.5: Of all segmentations of the text into pieces, the one whose scores have the largest
    # sum; ties to the longest last piece.
    raise NotImplementedError("exercise 1.5: viterbi")


class UnigramTokenizer(Tokenizer):
    """Text to ids and back, by the most probable pieces.

    Ids 0 to 255 are bytes. Those of ASCII are characters, always pieces, seen in training or not;
    the upper half spells the UTF-8 of a character that is no piece, so that every text has ids.
    Then come the other pieces, the most probable first.

    Args:
        log_probs: nats for each piece. An ASCII character that is missing counts as unknown.
        pattern: cuts text into pre-tokens, which are segmented one by one.
        specials: ids of the special tokens, none of them taken by a byte or a piece.

    Raises:
        ValueError: if an id is taken twice.
    """

    def __init__(
        self,
        log_probs: Mapping[str, float],
        pattern: str = GPT4_PATTERN,
        specials: Mapping[str, int] | None = None,
    ):
        self.pattern, self.specials = pattern, dict(specials or {})
        self.unknown = min(log_probs.values(), default=0.0) - PENALTY
        self.log_probs = dict.fromkeys(ASCII, self.unknown) | dict(log_probs)
        self.max_length = max(map(len, self.log_probs))
        others = [piece for piece in self.log_probs if piece not in set(ASCII)]
        others.sort(key=lambda piece: (-self.log_probs[piece], piece))
        self.ids = {piece: i for i, piece in enumerate(ASCII)}
        self.ids |= {piece: i for i, piece in enumerate(others, start=N_BYTES)}
        self.vocab = {i: bytes([i]) for i in range(N_BYTES)}
        self.vocab |= {i: utf8(piece) for piece, i in self.ids.items()}
        for special, special_id in self.specials.items():
            if special_id in self.vocab:
                raise ValueError(f"the id {special_id} of {special!r} is another token's")
            self.vocab[special_id] = utf8(special)
        self.vocab_size = max(self.vocab) + 1
        self._seen: dict[str, list[int]] = {}

    def encode_ordinary(self, text: str) -> list[int]:
        """Return the ids of text in which nothing is special."""
        return [i for word in split(text, self.pattern) for i in self._encode_word(word)]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text that ids stand for, with U+FFFD where they are no UTF-8."""
        return decode_ids(ids, self.vocab)

    def pieces(self, text: str) -> list[str]:
        """Return the pieces of text as strings; a character that is none stands for its bytes."""
        return [piece for word in split(text, self.pattern) for piece in self._segment(word)]

    def save(self, path: Path) -> None:
        """Write all that makes the tokenizer as JSON; `project/formats.py` has other formats."""
        fields = ("log_probs", "pattern", "specials")
        write_text(path, json.dumps({name: getattr(self, name) for name in fields}))

    @classmethod
    def load(cls, path: Path) -> "UnigramTokenizer":
        """Read what `save` wrote.

        Raises:
            ValueError: if the file holds something else.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} is no saved tokenizer: {error}") from None

    def _segment(self, word: str) -> list[str]:
        return viterbi(word, self.log_probs, max_length=self.max_length, unknown=self.unknown)

    def _encode_word(self, word: str) -> list[int]:
        if word in self._seen:
            return self._seen[word]
        ids: list[int] = []
        for piece in self._segment(word):
            ids += [self.ids[piece]] if piece in self.ids else utf8(piece)
        if len(self._seen) < CACHED_WORDS:
            self._seen[word] = ids
        return ids
