"""HTTP by hand: bytes go out, bytes come back. A well-behaved client could not send what we must.

Every request has a connection of its own, and asks the server to close it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx

PATIENCE_S = 60.0
PATIENCE_FOR_HALF_S = 1.0
RUBBISH = b"Invalid HTTP request received."  # what uvicorn says to what is no HTTP
CONTINUE = b"HTTP/1.1 100"  # not an answer yet
TOLD = {"message", "type", "param", "code"}  # OpenAI's words for an error


@dataclass(frozen=True)
class Shot:
    """A request.

    Attributes:
        kind: for the report.
        raw: everything that is sent.
        patience: bytes of the answer after which the client hangs up; None reads to the end.
        whole: if not, a server is right to wait for more; the client then hangs up soon.
    """

    kind: str
    raw: bytes
    patience: int | None = None
    whole: bool = True


@dataclass(frozen=True)
class Answer:
    """What came back: the status (None for none), head and body, and the seconds that it took."""

    status: int | None
    head: bytes
    body: bytes
    seconds: float


def request(
    method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> bytes:
    """Write a request down; `headers` replace those that are there anyway, None leaves one out."""
    told: dict[str, str | None] = {"Host": "localhost", "Connection": "close"}
    if body:
        told |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    told |= headers or {}
    lines = [f"{name}: {value}" for name, value in told.items() if value is not None]
    head = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""])
    return head.encode("utf-8", "surrogatepass") + body


async def fire(url: str, shot: Shot) -> Answer:
    """Send a request and read what comes back.

    Raises:
        ConnectionRefusedError: nobody listens.
        TimeoutError: there was no end of an answer in time.
    """
    began, place, found = time.perf_counter(), httpx.URL(url), bytearray()
    try:
        async with asyncio.timeout(PATIENCE_S if shot.whole else PATIENCE_FOR_HALF_S):
            await _exchange(place, shot, found)
    except TimeoutError:
        if shot.whole:
            raise
    head, _, body = found.partition(b"\r\n\r\n")
    if head.startswith(CONTINUE):
        head, _, body = body.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    status = int(words[1]) if head.startswith(b"HTTP/1.1 ") else None
    return Answer(status, bytes(head), bytes(body), time.perf_counter() - began)


async def _exchange(place: httpx.URL, shot: Shot, found: bytearray) -> None:
    reader, writer = await asyncio.open_connection(place.host, place.port)
    try:
        writer.write(shot.raw)
        await writer.drain()
        while shot.patience is None or len(found) < shot.patience:
            piece = await reader.read(65536)
            if not piece:
                return
            found += piece
    except ConnectionError:  # it closed before it had read everything; what it said may be here
        pass
    finally:
        writer.transport.abort()


def fault(answer: Answer) -> str | None:
    """Say what is wrong with an answer, if something is."""
    if answer.status is None:
        return None
    if answer.status >= 500:
        return f"status {answer.status}"
    if b"Traceback" in answer.body:
        return "a traceback"
    if b'"type": "server_error"' in answer.body and b"text/event-stream" in answer.head:
        return "a server's error in a stream"
    if answer.status >= 400 and answer.body and not _is_told(answer.body):
        return f"status {answer.status}, and not in OpenAI's shape"
    return None


def _is_told(body: bytes) -> bool:
    if RUBBISH in body:
        return True
    try:
        told: Any = json.loads(body)
        return told["error"].keys() == TOLD
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
