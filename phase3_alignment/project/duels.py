"""Two models answer the same prompts once each, and reward models say who did it better.

The judge that PPO was trained with flatters: PPO has searched for whatever it scores high, its
mistakes included. A judge that PPO never saw makes other mistakes; what it says is nearer the
truth. It is still no person, and shares with the first what is in the data of both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from phase3_alignment.project import (
    calibration,
    policy,
    reward,
    rivals,
    samples,
    templates,
    win_rate,
)
from phase3_alignment.project.policy import Policy
from phase3_alignment.project.reward_report import interval
from phase3_alignment.project.samples import Answer, Question, Sample
from phase3_alignment.project.score import Judge
from phase3_alignment.project.win_rate import WinRate
from phase3_alignment.solution import adapter_files
from shared.drawing import BLUE, GREY, ORANGE, write_figure
from shared.files import write_text
from shared.runs import as_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Scores = tuple[Tensor, Tensor]  # of the answers before and after, (N,) each

TRAINED_WITH, NEVER_SEEN = "the judge of PPO", "a judge it never saw"
EQUAL_LENGTH, LONGER = "the same, at equal length", "whoever writes more"
SHOWN = 24  # duels on the page


def load_aligned(base: Path, aligned: Path, device: str) -> Policy:
    """Open the model before PPO with PPO's adapter in it: switched off, it is what PPO began with.

    Args:
        base: hf/ of supervised fine-tuning.
        aligned: adapter/ of PPO.
        device: as `policy.choose_device` takes it.
    """
    found = policy.load(str(base), device=device)
    adapter = adapter_files.load(found.model, aligned)
    found.model.eval().to(found.device)
    return replace(found, adapter=adapter)


def short(asked: Sequence[Question], subject: Policy, max_tokens: int) -> list[Question]:
    """Return the questions of at most so many tokens: those of the kind that PPO has seen.

    Raises:
        ValueError: there is none.
    """
    found = [q for q in asked if len(templates.prompt(q.prompt, subject.tokenizer)) <= max_tokens]
    if not found:
        raise ValueError(f"none of {len(asked)} held-out prompts fits into {max_tokens} tokens")
    return found


@dataclass(frozen=True)
class Duels:
    """Prompts, and one answer of each model to every one.

    Attributes:
        before: of the model that PPO began with.
        after: of the aligned one.
    """

    questions: tuple[Question, ...]
    before: tuple[Answer, ...]
    after: tuple[Answer, ...]

    @property
    def longer(self) -> Tensor:
        """By how many characters the aligned model's answers are longer, (N,)."""
        pairs = zip(self.before, self.after, strict=True)
        return torch.tensor([len(b.text) - len(a.text) for a, b in pairs])


def fight(
    subject: Policy, asked: Sequence[Question], max_new_tokens: int, temperature: float, seed: int
) -> Duels:
    """Let both models answer, at one temperature and with the same luck."""
    prompts = samples.encode(asked, subject)

    def say() -> tuple[Answer, ...]:
        return tuple(samples.answer(subject, prompts, max_new_tokens, temperature, seed))

    with policy.reference(subject):
        before = say()
    return Duels(tuple(asked), before, say())


def judged(duels: Duels, judge: Judge) -> Scores:
    """Score the answers of both, (N,) each, in log-odds."""
    prompts = [question.prompt for question in duels.questions]
    before, after = (
        judge.log_odds(judge.answers(prompts, [answer.text for answer in side]))
        for side in (duels.before, duels.after)
    )
    return before, after


@dataclass(frozen=True)
class Verdict:
    """What came of the duels.

    Attributes:
        rates: how often the aligned model wins, by who says so.
        agreement: share of the duels in which both judges prefer the same side.
        characters: of an answer, before and after.
        ended: share of the answers that came to their own end, before and after.
    """

    rates: dict[str, WinRate]
    agreement: float
    characters: tuple[float, float]
    ended: tuple[float, float]

    def __str__(self) -> str:
        (few, many), (before, after) = self.characters, self.ended
        return (
            win_rate.table("who wins is said by", "aligned wins", "duels", self.rates)
            + f"\n\nboth judges prefer the same side in {self.agreement:.0%} of the duels\n"
            f"characters of an answer: {few:.0f} before PPO, {many:.0f} after; "
            f"answers that end: {before:.0%}, {after:.0%}"
        )


def decide(duels: Duels, flattering: Scores, honest: Scores) -> Verdict:
    """Count who has won by the judge that PPO was trained with, and by the one it never saw."""
    by_first, by_second = (
        calibration.right(after, before) for before, after in (flattering, honest)
    )
    longer = duels.longer
    sides = (duels.before, duels.after)
    return Verdict(
        rates={
            TRAINED_WITH: win_rate.plain(by_first),
            NEVER_SEEN: win_rate.plain(by_second),
            EQUAL_LENGTH: win_rate.length_controlled(by_second, longer),
            LONGER: win_rate.plain(calibration.right(longer, torch.zeros_like(longer))),
        },
        agreement=(by_first == by_second).double().mean().item(),
        characters=tuple(fmean(len(answer.text) for answer in side) for side in sides),
        ended=tuple(samples.share_ended(side) for side in sides),
    )


