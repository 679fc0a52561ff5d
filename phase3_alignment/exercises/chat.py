r"""A conversation as tokens, and which of them the assistant wrote.

A model sees one row of ids. Here a turn is its role's header, its text, and the end token:

    User:\nWhat is 2 + 2?<|endoftext|>Assistant:\n4.<|endoftext|>

No new token is needed, so it serves any tokenizer that has an end token, GPT-2's for example. A
header is a header only at the beginning or behind an end token, and no text can make an end token.
Ouyang et al. 2022 (arXiv:2203.02155), section 3.5, fine-tune on such demonstrations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

HEADERS = {"system": "System:\n", "user": "User:\n", "assistant": "Assistant:\n"}


@dataclass(frozen=True)
class Message:
    """One turn of a conversation.

    Attributes:
        role: "system", "user" or "assistant".
        content: the text, as it is.
    """

    role: str
    content: str

    def __post_init__(self) -> None:
        if self.role not in HEADERS:
            raise ValueError(f"a role is one of {', '.join(HEADERS)}; got {self.role!r}")


class Tokenizer(Protocol):
    """What a chat asks of a tokenizer; every tokenizer of transformers has it.

    Attributes:
        eos_token_id: the end token, None if there is none.
    """

    eos_token_id: int | None

    def encode(
        self, text: str, *, add_special_tokens: bool = True, split_special_tokens: bool = False
    ) -> list[int]:
        """Turn a text into ids.

        Args:
            text: a token may begin in one word of it and end in the next.
            add_special_tokens: whether to put around it what stands around a whole document.
            split_special_tokens: whether a special token's name in it is plain text like the rest.
                If not, the text "<|endoftext|>" becomes the end token, whoever wrote it.
        """

    def decode(self, ids: Sequence[int]) -> str:
        """Turn ids into the text they stand for; special tokens become their names."""


def render(messages: Sequence[Message], tokenizer: Tokenizer) -> tuple[Tensor, Tensor]:
    """Turn a conversation into ids, and mark what a model shall learn to say.

    A turn is its header, its content, the end token. Header and content are encoded each for
    itself, so no token lies in both. Neither can hold a special token: a name of one in a content
    is plain text, as a header's name in a content is.

    Args:
        messages: the turns in order; there may be none.
        tokenizer: turns text into ids.

    Returns:
        ids: (T,) int64, all turns in a row.
        answers: (T,) bool, True on the contents of the assistant's turns, all of them, and on the
            end token behind each; False on headers and on everything that others say.

    Raises:
        ValueError: if the tokenizer has no end token.
    """
    if tokenizer.eos_token_id is None:
        raise ValueError("the tokenizer has no end token, so a model could not say that it is done")
    # TODO 3.10: The ids of header, content and end token of each turn, and True on what the
    # assistant wrote, its end tokens included.
    raise NotImplementedError("exercise 3.10: render")


def prompt(messages: Sequence[Message], tokenizer: Tokenizer) -> Tensor:
    """Turn a conversation into the ids after which it is the assistant's turn to write.

    They are what `render` gives for the conversation and one more turn of the assistant, up to
    where the content of that turn begins.

    Args:
        messages: the turns so far.
        tokenizer: turns text into ids.

    Returns:
        (T,) int64.

    Raises:
        ValueError: if the tokenizer has no end token.
    """
    # TODO 3.10: What render gives for the conversation and one more turn of the assistant, up to
    # where its content begins.
    raise NotImplementedError("exercise 3.10: prompt")
