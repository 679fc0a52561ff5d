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
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.routing import Match, Mount
from starlette.types import Scope

from phase4_production.project.answering import Streamed, collect, disconnected, events
from phase4_production.project.asked import Chat, Completion, Sampled
from phase4_production.project.asking import Asking, Settings
from phase4_production.project.constrained import Constraints
from phase4_production.project.engine import Full, Request, TooLong
from phase4_production.project.guards import Guards, refuse
from phase4_production.project.refusal import Refusal, misfit
from phase4_production.project.replies import ChatReply, CompletionReply, Reply
from phase4_production.project.serving import Call, Serving
from phase4_production.project.tokenizing import Tokenizer

WEB = Path(__file__).with_name("web")
REFUSALS = {
    400: "The request is wrong; the message says where.",
    401: "The API key is missing or wrong.",
    404: "No such model.",
    413: "The body is too large.",
    415: "The body is compressed.",
    429: "The queue is full; Retry-After says when to come back.",
    503: "The server is shutting down.",
}
CLIENT_CLOSED = 499  # nginx's number for "nobody is there to be answered"


def create_app(
    serving: Serving, tokenizer: Tokenizer, constraints: Constraints, settings: Settings
) -> FastAPI:
    """Put the API together. The serving thread lives as long as the application."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        serving.start()
        yield
        await asyncio.to_thread(serving.close)

    app = FastAPI(
        title="LLM from zero",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.serving = serving
    api = Api(serving, tokenizer, Asking(tokenizer, constraints, settings), settings)
    refusals = {code: {"description": why} for code, why in REFUSALS.items()}
    app.get("/v1/models")(api.models)
    app.get("/v1/models/{name:path}", responses={404: refusals[404]})(api.model)
    app.post("/v1/completions", responses=refusals)(api.completions)
    app.post("/v1/chat/completions", responses=refusals)(api.chat)
    app.get("/health", responses={503: {"description": "The engine has stopped."}})(api.health)
    app.head("/health", include_in_schema=False)(api.health)
    app.get("/metrics")(api.metrics)
    app.router.routes.append(Page("/", StaticFiles(directory=WEB, html=True)))
    app.exception_handler(Refusal)(api.refused)
    app.exception_handler(RequestValidationError)(api.misshapen)
    app.exception_handler(HTTPException)(api.unrouted)
    app.exception_handler(Exception)(api.failed)
    app.add_middleware(Guards, settings.max_body_bytes, settings.api_key)
    return app


class Page(Mount):
    """The chat page, which answers for all that is not the API's.

    It knows no POST, so it would say of an unknown path of the API that the method is wrong.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Leave the API's paths to the API."""
        if scope["path"].startswith("/v1/"):
            return Match.NONE, {}
        return super().matches(scope)


class Api:
    """The endpoints."""

    def __init__(
        self, serving: Serving, tokenizer: Tokenizer, asking: Asking, settings: Settings
    ) -> None:
        self.serving, self.tokenizer, self.asking = serving, tokenizer, asking
        self.settings, self.began = settings, int(time.time())

    # -- answers ----------------------------------------------------------------------------------

    async def completions(self, asked: Completion, http: HttpRequest) -> Response:
        """Continue one text or several."""
        self.asking.known(asked.model)
        prompts = [await self.asking.tokens(prompt, "prompt") for prompt in asked.prompts]
        max_tokens = self.asking.room(prompts, asked.max_tokens or 16, "max_tokens")
        requests = await self.asking.requests(asked, prompts, max_tokens, asked.logprobs)
        reply = CompletionReply(
            asked.model, sum(map(len, prompts)), len(requests), self._named(asked.logprobs)
        )
        return await self._answer(asked, requests, reply, http)

    async def chat(self, asked: Chat, http: HttpRequest) -> Response:
        """Say the next turn."""
        self.asking.known(asked.model)
        prompt = await self.asking.conversation(asked)
        wanted = asked.max_completion_tokens or asked.max_tokens
        max_tokens = self.asking.room([prompt], wanted, "max_tokens")
        top = (asked.top_logprobs or 0) if asked.logprobs else None
        requests = await self.asking.requests(asked, [prompt], max_tokens, top)
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

    def _named(self, logprobs: int | None) -> Tokenizer | None:
        return None if logprobs is None else self.tokenizer

    # -- what the server says of itself -----------------------------------------------------------

    async def models(self) -> dict[str, Any]:
        """List the one model."""
        return {"object": "list", "data": [self._card()]}

    async def model(self, name: str) -> dict[str, Any]:
        """Describe the model, if it is that one."""
        self.asking.known(name)
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
        return await self.refused(http, misfit(error.errors()))

    async def unrouted(self, http: HttpRequest, error: HTTPException) -> Response:
        """Say that there is no such path or method, or that a body is no JSON."""
        message = f"{http.method} {http.url.path}: {error.detail}"
        return await self.refused(http, Refusal(error.status_code, message))

    async def failed(self, http: HttpRequest, _: Exception) -> Response:
        """Say that it was our fault; the log has the rest."""
        return await self.refused(http, Refusal(500, "the server failed; its log says more"))
