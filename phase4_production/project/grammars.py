"""What an answer is to be held to, as a constraint that knows whose fault it is when it fails.

A grammar comes from a client. One that allows nothing, or costs too much to follow, is a request
that is wrong, and no failure of the server; yet some show it only when they are followed.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from phase4_production.project.asked import ResponseFormat
from phase4_production.project.constrained import Constraint, Constraints


class Followed:
    """A client's grammar on its way through the engine, which remembers why it went no further.

    Args:
        constraint: the grammar; it is asked once at the start, because the first look is the
            costliest, and better taken by a thread of its own than between two steps.

    Raises:
        ValueError: it allows no token at all, or is too costly.
    """

    def __init__(self, constraint: Constraint) -> None:
        self._constraint, self.failed = constraint, ""
        if not self.masks(())[0].any():
            raise ValueError("it allows no text at all")

    def masks(self, guesses: Sequence[int]) -> Tensor:
        """Return (k + 1, V) bool: what may come next, and after each of k guesses.

        Raises:
            ValueError: the grammar cannot be followed further.
        """
        try:
            masks = self._constraint.masks(guesses)
        except ValueError as error:
            self.failed = str(error)
            raise
        if not masks[0].any():
            self.failed = "it allows no further token"
        return masks

    def advance(self, token: int) -> None:
        """Go on by a token that is allowed.

        Raises:
            ValueError: the grammar cannot be followed further.
        """
        try:
            self._constraint.advance(token)
        except ValueError as error:
            self.failed = str(error)
            raise


def follow(constraints: Constraints, wanted: ResponseFormat) -> Followed | None:
    """Make the constraint of one answer; None if any text will do.

    Raises:
        ValueError: in one line, for a grammar that is none or cannot be followed.
    """
    if wanted.type == "text":
        return None
    try:
        if wanted.type == "json_schema":
            return Followed(constraints.json_schema(wanted.json_schema.rule))
        if wanted.type == "json_object":
            return Followed(constraints.json_object())
        return Followed(constraints.regex(wanted.regex))
    except ValueError as error:
        raise ValueError(f"response_format: {error}") from None
    except RecursionError:
        raise ValueError("response_format: the schema is nested too deep") from None
