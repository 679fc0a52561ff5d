"""What every tokenizer of this phase can do, whatever its tokens are."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from phase1_transformers.solution.splitting import split_specials

END = "<|endoftext|>"
"""The special token that ends a document, under GPT-2's name"""


class Tokenizer(ABC):
    """Text to token ids and back.

    Attributes:
        vocab_size: one more than the highest id; rows of the embedding table.
        specials: the id of each special token; the highest ids by custom.
    """

    vocab_size: int
    specials: dict[str, int]

    @abstractmethod
    def encode_ordinary(self, text: str) -> list[int]:
        """Return the ids of text in which nothing is special.

        Raises:
            ValueError: if the text cannot be encoded.
        """

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """Return the text that ids stand for, special tokens by their names.

        Raises:
            ValueError: if there is no such id.
        """

    def encode(self, text: str, allowed_special: bool = False) -> list[int]:
        """Return the ids of text.

        Args:
            text: any text that has UTF-8 bytes.
            allowed_special: whether the name of a special token in the text means that token.
                Never say so of text that a user typed, or "<|endoftext|>" ends the document
                where the user likes.

        Raises:
            ValueError: if the text cannot be encoded.
        """
        if not allowed_special:
            return self.encode_ordinary(text)
        ids = []
        for piece in split_specials(text, self.specials):
            special = self.specials.get(piece)
            ids += self.encode_ordinary(piece) if special is None else [special]
        return ids


def utf8(text: str) -> bytes:
    """Return the UTF-8 bytes of text.

    Raises:
        ValueError: if it holds half of a surrogate pair, which has none.
    """
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        half = text[error.start]
        raise ValueError(f"{half!r} is a lone surrogate: no character, so no bytes") from None
