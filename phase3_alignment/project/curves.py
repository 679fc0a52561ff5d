"""The curves of any run of this phase: a small picture for each number in its metrics.jsonl.

    python -m phase3_alignment.project.curves --name sft

draws them anew from the run's folder, without training. Those of PPO are what people look at first
when a run goes wrong: reward, KL, entropy, clip fraction, explained variance, value loss, length.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shared import cli
from shared.drawing import BLUE, ORANGE, write_figure
from shared.runs import RUNS, RunError, read_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HELD_OUT = "val_"  # before the name of what is measured on data that is not learnt from
SMOOTHED_SHARE = 0.04  # of the points, in the running mean
COLUMNS, WIDTH, HEIGHT = 3, 3.4, 2.3  # pictures in a row; inches of one

# Title and unit of what is known, in the order of drawing. Whatever else a run has logged comes
# behind, under its own name.
KNOWN = {
    "loss": ("loss", "nats per token"),
    "accuracy": ("accuracy", "share of pairs"),
    "reward": ("reward", "score"),
    "score": ("score", "of the reward model"),
    "score_std": ("spread of the scores", "standard deviation"),
    "probability": ("probability", "sigmoid of the score"),
    "distinct": ("distinct pairs of words", "share"),
    "gold_score": ("gold score", "of the other reward model"),
    "margin": ("margin", "log-odds"),
    "kl": ("KL to the reference", "nats per response"),
    "kl_coef": ("KL coefficient", "reward per nat"),
    "approx_kl": ("KL of one update", "nats per token"),
    "entropy": ("entropy", "nats per token"),
    "policy_loss": ("policy loss", ""),
    "clip_fraction": ("clip fraction", "share of tokens"),
    "value_loss": ("value loss", "reward squared"),
    "value_clip_fraction": ("value clip fraction", "share of tokens"),
    "explained_variance": ("explained variance", "of the returns, 1 is all"),
    "response_length": ("response length", "tokens"),
    "ended": ("answers that end", "share"),
    "grad_norm": ("gradient norm", "before clipping"),
    "lr": ("learning rate", "AdamW"),
}


@dataclass(frozen=True)
class Config:
    """Which run to draw."""

    name: str = "sft"
    """the run's folder under runs/phase3"""


@dataclass(frozen=True)
class Series:
    """One number over the steps at which it was logged; (n,) float64 each."""

    steps: np.ndarray
    values: np.ndarray


def collect(metrics: Sequence[dict[str, Any]]) -> dict[str, Series]:
    """Sort records by what they measure: name -> series, without what is no finite number."""
    points: dict[str, list[tuple[int, float]]] = {}
    for record in metrics:
        for name, value in record.items():
            is_number = isinstance(value, int | float) and math.isfinite(value)
            if is_number and name != "step" and "step" in record:
                points.setdefault(name, []).append((record["step"], float(value)))
    return {name: Series(*np.array(found, dtype=np.float64).T) for name, found in points.items()}


def draw(metrics: Sequence[dict[str, Any]], path: Path, title: str = "") -> Path:
    """Write small multiples of all that was measured as a PNG.

    What was measured in training and on held-out data, `x` and `val_x`, shares a picture.

    Args:
        metrics: records with a `step`, as `runs.read_metrics` gives them.
        path: of the picture.
        title: above all of them.

    Raises:
        ValueError: nothing was measured.
    """
    series = collect(metrics)
    plain = dict.fromkeys(name.removeprefix(HELD_OUT) for name in series)
    names = [name for name in KNOWN if name in plain] + [n for n in plain if n not in KNOWN]
    if not names:
        raise ValueError("the run has no metrics yet, so there is nothing to draw")

    def fill(figure: Figure) -> None:
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=12)
        for i, name in enumerate(names):
            axes = figure.add_subplot(n_rows, n_columns, i + 1)
            draw_one(axes, series, name)
            if i + n_columns >= len(names):
                axes.set_xlabel("step", fontsize=8)

    n_columns = min(COLUMNS, len(names))
    n_rows = math.ceil(len(names) / n_columns)
    return write_figure(path, (WIDTH * n_columns, HEIGHT * n_rows + 0.4), fill)


def draw_one(axes: Axes, series: dict[str, Series], name: str) -> None:
    """One number: each point faint, their running mean, and its value on held-out data."""
    title, unit = KNOWN.get(name, (name.replace("_", " "), ""))
    axes.set_title(f"{title} ({unit})" if unit else title, fontsize=9)
    held_out = series.get(f"{HELD_OUT}{name}")
    if seen := series.get(name):
        mean = smooth(seen)
        is_smoothed = len(mean.steps) < len(seen.steps)
        if is_smoothed:
            axes.plot(seen.steps, seen.values, color=BLUE, alpha=0.25, linewidth=0.6)
        marker = None if is_smoothed else "."
        label = "training" if held_out else None
        axes.plot(mean.steps, mean.values, color=BLUE, linewidth=1.3, marker=marker, label=label)
    if held_out:
        axes.plot(
            held_out.steps, held_out.values, color=ORANGE, marker="s", ms=3.5, label="held out"
        )
        axes.legend(fontsize=8)
    axes.tick_params(labelsize=8)
    axes.margins(x=0.02)


def smooth(series: Series) -> Series:
    """Return the running mean over a share of the points, each at the middle of its window."""
    width = round(SMOOTHED_SHARE * len(series.values))
    if width < 2:
        return series
    mean = np.convolve(series.values, np.full(width, 1 / width), mode="valid")
    first = (width - 1) // 2
    return Series(series.steps[first : first + len(mean)], mean)


def draw_run(path: Path) -> Path:
    """Draw curves.png into a run's folder.

    Raises:
        RunError: there is no such run.
    """
    if not (path / "metrics.jsonl").is_file():
        raise RunError(f"no run is in {path}")
    return draw(read_metrics(path), path / "curves.png", path.name)


def main(config: Config) -> None:
    """Draw a run's curves anew."""
    print(draw_run(RUNS / "phase3" / config.name))


if __name__ == "__main__":
    cli.run(__spec__.name)
