"""Say what a customer wants, how sure that is, or that it is not sure enough to say.

    python -m phase3_alignment.project.classify "my card was swallowed"

uses what `project.intents` has trained. Confidence is calibrated; below a threshold, chosen when
the classifier was trained so that a stated share of its answers is right, it abstains.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor
from tyro.conf import Positional

from phase3_alignment.project import loop
from phase3_alignment.project.classifier import FOLDER, About, in_batches, load_folder, tokenize
from shared import cli, runs


@dataclass(frozen=True)
class Config:
    """Which texts, and which classifier."""

    texts: Positional[tuple[str, ...]] = ()
    """what customers wrote, each in quotation marks"""
    name: str = "intents-lora-r16"
    """the run's folder under runs/phase3"""
    top: int = 3
    """guesses that are shown"""
    threshold: float | None = None
    """another least confidence for an answer, between 0 and 1"""

    def __post_init__(self) -> None:
        if not any(text.strip() for text in self.texts):
            raise ValueError('give a text in quotation marks, such as "my card was swallowed"')
        if self.top < 1:
            raise ValueError(f"top must be at least 1, got {self.top}")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold must be in [0, 1], got {self.threshold}")


@dataclass(frozen=True)
class Answer:
    """What the classifier makes of a text.

    Attributes:
        text: what was asked.
        guesses: names and probabilities, the likeliest first.
        given: whether the first guess is sure enough to be an answer.
    """

    text: str
    guesses: tuple[tuple[str, float], ...]
    given: bool

    def __str__(self) -> str:
        """The answer or the silence, and the guesses below it."""
        name, sure = self.guesses[0]
        verdict = name if self.given else f"not sure enough ({sure:.0%}); a person should look"
        lines = [f"{probability:8.1%}  {name}" for name, probability in self.guesses]
        return "\n".join([f'"{self.text}": {verdict}', *lines])


def judge(text: str, probabilities: Tensor, about: About, config: Config) -> Answer:
    """Judge the probabilities (V,) of one text; without a threshold nothing is sure enough."""
    threshold = about.threshold if config.threshold is None else config.threshold
    best = probabilities.topk(min(config.top, len(about.names)))
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    guesses = tuple((about.names[i], p) for i, p in pairs)
    return Answer(text, guesses, threshold is not None and guesses[0][1] >= threshold)


def classify(config: Config, root: Path = runs.RUNS) -> list[Answer]:
    """Answer all texts.

    Raises:
        DataError: there is no such classifier.
    """
    model, tokenizer, about = load_folder(root / loop.PHASE / config.name / FOLDER)
    logits = in_batches(model, model, tokenize(tokenizer, config.texts))
    probabilities = (logits / about.temperature).softmax(-1)
    pairs = zip(config.texts, probabilities, strict=True)
    return [judge(text, p, about, config) for text, p in pairs]


def main(config: Config) -> None:
    """Print an answer for each text."""
    for found in classify(config):
        print(found)


if __name__ == "__main__":
    cli.run(__spec__.name)
