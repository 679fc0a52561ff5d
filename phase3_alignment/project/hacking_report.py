"""What came of the reward-hacking runs: curves over the root of the KL, fits, table, page."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from phase3_alignment.project import frontier, samples
from phase3_alignment.project.samples import Answer, Sample
from phase3_alignment.solution import best_of_n
from shared.drawing import BLUE, COLOURS, GREY, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST_POINTS = 4  # for a fit of two numbers
GOOD_FIT = 0.8  # R^2 from which on a fit says something
SHOWN = 12  # responses on the page
TOLD = 6  # words that have become frequent


@dataclass(frozen=True)
class Look:
    """Means over the test prompts: nats from the base, and what both judges say."""

    kl: float
    proxy: float
    gold: float

    @property
    def d(self) -> float:
        """Root of the KL."""
        return frontier.root(self.kl)


@dataclass(frozen=True)
class Curve:
    """What happens to both judges on the way from the base.

    Attributes:
        price: of a nat, in the scores' spread; None for the best of n.
        seed: of the run.
        looks: in the order of the steps, or of n.
    """

    price: float | None
    seed: int
    looks: tuple[Look, ...]

    @property
    def peak(self) -> Look:
        """Where gold was highest: a maximum of noisy numbers, so a little too high."""
        return max(self.looks, key=lambda look: look.gold)

    @property
    def name(self) -> str:
        """For tables."""
        return "best of n" if self.price is None else f"price {self.price:g}, seed {self.seed}"


def best_of_curve(proxy: Tensor, gold: Tensor) -> Curve:
    """Let the proxy choose the best of 1, 2, 4, ... responses, and ask gold about the chosen ones.

    Args:
        proxy, gold: (P, N) scores of N responses of the base to each of P prompts.
    """
    P, N = proxy.shape
    looks = []
    for n in frontier.sizes(N):
        chosen = [best_of_n.expected_best(row, n) for row in proxy]
        meant = [best_of_n.expected_best(row, n, by=by) for row, by in zip(gold, proxy)]
        looks.append(Look(best_of_n.kl(n), sum(chosen) / P, sum(meant) / P))
    return Curve(None, 0, tuple(looks))


# -- the two forms of Gao et al. 2022, section 3.1 ----------------------------------------------


@dataclass(frozen=True)
class Fit:
    """Gold's gain over the base: d (alpha - beta log d) by RL, d (alpha - beta d) by best of n.

    Attributes:
        alpha, beta: the two numbers.
        is_rl: which form.
        r_squared: share of the points' variance that it explains.
    """

    alpha: float
    beta: float
    is_rl: bool
    r_squared: float

    def at(self, d: np.ndarray) -> np.ndarray:
        """Return the gain at these roots of the KL, above 0."""
        return d * (self.alpha - self.beta * (np.log(d) if self.is_rl else d))

    @property
    def turn(self) -> float | None:
        """Nats at which gold is highest; None if the form never turns."""
        if self.beta <= 0:
            return None
        if self.is_rl:
            return math.exp(2 * (self.alpha / self.beta - 1))
        return (self.alpha / (2 * self.beta)) ** 2

    def __str__(self) -> str:
        inner = "log d" if self.is_rl else "d"
        where = "it does not turn" if self.turn is None else f"it turns at {self.turn:.1f} nats"
        if self.r_squared < GOOD_FIT:
            where = "the form does not describe these points"
        return (
            f"d ({self.alpha:.2f} {'-' if self.beta >= 0 else '+'} {abs(self.beta):.2f} {inner}), "
            f"R^2 {self.r_squared:.2f}: {where}"
        )


def fit(curves: Sequence[Curve]) -> Fit | None:
    """Fit a form to the gold of all these curves by least squares; None from too few points.

    The gain is counted from each curve's first look, at the base itself.
    """
    is_rl = curves[0].price is not None
    gains = [(x.d, x.gold - c.looks[0].gold) for c in curves for x in c.looks[1:] if x.d > 0]
    if len(gains) < FEWEST_POINTS:
        return None
    d, y = np.array(gains).T
    features = np.stack([d, -d * (np.log(d) if is_rl else d)], axis=1)
    (alpha, beta), *_ = np.linalg.lstsq(features, y, rcond=None)
    rest = y - features @ [alpha, beta]
    return Fit(alpha, beta, is_rl, 1 - (rest @ rest) / np.square(y - y.mean()).sum())


# -- the table and the figure -----------------------------------------------------------------


def table(curves: Sequence[Curve]) -> str:
    """Lay the curves out for a terminal, a line each."""
    lines = [
        f"{'':22}{'gold, at best':>15}{'at nats':>9}  | at the end: "
        f"{'nats':>7}{'proxy':>8}{'gold':>8}{'gap':>7}"
    ]
    for curve in curves:
        best, last = curve.peak, curve.looks[-1]
        lines.append(
            f"{curve.name:22}{best.gold:>+15.2f}{best.kl:>9.2f}  |{'':12} "
            f"{last.kl:>7.2f}{last.proxy:>+8.2f}{last.gold:>+8.2f}{last.proxy - last.gold:>7.2f}"
        )
    return "\n".join(lines)


def draw(curves: Sequence[Curve], path: Path) -> Path:
    """Draw proxy (dashed) and gold (solid) of all curves as a PNG; a star is where gold is best."""
    prices = list(dict.fromkeys(curve.price for curve in curves if curve.price is not None))
    colours = {None: GREY} | dict(zip(prices, [COLOURS[1], BLUE, *COLOURS[2:]]))

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axhline(0, color=GREY, linewidth=0.6)
        for curve in curves:
            draw_one(axes, curve, colours[curve.price])
        for price, colour in colours.items():
            told = "best of n" if price is None else f"PPO, a nat costs {price:g}"
            axes.plot([], [], color=colour, linewidth=2.5, label=told)
        axes.plot([], [], color="black", linestyle="--", label="proxy: what is optimised")
        axes.plot([], [], color="black", label="gold: what was meant")
        axes.plot([], [], color="black", linestyle="", marker="*", ms=10, label="gold at its best")
        axes.set_xlabel(r"$\sqrt{\mathrm{KL}}$ from the base (root of nats per response)")
        axes.set_ylabel("mean score (standard deviations of the base)")
        axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))

    return write_figure(path, (9.4, 4.8), fill)


def draw_one(axes: Axes, curve: Curve, colour: str) -> None:
    """Both judges over d, and gold's best."""
    d = [look.d for look in curve.looks]
    axes.plot(d, [x.proxy for x in curve.looks], color=colour, linestyle="--", linewidth=1.2)
    axes.plot(d, [x.gold for x in curve.looks], color=colour, linewidth=1.8, marker=".", ms=4)
    axes.plot(curve.peak.d, curve.peak.gold, color=colour, marker="*", ms=12, zorder=3)


