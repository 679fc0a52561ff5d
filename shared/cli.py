"""Run a program of a phase: flags from its `Config`, your own blocks if asked, errors in one line.

A program is a module with a frozen dataclass `Config` and `main(config)`, and ends in

    if __name__ == "__main__":
        cli.run(__spec__.name)

Every field of `Config` becomes a flag (tyro); an unknown flag is an error. A program with several
recipes has `PRESETS`, its configs by name, and a field `preset`: `--preset` chooses where the other
flags start from. `--blocks mine` comes for free: the program is then imported anew with your own
passed exercises in place (see `shared.blocks`).
"""

import importlib
import io
import re
import sys
from contextlib import nullcontext, redirect_stderr
from itertools import dropwhile, takewhile
from pathlib import Path
from types import ModuleType
from typing import Any

from shared import blocks
from shared.syllabus import load_phase


def run(name: str) -> None:
    """Parse the command line of the program `name` and run it.

    Exits with 2 and one line on a bad flag, a bad value or a missing file, with 130 on Ctrl-C.
    """
    try:
        arguments, whose = _split_blocks(sys.argv[1:])
        root = Path(__file__).resolve().parents[1]
        phase = load_phase(root / name.partition(".")[0])
        with blocks.mine([phase]) if whose == "mine" else nullcontext():
            program = importlib.import_module(name)
            program.main(_parse(program, name, arguments))
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _parse(program: ModuleType, name: str, arguments: list[str]) -> Any:
    """Make the program's Config from its flags.

    Raises:
        ValueError: for a bad flag or value, one line in place of tyro's box of several.
    """
    import tyro  # here, since who imports a program need not have it

    start = _preset(program, arguments)
    box = io.StringIO()
    try:
        with redirect_stderr(box):
            return tyro.cli(
                program.Config,
                default=start,
                prog=f"python -m {name}",
                args=arguments,
                description=program.__doc__,
            )
    except SystemExit as stop:
        if not stop.code:  # --help
            raise
        raise ValueError(f"{_first_paragraph(box.getvalue())}; --help lists the flags") from None


def _preset(program: ModuleType, arguments: list[str]) -> Any:
    """Find the recipe that `--preset` names, the first one by default; None without recipes.

    Raises:
        ValueError: there is no such recipe.
    """
    presets = getattr(program, "PRESETS", None)
    if presets is None or "preset" not in program.Config.__dataclass_fields__:
        return None
    words = [word for argument in arguments for word in argument.split("=", 1)]
    name = words[words.index("--preset") + 1] if "--preset" in words[:-1] else next(iter(presets))
    if name not in presets:
        raise ValueError(f"there is no preset {name!r}; there are {', '.join(presets)}")
    return presets[name]


def _first_paragraph(box: str) -> str:
    """Join the lines of a box between its title and its next rule, without the frame.

    The frame is of lines and corners, or of hyphens on a console without UTF-8.
    """
    lines = [line.strip("│| ") for line in re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()[1:]]
    inside = dropwhile(_is_rule, lines)
    text = " ".join(takewhile(lambda line: not _is_rule(line), inside))
    return text.removeprefix("Error parsing Config: ")


def _is_rule(line: str) -> bool:
    return not line.strip("─-╰╯ ")


def _split_blocks(arguments: list[str]) -> tuple[list[str], str]:
    """Take `--blocks mine` or `--blocks=mine` out of the arguments.

    It must be known before the program's imports, so it cannot be one of the program's own flags.
    """
    rest, whose = [], "solution"
    words = iter(arguments)
    for word in words:
        flag, separator, value = word.partition("=")
        if flag != "--blocks":
            rest.append(word)
            continue
        whose = value if separator else next(words, "")
        if whose not in ("mine", "solution"):
            raise ValueError(f"--blocks takes mine or solution, got {whose!r}")
    return rest, whose
