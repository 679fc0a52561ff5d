"""Ask a server at moments that were fixed beforehand, whether it keeps up or not.

An open loop: people do not wait with their question until the server has answered somebody else.
Arrivals are a Poisson process, so the gaps between them are exponential. Each latency counts from
the moment the question was due; a tester that asks the next only after an answer (a closed loop)
slows down together with the server, and does not see its queue.

It speaks OpenAI's `/v1/completions` with streaming, so that any such server can be measured.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx2 as httpx


@dataclass(frozen=True)
class Target:
    """Whom to ask, and what.

    Attributes:
        url: of the server, without `/v1`.
        model: the name that it knows.
        max_tokens: of each answer.
        ignore_eos: go on behind the end of text; an addition of vLLM's, not known everywhere.
        api_key: sent as a bearer token.
        timeout_s: after which a question counts as failed.
    """

    url: str
    model: str
    max_tokens: int
    ignore_eos: bool = False
    api_key: str = ""
    timeout_s: float = 120.0

    @property
    def headers(self) -> dict[str, str]:
        """What each request says of who asks."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}


@dataclass(frozen=True)
class Sample:
    """What became of one question; seconds count from when it was due.

    Attributes:
        outcome: "ok", "refused" (429 or 503) or "failed".
        ttft_s: to the first token; None if there was none.
        total_s: to the end.
        n_tokens: of the answer.
        error: the server's words, or the connection's.
    """

    outcome: str
    ttft_s: float | None
    total_s: float
    n_tokens: int = 0
    error: str = ""

    @property
    def tpot_s(self) -> float | None:
        """Mean time per output token after the first."""
        if self.ttft_s is None or self.n_tokens < 2:
            return None
        return (self.total_s - self.ttft_s) / (self.n_tokens - 1)


def arrivals(rate_per_s: float, n: int, seed: int) -> list[float]:
    """Draw n moments of a Poisson process, in seconds from the start."""
    source, now, moments = random.Random(seed), 0.0, []
    for _ in range(n):
        now += source.expovariate(rate_per_s)
        moments.append(now)
    return moments


async def first_model(target: Target) -> str:
    """Ask which model a server has.

    Raises:
        ValueError: it does not answer, or as no such server does.
    """
    try:
        async with httpx.AsyncClient(headers=target.headers, timeout=10) as client:
            answer = await client.get(f"{target.url}/v1/models")
        answer.raise_for_status()
        return answer.json()["data"][0]["id"]
    except (httpx.HTTPError, KeyError, IndexError, ValueError) as error:
        raise ValueError(f"{target.url}/v1/models: {error or type(error).__name__}") from None


async def run(target: Target, prompts: Sequence[str], moments: Sequence[float]) -> list[Sample]:
    """Ask one prompt at each moment; return what became of each, in that order."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(
        headers=target.headers, timeout=target.timeout_s, limits=limits
    ) as client:
        began = time.perf_counter()
        asking = [
            asyncio.create_task(_ask_at(client, target, prompt, began + moment))
            for prompt, moment in zip(prompts, moments, strict=True)
        ]
        return await asyncio.gather(*asking)


async def _ask_at(client: httpx.AsyncClient, target: Target, prompt: str, due: float) -> Sample:
    await asyncio.sleep(max(0.0, due - time.perf_counter()))
    try:
        async with asyncio.timeout(target.timeout_s):
            return await _ask(client, target, prompt, due)
    except (httpx.HTTPError, TimeoutError, ValueError) as error:
        told = str(error) or type(error).__name__
        return Sample("failed", None, time.perf_counter() - due, error=told)


async def _ask(client: httpx.AsyncClient, target: Target, prompt: str, due: float) -> Sample:
    body = {
        "model": target.model,
        "prompt": prompt,
        "max_tokens": target.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if target.ignore_eos:
        body["ignore_eos"] = True
    sample = Sample("ok", None, 0.0)
    async with client.stream("POST", f"{target.url}/v1/completions", json=body) as response:
        if response.status_code != 200:
            outcome = "refused" if response.status_code in (429, 503) else "failed"
            text = (await response.aread()).decode(errors="replace")[:200]
            return Sample(outcome, None, time.perf_counter() - due, error=text)
        async for event in _events(response):
            if "error" in event:
                raise ValueError(event["error"]["message"])
            sample = _noted(sample, event, time.perf_counter() - due)
    return sample


def _noted(sample: Sample, event: dict[str, Any], now: float) -> Sample:
    """Add an event to a sample; a server that tells no usage has its events counted."""
    if usage := event.get("usage"):
        sample = replace(sample, n_tokens=usage["completion_tokens"])
    if not any(choice.get("text") for choice in event.get("choices", ())):
        return sample
    first = now if sample.ttft_s is None else sample.ttft_s
    return replace(sample, ttft_s=first, total_s=now, n_tokens=sample.n_tokens + 1)


async def _events(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in response.aiter_lines():
        if line.startswith("data:") and line != "data: [DONE]":
            yield json.loads(line.removeprefix("data:"))
