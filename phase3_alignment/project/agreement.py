"""How often does feedback agree with people, and how sure is it rightly?

Pairs of which people preferred one answer, in an order that is drawn for each; the feedback does
not know whom they preferred. Beside it stand rules that do not read, and for a language model its
opinion from one order alone.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from phase3_alignment.project import corpora
from phase3_alignment.project.calibration import (
    Report,
    calibration_error,
    length_bias,
    reliability,
    right,
)
from phase3_alignment.project.feedback import Opinion, Panel, Row, each
from phase3_alignment.project.fine_tuning import spread
from phase3_alignment.project.records import Pair, held_out
from phase3_alignment.project.reward_report import interval
from phase3_alignment.project.reward_report import table as reward_table
from phase3_alignment.project.samples import Question
from shared.drawing import BLUE, GREY, ORANGE, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HELD_OUT = 0.2  # of the prompts, by the hash of `records.held_out`, as `published.hh_rlhf_from` has
CERTAIN = 40.0  # log-odds that are 1 in float32
OURS, ONE_ORDER = "the feedback", "asked in one order"
LONGER, FIRST = "longer answer wins", "always A"
ENDED = "answers that come to an end"


@dataclass(frozen=True)
class Agreement:
    """What the measurement gave.

    Attributes:
        source: where the pairs are from.
        by_people: whether people labelled them; the embedded ones nobody did.
        n_skipped: pairs that were too long for the feedback.
        reports: of the feedback and its rivals, as of any reward model.
        says_a: mean probability of "A"; 1/2 if the order says nothing.
        contradicts_itself: share of pairs in which another answer wins in the other order.
    """

    source: str
    by_people: bool
    n_skipped: int
    reports: dict[str, Report]
    says_a: float
    contradicts_itself: float


@dataclass(frozen=True)
class People:
    """Pairs to agree with.

    Attributes:
        pairs: of which somebody preferred the first answer.
        source: where they are from.
        are_people: whether that somebody was a person; the embedded ones nobody labelled.
    """

    pairs: list[Pair]
    source: str
    are_people: bool


def human_pairs(n: int) -> People:
    """Find n pairs at most that no judge of this repository was trained on.

    hh-rlhf in $COURSE_DATA is its publisher's test part, of which a judge learns from four fifths;
    the hub's copy of that part is to be tested on as a whole. So the same fifth is taken from both:
    whichever a judge has learnt from, it has not seen these.
    """
    corpus = corpora.load("hh-rlhf")
    _, unseen = held_out(corpus.test, HELD_OUT)
    are_people = not corpus.source.startswith(corpora.EMBEDDED)
    return People(spread(unseen, n), corpus.source, are_people)


def ask(panel: Panel, pairs: Sequence[Pair], n_principles: int, path: Path) -> list[Row]:
    """Compare the answers of each pair, in an order that is drawn."""

    def work(number: int, pair: Pair) -> Row:
        both = pair.chosen, pair.rejected
        chosen_first = random.Random(f"{panel.seed}: order of {number}").random() < 0.5
        shown = both if chosen_first else both[::-1]
        drawn = panel.draw(f"agreement {number}", n_principles)
        opinion = panel.opinion(Question(pair.prompt, pair.chosen), *shown, drawn)
        return {"chosen_first": chosen_first} | opinion

    return each(path, pairs, work)


def measure(people: People, rows: Sequence[Row], *, reads_order: bool) -> Agreement | None:
    """Compare opinions with labels.

    Args:
        people: N pairs.
        rows: of each pair `chosen_first`, whether the preferred answer was shown as A, and the
            opinion of what was shown as A; without an opinion if the pair was too long.
        reads_order: whether the feedback sees two answers at once.

    Returns:
        None if the feedback could read no pair.
    """
    read = [
        (pair, row) for pair, row in zip(people.pairs, rows, strict=True) if "preference" in row
    ]
    if not read:
        return None
    kept, opinions = [pair for pair, _ in read], [Opinion.of(row) for _, row in read]
    is_first = torch.tensor([row["chosen_first"] for _, row in read])
    both = torch.tensor([opinion.preference for opinion in opinions], dtype=torch.float64)
    one = torch.tensor([opinion.as_a for opinion in opinions], dtype=torch.float64)
    longer = torch.tensor([float(len(p.chosen) - len(p.rejected)) for p in kept])
    leads = {OURS: _of_chosen(both.logit(), is_first)}
    if reads_order:
        leads[ONE_ORDER] = _of_chosen(one.logit(), is_first)
    leads[LONGER] = CERTAIN * longer.sign()
    leads[FIRST] = _of_chosen(torch.full_like(both, CERTAIN), is_first)
    return Agreement(
        source=people.source,
        by_people=people.are_people,
        n_skipped=len(rows) - len(kept),
        reports={name: report(lead, kept) for name, lead in leads.items()},
        says_a=fmean(opinion.says_a for opinion in opinions),
        contradicts_itself=fmean(opinion.contradicts_itself for opinion in opinions),
    )


def _of_chosen(log_odds: Tensor, chosen_first: Tensor) -> Tensor:
    """Turn log-odds of what was shown as A into those of what people preferred."""
    return log_odds.where(chosen_first, -log_odds).clamp(-CERTAIN, CERTAIN)


def report(lead: Tensor, pairs: Sequence[Pair]) -> Report:
    """Check log-odds of the preferred answers, (N,), as those of a reward model are checked."""
    even = torch.zeros_like(lead)
    lengths = [
        torch.tensor([float(len(text)) for text in texts])
        for texts in ([p.chosen for p in pairs], [p.rejected for p in pairs])
    ]
    bins = reliability(lead, even)
    return Report(
        n=len(pairs),
        accuracy=right(lead, even).mean().item(),
        calibration_error=calibration_error(bins),
        bins=bins,
        length_bias=length_bias(lead, even, *lengths),
    )


# -- a run in numbers ---------------------------------------------------------------------------


def numbers(
    answers: Sequence[Row], revisions: Sequence[Row], labels: Sequence[Row]
) -> dict[str, float | None]:
    """Sum up what a policy said and what the feedback did with it, by what `table` calls it.

    None is the mean of nothing.
    """
    ended = [ended for row in answers for ended in row["ended"]]
    mended = [row for row in revisions if row["steps"]]
    ends = [(row["steps"][0]["answer"], row["steps"][-1]["revision"]) for row in mended]
    said = [row for row in labels if "preference" in row]
    leads = [(row["preference"] - 0.5, len(row["one"]) - len(row["other"])) for row in said]
    longer = [lead * more > 0 for lead, more in leads if lead * more]
    return {
        ENDED: fmean(ended),
        "drafts mended": len(mended),
        "too long for the feedback": len(revisions) - len(mended),
        "another text in the draft's place": _mean([draft != new for draft, new in ends]),
        "words of a draft": _mean([len(draft.split()) for draft, _ in ends]),
        "words of what replaced it": _mean([len(new.split()) for _, new in ends]),
        "better, says the feedback": _mean(
            [row["preference"] for row in mended if "preference" in row]
        ),
        "pairs labelled": len(said),
        "probability of the preferred one": _mean([0.5 + abs(lead) for lead, _ in leads]),
        "labels for the longer answer": _mean(longer),
    }


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def table(found: Mapping[str, float | None], people: Agreement | None) -> str:
    """Lay out what a run came to."""
    lines = [f"{name:<38}{_cell(value):>7}" for name, value in found.items()]
    if found.get(ENDED, 1) < 0.5:
        lines.append(
            "most answers were cut off, so what is learnt from them breaks off, too: begin with a "
            "model that answers and stops, such as --model runs/phase3/sft/hf"
        )
    if people is None:
        return "\n".join([*lines, "agreement: the feedback can read none of the pairs"])
    whom = "people preferred" if people.by_people else "nobody preferred; one is to the question"
    lines += [f"agreement on pairs of {people.source}, of which {whom}"]
    lines += [f"({people.n_skipped:,} more were too long)"] * bool(people.n_skipped)
    lines += [reward_table(people.reports)]
    if ONE_ORDER in people.reports:
        lines += [
            f'it says "A" with probability {people.says_a:.2f}; in {people.contradicts_itself:.0%} '
            "of the pairs another answer wins when the two change places"
        ]
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


# -- the figure -----------------------------------------------------------------------------------


def draw(found: Agreement, path: Path) -> Path:
    """Draw agreement over confidence, and agreement beside that of the rules. A PNG."""

    def fill(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
        _draw_confidence(left, found.reports[OURS])
        _draw_rivals(right, found.reports)
        whom = "people's labels" if found.by_people else "labels that nobody gave: right or wrong"
        title = f"{found.reports[OURS].n:,} pairs with {whom}"
        if ONE_ORDER in found.reports:
            title += f'; the feedback says "A" with probability {found.says_a:.2f}'
        figure.suptitle(title, x=0.01, ha="left")

    return write_figure(path, (9, 3.8), fill)


def _draw_confidence(axes: Axes, ours: Report) -> None:
    """Each bin with its 95 % interval and its number of pairs; on the dashed line is right."""
    axes.plot([0.5, 1], [0.5, 1], color=GREY, linestyle="--", linewidth=1)
    for b in ours.bins:
        low, high = interval(b.accuracy, b.n)
        axes.plot([b.confidence, b.confidence], [low, high], color=BLUE, linewidth=1.3)
        axes.plot(b.confidence, b.accuracy, "o", color=BLUE, ms=5)
        axes.annotate(
            f"{b.n}", (b.confidence, low), (0, -3), textcoords="offset points",
            ha="center", va="top", fontsize=7, color=GREY,
        )  # fmt: skip
    axes.set(xlim=(0.48, 1.02), ylim=(-0.08, 1.04))
    axes.set_xlabel("how sure the feedback is")
    axes.set_ylabel("share of pairs in which it agrees")
    axes.set_title("by confidence; pairs below each interval", fontsize=9)


def _draw_rivals(axes: Axes, reports: Mapping[str, Report]) -> None:
    """A line for each, with its 95 % interval."""
    names = list(reports)[::-1]
    for y, name in enumerate(names):
        share, n = reports[name].accuracy, reports[name].n
        colour = ORANGE if name == OURS else GREY
        axes.plot(interval(share, n), [y, y], color=colour, linewidth=1.5)
        axes.plot(share, y, "o", color=colour)
        axes.annotate(
            f"{share:.1%}", (share, y), (0, 7), textcoords="offset points", ha="center",
            fontsize=9, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )  # fmt: skip
    axes.axvline(0.5, color=GREY, linestyle="--", linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.5, len(names) - 0.3)
    axes.set_xlabel("agreement, with 95 % interval")
    axes.set_title("beside rules that do not read", fontsize=9)