@dataclass(frozen=True)
class Result:
    """How it ended.

    Attributes:
        judges: how often people's choice is found on held-out pairs, by who chooses.
        verdict: on held-out prompts.
    """

    judges: dict[str, WinRate]
    verdict: Verdict

    def __str__(self) -> str:
        title = "who prefers what people do"
        return f"{win_rate.table(title, 'right', 'pairs', self.judges)}\n\n{self.verdict}"


def accuracy(report: Mapping[str, Any]) -> WinRate:
    """Read from a report of `reward`'s results.json how often people's choice was found."""
    share, n = report["accuracy"], report["n"]
    return WinRate(share, *interval(share, n), n)


def read_accuracies(trained_with: Path, never_seen: Path) -> dict[str, WinRate]:
    """Read from two folders of `reward` how good the judges are, and how good it is to measure."""
    first, second = (
        json.loads((folder / "results.json").read_text(encoding="utf-8"))["reports"]
        for folder in (trained_with, never_seen)
    )
    return {
        TRAINED_WITH: accuracy(first[reward.OURS]),
        NEVER_SEEN: accuracy(second[reward.OURS]),
        rivals.LENGTH: accuracy(first[rivals.LENGTH]),
    }


# -- for people -------------------------------------------------------------------------------


def shown(duels: Duels, scores: Scores, n: int) -> list[Sample]:
    """Return the first n duels for a page, with these scores."""
    before, after = (
        [replace(answer, score=score) for answer, score in zip(side, found.tolist(), strict=True)]
        for side, found in zip((duels.before, duels.after), scores, strict=True)
    )
    rows = zip(duels.questions, before, after, strict=True)
    return [Sample(q.text, one, other, q.written) for q, one, other in rows][:n]


def write_page(path: Path, duels: Duels, verdict: Verdict, scores: Scores, told: str) -> Path:
    """Show the first duels with the scores of the judge that PPO never saw, and what it found."""
    rate = verdict.rates[NEVER_SEEN]
    paragraphs = [
        f"{told}: the first of the duels, not the best. Scores are log-odds by the judge that PPO "
        "never saw; only their difference means something.",
        f"By that judge the aligned model wins {rate.share:.1%} of {rate.n} duels; 95 %: "
        f"{rate.low:.1%} to {rate.high:.1%}.",
    ]
    rows = shown(duels, scores, SHOWN)
    names = ("after SFT", "after PPO")
    return samples.write_page(path, "Before and after PPO", rows, names, paragraphs)


def draw(verdict: Verdict, flattering: Scores, honest: Scores, path: Path) -> Path:
    """Draw the win rates with their intervals, and what one judge says over what the other says."""

    def fill(figure: Figure) -> None:
        rates, leads = figure.subplots(1, 2, width_ratios=(1.25, 1))
        draw_rates(rates, verdict.rates)
        draw_leads(leads, flattering[1] - flattering[0], honest[1] - honest[0])

    return write_figure(path, (10, 3.8), fill)


def draw_rates(axes: Axes, rates: dict[str, WinRate]) -> None:
    """One line for each way to judge, the first on top."""
    for place, (name, rate) in enumerate(reversed(rates.items())):
        colour = {TRAINED_WITH: ORANGE, LONGER: GREY}.get(name, BLUE)
        axes.plot([rate.low, rate.high], [place, place], color=colour, linewidth=2)
        axes.plot(rate.share, place, "o", color=colour)
        where = {"xytext": (0, 7), "textcoords": "offset points", "ha": "center"}
        axes.annotate(f"{rate.share:.0%}", (rate.share, place), **where)
    axes.axvline(0.5, color=GREY, linestyle="--", linewidth=1)
    axes.set_yticks(range(len(rates)), list(reversed(rates)))
    axes.set(xlim=(0, 1), ylim=(-0.5, len(rates) - 0.3))
    axes.set_xlabel("share of duels that the aligned model wins, 95 %")
    axes.set_title("who wins is said by")


def draw_leads(axes: Axes, flattering: Tensor, honest: Tensor) -> None:
    """Each duel a point: in the upper right both judges prefer the aligned answer."""
    axes.axhline(0, color=GREY, linestyle="--", linewidth=1)
    axes.axvline(0, color=GREY, linestyle="--", linewidth=1)
    axes.scatter(flattering.numpy(), honest.numpy(), s=9, color=BLUE, alpha=0.45)
    axes.set_xlabel("by the judge of PPO (log-odds)")
    axes.set_ylabel("by a judge it never saw")
    axes.set_title("lead of the aligned answer")


def report(duels: Duels, trained_with: Path, never_seen: Path, path: Path, told: str) -> Result:
    """Let both judges read all answers; write wins.png, samples.html and results.json.

    Args:
        duels: fought.
        trained_with, never_seen: folders of the runs of both judges.
        path: where everything goes.
        told: how it was fought, for the page.
    """
    judges = (Judge.load(folder / reward.REWARD) for folder in (trained_with, never_seen))
    scores = [judged(duels, judge) for judge in judges]
    verdict = decide(duels, *scores)
    result = Result(read_accuracies(trained_with, never_seen), verdict)
    draw(verdict, *scores, path / "wins.png")
    write_page(path / "samples.html", duels, verdict, scores[1], told)
    write_text(path / "results.json", json.dumps(as_json(result), indent=1))
    return result
