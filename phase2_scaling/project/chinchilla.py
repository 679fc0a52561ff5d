"""Was the Chinchilla paper right about its own numbers? Fit its law again and see.

    python -m phase2_scaling.project.chinchilla

fits E + A / N^alpha + B / D^beta to the runs of the paper's figure 4, as Besiroglu et al. 2024
(arXiv:2404.10102) did, draws the runs with replacement a thousand times to learn how sure one can
be, and lays both papers' numbers beside it: a table, and results.json and chinchilla.png in
runs/phase2/chinchilla/. About half a minute.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from phase2_scaling.project import published
from phase2_scaling.project.published import Runs
from phase2_scaling.solution import optimal, parametric
from phase2_scaling.solution.law import Law
from shared import cli, runs
from shared.drawing import BLUE, GREEN, GREY, ORANGE, write_figure
from shared.files import write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = tuple(field.name for field in fields(Law))
CHINCHILLA_FLOPS = 5.76e23  # Hoffmann et al. 2022, section 4: what Chinchilla and Gopher cost
DIGITS = {"E": 4, "A": 1, "B": 0, "alpha": 4, "beta": 4}


@dataclass(frozen=True)
class Config:
    """How to fit."""

    n_bootstrap: int = 1000
    """fits to runs drawn with replacement; Besiroglu et al. do 4000"""
    n_outliers: int = published.N_OUTLIERS
    """runs with the highest losses to leave out; 0 keeps all"""
    seed: int = 0
    """of the drawing"""
    name: str = "chinchilla"
    """folder of the run under runs/phase2"""

    def __post_init__(self) -> None:
        if self.n_bootstrap < 2:
            raise ValueError(f"n_bootstrap must be 2 at least, got {self.n_bootstrap}")
        if self.n_outliers < 0:
            raise ValueError(f"n_outliers must not be negative, got {self.n_outliers}")


@dataclass(frozen=True)
class Estimate:
    """A fitted law and how sure one can be of it.

    Attributes:
        law: the fit.
        laws: fits to runs drawn with replacement.
    """

    law: Law
    laws: list[Law]

    def interval(self, name: str) -> tuple[float, float]:
        """The middle 95 % of a number."""
        return parametric.interval([getattr(law, name) for law in self.laws])

    def holds(self, law: Law, name: str) -> bool:
        """Whether another law's number lies in the interval."""
        low, high = self.interval(name)
        return low <= getattr(law, name) <= high

    def standard_error(self, name: str) -> float:
        """Standard deviation of a number over the bootstrapped laws."""
        return float(np.std([getattr(law, name) for law in self.laws]))


def estimate(points: Runs, config: Config) -> Estimate:
    """Fit once to all runs, and many times to as many of them drawn at random."""
    numbers = points.n_params, points.n_tokens, points.loss
    law = parametric.fit(*numbers)
    return Estimate(law, parametric.bootstrap(*numbers, law, config.n_bootstrap, config.seed))


def misfit(law: Law, points: Runs) -> float:
    """What the fit makes as small as it can: Huber's loss of the errors in log loss, summed."""
    numbers = law.as_logs(), points.n_params, points.n_tokens, points.loss
    return parametric.objective(*(torch.tensor(x, dtype=torch.float64) for x in numbers)).item()


def errors(law: Law, points: Runs) -> np.ndarray:
    """By which share each run's loss is predicted too high."""
    return law.loss(points.n_params, points.n_tokens) / points.loss - 1


def size_exponent(law: Law) -> float:
    """How the best size grows: N_opt is proportional to C to this power."""
    return law.beta / (law.alpha + law.beta)


# -- what is shown ----------------------------------------------------------------------------


def parameter_table(found: Estimate) -> str:
    """All laws side by side, and whether they agree, as a Markdown table."""

    def row(name: str) -> list[str]:
        def show(value: float) -> str:
            return f"{value:.{DIGITS[name]}f}"

        ours, (low, high) = getattr(found.law, name), found.interval(name)
        theirs, error = getattr(published.BESIROGLU, name), published.BESIROGLU_ERRORS[name]
        return [
            name,
            f"{show(ours)} ({show(found.standard_error(name))})",
            f"{show(low)} to {show(high)}",
            f"{show(theirs)} ({error:g})",
            "yes" if abs(ours - theirs) <= error else "NO",
            show(getattr(published.HOFFMANN, name)),
            "inside" if found.holds(published.HOFFMANN, name) else "OUTSIDE",
        ]

    head = ["", "our fit", "95 % interval", "Besiroglu et al.", "agrees", "Hoffmann et al.", ""]
    return as_table([head, *map(row, NAMES)])


def consequence_table(laws: dict[str, Law], points: Runs) -> str:
    """How well each law fits, and what it would have told the people of Chinchilla."""

    def row(name: str) -> list[str]:
        law, off = laws[name], errors(laws[name], points)
        n_params, n_tokens = optimal.optimal_allocation(law, CHINCHILLA_FLOPS)
        return [
            name,
            f"{1e3 * misfit(law, points):.3f}",
            f"{100 * off.mean():+.2f} %",
            f"{size_exponent(law):.3f}",
            f"{n_params / 1e9:.0f}",
            f"{n_tokens / 1e9:,.0f}",
            f"{n_tokens / n_params:.0f}",
        ]

    budget = f"N (10^9) at C = {CHINCHILLA_FLOPS:.3g}"
    head = ["law", "misfit (10^-3)", "mean error", "N_opt ~ C^", budget, "D (10^9)", "D / N"]
    return as_table([head, *map(row, laws)])


