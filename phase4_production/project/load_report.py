"""What a load test came to: percentiles, goodput, and the curve of latency over throughput."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from phase4_production.project.load_client import Sample
from shared.drawing import BLUE, GREY, ORANGE, write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUANTILES = (0.5, 0.95, 0.99)
COLUMNS = {  # name -> width
    "asked/s": 7,
    "in time/s": 10,
    "tokens/s": 9,
    "TTFT p50": 10,
    "p95": 7,
    "p99 ms": 7,
    "a token p50": 13,
    "p95 ": 7,
    "p99 ms ": 7,
    "refused": 9,
    "failed": 7,
}
HEAD = " ".join(name.strip().rjust(width) for name, width in COLUMNS.items())


@dataclass(frozen=True)
class Slo:
    """A service level objective: an answer is good if it meets both.

    Attributes:
        ttft_s: the longest time to the first token.
        tpot_s: the longest mean time per token after it.
    """

    ttft_s: float
    tpot_s: float

    def holds(self, sample: Sample) -> bool:
        """Whether an answer came, and in time."""
        if sample.outcome != "ok" or sample.ttft_s is None:
            return False
        return sample.ttft_s <= self.ttft_s and (sample.tpot_s or 0.0) <= self.tpot_s


@dataclass(frozen=True)
class Level:
    """One rate of arrivals, and what it came to.

    Attributes:
        rate_per_s: questions that were due in a second.
        n, n_refused, n_failed: questions, and those without an answer.
        seconds: from the first moment to the last answer.
        tokens_per_s: of all answers together.
        ttft_s, tpot_s: the 50th, 95th and 99th percentile; None without an answer.
        goodput_per_s: answers a second that met the objective.
    """

    rate_per_s: float
    n: int
    n_refused: int
    n_failed: int
    seconds: float
    tokens_per_s: float
    ttft_s: tuple[float, ...] | None
    tpot_s: tuple[float, ...] | None
    goodput_per_s: float


def level(
    rate_per_s: float, moments: Sequence[float], samples: Sequence[Sample], slo: Slo
) -> Level:
    """Sum one rate up."""
    seconds = max(at + sample.total_s for at, sample in zip(moments, samples, strict=True))
    outcomes = [sample.outcome for sample in samples]
    return Level(
        rate_per_s=rate_per_s,
        n=len(samples),
        n_refused=outcomes.count("refused"),
        n_failed=outcomes.count("failed"),
        seconds=seconds,
        tokens_per_s=sum(sample.n_tokens for sample in samples) / seconds,
        ttft_s=percentiles([s.ttft_s for s in samples if s.outcome == "ok"]),
        tpot_s=percentiles([s.tpot_s for s in samples if s.outcome == "ok"]),
        goodput_per_s=sum(map(slo.holds, samples)) / seconds,
    )


def percentiles(values: Sequence[float | None]) -> tuple[float, ...] | None:
    """Return the percentiles of those values that there are; None if there are none."""
    known = [value for value in values if value is not None]
    return tuple(float(q) for q in np.quantile(known, QUANTILES)) if known else None


def line(one: Level) -> str:
    """Lay a level out as a line under `HEAD`."""
    cells = [
        f"{one.rate_per_s:.2f}",
        f"{one.goodput_per_s:.2f}",
        f"{one.tokens_per_s:.1f}",
        *_in_ms(one.ttft_s, digits=0),
        *_in_ms(one.tpot_s, digits=1),
        str(one.n_refused),
        str(one.n_failed),
    ]
    return " ".join(cell.rjust(width) for cell, width in zip(cells, COLUMNS.values(), strict=True))


def _in_ms(seconds: tuple[float, ...] | None, digits: int) -> list[str]:
    if seconds is None:
        return ["-"] * len(QUANTILES)
    return [f"{1000 * value:.{digits}f}" for value in seconds]


def draw(path: Path, levels: Sequence[Level], slo: Slo) -> Path:
    """Draw latency over throughput, and goodput over what was asked."""

    def fill(figure: Figure) -> None:
        first, per_token, good = figure.subplots(1, 3)
        for axes, name, limit, title in (
            (first, "ttft_s", slo.ttft_s, "Time to the first token"),
            (per_token, "tpot_s", slo.tpot_s, "Time per token after it"),
        ):
            answered = [one for one in levels if getattr(one, name)]
            for i, colour in enumerate((GREY, BLUE, ORANGE)):
                axes.plot(
                    [one.tokens_per_s for one in answered],
                    [1000 * getattr(one, name)[i] for one in answered],
                    marker="o",
                    color=colour,
                    label=f"p{100 * QUANTILES[i]:.0f}",
                )
            axes.axhline(1000 * limit, color="black", linestyle=":", label="objective")
            axes.set(title=title, xlabel="tokens/s of all answers", ylabel="ms", yscale="log")
            axes.legend()
        rates = [one.rate_per_s for one in levels]
        good.plot(rates, rates, color=GREY, linestyle="--", label="all of them")
        good.plot(rates, [one.goodput_per_s for one in levels], marker="o", color=BLUE)
        good.set(title="Answers in time", xlabel="questions/s", ylabel="answers/s in time")
        good.legend()

    return write_figure(path, (12, 3.8), fill)
