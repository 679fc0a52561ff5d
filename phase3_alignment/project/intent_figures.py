"""The classifier in figures: how it learnt, where it goes wrong, how sure it is, what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from phase3_alignment.project import confidence
from phase3_alignment.project.classifier import About
from phase3_alignment.project.intent_report import Outcome, confusion, recalls
from shared.drawing import BLUE, GREEN, GREY, ORANGE, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

N_ROWS = 12  # of the confusion: the classes with the lowest recall


def draw_run(
    metrics: Sequence[dict[str, Any]], logits: Tensor, labels: Tensor, about: About, folder: Path
) -> None:
    """Write curves.png, confusion.png and confidence.png of one run.

    Args:
        metrics: of the run's metrics.jsonl.
        logits: (N, V) of the test part.
        labels: (N,) of it.
        about: the classifier, calibrated.
        folder: of the run.
    """
    draw_curves(metrics, folder / "curves.png")
    sure, answers = (logits / about.temperature).softmax(-1).max(-1)
    counts = confusion(answers, labels, len(about.names))
    draw_confusion(counts, about.names, folder / "confusion.png")
    raw = logits.softmax(-1).amax(-1)
    draw_confidence(raw, sure, answers == labels, about, folder / "confidence.png")


def draw_curves(metrics: Sequence[dict[str, Any]], path: Path) -> Path:
    """Draw the loss of each batch, and the accuracy on the validation part after each epoch."""
    steps = [record for record in metrics if "loss" in record]
    looks = [record for record in metrics if "val_accuracy" in record]

    def fill(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        left.plot([r["step"] for r in steps], [r["loss"] for r in steps], color=BLUE, linewidth=0.6)
        left.set(xlabel="step", ylabel="loss of the batch (nats, labels smoothed)")
        accuracy = [100 * r["val_accuracy"] for r in looks]
        right.plot([r["step"] for r in looks], accuracy, color=ORANGE, marker="o")
        right.set(xlabel="step", ylabel="right on the validation part (%)")
        right.set_title(f"{accuracy[0]:.1f} % before training, {accuracy[-1]:.1f} % after")

    return write_figure(path, (9, 3.6), fill)


def draw_confusion(counts: Tensor, names: Sequence[str], path: Path) -> Path:
    """Draw what the least recognised classes are taken for; a row is a class and sums to 100 %."""
    rows = recalls(counts).argsort(stable=True)[:N_ROWS].tolist()
    mistakes = counts - counts.diag().diag()
    columns = list(dict.fromkeys([*rows, *mistakes[rows].argmax(1).tolist()]))  # each once
    n_texts = counts[rows].sum(1, keepdim=True)
    others = n_texts - counts[rows][:, columns].sum(1, keepdim=True)
    shares = 100 * torch.cat([counts[rows][:, columns], others], 1) / n_texts.clamp(min=1)

    def fill(figure: Figure) -> None:
        from matplotlib.colors import PowerNorm

        axes = figure.subplots()
        norm = PowerNorm(0.5, 0, 100)  # a mistake in twenty is to be seen as well
        axes.imshow(shares.numpy(), cmap="Blues", norm=norm, aspect="auto")
        for i, j in shares.nonzero().tolist():
            share = shares[i, j].item()
            colour = "white" if share > 40 else "black"
            axes.text(j, i, f"{share:.0f}", ha="center", va="center", color=colour, fontsize=8)
        axes.set_yticks(range(len(rows)), [names[i] for i in rows], fontsize=8)
        labels = [*(names[j] for j in columns), "any other"]
        axes.set_xticks(range(len(labels)), labels, fontsize=8, rotation=40, ha="right")
        axes.set(xlabel="answer", ylabel="intent")
        axes.set_title(f"The {len(rows)} least recognised of {len(names)}: % of their test texts")

    return write_figure(path, (11, 7.5), fill)


def draw_confidence(raw: Tensor, sure: Tensor, right: Tensor, about: About, path: Path) -> Path:
    """Draw accuracy over confidence, and what silence below a threshold buys, on the test part."""

    def fill(figure: Figure) -> None:
        left, over = figure.subplots(1, 2)
        left.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
        _draw_reliability(left, raw, right, GREY, "as trained")
        _draw_reliability(left, sure, right, BLUE, f"temperature {about.temperature:.2f}")
        left.set(xlabel="confidence", ylabel="share of these answers that is right")
        left.legend()
        _draw_silence(over, sure, right, about)

    return write_figure(path, (9, 4), fill)


def _draw_reliability(axes: Axes, sure: Tensor, right: Tensor, colour: str, label: str) -> None:
    bins = confidence.reliability(sure, right)
    points = [*zip(*((b.confidence, b.accuracy) for b in bins), strict=True)]
    axes.plot(*points, color=colour, linewidth=1, label=label)
    sizes = [400 * b.n / len(right) for b in bins]  # a small dot has little to say
    axes.scatter(*points, s=sizes, color=colour, alpha=0.6)


def _draw_silence(axes: Axes, sure: Tensor, right: Tensor, about: About) -> None:
    thresholds, precision, coverage = confidence.precision_and_coverage(sure, right)
    axes.plot((100 * coverage).numpy(), (100 * precision).numpy(), color=BLUE)
    axes.axhline(100 * about.precision, color=GREY, linestyle="--", linewidth=1)
    given = thresholds >= (2 if about.threshold is None else about.threshold)
    if given.any():
        i = int(given.sum()) - 1
        point = 100 * coverage[i].item(), 100 * precision[i].item()
        axes.plot(*point, color=ORANGE, marker="o")
        text = f"{about.threshold:.0%} sure or more  "
        below = {"xytext": (0, -6), "textcoords": "offset points"}
        axes.annotate(text, point, va="top", ha="right", **below)
    axes.set(xlabel="texts that get an answer (%)", ylabel="right among the answers (%)")
    axes.set_title(f"Silence: asked for {about.precision:.0%} right")


def draw_table(outcomes: Sequence[Outcome], path: Path) -> Path:
    """Draw accuracy over trained parameters, with the interval of each."""

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        for outcome in outcomes:
            low, high = (100 * bound for bound in outcome.interval)
            y = 100 * outcome.accuracy
            colour = GREEN if outcome.label.startswith("q") else BLUE
            spread = [[y - low], [high - y]]
            axes.errorbar(outcome.n_trained, y, yerr=spread, color=colour, marker="o", capsize=3)
            axes.annotate(f"  {outcome.label}", (outcome.n_trained, y), va="bottom")
        axes.set(xscale="log", xlabel="parameters that train", ylabel="right on the test part (%)")
        axes.set_title("What it takes to learn the intents (bars: 95 % interval)")

    return write_figure(path, (7.5, 4.4), fill)
