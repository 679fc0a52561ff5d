"""What the programs learn from: conversations, pairs of answers, labelled texts."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from phase3_alignment.solution.chat import Message


@dataclass(frozen=True)
class Conversation:
    """A demonstration: what was said, and how the assistant should answer."""

    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt, of which somebody preferred the first."""

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str


@dataclass(frozen=True)
class Labelled:
    """A text and the number of its class."""

    text: str
    label: int


Record = Conversation | Pair | Labelled


@dataclass(frozen=True)
class Corpus:
    """Records of one kind, in parts that share no prompt unless their publisher let them.

    Attributes:
        train: to learn from.
        test: looked at once, at the end.
        source: where they are from, for people to read.
        validation: to choose settings by; empty where the publisher has none.
        names: of the classes, in the order of their numbers; empty if there are no labels.
    """

    train: tuple[Record, ...]
    test: tuple[Record, ...]
    source: str
    validation: tuple[Record, ...] = ()
    names: tuple[str, ...] = ()


def opening(record: Record) -> str:
    """Say how a record begins: what the user said first, or the text to label."""
    if isinstance(record, Labelled):
        return record.text
    messages = record.prompt if isinstance(record, Pair) else record.messages
    return next((m.content for m in messages if m.role == "user"), "")


def as_text(messages: Sequence[Message]) -> str:
    """Show a prompt to people: one turn as it is, several with their roles."""
    if len(messages) == 1:
        return messages[0].content
    return "\n\n".join(f"{message.role}: {message.content}" for message in messages)


def held_out(
    records: Iterable[Record], share: float
) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    """Part records into those to learn from and those to test on.

    The side is decided by a hash of the opening, and by nothing else. So two records of one prompt,
    or of one dialogue that goes on, are on one side; a record stays where it is when others come or
    go; and a question that one stage of training is tested on is not learnt from in another, if
    both hold out the same share.

    Args:
        records: to part; each side keeps their order.
        share: of the openings, how many are for testing, about.
    """
    sides: tuple[list, list] = ([], [])
    for record in records:
        digest = hashlib.sha256(opening(record).encode()).digest()
        sides[int.from_bytes(digest[:8]) < share * 2**64].append(record)
    return tuple(sides[0]), tuple(sides[1])
