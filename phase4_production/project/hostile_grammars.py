"""JSON schemas and regular expressions that are huge, impossible, or none, for `hostile`."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

Schema = Any


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _nested(depth: int) -> Schema:
    return reduce(lambda inner, _: _object(a=inner), range(depth), {"type": "integer"})


def _tree(depth: int) -> Schema:
    """Return a schema that is small to write and, followed blindly, doubles with each level."""
    found: Schema = {"type": "null"}
    definitions = {}
    for level in range(depth):
        definitions[f"d{level}"] = found
        found = _object(a={"$ref": f"#/$defs/d{level}"}, b={"$ref": f"#/$defs/d{level}"})
    return found | {"$defs": definitions}


SCHEMAS: tuple[Callable[[], Schema], ...] = (
    lambda: {},
    lambda: [],
    lambda: None,
    lambda: False,
    lambda: {"type": "nothing"},
    lambda: {"type": 3, "properties": 4},
    lambda: {"enum": []},
    lambda: {"enum": ["\ud800", float("nan"), 10**400]},
    lambda: {"enum": [str(i) for i in range(3000)]},
    lambda: {"const": "x" * 100_000},
    lambda: {"not": {}},
    lambda: {"allOf": [{"type": "string"}, {"type": "integer"}]},
    lambda: {"anyOf": [{"const": i} for i in range(500)]},
    lambda: {"anyOf": []},
    lambda: {"oneOf": [{"type": "integer"}, {"type": "number"}]},
    lambda: {"type": "string", "minLength": 10**9},
    lambda: {"type": "string", "minLength": 9, "maxLength": 3},
    lambda: {"type": "string", "pattern": "(a+)+b"},
    lambda: {"type": "string", "pattern": "("},
    lambda: {"type": "string", "pattern": "^(?=a)b$"},
    lambda: {"type": "string", "format": "nonsense"},
    lambda: {"type": "string", "format": "date-time"},
    lambda: {"type": "integer", "minimum": float("nan")},
    lambda: {"type": "integer", "minimum": 5, "maximum": 4},
    lambda: {"type": "integer", "multipleOf": 0},
    lambda: {"type": "number", "multipleOf": 1e-300},
    lambda: {"type": "array", "minItems": 10**12},
    lambda: {"type": "array", "minItems": 3000, "items": {"type": "boolean"}},
    lambda: {"type": "array", "items": {"$ref": "#"}},
    lambda: {"$ref": "#"},
    lambda: {"$ref": "#/$defs/none"},
    lambda: {"$ref": "http://127.0.0.1:9/other.json"},
    lambda: {"$ref": "file:///etc/passwd"},
    lambda: {
        "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
        "$ref": "#/$defs/a",
    },
    lambda: _object(**{f"p{i}": {"type": "string"} for i in range(1000)}),
    lambda: _object(**{"\ud800": {"type": "string"}}),
    lambda: _object(**{"": {"type": "integer"}}),
    lambda: {"type": "object", "patternProperties": {"(a|a)*b": {}}, "minProperties": 10**6},
    lambda: {"type": "object", "additionalProperties": False},
    lambda: {"type": "object", "required": ["a"], "additionalProperties": False},
    lambda: _nested(20),
    lambda: _nested(200),
    lambda: _tree(18),
    lambda: _tree(60),
)

REGEXES = (
    "", "a", "[ab]{3}", ".*", "(", "[", ")", "*", "\\", "a{2,1}", "a{99999}", "(a{999}){999}",
    "((a{99}){99}){99}", "(a+)+b", "(a|a)*c", "(.*)*" * 50, ".*a.{200}", "(.*a.*){40}",
    "(?=a)b", "(?<!a)b", r"(a)\1", r"\p{L}{1,300}", r"\P{L}+", r"[^\s\S]", r"\bword\b", "^a$",
    "(" * 1500 + ")" * 1500, "|".join(f"w{i}" for i in range(600)), "[\\d-\\w]", "\\u0000", "\0+",
    "(?i)" + "straße" * 60, "(?s:.)" * 300, "\U0001f600+", "(?P<a>x)", "(?#c)", "\\xff{3}", "&&~",
    "(a?){300}a{300}", "[\\x00-\\U0010ffff]{2000}",
)  # fmt: skip
