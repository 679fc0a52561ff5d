"""Who gives feedback on answers: a language model, in words, or a reward model, in scores.

Both mend an answer and compare two. A language model reads the constitution: it criticises and
revises in words, and its log-probabilities of "A" and "B" are its opinion. A reward model has
learnt one thing, which answers people preferred. It cannot write and no principle changes it, so it
mends by choosing: the best of the draft and of other answers of the same policy.

What either says is slow to get, so `each` keeps it, a line for each thing asked.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol, TypeVar

from torch import Tensor

from phase3_alignment.project import models, samples, templates
from phase3_alignment.project.policy import Policy, choose_device
from phase3_alignment.project.samples import Question
from phase3_alignment.project.score import READING_FILE, Judge
from phase3_alignment.solution import constitution
from phase3_alignment.solution.chat import Message
from phase3_alignment.solution.constitution import OPTIONS, Principle, Step
from shared.files import write_text
from shared.loops import Bar
from shared.runs import RUNS
from shared.texts import DataError

DEFAULT = "phase3/helpful/reward"  # under runs/
UNWRITTEN = "what the judge was trained on"  # in place of a principle's name

T = TypeVar("T")
Row = dict[str, Any]


class TooLong(ValueError):
    """A prompt for which the feedback model has no room."""


@dataclass(frozen=True)
class Opinion:
    """Which of two answers is better: `one`, or the other.

    Attributes:
        preference: the probability that it is `one`, a mean over both orders and all principles.
        as_a: the same from one order alone, that in which `one` is shown as A.
    """

    preference: float
    as_a: float

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Opinion:
        """Read the opinion in a row that has one."""
        return cls(row["preference"], row["as_a"])

    @property
    def as_b(self) -> float:
        """The probability that it is `one` when that is shown as B; the mean of both is known."""
        return 2 * self.preference - self.as_a

    @property
    def says_a(self) -> float:
        """How likely the judge says "A", whatever stands there: 1/2 if the order says nothing."""
        return (self.as_a + 1 - self.as_b) / 2

    @property
    def contradicts_itself(self) -> bool:
        """Whether another answer wins when the two change places."""
        return (self.as_a > 0.5) != (self.as_b > 0.5)


EVEN = Opinion(0.5, 0.5)  # of an answer and itself: nobody has to be asked


class Feedback(Protocol):
    """Anything that mends and compares.

    Attributes:
        source: who it is, for people to read.
        writes: whether it has words, and so reads principles.
    """

    source: str
    writes: bool

    def mend(
        self, question: Question, answers: Sequence[str], principles: Sequence[Principle]
    ) -> list[Step]:
        """Find a better answer than the first; the others are by the same policy.

        Raises:
            TooLong: it cannot read that much.
        """

    def compare(
        self, question: Question, one: str, other: str, principles: Sequence[Principle]
    ) -> Opinion:
        """Say which answer is better.

        Raises:
            TooLong: it cannot read that much.
        """


class InWords:
    """Feedback of a language model, asked in its chat format.

    Args:
        subject: a causal language model.
        max_new_tokens: of a critique, and of a revision.
    """

    writes = True

    def __init__(self, subject: Policy, max_new_tokens: int) -> None:
        self.subject, self.max_new_tokens, self.source = subject, max_new_tokens, subject.source
        judge = constitution.language_model_judge(subject.model, self.encode)
        # One opinion asks for the first order twice: once for itself, once within the mean.
        self.judge = lru_cache(maxsize=64)(judge)

    def mend(
        self, question: Question, answers: Sequence[str], principles: Sequence[Principle]
    ) -> list[Step]:
        """Let it criticise and revise the first answer; what else the policy said does not count.

        Bai et al. 2022 (arXiv:2212.08073), section 3.1, with greedy words.
        """
        return constitution.revise(question.text, answers[0], principles, self.write)

    def compare(
        self, question: Question, one: str, other: str, principles: Sequence[Principle]
    ) -> Opinion:
        """Ask which answer is better by each principle, in both orders; section 4.1."""
        asked = (question.text, one, other)
        return Opinion(
            fmean(constitution.preference(*asked, p, self.judge) for p in principles),
            fmean(constitution.says_first(*asked, p, self.judge) for p in principles),
        )

    def write(self, prompt: str) -> str:
        """Answer a prompt."""
        ids = self._prompt(prompt, self.max_new_tokens)
        return samples.answer(self.subject, [ids], self.max_new_tokens)[0].text

    def encode(self, text: str) -> list[int]:
        """Encode an option, which goes on in the assistant's turn, or a prompt up to that turn.

        In ids and not in text: there, an answer that names a special token would contain one.
        """
        if text in OPTIONS:
            return self.subject.tokenizer.encode(text, add_special_tokens=False)
        return self._prompt(text, max(len(self.encode(option)) for option in OPTIONS)).tolist()

    def _prompt(self, text: str, n_new: int) -> Tensor:
        ids = templates.prompt([Message("user", text)], self.subject.tokenizer)
        if len(ids) + n_new > self.subject.context:
            raise TooLong(f"{len(ids)} + {n_new} tokens, and it reads {self.subject.context}")
        return ids


class InScores:
    """Feedback of a reward model, of answers or of texts.

    Args:
        judge: the reward model.
        source: who it is.
    """

    writes = False

    def __init__(self, judge: Judge, source: str) -> None:
        self.judge, self.source = judge, source

    def mend(
        self, question: Question, answers: Sequence[str], principles: Sequence[Principle]
    ) -> list[Step]:
        """Keep the answer with the best score, the draft if none is better: best of n.

        The one step has the scores in place of a critique.
        """
        first, *others = self.log_odds(question, answers).tolist()
        critique = f"the draft scores {first:+.3f}, the others {_told(others)}"
        best = max([first, *others])
        kept = answers[[first, *others].index(best)]
        return [Step(UNWRITTEN, answers[0], critique, kept)]

    def compare(
        self, question: Question, one: str, other: str, principles: Sequence[Principle]
    ) -> Opinion:
        """Compare scores by Bradley and Terry; each is of one answer alone, so no order counts."""
        first, second = self.log_odds(question, [one, other]).double()
        share = (first - second).sigmoid().item()
        return Opinion(share, share)

    def log_odds(self, question: Question, answers: Sequence[str]) -> Tensor:
        """Score answers to one question, (N,); a judge of texts does not read the question."""
        if self.judge.positive is not None:
            return self.judge.log_odds(self.judge.texts(answers))
        prompts = [question.prompt] * len(answers)
        return self.judge.log_odds(self.judge.answers(prompts, answers))


def _told(scores: Sequence[float]) -> str:
    return ", ".join(f"{score:+.3f}" for score in scores) or "are none"


def load(
    name: str | None, max_new_tokens: int, device: str = "auto", runs: Path = RUNS
) -> Feedback:
    """Open the folder of a reward model, or any causal language model that `models` finds.

    Args:
        name: a folder or a name on the hub; None is the reward model of the preset `helpful`.
        max_new_tokens: of what a language model writes.
        device: as `choose_device` takes it.
        runs: where the default is.

    Raises:
        DataError: there is no such model; the message says how to get one.
    """
    if name is None and not (runs / DEFAULT / READING_FILE).is_file():
        raise DataError(
            f"no judge is in {runs / DEFAULT}; train it with python -m "
            "phase3_alignment.project.reward --preset helpful, or name one: --feedback FOLDER, or "
            "a chat model of the hub"
        )
    folder = runs / DEFAULT if name is None else Path(name)
    if (folder / READING_FILE).is_file():
        judge = Judge.load(folder)
        judge.model.to(choose_device(device))
        return InScores(judge, f"the reward model in {folder}")
    found = models.load_causal(name, runs)
    model = found.model.to(choose_device(device))
    return InWords(Policy(model, found.tokenizer, None, found.source, None), max_new_tokens)


@dataclass(frozen=True)
class Panel:
    """Feedback, the principles by which it is asked, and the seed by which they are drawn."""

    judge: Feedback
    principles: Sequence[Principle]
    seed: int

    def draw(self, what: str, n: int) -> list[Principle]:
        """Draw n principles, or all if there are fewer; `what` they are for says which."""
        chance = random.Random(f"{self.seed}: {what}")
        return chance.sample(list(self.principles), min(n, len(self.principles)))

    def opinion(self, question: Question, one: str, other: str, drawn: list[Principle]) -> Row:
        """Compare two answers; the row has an `Opinion`, or says that they are too long."""
        try:
            found = self.judge.compare(question, one, other, drawn) if one != other else EVEN
        except TooLong as error:
            return {"too_long": str(error)}
        names = [principle.name for principle in drawn] if self.judge.writes else [UNWRITTEN]
        return {"principles": names} | asdict(found)


# -- what was said is kept ------------------------------------------------------------------------


def each(path: Path, items: Sequence[T], work: Callable[[int, T], Row]) -> list[Row]:
    """Do a piece of work for every item, and keep what it gives as a line of a file.

    What stands there already is not done again, so a killed run loses one line at most. All chance
    in `work`, of an item's number and the item, must follow from those.
    """
    done = whole_lines(path)
    with path.open("ab") as file, Bar(path.stem, len(items), done=len(done), unit="lines") as bar:
        for number in range(len(done), len(items)):
            done.append(work(number, items[number]))
            file.write(json.dumps(done[-1]).encode() + b"\n")
            file.flush()
            bar.advance()
    return done


def whole_lines(path: Path) -> list[Row]:
    """Read lines, none if there is no file; one that was cut short by a crash is taken off."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    os.truncate(path, len(whole))
    return [json.loads(line) for line in whole.splitlines()]


def write_lines(path: Path, rows: Sequence[Row]) -> None:
    """Write JSON lines, all or none."""
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows))
