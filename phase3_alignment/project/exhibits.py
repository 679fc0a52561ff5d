"""What a run of this phase has left in its folder, as a page shows it: pictures and samples."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

from shared.pages import Figure, Quote

COLUMNS = 96  # letters in a line of a quote
SIDES = ("before", "after")

# File -> title and what one sees, in the order of reading.
PICTURES = {
    "law.png": (
        "Where the gold turns",
        "Both judges' scores, in deviations of the base's own responses, over the root of the KL. "
        "The policy sees the proxy alone. Where the solid line leaves the dashed one, it learns "
        "what pleases the proxy and nobody else.",
    ),
    "frontier.png": (
        "What was gained for what was moved",
        "Each square is a look at the policy on held-out prompts: its mean score over the root of "
        "its KL from the base. Grey is the best of n of the base's responses, which needs no "
        "training: where the policy stays below that line, training was not worth its while.",
    ),
    "curves.png": (
        "The run, number by number",
        "Faint is each batch, the line their mean; orange is held out. The score should rise while "
        "the KL stays in bounds. An entropy that collapses, a clip fraction near 1 or an explained "
        "variance that stays below 0 say that something is wrong long before the samples do.",
    ),
    "calibration.png": (
        "Does the judge mean what it says",
        "Held-out comparisons: of those that the judge is 80 % sure of, 80 % should be right. On "
        "the diagonal it is so; below it the judge is too sure of itself.",
    ),
    "table.png": (
        "What trains, and what it is worth",
        "Test accuracy with 95 % intervals over the number of parameters that trained.",
    ),
    "confusion.png": (
        "What is taken for what",
        "The intents that are recognised least, row by row, and what they were taken for.",
    ),
    "confidence.png": (
        "How sure it is, and what silence buys",
        "Left, accuracy over confidence, before and after the temperature. Right, the fewer texts "
        "get an answer, the more of the answers are right.",
    ),
}


def pictures(folder: Path, *names: str) -> list[Figure]:
    """Return those of these pictures that lie in the folder; by default all that are known."""
    found = [name for name in names or PICTURES if (folder / name).is_file()]
    return [Figure(folder / name, *PICTURES[name]) for name in found]


def quote(folder: Path, n: int = 6) -> list[Quote]:
    """Return the first n samples of a run as one text, if it has written some."""
    path = folder / "samples.json"
    if not path.is_file():
        return []
    shown = json.loads(path.read_text(encoding="utf-8"))[:n]
    text = "\n\n".join(
        "\n".join([wrap("", sample["prompt"]), *(told(sample, side) for side in SIDES)])
        for sample in shown
    )
    return [Quote(text, "Before and after", f"The first {len(shown)} of the held-out prompts.")]


def told(sample: dict, side: str) -> str:
    """One answer, with its score if there is one."""
    score = sample[side]["score"]
    return wrap(f"  {side:>6}  ", sample[side]["text"]) + (
        "" if score is None else f"  [{score:+.1f}]"
    )


def wrap(head: str, text: str) -> str:
    """Break a text into lines of `COLUMNS`, the first behind a head, the others below its text."""
    return (
        textwrap.fill(
            " ".join(text.split()), COLUMNS, initial_indent=head, subsequent_indent=" " * len(head)
        )
        or head.rstrip()
    )
