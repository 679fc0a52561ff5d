"""What stands before the API: the size of a body, the key, and what a browser is told.

Plain ASGI, because a wrapper that reads and writes responses itself would keep the server from
noticing that a client has gone.
"""

from __future__ import annotations

import hmac

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phase4_production.project.refusal import Refusal

# The chat page loads nothing from anywhere else and is shown in nobody's frame.
BROWSER = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
KEYED = ("/v1/", "/metrics")  # everything else is the page, and whether the server lives


def refuse(refusal: Refusal) -> JSONResponse:
    """Turn a refusal into a response."""
    return JSONResponse(refusal.body(), refusal.status, refusal.headers())


class Guards:
    """Refuses what is too large or has no key, and adds headers for browsers.

    Args:
        app: what is guarded.
        max_body_bytes: of one request.
        api_key: that a client must send as `Authorization: Bearer ...`; None for no key.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int, api_key: str | None = None) -> None:
        self.app, self.max_body_bytes, self.api_key = app, max_body_bytes, api_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers, told = Headers(scope=scope), _with_headers(send)
        if not self._has_key(scope["path"], headers):
            refusal = Refusal(401, "this server asks for an API key: send it as a bearer token")
            await refuse(refusal)(scope, receive, told)
            return
        try:
            length = int(headers.get("content-length", 0))
        except ValueError:
            length = 0
        body = _Body(receive, self.max_body_bytes)
        if length > self.max_body_bytes:
            await refuse(body.too_large())(scope, receive, told)
            return
        try:
            await self.app(scope, body.receive, told)
        except _TooLarge:
            await refuse(body.too_large())(scope, receive, told)

    def _has_key(self, path: str, headers: Headers) -> bool:
        if self.api_key is None or not path.startswith(KEYED):
            return True
        sent = headers.get("authorization", "").partition(" ")[2]
        return hmac.compare_digest(sent.encode(), self.api_key.encode())


class _TooLarge(BaseException):
    """The body grew over its limit; no handler of the application is to answer it."""


class _Body:
    """Counts what arrives, for a client that announces no length."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._limit, self._size = receive, limit, 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        if self._size > self._limit:
            raise _TooLarge
        return message

    def too_large(self) -> Refusal:
        return Refusal(413, f"the request's body is larger than {self._limit:,} bytes")


def _with_headers(send: Send) -> Send:
    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(BROWSER)
        await send(message)

    return told