def as_table(rows: list[list[str]]) -> str:
    """Cells as a Markdown table, the first row its head."""
    rows = [rows[0], ["---", *("---:" for _ in rows[0][1:])], *rows[1:]]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [" | ".join(cell.rjust(w) for cell, w in zip(row, widths)) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def draw(found: Estimate, points: Runs, path: Path) -> Path:
    """Write the errors of the laws, the intervals and the advice, as PNG."""

    def fill(figure: Figure) -> None:
        left, middle, right = figure.subplots(1, 3)
        draw_errors(left, found, points)
        draw_intervals(middle, found)
        draw_advice(right, found)

    return write_figure(path, (13, 3.9), fill)


def draw_errors(axes: Axes, found: Estimate, points: Runs) -> None:
    """Each run's error, by our law and by the paper's."""
    laws = {"our fit": (found.law, BLUE), "Hoffmann et al.": (published.HOFFMANN, ORANGE)}
    for name, (law, colour) in laws.items():
        off = 100 * errors(law, points)
        axes.scatter(points.flops, off, s=7, color=colour, alpha=0.6, label=name, linewidths=0)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set(xscale="log", xlabel="C (operations)", ylabel="predicted too high by (%)")
    axes.set(ylim=(-4, 5), title="The paper's law misses its own runs")
    axes.legend(loc="lower right", markerscale=2)


def draw_intervals(axes: Axes, found: Estimate) -> None:
    """How far both papers are from our fit, in standard errors of each number's logarithm."""
    places = np.arange(len(NAMES))[::-1]
    for place, name in zip(places, NAMES):
        ours = np.log(getattr(found.law, name))
        error = np.std([np.log(getattr(law, name)) for law in found.laws])
        interval = (np.log(found.interval(name)) - ours) / error
        axes.plot(interval, [place, place], color=BLUE, linewidth=6, solid_capstyle="butt")
        for law, look in ((published.BESIROGLU, "o"), (published.HOFFMANN, "D")):
            colour = GREEN if law == published.BESIROGLU else ORANGE
            axes.plot((np.log(getattr(law, name)) - ours) / error, place, look, color=colour)
    axes.legend(axes.lines[:3], ["95 % of our fits", "Besiroglu et al.", "Hoffmann et al."])
    axes.set_yticks(places, NAMES)
    axes.set(xlabel="distance from our fit (standard errors)", ylim=(-0.6, len(NAMES) + 0.6))
    outside = ", ".join(name for name in NAMES if not found.holds(published.HOFFMANN, name))
    axes.set_title(f"Outside: {outside or 'none'}")


def draw_advice(axes: Axes, found: Estimate) -> None:
    """Tokens per parameter that each law recommends, with the spread of ours."""
    budgets = np.geomspace(1e18, 1e26, 50)
    spread = np.array([tokens_per_parameter(law, budgets) for law in found.laws])
    low, high = np.quantile(spread, [0.025, 0.975], axis=0)
    axes.fill_between(budgets, low, high, color=BLUE, alpha=0.2, linewidth=0)
    ours, paper = found.law, published.HOFFMANN
    axes.plot(budgets, tokens_per_parameter(ours, budgets), color=BLUE, label="our fit, 95 %")
    axes.plot(budgets, tokens_per_parameter(paper, budgets), color=ORANGE, label="Hoffmann et al.")
    axes.plot(CHINCHILLA_FLOPS, 1.4e12 / 70e9, "*", color="black", label="Chinchilla itself", ms=10)
    axes.set(xscale="log", yscale="log", xlabel="C (operations)", ylabel="tokens per parameter")
    axes.set_title("What each law advises")
    axes.legend()


def tokens_per_parameter(law: Law, budgets: np.ndarray) -> np.ndarray:
    """D / N of the best allocation, for each budget."""
    allocations = [optimal.optimal_allocation(law, flops) for flops in budgets]
    return np.array([n_tokens / n_params for n_params, n_tokens in allocations])


def main(config: Config, root: Path = runs.RUNS) -> None:
    """Fit, compare, write."""
    points = published.load().without_outliers(config.n_outliers)
    print(f"fitting {len(points.loss)} runs, and {config.n_bootstrap} times some of them ...")
    found = estimate(points, config)
    laws = {
        "our fit": found.law,
        "Besiroglu et al.": published.BESIROGLU,
        "Hoffmann et al.": published.HOFFMANN,
        "with the digits of its source": published.HOFFMANN_SOURCE,
    }
    worst = max(misfit(law, points) for law in found.laws)
    with runs.start("phase2", config.name, config, root) as run:
        for law in found.laws:
            run.log(**asdict(law))
    results = {
        "law": asdict(found.law),
        "standard_errors": {name: found.standard_error(name) for name in NAMES},
        "intervals": {name: found.interval(name) for name in NAMES},
        "misfits": {name: misfit(law, points) for name, law in laws.items()},
        "worst_bootstrapped_misfit": worst,
    }
    write_text(run.path / "results.json", json.dumps(results, indent=2))
    draw(found, points, run.path / "chinchilla.png")
    print(parameter_table(found), consequence_table(laws, points), sep="\n\n")
    print(f"\nThe worst of the {config.n_bootstrap} bootstrapped laws has a misfit of", end=" ")
    print(f"{1e3 * worst:.3f}.\nfigure: {run.path / 'chinchilla.png'}")


if __name__ == "__main__":
    cli.run(__spec__.name)
