"""A tokenizer folder as the engine and the server need it: `tokenizer.json` by `tokenizers`.

`transformers` would do all of this and take seconds to import; a server should start at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer as Engine
from tokenizers import models, normalizers

from phase4_production.project import stories

LONGEST = 2**24  # characters that a template may write; no model here reads as much
SHRINK = 4  # Unicode's composition (NFC) makes one byte of at most so many
DROP = re.compile("Removed|Whitespace|Metaspace|Bert|CharDelimiter")  # not every byte is kept
BYTE = re.compile(r"<0x([0-9A-F]{2})>")  # how a SentencePiece vocabulary spells a single byte
SPACE = "▁"  # and how it spells a space


class Tokenizer:
    """Text to tokens and back, a token's bytes, and a conversation by the model's own template.

    Args:
        engine: of the `tokenizers` library.
        vocab_size: tokens that the model knows; it may be more than the tokenizer has.
        eos_ids: tokens that end a text.
        template: the chat template in Jinja, or None for a model that was never taught to chat.
        specials: special tokens that a template may name, such as "bos_token".

    Raises:
        ValueError: in one line, if the template cannot be read.
    """

    def __init__(
        self,
        engine: Engine,
        vocab_size: int,
        eos_ids: Sequence[int],
        template: str | None = None,
        specials: Mapping[str, str] | None = None,
    ) -> None:
        self.engine, self.vocab_size, self.eos_ids = engine, vocab_size, frozenset(eos_ids)
        engine.no_truncation()  # some files ask for that: a prompt would lose its end unnoticed
        self._template = None if template is None else _compile(template)
        self._specials_by_name = dict(specials or {})
        self._special = {
            i for i, token in engine.get_added_tokens_decoder().items() if token.special
        }

    @classmethod
    def load(cls, folder: Path, vocab_size: int, eos_ids: Sequence[int] = ()) -> Tokenizer:
        """Read a model folder.

        Raises:
            ValueError: in one line, if there is no tokenizer, or it is damaged.
        """
        if stories.is_story_folder(folder):
            return cls(stories.read_tokenizer(folder, vocab_size), vocab_size, stories.ENDS)
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise ValueError(f"{folder} has no tokenizer.json")
        try:
            engine = Engine.from_file(str(path))
        except Exception as error:  # tokenizers raises nothing more precise
            raise ValueError(f"{path} is damaged: {error}") from None
        said = _read_json(folder / "tokenizer_config.json")
        specials = {
            name: token["content"] if isinstance(token, dict) else token
            for name, token in said.items()
            if name.endswith("_token") and token
        }
        if not eos_ids and "eos_token" in specials:
            found = engine.token_to_id(specials["eos_token"])
            eos_ids = () if found is None else (found,)
        try:
            return cls(engine, vocab_size, eos_ids, _template(folder, said), specials)
        except ValueError as error:
            raise ValueError(f"the chat template of {folder} cannot be read: {error}") from None

    def encode(self, text: str, special: bool = True) -> list[int]:
        """Turn a text into tokens; `special` adds those at its ends that the tokenizer adds."""
        return self.engine.encode(text, add_special_tokens=special).ids

    def fewest(self, text: str) -> int:
        """Return how many tokens a text has at the least, by its length alone.

        It is 0 where nothing is certain: a tokenizer that has no token for each byte, or leaves
        spaces out, may make one token of any text.
        """
        return -(-len(text.encode()) // self._widest) if self._widest else 0

    def decode(self, ids: Sequence[int]) -> str:
        """Turn tokens into a text, without special ones."""
        return b"".join(self.bytes_of(token) for token in ids).decode("utf-8", "replace")

    def bytes_of(self, token: int) -> bytes:
        """Return what a token adds to the text; nothing for a special or unknown one."""
        piece = self.engine.id_to_token(token)
        if piece is None or token in self._special:
            return b""
        if self._byte_level:
            return bytes(self._bytes_of_letter[letter] for letter in piece)
        if byte := BYTE.fullmatch(piece):
            return bytes([int(byte[1], 16)])
        return piece.replace(SPACE, " ").encode()

    def text_of(self, token: int) -> str:
        """Return a token in readable form; bytes of half a character show as U+FFFD."""
        if token in self._special:
            return self.engine.id_to_token(token)
        return self.bytes_of(token).decode("utf-8", "replace")

    # -- conversations ----------------------------------------------------------------------------

    @property
    def has_chat(self) -> bool:
        """Whether the model brings a template for conversations."""
        return self._template is not None

    def chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Turn a conversation into the tokens after which it is the model's turn.

        Raises:
            ValueError: there is no template, or it refuses this conversation.
        """
        return self.encode(self.write(messages), special=False)

    def write(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Turn a conversation into the text of these tokens; errors as of `chat`."""
        if self._template is None:
            raise ValueError("this model has no chat template: ask it to continue a text instead")
        written, length = [], 0
        try:
            for piece in self._template.generate(
                messages=messages, add_generation_prompt=True, **self._specials_by_name
            ):
                written.append(piece)
                if (length := length + len(piece)) > LONGEST:
                    raise ValueError(f"it writes more than {LONGEST:,} characters")
            return "".join(written).encode().decode()  # half of a character is no text
        except Exception as error:  # a template is a program, and may fail in any way
            raise ValueError(f"the model's chat template refuses this: {_line(error)}") from None

    # -- bytes ------------------------------------------------------------------------------------

    @cached_property
    def _byte_level(self) -> bool:
        return "ByteLevel" in str(self.engine.decoder) if self.engine.decoder else False

    @cached_property
    def _widest(self) -> int:
        """Bytes of text that a token stands for at most; 0 if no such number is certain."""
        engine, composed = self.engine, isinstance(self.engine.normalizer, normalizers.NFC)
        vocab, added = engine.get_vocab(), engine.get_added_tokens_decoder().values()
        cut = engine.pre_tokenizer
        cuts = cut.__getstate__().decode() if cut else ""  # its JSON; what str() says is cut short
        if (
            not isinstance(engine.model, models.BPE)
            or "ByteLevel" not in cuts
            or DROP.search(cuts)
            or not (engine.normalizer is None or composed)
            or any(token.lstrip or token.rstrip for token in added)
            or not self._bytes_of_letter.keys() <= vocab.keys()
        ):
            return 0
        return max(len(piece.encode()) for piece in vocab) * (SHRINK if composed else 1)

    @cached_property
    def _bytes_of_letter(self) -> dict[str, int]:
        """GPT-2's alphabet: printable bytes stand for themselves, the others from U+0100 on."""
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [byte for byte in range(256) if byte not in printable]
        letters = {chr(byte): byte for byte in printable}
        return letters | {chr(256 + i): byte for i, byte in enumerate(others)}


class _Generation(Extension):
    """`{% generation %}`, by which a template marks what is learnt: here it is passed over."""

    tags = frozenset({"generation"})

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _compile(template: str) -> jinja2.Template:
    # A template comes with a model from anywhere: it gets at nothing but its arguments.
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )
    made.globals["raise_exception"] = _refuse
    try:
        return made.from_string(template)
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"{error.message}, line {error.lineno}") from None
    except Exception as error:  # what is constant in a template is computed while it is read
        raise ValueError(_line(error)) from None


def _line(error: Exception) -> str:
    """Say in one line what a template failed at; what it says itself needs no name."""
    said = " ".join(str(error).split())
    if isinstance(error, jinja2.TemplateError) or type(error) is ValueError:
        return said
    return f"{type(error).__name__}: {said}".removesuffix(": ")


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)


def _template(folder: Path, said: Mapping[str, Any]) -> str | None:
    """Find the chat template: in a file of its own, or in the config, as older models have it."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    found = said.get("chat_template")
    if isinstance(found, list):  # several, each with a name
        found = {one["name"]: one["template"] for one in found}.get("default")
    return found


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from None
