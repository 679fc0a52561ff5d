"""How answers leave the server: as events or whole, and what is said of one that fails."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from fastapi import Request as HttpRequest
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from phase4_production.project.engine import Output
from phase4_production.project.refusal import Refusal
from phase4_production.project.replies import Reply
from phase4_production.project.serving import Call
from phase4_production.solution import sse

FAILED = ("error", "cancelled")  # how an answer ends that is none


class Streamed(StreamingResponse):
    """A stream of events that cancels its call when the client goes, even before the first one."""

    def __init__(self, call: Call, content: AsyncIterator[str]) -> None:
        super().__init__(content, media_type="text/event-stream")
        self.headers["Cache-Control"] = "no-cache"
        self._call = call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        with self._call:
            await super().__call__(scope, receive, send)


async def events(call: Call, reply: Reply, usage: bool) -> AsyncIterator[str]:
    """Say an answer in pieces, as server-sent events."""
    for opening in reply.openings():
        yield sse.event(json.dumps(opening))
    async for number, output in call:
        if output.finish in FAILED:
            yield sse.event(json.dumps(failure(call, number, output).body()))
            return
        if piece := reply.chunk(number, output):
            yield sse.event(json.dumps(piece))
    if usage:
        yield sse.event(json.dumps(reply.usage_chunk()))
    yield sse.event("[DONE]")


async def collect(call: Call, reply: Reply) -> None:
    """Wait for all answers of a call.

    Raises:
        Refusal: the engine failed at one of them.
    """
    async for number, output in call:
        if output.finish in FAILED:
            raise failure(call, number, output)
        reply.take(number, output)


def failure(call: Call, number: int, output: Output) -> Refusal:
    """Say why an answer failed, and whose fault it was: a grammar's is the client's."""
    grammar = call.requests[number].constraint
    if grammar is not None and grammar.failed:
        return Refusal(400, f"response_format: {grammar.failed}", param="response_format")
    if output.finish == "cancelled":
        return Refusal(503, "the server was shut down before the answer was done", retry_after_s=30)
    return Refusal(500, output.error or "the engine failed")


async def disconnected(http: HttpRequest) -> None:
    """Wait until the client has gone."""
    while (await http.receive())["type"] != "http.disconnect":
        pass
