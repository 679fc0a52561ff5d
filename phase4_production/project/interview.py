"""Ask a server one question after the other, as somebody who has just installed it would.

By the official OpenAI client where it is installed; the same requests by hand where it is not. A
model that was never taught to chat is asked to continue the question.
"""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        ttft_s: seconds to the first piece of text; None if none came.
        total_s: to the end.
        n_tokens: as the server counts them.
    """

    question: str
    text: str
    ttft_s: float | None
    total_s: float
    n_tokens: int


def client_name() -> str:
    """Say which client asks."""
    return "openai" if importlib.util.find_spec("openai") else "httpx2"


def ask(url: str, questions: Sequence[str], **sampling: Any) -> list[Answer]:
    """Ask all questions; a greeting goes first, since nothing has been run yet, and is not timed.

    Args:
        url: of the server, without `/v1`.
        questions: each begins a conversation of its own.
        sampling: `max_tokens`, `temperature`, `seed`.
    """
    card = httpx.get(f"{url}/v1/models", timeout=TIMEOUT_S).raise_for_status().json()["data"][0]
    chats = card.get("chat", True)  # other servers do not say
    stream = by_openai(url) if client_name() == "openai" else by_hand(url)

    def answer(question: str, **changes: Any) -> Answer:
        body = {"model": card["id"], **sampling, **changes, "stream": True}
        body["stream_options"] = {"include_usage": True}
        asked = {"messages": [{"role": "user", "content": question}]} if chats else {}
        return timed(question, stream(body | (asked or {"prompt": question})))

    answer("Hello", max_tokens=1)
    return [answer(question) for question in questions]


def timed(question: str, events: Iterator[dict[str, Any]]) -> Answer:
    """Read events to their end, and note when the first text came."""
    began, pieces, first, n_tokens = time.perf_counter(), [], None, 0
    for event in events:
        n_tokens = (event.get("usage") or {}).get("completion_tokens", n_tokens)
        for choice in event["choices"]:
            piece = choice["delta"].get("content") if "delta" in choice else choice["text"]
            if piece:
                first = first or time.perf_counter() - began
                pieces.append(piece)
    return Answer(question, "".join(pieces), first, time.perf_counter() - began, n_tokens)


def by_openai(url: str):
    """Return what sends a body by the official client and gives its events."""
    from openai import OpenAI

    client = OpenAI(base_url=f"{url}/v1", api_key="none needed", timeout=TIMEOUT_S)

    def stream(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        kind = client.chat.completions if "messages" in body else client.completions
        for event in kind.create(**body):
            yield event.model_dump()

    return stream


def by_hand(url: str):
    """Return what sends a body over HTTP and gives its events."""

    def stream(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        path = "chat/completions" if "messages" in body else "completions"
        with httpx.stream("POST", f"{url}/v1/{path}", json=body, timeout=TIMEOUT_S) as response:
            response.raise_for_status()
            for line in response.iter_lines():
                if line.startswith("data:") and line != "data: [DONE]":
                    yield json.loads(line.removeprefix("data:"))

    return stream
