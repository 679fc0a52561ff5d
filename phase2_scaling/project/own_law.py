"""What the runs of a sweep say: the law, its prediction, and why two papers disagreed.

Pure functions of points; `sweep.py` trains them, `law_figures.py` draws.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from phase2_scaling.project.recipe import Point
from phase2_scaling.solution import isoflop, parametric, power_law
from phase2_scaling.solution.envelope import Curve, frontier
from phase2_scaling.solution.isoflop import Valley
from phase2_scaling.solution.law import Law

SAME_BUDGET = 0.02  # relative: runs are cut to whole steps, so a budget's runs differ a little
BOOTSTRAPPED = 100


@dataclass(frozen=True)
class Runs:
    """The numbers of several points, as the fits want them: (n,) each."""

    n_params: np.ndarray
    n_tokens: np.ndarray
    loss: np.ndarray

    @property
    def flops(self) -> np.ndarray:
        """C = 6 N D."""
        return 6 * self.n_params * self.n_tokens

    def fit(self) -> Law:
        """Chinchilla's third approach."""
        return parametric.fit(self.n_params, self.n_tokens, self.loss)


def numbers(points: Sequence[Point], inner: bool = False) -> Runs:
    """N, D and the final loss of points; `inner` counts N as Kaplan et al. do, without tables."""
    sizes = [point.n_inner if inner else point.n_params for point in points]
    columns = sizes, [point.n_tokens for point in points], [point.loss for point in points]
    return Runs(*(np.array(column, dtype=float) for column in columns))


@dataclass(frozen=True)
class Prediction:
    """A loss, told before the run."""

    loss: float
    """nats per byte"""
    low: float
    """lower end of 95 % of the bootstrapped laws"""
    high: float
    """upper end"""


def predict(points: Sequence[Point], law: Law, n_params: float, n_tokens: float) -> Prediction:
    """Ask a law for a model that it has not seen, and laws fitted to resampled points as well."""
    runs = numbers(points)
    others = parametric.bootstrap(runs.n_params, runs.n_tokens, runs.loss, law, BOOTSTRAPPED)
    low, high = parametric.interval([other.loss(n_params, n_tokens) for other in others])
    return Prediction(float(law.loss(n_params, n_tokens)), low, high)


def valleys(points: Sequence[Point]) -> dict[float, Valley]:
    """Chinchilla's second approach: a parabola for each budget that has one."""
    runs = numbers(points)
    return isoflop.valleys(runs.n_params, runs.flops, runs.loss, rtol=SAME_BUDGET)


# -- how the best size grows with the budget, N_opt ~ C^a, counted in several ways ---------------


@dataclass(frozen=True)
class Exponent:
    """One way to measure a, and what it gives."""

    way: str
    value: float


def exponents(points: Sequence[Point]) -> list[Exponent]:
    """Measure a from the same runs as Hoffmann et al. do, and with the habits of Kaplan et al.

    Two of them are undone one at a time: N without the embedding tables (Pearce and Song 2024,
    arXiv:2406.12907, and Porian et al. 2024, arXiv:2406.19146, find most of the difference
    there), and losses taken from the middle of longer runs, whose learning rate has not come down
    yet (Hoffmann et al. 2022, section 2). A way to which these runs give no answer is left out.
    """
    inner, whole = numbers(points, inner=True), numbers(points)
    ways: list[tuple[str, Callable[[], float]]] = [
        ("the law L(N, D), all parameters", lambda: growth(whole.fit())),
        ("the law L(N, D), without the tables", lambda: growth(inner.fit())),
        ("IsoFLOP valleys, all parameters", lambda: isoflop.growth(valleys(points)).exponent),
        ("lowest curve, each run decayed at its end", lambda: on_frontier(decayed(points))),
        ("lowest curve, middles of the longest runs", lambda: on_frontier(undecayed(points))),
        (
            "the same, without the tables",
            lambda: on_frontier(undecayed(points, inner=True)),
        ),
    ]
    found = []
    for way, measure in ways:
        with suppress(ValueError):  # too few valleys, or curves that never cross
            found.append(Exponent(way, measure()))
    return found


def growth(law: Law) -> float:
    """The exponent of N_opt in C that a law implies: beta / (alpha + beta)."""
    return law.beta / (law.alpha + law.beta)


def on_frontier(curves: Sequence[Curve]) -> float:
    """Chinchilla's first approach: fit the sizes along the lowest of all curves."""
    best = frontier(curves)
    return power_law.fit(best.flops, best.n_params).exponent


def decayed(points: Sequence[Point]) -> list[Curve]:
    """One curve a size, through the ends of its runs: every loss at the end of its schedule."""
    return [
        _curve([(point.flops, point.loss) for point in same], same[0].n_params)
        for same in _by_size(points)
    ]


def undecayed(points: Sequence[Point], inner: bool = False) -> list[Curve]:
    """One curve a size, along its longest run: each loss but the last in mid-schedule."""
    curves = []
    for same in _by_size(points):
        longest = same[-1]
        size = longest.n_inner if inner else longest.n_params
        curves.append(_curve([(6 * size * n, loss) for n, loss in longest.looks], size))
    return curves


def _by_size(points: Sequence[Point]) -> list[list[Point]]:
    """Points of a size together, fewest tokens first; sizes with a single run are left out."""
    sizes = defaultdict(list)
    for point in sorted(points, key=lambda point: (point.n_params, point.n_tokens)):
        sizes[point.n_params].append(point)
    return [same for same in sizes.values() if len(same) > 1]


def _curve(path: list[tuple[float, float]], n_params: float) -> Curve:
    flops, loss = (np.array(column, dtype=float) for column in zip(*path))
    return Curve(n_params, flops, loss)
