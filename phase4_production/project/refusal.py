"""What a client is told when its request is refused: OpenAI's shape, never a traceback."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any


class Refusal(Exception):
    """A request that gets no answer, and why.

    Args:
        status: HTTP status.
        message: one line for the person who reads the client's error: what, where, how to mend it.
        param: the field that is at fault.
        code: for programs, such as "context_length_exceeded".
        retry_after_s: seconds after which it is worth asking again.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.retry_after_s = retry_after_s

    @property
    def kind(self) -> str:
        """OpenAI's name for what went wrong."""
        names = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
        return names.get(
            self.status, "server_error" if self.status >= 500 else "invalid_request_error"
        )

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        told = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": told}

    def headers(self) -> dict[str, str]:
        """What the answer's head says besides."""
        found = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        return found | ({"WWW-Authenticate": "Bearer"} if self.status == 401 else {})


def misfit(errors: Sequence[dict[str, Any]]) -> Refusal:
    """Say which field of a body is wrong first, and how.

    Args:
        errors: of pydantic. A field that may be of several types has one for each of them.
    """
    first = errors[0]
    if first["type"] == "json_invalid":
        return Refusal(400, f"the body is no JSON: {first['ctx']['error']}, byte {first['loc'][1]}")
    if len(first["loc"]) == 1 and first["type"] != "value_error":
        return Refusal(400, "send a JSON object as the body, with Content-Type: application/json")
    place = _field(first)
    said = [
        error["msg"].removeprefix("Value error, ") for error in errors if _field(error) == place
    ]
    message = ", or ".join(dict.fromkeys(said))
    return Refusal(400, f"{place}: {message}" if place else message, param=place or None)


def _field(error: dict[str, Any]) -> str:
    """Name a field as the client does: pydantic adds which of several types it tried."""
    words = takewhile(lambda word: "[" not in str(word), error["loc"][1:])
    return ".".join(map(str, words))
