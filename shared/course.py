"""The learner's verbs: `make VERB [EX=0.7]`, or the same words after `python -m shared.course`.

Settings are written as make writes them, NAME=value; `--json` is short for JSON=1. A setting that
a verb does not know is an error, not a silent typo. Exit codes: 0 fine, 1 an attempt fails, 2 a
mistake in the command or the course's files, told in one line.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable

from shared import bootstrap
from shared.verbs import VERBS


def help_text() -> str:
    """List the verbs, one line each."""
    lines = ["make VERB [NAME=value ...], or: python -m shared.course VERB [NAME=value ...]", ""]
    for name, function in VERBS.items():
        lines.append(f"  {name:<16} {function.__doc__.splitlines()[0]}")
    return "\n".join(lines)


def parse(arguments: list[str]) -> tuple[Callable[..., int], dict[str, str]]:
    """Turn ["phase0-test", "EX=0.7", "--json"] into the verb and its settings.

    Raises:
        ValueError: for an unknown verb or setting; the message is for the person who typed it.
    """
    name, *rest = arguments
    settings = {}
    if match := re.fullmatch(r"phase(\d+)-(\w+)", name):
        name, settings["phase"] = f"phaseN-{match[2]}", match[1]
    if name not in VERBS:
        raise ValueError(f"unknown verb {arguments[0]!r}: `make` alone lists them")
    function = VERBS[name]
    known = inspect.signature(function).parameters
    for argument in rest:
        key, separator, value = argument.removeprefix("--").partition("=")
        if key.lower() not in known or not (separator or argument.startswith("--")):
            takes = ", ".join(f"{k.upper()}=" for k in known) or "no settings"
            raise ValueError(f"{arguments[0]} does not know {argument!r}; it takes {takes}")
        settings[key.lower()] = value if separator else "1"
    return function, settings


def main(arguments: list[str]) -> int:
    """Run one verb; return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a console may not know every character
    if not arguments or arguments[0] in ("help", "-h", "--help"):
        print(help_text())
        return 0
    try:
        function, settings = parse(arguments)
        bootstrap.reexec(install=function is not VERBS["doctor"])
        return function(**settings)
    except KeyboardInterrupt:
        return 130
    except (ValueError, OSError, bootstrap.SetupError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
