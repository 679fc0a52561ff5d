"""SentencePiece itself (Kudo and Richardson 2018, arXiv:1808.06226), behind the house's interface.

Its library trains and encodes; this file asks it to leave the text alone (no Unicode normalising,
no added or removed spaces, bytes for what it does not know), so that decoding gives back what was
encoded. One exception cannot be asked away: SentencePiece writes a space as U+2581, so that
character itself comes back as a space.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import sentencepiece

from phase1_transformers.solution.tokenizer import END, Tokenizer, utf8
from shared.files import write_bytes

MAX_LINE = 1 << 20  # bytes; the trainer skips a longer line without a word


class SentencePieceTokenizer(Tokenizer):
    """A SentencePiece model and special tokens above its ids.

    Args:
        model: the serialised model, what a `.model` file holds.
        specials: ids of the special tokens, none of them below the model's size.

    Raises:
        ValueError: if the bytes are no model, or an id is taken twice.
    """

    def __init__(self, model: bytes, specials: Mapping[str, int] | None = None):
        self.model, self.specials = model, dict(specials or {})
        self.processor = sentencepiece.SentencePieceProcessor()
        try:
            self.processor.LoadFromSerializedProto(model)
        except RuntimeError as error:
            raise ValueError(f"these bytes are no SentencePiece model: {error}") from None
        size = self.processor.GetPieceSize()
        for special, special_id in self.specials.items():
            if special_id < size:
                raise ValueError(f"the id {special_id} of {special!r} is another token's")
        self.names = {i: special for special, i in self.specials.items()}
        self.vocab_size = max([size - 1, *self.names]) + 1

    @classmethod
    def train(
        cls,
        text: str,
        vocab_size: int,
        model_type: Literal["unigram", "bpe"] = "unigram",
        specials: Sequence[str] = (END,),
    ) -> "SentencePieceTokenizer":
        """Train a model in memory so that it and the specials are vocab_size tokens.

        Raises:
            ValueError: if the trainer refuses, as it does when the text is too small for so many
                tokens, or they too few for its characters.
        """
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.Train(
                sentence_iterator=iter(text.split("\n")),
                model_writer=model,
                model_type=model_type,
                vocab_size=vocab_size - len(specials),
                normalization_rule_name="identity",
                add_dummy_prefix=False,
                remove_extra_whitespaces=False,
                byte_fallback=True,
                user_defined_symbols=["\n"],  # the trainer reads lines, so it meets no line end
                bos_id=-1,
                eos_id=-1,
                max_sentence_length=MAX_LINE,
                num_threads=1,
                minloglevel=2,
            )
        except RuntimeError as error:
            reason = str(error).rpartition("] ")[2]  # without its source line and its assertion
            raise ValueError(f"SentencePiece refuses: {reason}") from None
        first = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).GetPieceSize()
        return cls(model.getvalue(), {special: first + i for i, special in enumerate(specials)})

    def encode_ordinary(self, text: str) -> list[int]:
        """Return the ids of text in which nothing is special."""
        utf8(text)
        return self.processor.EncodeAsIds(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text that ids stand for, with U+FFFD where they are no UTF-8."""
        text, run = "", []
        for i in [*ids, None]:
            if i is not None and i not in self.names:
                run.append(i)
                continue
            text += self._decode_run(run) + self.names.get(i, "")
            run = []
        return text

    def save(self, path: Path) -> None:
        """Write the model as a `.model` file, which every SentencePiece opens; specials apart."""
        write_bytes(path, self.model)

    @classmethod
    def load(cls, path: Path, specials: Sequence[str] = (END,)) -> "SentencePieceTokenizer":
        """Read a `.model` file and put specials above its ids."""
        model = path.read_bytes()
        first = cls(model).vocab_size
        return cls(model, {special: first + i for i, special in enumerate(specials)})

    def _decode_run(self, ids: list[int]) -> str:
        if unknown := [i for i in ids if not 0 <= i < self.processor.GetPieceSize()]:
            raise ValueError(f"no token has the id {unknown[0]}")
        return self.processor.DecodeIds(ids)
