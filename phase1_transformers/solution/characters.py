"""The simplest tokenizer: one token per character that the training text has."""

from collections.abc import Iterable, Mapping, Sequence

from phase1_transformers.solution.tokenizer import END, Tokenizer, utf8


class CharTokenizer(Tokenizer):
    """One token per known character. It has no way to write one that it does not know.

    Args:
        characters: different single characters; their ids are 0, 1, 2 and so on.
        specials: ids of the special tokens, none of them taken by a character.

    Raises:
        ValueError: if an entry is not one character with UTF-8 bytes, or an id is taken twice.
    """

    def __init__(self, characters: Iterable[str], specials: Mapping[str, int] | None = None):
        self.characters = list(characters)
        self.specials = dict(specials or {})
        for character in self.characters:
            if len(character) != 1:
                raise ValueError(f"need single characters, got {character!r}")
            utf8(character)
        self.ids = {character: i for i, character in enumerate(self.characters)}
        self.vocab = {i: token for token, i in (self.ids | self.specials).items()}
        if len(self.vocab) != len(self.characters) + len(self.specials):
            raise ValueError("every character and special token needs an id of its own")
        self.vocab_size = max(self.vocab, default=-1) + 1

    @classmethod
    def train(cls, text: str, specials: Sequence[str] = (END,)) -> "CharTokenizer":
        """Take the characters of a text, in the order of Unicode, and the specials after them."""
        characters = sorted(set(text))
        first = len(characters)
        return cls(characters, {special: first + i for i, special in enumerate(specials)})

    def encode_ordinary(self, text: str) -> list[int]:
        """Return the ids of text in which nothing is special.

        Raises:
            ValueError: if a character was not in the training text.
        """
        for character in text:
            if character not in self.ids:
                raise ValueError(f"the character {character!r} was not in the training text")
        return [self.ids[character] for character in text]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text that ids stand for."""
        if unknown := [i for i in ids if i not in self.vocab]:
            raise ValueError(f"no token has the id {unknown[0]}")
        return "".join(self.vocab[i] for i in ids)
