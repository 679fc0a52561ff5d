"""The pictures of a sweep: the frontier, the valleys, the prediction, and how one counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from phase2_scaling.project import own_law
from phase2_scaling.solution.optimal import optimal_allocation
from shared.drawing import BLUE, COLOURS, GREEN, GREY, ORANGE, write_figure
from shared.pages import Figure as Shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from phase2_scaling.project.sweep import Result

KAPLAN, CHINCHILLA = 0.73, 0.50  # N_opt ~ C^a in their abstracts, the latter for all approaches


def draw_all(result: Result, folder: Path) -> dict[str, Path]:
    """Write every figure of a sweep; return their paths by name."""
    figures: dict[str, tuple[tuple[float, float], Callable[[Figure, Result], None]]] = {
        "frontier": ((8, 4.4), draw_frontier),
        "valleys": ((8, 4.4), draw_valleys),
        "prediction": ((6, 5), draw_prediction),
        "exponents": ((8, 3.2), draw_exponents),
    }
    return {
        name: write_figure(
            folder / f"{name}.png", size, lambda figure, fill=fill: fill(figure, result)
        )
        for name, (size, fill) in figures.items()
    }


def exhibits(result: Result) -> list[Shown]:
    """The figures of a finished sweep, each with what one sees."""
    folder, target = result.path, result.target
    return [
        Shown(
            folder / "prediction.png",
            "Predicted before it was trained",
            f"Each dot is a run that the law was fitted to. The star is a model of "
            f"{target.n_params:,} parameters on {target.n_tokens:,} bytes: {result.headline}. The "
            "bar holds 95 % of the laws that were fitted to resampled runs.",
        ),
        Shown(
            folder / "frontier.png",
            "The frontier",
            "Every run at the end of its schedule, a line for each size. The dashed line is the "
            "best that the law promises for each budget; the star was not there when it was drawn.",
        ),
        # Without several sizes under one budget, no way of counting says how the best size grows.
        *([_valleys(folder), _exponents(folder)] if own_law.valleys(result.points) else []),
    ]


def _valleys(folder: Path) -> Shown:
    return Shown(
        folder / "valleys.png",
        "One budget, several sizes",
        "A model that is too small cannot hold what the bytes say, one that is too large sees "
        "too few of them. Along each parabola the operations are the same; its floor is the "
        "size to choose, and it moves to the right as the budget grows.",
    )


def _exponents(folder: Path) -> Shown:
    return Shown(
        folder / "exponents.png",
        "Why two papers disagreed",
        "How fast the best size grows with the budget, measured from the same runs in several "
        "ways. Counting parameters without the embedding tables, as Kaplan et al. did, raises "
        "the exponent: in small models the tables are most of the parameters.",
    )


def draw_frontier(figure: Figure, result: Result) -> None:
    """Loss against compute: every run's end, a line a size, and the law's best at each budget."""
    from matplotlib.ticker import LogLocator

    axes = figure.subplots()
    curves = own_law.decayed([*result.points, result.target])
    for colour, curve in zip(_shades(len(curves)), curves):
        axes.plot(curve.flops, curve.loss, "o-", color=colour, label=f"{curve.n_params:,}")
    axes.plot(result.target.flops, result.target.loss, "*", color=ORANGE, markersize=14)
    axes.annotate(
        "predicted before",
        (result.target.flops, result.target.loss),
        (-12, -4),
        textcoords="offset points",
        ha="right",
        color=ORANGE,
    )
    budgets = np.geomspace(min(p.flops for p in result.points), result.target.flops, 60)
    best = [result.law.loss(*optimal_allocation(result.law, budget)) for budget in budgets]
    axes.plot(budgets, best, "--", color="black", label="the law's best")
    axes.set(
        xscale="log",
        xlabel="training, operations (6 N D)",
        ylabel="validation loss (nats per byte)",
        title="Every run at the end of its own schedule",
    )
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:.0e}")
    axes.xaxis.set_minor_formatter("")  # their labels would lie on each other
    axes.legend(title="parameters", fontsize=8)


def draw_valleys(figure: Figure, result: Result) -> None:
    """Loss against size, a budget a colour, with the parabola through its runs."""
    axes = figure.subplots()
    found = own_law.valleys(result.points)
    runs = own_law.numbers(result.points)
    for colour, (budget, valley) in zip(_shades(len(found)), found.items()):
        same = np.abs(runs.flops / budget - 1) < own_law.SAME_BUDGET
        sizes = np.geomspace(runs.n_params[same].min(), runs.n_params[same].max(), 50)
        axes.plot(runs.n_params[same], runs.loss[same], "o", color=colour)
        axes.plot(sizes, valley(sizes), color=colour, label=f"{budget:.1e}")
        axes.plot(valley.n_params, valley.loss, "v", color=colour, markersize=9)
    axes.set(
        xscale="log",
        xlabel="parameters",
        ylabel="validation loss (nats per byte)",
        title="One budget, several sizes: each valley's floor is marked",
    )
    if found:
        axes.legend(title="operations")


def draw_prediction(figure: Figure, result: Result) -> None:
    """Predicted against measured loss; the star was predicted before it was trained."""
    axes = figure.subplots()
    runs, target = own_law.numbers(result.points), result.target
    fitted = result.law.loss(runs.n_params, runs.n_tokens)
    ends = [min(target.loss, *runs.loss) - 0.05, max(runs.loss) + 0.05]
    axes.plot(ends, ends, color=GREY, linewidth=0.8)
    axes.plot(runs.loss, fitted, "o", color=BLUE, label="the runs that the law was fitted to")
    told = result.prediction
    spread = [[max(0.0, told.loss - told.low)], [max(0.0, told.high - told.loss)]]
    axes.errorbar(
        target.loss,
        told.loss,
        spread,
        fmt="*",
        color=ORANGE,
        markersize=14,
        label=f"predicted: {target.n_params:,} parameters",
    )
    axes.set(
        xlabel="measured loss (nats per byte)",
        ylabel="predicted loss (nats per byte)",
        title=f"Predicted {told.loss:.3f}, measured {target.loss:.3f}: {result.error:+.1%}",
    )
    axes.legend()


def draw_exponents(figure: Figure, result: Result) -> None:
    """How fast the best size grows with the budget, by the way of counting."""
    axes = figure.subplots()
    ways = [exponent.way for exponent in result.exponents]
    axes.barh(ways, [exponent.value for exponent in result.exponents], color=BLUE, height=0.6)
    for value, name, colour in ((KAPLAN, "Kaplan", ORANGE), (CHINCHILLA, "Chinchilla", GREEN)):
        axes.axvline(value, color=colour, linestyle="--", label=f"{name}, {value:.2f}")
    axes.invert_yaxis()
    axes.set(xlabel="a in N_opt ~ C^a", title="The same runs, counted in several ways")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))


def _shades(n: int) -> list[tuple[float, float, float, float]] | list[str]:
    """N colours in order."""
    if n <= len(COLOURS):
        return list(COLOURS[:n])
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(0, 0.9, n)))
