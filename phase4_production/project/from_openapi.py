"""Requests that schemathesis makes from an application's OpenAPI: half fit it, half do not.

It hands hypothesis a strategy; here hypothesis only draws, and what is drawn is sent later.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case, GenerationMode

from phase4_production.project.wire import Shot, request

AT_A_TIME = 250
NOWHERE = "http://localhost"


def shots(openapi: dict[str, Any], model: str, n: int, first_seed: int) -> Iterator[Shot]:
    """Draw up to n requests; there are fewer if hypothesis finds no more that differ.

    Args:
        openapi: what the application says of itself.
        model: the name that it serves; with any other it would look no further.
    """
    schema = schemathesis.openapi.from_dict(_with_model(openapi, model))
    modes = list(GenerationMode)
    for number, begin in enumerate(range(0, n, AT_A_TIME)):
        mode = modes[number % len(modes)]
        strategy = schema.as_strategy(generation_mode=mode)
        for case in _draw(strategy, min(AT_A_TIME, n - begin), first_seed + number):
            yield _shot(case, mode)


def _draw(strategy: Any, n: int, seed_: int) -> list[Case]:
    found = []

    @seed(seed_)
    @settings(
        max_examples=n,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def take(case: Case) -> None:
        found.append(case)

    take()
    return found


def _shot(case: Case, mode: GenerationMode) -> Shot:
    made = requests.Request(**case.as_transport_kwargs(base_url=NOWHERE)).prepare()
    body = made.body.encode() if isinstance(made.body, str) else made.body or b""
    headers = {**made.headers, "Connection": "close"}
    raw = request(made.method, made.path_url, body, headers)
    return Shot(f"OpenAPI, {mode.value}", raw)


def _with_model(openapi: dict[str, Any], model: str) -> dict[str, Any]:
    """Let the schemas know one model only."""
    told = copy.deepcopy(openapi)
    for schema in told["components"]["schemas"].values():
        if "model" in schema.get("properties", {}):
            schema["properties"]["model"] = {"const": model}
    return told
