"""A conversation as tokens by the model's own template, where it has one, and by ours elsewhere.

A model that was taught to chat expects the form in which it was taught; its tokenizer brings that
along, as a Jinja template. It gives one text, and in one text nobody can tell any more who wrote
what. So every content goes through the template as a mark that stands for it, and is put back
afterwards, in tokens.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from phase3_alignment.solution import chat
from phase3_alignment.solution.chat import Message
from shared.texts import DataError

# The form of `chat.render`, for programs that know a model by its files alone.
OURS = (
    "{% for message in messages %}"
    "{{ message['role'] | capitalize + ':\\n' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}"
    "{% else %}{{ message['content'] + eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:\\n' }}{% endif %}"
)
MARK = "\ue000{}\ue001"  # of characters that Unicode leaves to private use


@dataclass(frozen=True)
class Piece:
    """A stretch of ids.

    Attributes:
        ids: there may be none.
        kind: "answer" is what the assistant said, "special" a token that the template wrote,
            "text" anything else.
    """

    ids: list[int]
    kind: str


def render(
    messages: Sequence[Message], tokenizer: PreTrainedTokenizerBase
) -> tuple[Tensor, Tensor]:
    """Turn a conversation into ids, and mark what a model shall learn to say.

    As `chat.render` does. By an own template, the end of an answer is what it writes behind it, up
    to its first special token, that one included. A prompt is encoded as when an answer is asked
    for, and an answer as a model writes it: no token lies in both.

    Raises:
        ValueError: the template does not give every content as it is, or an answer no end.
    """
    if tokenizer.chat_template is None:
        return chat.render(messages, tokenizer)
    ids, answers, is_open = [], [], False
    for piece in _pieces(messages, tokenizer):
        is_open = is_open or piece.kind == "answer"
        ids += piece.ids
        answers += [is_open] * len(piece.ids)
        is_open = is_open and piece.kind != "special"
    if is_open:
        raise ValueError("the chat template ends an answer with no special token: nothing stops it")
    return torch.tensor(ids, dtype=torch.int64), torch.tensor(answers, dtype=torch.bool)


def prompt(messages: Sequence[Message], tokenizer: PreTrainedTokenizerBase) -> Tensor:
    """Turn a conversation into the ids after which it is the assistant's turn to write.

    Raises:
        ValueError: the template does not give every content as it is.
    """
    if tokenizer.chat_template is None:
        return chat.prompt(messages, tokenizer)
    pieces = _pieces(messages, tokenizer, add_generation_prompt=True)
    return torch.tensor([i for piece in pieces for i in piece.ids], dtype=torch.int64)


@contextmanager
def told_if_unwritable() -> Iterator[None]:
    """Within the block, or the function that this decorates, a text without tokens is an error.

    Raises:
        DataError: the tokenizer has no token for a character, and none for the unknown.
    """
    try:
        yield
    except Exception as error:
        if type(error) is not Exception:  # what tokenizers throws has this very type and no other
            raise
        raise DataError(
            f"the model's tokenizer cannot write the data ({error}); take a model that reads any "
            "text, by --model"
        ) from None


def _pieces(
    messages: Sequence[Message], tokenizer: PreTrainedTokenizerBase, **options: bool
) -> Iterator[Piece]:
    """Cut what the template makes of a conversation at its special tokens and around answers."""
    specials = {token.content: i for i, token in tokenizer.added_tokens_decoder.items()}
    names = "|".join(map(re.escape, sorted(specials, key=len, reverse=True)))
    text = ""
    for written, message in _written(messages, tokenizer, **options):
        for part in re.split(f"({names})", written):
            if part in specials:
                yield Piece(_plain(tokenizer, text), "text")
                yield Piece([specials[part]], "special")
            text = "" if part in specials else text + part
        if message is not None and message.role == "assistant":
            yield Piece(_plain(tokenizer, text), "text")
            yield Piece(_plain(tokenizer, message.content), "answer")
            text = ""
        elif message is not None:
            text += message.content  # a special token's name in it is no special token
    yield Piece(_plain(tokenizer, text), "text")


def _written(
    messages: Sequence[Message], tokenizer: PreTrainedTokenizerBase, **options: bool
) -> Iterator[tuple[str, Message | None]]:
    """Yield what the template writes before each message, and what it writes at the end."""
    marks = [MARK.format(i) for i in range(len(messages))]
    marked = [{"role": m.role, "content": mark} for m, mark in zip(messages, marks, strict=True)]
    text = tokenizer.apply_chat_template(marked, tokenize=False, **options)
    any_mark = MARK.format("[0-9]+")
    if re.findall(any_mark, text) != marks:
        raise ValueError("the chat template leaves out, repeats or reorders what was said")
    yield from zip(re.split(any_mark, text), [*messages, None], strict=True)


def _plain(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
