"""What a client is told when its request is refused: OpenAI's shape, never a traceback."""

from __future__ import annotations

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
