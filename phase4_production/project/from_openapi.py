"""Requests that schemathesis makes from an application's OpenAPI: half fit it, half do not.

It hands hypothesis a strategy; here hypothesis only draws, and what is drawn is sent later. It also
keeps hypothesis from writing cases down, for good: so `fuzz` lets another process draw.
"""

from __future__ import annotations

import copy
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case, GenerationMode

from phase4_production.project.wire import Shot, request

NOWHERE = "http://localhost"


def shots(openapi: dict[str, Any], model: str, n: int, seed_: int) -> list[Shot]:
    """Draw up to n requests; there are fewer if hypothesis finds no more that differ.

    Args:
        openapi: what the application says of itself.
        model: the name that it serves; with any other it would look no further.
        seed_: of the requests; an even one draws those that fit, an odd one those that do not.
    """
    modes = list(GenerationMode)
    mode = modes[seed_ % len(modes)]
    schema = schemathesis.openapi.from_dict(_with_model(openapi, model))
    cases = _draw(schema.as_strategy(generation_mode=mode), n, seed_)
    return [_shot(case, mode) for case in cases]


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
