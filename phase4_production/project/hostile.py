"""Requests that nobody should send: made by hand, drawn by a seed.

Each function below knows one way to be wrong, and returns a `Shot`. Some of them are right, so that
the engine is at work while the others knock.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from phase4_production.project.hostile_grammars import REGEXES, SCHEMAS
from phase4_production.project.wire import Shot, request

Json = dict[str, Any]
COMPLETIONS, CHAT = "/v1/completions", "/v1/chat/completions"

TEXTS = (
    "", " ", "\0", "\ud800", "\udfff\ud800", "\U0010ffff", "\ufeff", "\u202e", "e\u0301" * 9,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "<|end|>", "<|im_start|>", "{{ 7 * 7 }}",
    "{% for x in range(9**9) %}{% endfor %}", "%s%n", "../../etc/passwd", "\r\nX-Evil: 1",
    "data: [DONE]\n\n", "null", "NaN", "x" * 5000, "\u0e01" * 40, "'; drop table blocks; --",
)  # fmt: skip
VALUES = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 2**64, 10**400, -0.0, 0.5, 1e-320, 1e308,
    float("nan"), float("inf"), -float("inf"), [], {}, [[]], [None], {"": {}}, [[[[1]]]],
    {"a": [{}]}, ["a", 1], [1, "a"], [2**40], [-1], [256] * 3, [["x"]], *TEXTS,
)  # fmt: skip
METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH", "FOO", "get")
FIELDS = (
    "model", "prompt", "messages", "temperature", "top_p", "top_k", "min_p", "repetition_penalty",
    "presence_penalty", "frequency_penalty", "seed", "stop", "n", "stream", "stream_options",
    "response_format", "ignore_eos", "max_tokens", "max_completion_tokens", "logprobs",
    "top_logprobs", "echo", "best_of", "suffix", "tools", "logit_bias", "user",
)  # fmt: skip


def shots(seed: int, model: str) -> Iterator[Shot]:
    """Draw requests without end."""
    source = random.Random(seed)
    while True:
        yield source.choice(KINDS)(source, model)


# -- what a good client sends ---------------------------------------------------------------------


def question(source: random.Random, model: str) -> tuple[str, Json]:
    """Return a path and a body that can be answered."""
    text = "".join(
        source.choice("abc \u00e9\u4e16\U0001f600") for _ in range(source.randint(1, 12))
    )
    body: Json = {
        "model": model,
        "max_tokens": source.randint(1, 24),
        "temperature": source.choice([0, 0.7, 2]),
        "n": source.choice([1, 1, 1, 2, 4]),
        "stream": source.random() < 0.5,
        "seed": source.randrange(1000),
    }
    if source.random() < 0.3:
        body |= {"top_k": source.randint(1, 300), "presence_penalty": 1.5, "stop": ["a", "\n"]}
    if source.random() < 0.5:
        return COMPLETIONS, body | {"prompt": text, "logprobs": source.choice([None, 0, 5])}
    return CHAT, body | {"messages": [{"role": "user", "content": text}]}


def fair(source: random.Random, model: str) -> Shot:
    """Ask as one should."""
    path, body = question(source, model)
    return Shot("fair", _post(path, body))


def cut(source: random.Random, model: str) -> Shot:
    """Ask for a stream or for all at once, and hang up at some byte of the answer."""
    path, body = question(source, model)
    body |= {"max_tokens": 60, "ignore_eos": True}
    return Shot("cut", _post(path, body), patience=source.choice([0, 1, source.randint(2, 6000)]))


def half_sent(source: random.Random, model: str) -> Shot:
    """Hang up before the request has been said."""
    raw = _post(*question(source, model))
    return Shot("half sent", raw[: source.randrange(len(raw))], patience=0)


# -- bodies ---------------------------------------------------------------------------------------


def odd_values(source: random.Random, model: str) -> Shot:
    """Give some fields values that they cannot or can just have."""
    path, body = question(source, model)
    for _ in range(source.randint(1, 3)):
        body[source.choice(FIELDS)] = source.choice(VALUES)
    return Shot("odd values", _post(path, body))


def odd_texts(source: random.Random, model: str) -> Shot:
    """Put odd texts where a text belongs."""
    path, body = question(source, model)
    text = "".join(source.choice(TEXTS) for _ in range(source.randint(1, 3)))
    kinds = [
        {"prompt": text},
        {"prompt": [text, "a"]},
        {"stop": [text]},
        {"model": text},
        {text: 1},
    ]
    kinds += [{"messages": [{"role": source.choice(["user", text]), "content": text}]}]
    kinds += [{"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}]
    return Shot("odd texts", _post(path, body | source.choice(kinds)))


def deep(source: random.Random, model: str) -> Shot:
    """Nest a field deeper than a parser may like."""
    depth = source.choice([10, 100, 400, 900, 990, 1500, 20_000, 200_000])
    begin, end = source.choice([("[", "]"), ('{"a":', "}"), ('{"properties":{"a":', "}}")])
    nested = begin * depth + "1" + end * depth
    path, body = question(source, model)
    if source.random() < 0.5:
        place = source.choice(FIELDS)
        body[place] = "HERE"
    else:
        body["response_format"] = {"type": "json_schema", "json_schema": {"schema": "HERE"}}
    text = json.dumps(body).replace('"HERE"', nested)
    return Shot("deep", _raw(path, text.encode()))


def broken_json(source: random.Random, model: str) -> Shot:
    """Damage some bytes of a body."""
    path, body = question(source, model)
    raw = bytearray(json.dumps(body, ensure_ascii=False).encode())
    for _ in range(source.randint(1, 4)):
        place = source.randrange(len(raw))
        raw[place : place + source.randint(0, 2)] = source.randbytes(source.randint(0, 2))
    return Shot("broken JSON", _raw(path, bytes(raw)))


def encodings(source: random.Random, model: str) -> Shot:
    """Send text in an encoding that is not UTF-8, or say that it is another."""
    path, body = question(source, model)
    name = source.choice(["utf-16", "utf-32", "utf-8-sig", "utf-7", "utf-16-be", "utf-8"])
    said = source.choice(
        [
            "application/json",
            f"application/json; charset={name}",
            "text/plain",
            "multipart/form-data",
            "application/x-www-form-urlencoded",
            "\u00e9",
            "",
        ]
    )
    headers = {"Content-Type": said}
    if source.random() < 0.3:
        headers["Content-Encoding"] = source.choice(["gzip", "br", "nonsense"])
    raw = json.dumps(body, ensure_ascii=False).encode(name)
    return Shot("encodings", _raw(path, raw, headers))


def schemas(source: random.Random, model: str) -> Shot:
    """Ask for JSON by a schema that is huge, impossible, or none."""
    path, body = question(source, model)
    schema = source.choice(SCHEMAS)()
    body["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}
    return Shot("schemas", _post(path, body))


def regexes(source: random.Random, model: str) -> Shot:
    """Ask for a text by a regular expression that is huge, impossible, or none."""
    path, body = question(source, model)
    body["response_format"] = {"type": "regex", "regex": source.choice(REGEXES)}
    return Shot("regexes", _post(path, body))


# -- heads ----------------------------------------------------------------------------------------


def lengths(source: random.Random, model: str) -> Shot:
    """Announce a length that is absurd, or say it twice."""
    path, body = question(source, model)
    said = source.choice(["-1", "1e3", "0x10", "9" * 30, "9" * 5000, "1_000", "", "\u0663", "5, 5"])
    headers = {"Content-Length": said}
    if source.random() < 0.3:
        headers["Transfer-Encoding"] = source.choice(["chunked", "gzip, chunked", "nonsense"])
    return Shot("lengths", _raw(path, json.dumps(body).encode(), headers), whole=False)


def chunks(source: random.Random, model: str) -> Shot:
    """Send a body in chunks, some of them wrong, and some of them without end."""
    path, body = question(source, model)
    raw = json.dumps(body).encode()
    pieces = [raw[i : i + 7] for i in range(0, len(raw), 7)]
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    end = source.choice(
        [b"0\r\n\r\n", b"zz\r\n\r\n", b"-1\r\n\r\n", b"f" * 40 + b"\r\n", b"0\r\nA: b\r\n\r\n"]
    )
    head = request("POST", path, headers={"Transfer-Encoding": "chunked", "Content-Type": "a/b"})
    return Shot("chunks", head + chunked + end, whole=False)


def headers(source: random.Random, model: str) -> Shot:
    """Add headers that are wrong, huge, or ask for something else."""
    path, body = question(source, model)
    odd = {
        "Authorization": source.choice(["Bearer \u00e9\u00e9", "Basic", "Bearer " + "x" * 5000]),
        "Expect": source.choice(["100-continue", "200-ok"]),
        "Upgrade": source.choice(["websocket", "h2c", "TLS/1.0"]),
        "Host": source.choice(["", "a" * 300, "[::1", "evil\u00e9", "a:b:c"]),
        "X" * source.choice([1, 300]): "y" * source.choice([0, 10, 70_000]),
        "Range": "bytes=9-1,-5,a-",
        "Bad\0Name": "bad\0value",
        "Cookie": ";=;,=" * 100,
        "If-Modified-Since": source.choice(["yesterday", "\u00e9", "0"]),
    }
    some = source.sample(sorted(odd), source.randint(1, 3))
    raw = _raw(path, json.dumps(body).encode(), {name: odd[name] for name in some})
    return Shot("headers", raw, whole=False)


def paths(source: random.Random, model: str) -> Shot:
    """Ask by methods and at places that there are not, or that are not for everybody."""
    method = source.choice(METHODS)
    path = source.choice([
        "/", "/v1/models", f"/v1/models/{model}", "/v1/models/%00", "/v1/models/%ff", "/v1/models/",
        "/health", "/metrics", "/openapi.json", "/%00", "/%2e%2e/%2e%2e/etc/passwd", "/../serve.py",
        "//", "/..;/", "/chat.js%00", "/%ff%fe", "/%zz", "/" + "a" * 300, "/" + "a/" * 3000, "*",
        "http://other/v1/models", "/chat.js?" + "q=1&" * 500, "/\u00e9", "/a b", "/v1//completions",
        "/%ed%a0%80", "/v1/models/%ed%a0%80", "/web", "/." , "/con", "/~", "/%0d%0aX-Evil:1", "?",
    ])  # fmt: skip
    return Shot("paths", request(method, path))


def no_http(source: random.Random, model: str) -> Shot:
    """Speak something else."""
    said = [
        b"GET / HTTP/0.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02",
        b"\n",
    ]
    said += [source.randbytes(200) + b"\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
    return Shot("no HTTP", source.choice(said), whole=False)


KINDS: tuple[Callable[[random.Random, str], Shot], ...] = (
    fair, fair, cut, cut, half_sent, odd_values, odd_values, odd_texts, deep, broken_json,
    encodings, schemas, regexes, lengths, chunks, headers, paths, no_http,
)  # fmt: skip


def _post(path: str, body: Json) -> bytes:
    return _raw(path, json.dumps(body).encode())  # half a character goes as \ud800


def _raw(path: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    return request("POST", path, body, headers)
