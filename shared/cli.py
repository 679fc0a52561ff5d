"""Run a program of a phase: flags from its `Config`, your own blocks if asked, errors in one line.

A program is a module with a frozen dataclass `Config` and `main(config)`, and ends in

    if __name__ == "__main__":
        cli.run(__spec__.name)

Every field of `Config` becomes a flag (tyro); an unknown flag is an error. `--blocks mine` comes
for free: the program is then imported anew with your own passed exercises in place (see
`shared.blocks`).
"""

import importlib
import sys
from contextlib import nullcontext
from pathlib import Path

import tyro

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
            config = tyro.cli(program.Config, args=arguments, description=program.__doc__)
            program.main(config)
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


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