# -- how gold is fooled -----------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """Responses, one to each test prompt, and what both judges say of each."""

    responses: tuple[str, ...]
    proxy: tuple[float, ...]
    gold: tuple[float, ...]


def grown(base: Sequence[str], said: Sequence[str]) -> list[tuple[str, float, float]]:
    """Find the words that occur in many more of the responses now.

    Returns:
        (word, share of the base's responses with it, share of these), the most grown first.
    """

    def shares(texts: Sequence[str]) -> Counter[str]:
        words = Counter(word for text in texts for word in set(re.findall(r"\w+", text.lower())))
        return Counter({word: n / len(texts) for word, n in words.items()})

    before, now = shares(base), shares(said)
    most = sorted(now, key=lambda word: (before[word] - now[word], word))[:TOLD]
    return [(word, before[word], now[word]) for word in most]


def write_page(prompts: Sequence[str], base: Said, fooled: Sequence[Said], path: Path) -> list[str]:
    """Show the responses that the proxy loves most above what gold thinks of them.

    Args:
        prompts: of the test.
        base: what the base says to them.
        fooled: what some policies say to them.
        path: of the page.

    Returns:
        What has changed, in words: the paragraphs above the responses.
    """
    last = [text for said in fooled for text in said.responses]
    words = [f"{w} ({now:.0%}, base {was:.0%})" for w, was, now in grown(base.responses, last)]
    told = [
        "Responses of the policies that paid least for a nat: the proxy loves them most, measured "
        "by what gold, from which it learnt, says of them. The score is the proxy's; both are in "
        "standard deviations of the base's responses.",
        f"Words that are in more responses than before: {', '.join(words)}.",
    ]

    def answer(said: Said, i: int) -> Answer:
        return Answer(said.responses[i], score=said.proxy[i], gold=said.gold[i])

    found = sorted(
        (
            (said.proxy[i] - said.gold[i], k, i)
            for k, said in enumerate(fooled)
            for i in range(len(prompts))
        ),
        reverse=True,
    )
    firsts = dict.fromkeys(i for _, _, i in found)  # each prompt once, where the gap is widest
    widest = {i: next(k for _, k, j in found if i == j) for i in list(firsts)[:SHOWN]}
    shown = [Sample(prompts[i], answer(base, i), answer(fooled[k], i)) for i, k in widest.items()]
    samples.write_page(path, "What the proxy loves", shown, ("base", "hacked"), told)
    return told
