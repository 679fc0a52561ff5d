"""What stands before the API: a body's size and pace, key and host, and what a browser is told.

Plain ASGI, because a wrapper that reads and writes responses itself would keep the server from
noticing that a client has gone.
"""

from __future__ import annotations

import asyncio
import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phase4_production.project.listening import is_local
from phase4_production.project.refusal import Refusal

# The chat page loads nothing from anywhere else and is shown in nobody's frame.
BROWSER = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
BODY_S = 30.0  # for a body to arrive
KEYED = ("/v1/", "/metrics")  # everything else is the page, and whether the server lives


def refuse(refusal: Refusal) -> JSONResponse:
    """Turn a refusal into a response."""
    return JSONResponse(refusal.body(), refusal.status, refusal.headers())


class Guards:
    """Refuses what is too large, compressed or without a key, and adds headers for browsers.

    Args:
        app: what is guarded.
        max_body_bytes: of one request.
        api_key: that a client must send as `Authorization: Bearer ...`; None for no key. Without
            one the server is this machine's alone. A page from elsewhere could make its own name
            lead here, to ask from its reader's browser; but the browser says which name it was.
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
        if self.api_key is None and not _is_ours(headers.get("host", "")):
            refusal = Refusal(403, "without an API key this server is reached as localhost alone")
            await refuse(refusal)(scope, receive, told)
            return
        if headers.get("content-encoding", "").lower() not in ("", "identity"):
            refusal = Refusal(415, "a compressed body is not read: send it without an encoding")
            await refuse(refusal)(scope, receive, told)
            return
        body = _Body(receive, self.max_body_bytes)
        try:
            if length > self.max_body_bytes:
                body.refuse_size()
            await self.app(scope, body.receive, told)
        except _Refused as refused:
            await refuse(refused.refusal)(scope, receive, told)

    def _has_key(self, path: str, headers: Headers) -> bool:
        if self.api_key is None or not path.startswith(KEYED):
            return True
        sent = headers.get("authorization", "").partition(" ")[2]
        return hmac.compare_digest(sent.encode(), self.api_key.encode())


def _is_ours(host: str) -> bool:
    """Whether a browser that sends this took the server for one of this machine."""
    try:
        return not host or is_local(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


class _Refused(BaseException):
    """The body is not what it may be; no handler of the application is to answer that."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class _Body:
    """Counts what arrives, for a client that announces no length, and waits only so long."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._limit, self._size = receive, limit, 0
        self._until: float | None = asyncio.get_running_loop().time() + BODY_S

    async def receive(self) -> Message:
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            told = f"the request's body has not arrived within {BODY_S:g} seconds"
            raise _Refused(Refusal(408, told)) from None
        self._size += len(message.get("body", b""))
        if self._size > self._limit:
            self.refuse_size()
        if not message.get("more_body"):
            self._until = None  # what comes now is that the client goes, whenever that is
        return message

    def refuse_size(self) -> None:
        told = f"the request's body is larger than {self._limit:,} bytes"
        raise _Refused(Refusal(413, told))


def _with_headers(send: Send) -> Send:
    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(BROWSER)
        await send(message)

    return told
