"""The API: OpenAI's paths over our engine, health, metrics, and the chat page.

    GET  /v1/models            which model is served
    POST /v1/completions       continue a text
    POST /v1/chat/completions  say the next turn of a conversation
    GET  /health               whether it works, and how fast it was lately
    GET  /metrics              for Prometheus
    GET  /                     the chat page

`python -m phase4_production.project.serve` runs it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from phase4_production.project.asked import Chat, Completion, Sampled
from phase4_production.project.constrained import Constraints
from phase4_production.project.engine import Full, Request, TooLong
from phase4_production.project.guards import Guards, refuse
from phase4_production.project.refusal import Refusal
from phase4_production.project.replies import ChatReply, CompletionReply, Reply
from phase4_production.project.serving import Call, Serving
from phase4_production.project.tokenizing import Tokenizer
from phase4_production.solution import sse

LOG = logging.getLogger(__name__)
WEB = Path(__file__).with_name("web")
REFUSALS = {
    400: "The request is wrong; the message says where.",
    401: "The API key is missing or wrong.",
    404: "No such model.",
    413: "The body is too large.",
    429: "The queue is full; Retry-After says when to come back.",
    503: "The server is shutting down.",
}
CLIENT_CLOSED = 499  # nginx's number for "nobody is there to be answered"


@dataclass(frozen=True)
class Settings:
    """What the server allows.

    Attributes:
        model: the name under which the model is served.
        max_length: tokens of prompt and answer together.
        max_output: tokens of one answer.
        max_body_bytes: of one HTTP request.
        api_key: that clients must send; None for none.
        retry_after_s: what a client is told when the queue is full.
    """

    model: str
    max_length: int
    max_output: int = 4096
    max_body_bytes: int = 2**20
    api_key: str | None = None
    retry_after_s: int = 1


def create_app(
    serving: Serving, tokenizer: Tokenizer, constraints: Constraints, settings: Settings
) -> FastAPI:
    """Put the API together. The serving thread lives as long as the application."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        serving.start()
        yield
        await asyncio.to_thread(serving.close)

    app = FastAPI(title="LLM from zero", docs_url=None, redoc_url=None, lifespan=lifespan)
    api = Api(serving, tokenizer, constraints, settings)
    refusals = {code: {"description": why} for code, why in REFUSALS.items()}
    app.get("/v1/models")(api.models)
    app.get("/v1/models/{name:path}", responses={404: refusals[404]})(api.model)
    app.post("/v1/completions", responses=refusals)(api.completions)
    app.post("/v1/chat/completions", responses=refusals)(api.chat)
    app.get("/health", responses={503: {"description": "The engine has stopped."}})(api.health)
    app.get("/metrics")(api.metrics)
    app.mount("/", StaticFiles(directory=WEB, html=True))
    app.exception_handler(Refusal)(api.refused)
    app.exception_handler(RequestValidationError)(api.misshapen)
    app.exception_handler(HTTPException)(api.unrouted)
    app.exception_handler(Exception)(api.failed)
    app.add_middleware(Guards, settings.max_body_bytes, settings.api_key)
    return app


class Api:
    """The endpoints."""

    def __init__(
        self, serving: Serving, tokenizer: Tokenizer, constraints: Constraints, settings: Settings
    ) -> None:
        self.serving, self.tokenizer, self.constraints = serving, tokenizer, constraints
        self.settings, self.began = settings, int(time.time())

    # -- answers ----------------------------------------------------------------------------------

    async def completions(self, asked: Completion, http: HttpRequest) -> Response:
        """Continue one text or several."""
        self._known(asked.model)
        prompts = [await self._tokens(prompt, "prompt") for prompt in asked.prompts]
        max_tokens = self._room(prompts, asked.max_tokens or 16, "max_tokens")
        requests = await self._requests(asked, prompts, max_tokens, asked.logprobs)
        reply = CompletionReply(
            asked.model, sum(map(len, prompts)), len(requests), self._named(asked.logprobs)
        )
        return await self._answer(asked, requests, reply, http)

    async def chat(self, asked: Chat, http: HttpRequest) -> Response:
        """Say the next turn."""
        self._known(asked.model)
        prompt = await self._conversation(asked)
        wanted = asked.max_completion_tokens or asked.max_tokens
        max_tokens = self._room([prompt], wanted, "max_tokens")
        top = (asked.top_logprobs or 0) if asked.logprobs else None
        requests = await self._requests(asked, [prompt], max_tokens, top)
        reply = ChatReply(asked.model, len(prompt), len(requests), self._named(top))
        return await self._answer(asked, requests, reply, http)

    async def _answer(
        self, asked: Sampled, requests: Sequence[Request], reply: Reply, http: HttpRequest
    ) -> Response:
        if not self.serving.healthy:
            raise Refusal(503, "the server is shutting down", retry_after_s=30)
        try:
            call = self.serving.ask(requests)
        except Full as error:
            wait = self.settings.retry_after_s
            raise Refusal(429, str(error), code="queue_full", retry_after_s=wait) from None
        except TooLong as error:
            raise Refusal(400, str(error), code="context_length_exceeded") from None
        if asked.stream:
            usage = asked.stream_options is not None and asked.stream_options.include_usage
            return Streamed(call, events(call, reply, usage))
        return await self._whole(call, reply, http)

    async def _whole(self, call: Call, reply: Reply, http: HttpRequest) -> Response:
        with call:
            answering = asyncio.create_task(collect(call, reply))
            gone = asyncio.create_task(disconnected(http))
            done, _ = await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if answering not in done:
                answering.cancel()
                return Response(status_code=CLIENT_CLOSED)
            answering.result()
        return JSONResponse(reply.whole())

    # -- what is asked, in the engine's terms -----------------------------------------------------

    def _known(self, model: str) -> None:
        if model != self.settings.model:
            raise Refusal(
                404,
                f"there is no model {model!r} here; {self.settings.model!r} is served",
                param="model",
                code="model_not_found",
            )

    async def _tokens(self, prompt: str | list[int], param: str) -> list[int]:
        """Encode a prompt, in a thread: a long one takes longer than a token of the others."""
        if isinstance(prompt, str):
            prompt = await asyncio.to_thread(self.tokenizer.encode, prompt)
        if any(token >= self.tokenizer.vocab_size for token in prompt):
            raise Refusal(
                400, f"{param}: a token id is not below {self.tokenizer.vocab_size}", param=param
            )
        if not prompt:
            raise Refusal(400, f"{param} is empty: send at least one token", param=param)
        return prompt

    async def _conversation(self, asked: Chat) -> list[int]:
        messages = [message.plain() for message in asked.messages]
        try:
            prompt = await asyncio.to_thread(self.tokenizer.chat, messages)
        except ValueError as error:
            raise Refusal(400, f"messages: {error}", param="messages") from None
        return await self._tokens(prompt, "messages")

    def _room(self, prompts: Sequence[Sequence[int]], wanted: int | None, param: str) -> int:
        """Return how many tokens an answer may have."""
        longest, limit = max(map(len, prompts)), self.settings.max_length
        room = min(limit - longest, self.settings.max_output)
        if room < 1 or (wanted and longest + wanted > limit):
            raise Refusal(
                400,
                f"this model reads {limit} tokens, and the prompt has {longest}, the answer "
                f"{wanted or 'at least 1'}: shorten the prompt or lower {param}",
                param=param,
                code="context_length_exceeded",
            )
        if wanted and wanted > room:
            raise Refusal(400, f"{param} is {wanted}, and at most {room} are allowed", param=param)
        return wanted or room

    async def _requests(
        self,
        asked: Sampled,
        prompts: Sequence[Sequence[int]],
        max_tokens: int,
        logprobs: int | None,
    ) -> list[Request]:
        found = []
        for number in range(len(prompts) * asked.choices):
            prompt = prompts[number // asked.choices]
            try:
                params = asked.params(number, max_tokens, logprobs)
                constraint = await asyncio.to_thread(self._constraint, asked)
            except ValueError as error:
                raise Refusal(400, str(error)) from None
            found.append(Request(uuid.uuid4().hex, tuple(prompt), params, constraint))
        return found

    def _named(self, logprobs: int | None) -> Tokenizer | None:
        return None if logprobs is None else self.tokenizer

    def _constraint(self, asked: Sampled) -> Any:
        wanted = asked.response_format
        if wanted.type == "json_schema":
            return self.constraints.json_schema(wanted.json_schema.rule)
        if wanted.type == "json_object":
            return self.constraints.json_object()
        return self.constraints.regex(wanted.regex) if wanted.type == "regex" else None

    # -- what the server says of itself -----------------------------------------------------------

    async def models(self) -> dict[str, Any]:
        """List the one model."""
        return {"object": "list", "data": [self._card()]}

    async def model(self, name: str) -> dict[str, Any]:
        """Describe the model, if it is that one."""
        self._known(name)
        return self._card()

    def _card(self) -> dict[str, Any]:
        return {
            "id": self.settings.model,
            "object": "model",
            "created": self.began,
            "owned_by": "you",
            "max_model_len": self.settings.max_length,
            "chat": self.tokenizer.has_chat,
        }

    async def health(self) -> Response:
        """Say whether the engine works, and the tail of the latencies so far."""
        stats, metrics = self.serving.stats, self.serving.metrics
        told = {
            "status": "ok" if self.serving.healthy else "stopped",
            "open": self.serving.n_open,
            "waiting": stats.waiting,
            "running": stats.running,
            "blocks_used": stats.blocks_used,
            "blocks_total": stats.blocks_total,
            "ttft_p95_s": metrics.quantile_s(metrics.ttft, 0.95),
            "time_per_token_p95_s": metrics.quantile_s(metrics.per_token, 0.95),
        }
        return JSONResponse(told, 200 if self.serving.healthy else 503)

    async def metrics(self) -> Response:
        """Say everything that is counted."""
        return Response(self.serving.metrics.text(), media_type="text/plain; version=0.0.4")

    # -- errors -----------------------------------------------------------------------------------

    async def refused(self, _: HttpRequest, refusal: Refusal) -> Response:
        """Say why there is no answer."""
        self.serving.metrics.refused.labels(str(refusal.status)).inc()
        return refuse(refusal)

    async def misshapen(self, http: HttpRequest, error: RequestValidationError) -> Response:
        """Name the first field that is wrong, and how."""
        first = error.errors()[0]
        place = ".".join(str(word) for word in first["loc"][1:])
        told = first["msg"].removeprefix("Value error, ")
        message = f"{place}: {told}" if place else told
        return await self.refused(http, Refusal(400, message, param=place or None))

    async def unrouted(self, http: HttpRequest, error: HTTPException) -> Response:
        """Say that there is no such path or method, or that a body is no JSON."""
        message = f"{http.method} {http.url.path}: {error.detail}"
        return await self.refused(http, Refusal(error.status_code, message))

    async def failed(self, http: HttpRequest, _: Exception) -> Response:
        """Say that it was our fault; the log has the rest."""
        return await self.refused(http, Refusal(500, "the server failed; its log says more"))


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
        if output.finish == "error":
            yield sse.event(json.dumps(Refusal(500, output.error).body()))
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
        if output.finish in ("error", "cancelled"):
            raise Refusal(500, output.error or "the server stopped before the answer was done")
        reply.take(number, output)


async def disconnected(http: HttpRequest) -> None:
    """Wait until the client has gone."""
    while (await http.receive())["type"] != "http.disconnect":
        pass
