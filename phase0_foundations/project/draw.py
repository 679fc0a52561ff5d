"""One function for each picture of a run: it gets numbers and fills a figure or a pair of axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from phase0_foundations.project import inspection
from phase0_foundations.project.record import Record
from shared.drawing import BLUE, COLOURS, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

SMOOTHED_STEPS = 50
SHOWN_IMAGES = 24
SHOWN_UNITS = 48


def draw_curves(figure: Figure, record: Record) -> None:
    """Loss and accuracy against training steps."""
    loss_axes, accuracy_axes = figure.subplots(1, 2)
    draw_loss(loss_axes, record)
    steps = [look["step"] for look in record.looks]
    for key, name, colour, marker in (
        ("train_accuracy", "training images, not moved", BLUE, "o"),
        ("val_accuracy", "validation images", ORANGE, "s"),
    ):
        values = [100 * look[key] for look in record.looks]
        accuracy_axes.plot(steps, values, marker=marker, markersize=4, color=colour, label=name)
    last = record.looks[-1]
    accuracy_axes.set(
        xlabel="training step",
        ylabel="accuracy (%)",
        title=f"{last['val_accuracy']:.1%} of the validation images right",
    )
    accuracy_axes.legend()


def draw_loss(axes: Axes, record: Record) -> None:
    """The loss of each batch, its running mean, and the validation loss, on a log scale."""
    steps = np.array([step["step"] for step in record.steps])
    losses = np.array([step["loss"] for step in record.steps])
    width = min(SMOOTHED_STEPS, len(losses))
    mean = np.convolve(losses, np.full(width, 1 / width), mode="valid")
    axes.plot(steps, losses, color=BLUE, alpha=0.2, linewidth=0.5)
    axes.plot(steps[width - 1 :], mean, color=BLUE, label=f"training, mean of {width} batches")
    axes.plot(
        [look["step"] for look in record.looks],
        [look["val_loss"] for look in record.looks],
        color=ORANGE,
        marker="s",
        markersize=4,
        label="validation",
    )
    axes.set(
        xlabel="training step",
        ylabel="cross-entropy (nats)",
        yscale="log",
        title=f"The loss falls from {losses[0]:.2f} to {mean[-1]:.3f}",
    )
    axes.legend(loc="upper right")


def draw_confusion(figure: Figure, record: Record) -> None:
    """Which digit was read as which; the colours are for the mistakes."""
    axes, counts = figure.subplots(), record.confusion
    wrong = counts - np.diag(np.diag(counts))
    axes.imshow(wrong, cmap="Oranges", vmin=0, vmax=max(4, 1.4 * wrong.max()))
    for (i, j), count in np.ndenumerate(counts):
        if count:
            colour = GREY if i == j else "black"
            axes.text(j, i, f"{count}", ha="center", va="center", color=colour, fontsize=9)
    true, read, times = inspection.commonest_confusion(counts)
    axes.set(
        xticks=range(len(counts)),
        yticks=range(len(counts)),
        xlabel="read as",
        ylabel="true digit",
        title=f"{wrong.sum()} of {counts.sum():,} test images wrong"
        + (f"; most often a {true} read as {read}, {times} times" if times > 1 else ""),
    )


def draw_mistakes(figure: Figure, record: Record) -> None:
    """The test images that the network found hardest."""
    shown = record.hardest[:SHOWN_IMAGES]
    grid = figure.subplots(3, SHOWN_IMAGES // 3).ravel()
    for axes, index in zip(grid, shown):
        draw_image(axes, record, index)
    figure.suptitle(
        f"The {len(shown)} hardest of {len(record.digits.test_y):,} test images, the worst first\n"
        "true digit → what was read, and how sure the network was; mistakes in orange",
        fontsize=11,
        x=0.01,
        ha="left",
    )


def draw_image(axes: Axes, record: Record, index: int) -> None:
    """One test image, with what it is, what was read and how sure the network was."""
    probabilities = record.test_probabilities[index]
    label, read = record.digits.test_y[index], probabilities.argmax()
    axes.imshow(record.digits.test_x[index], cmap="gray_r", vmin=0, vmax=1)
    axes.set_title(
        f"{label} → {read}, {probabilities[read]:.0%}",
        fontsize=9,
        loc="center",
        color=GREY if read == label else ORANGE,
    )
    axes.axis("off")


def draw_weights(figure: Figure, record: Record) -> None:
    """What single units of the first layer look for: their weights, laid out as an image."""
    grid = figure.subplots(SHOWN_UNITS // 12, 12).ravel()
    shown = draw_units(grid, record)
    figure.colorbar(shown, ax=list(grid), label="weight per unit of ink", shrink=0.8, pad=0.01)
    n_units = record.first_weights.shape[1]
    figure.suptitle(
        f"First-layer weights of {min(SHOWN_UNITS, n_units)} of {n_units} units, the largest ones: "
        "ink on purple speaks for the unit, ink on orange against it",
        fontsize=11,
        x=0.01,
        ha="left",
    )


def draw_units(grid: np.ndarray, record: Record) -> AxesImage:
    """Fill each axes of a grid with one unit's weights, the largest by norm first; return one."""
    weights, shape = record.first_weights, record.digits.train_x.shape[1:]  # (pixels, units)
    largest = np.argsort(-np.linalg.norm(weights, axis=0), kind="stable")[: len(grid)]
    bound = np.quantile(np.abs(weights[:, largest]), 0.995)
    for axes in grid:
        axes.axis("off")
    for axes, unit in zip(grid, largest):
        shown = axes.imshow(weights[:, unit].reshape(shape), cmap="PuOr", vmin=-bound, vmax=bound)
    return shown


def draw_anatomy(figure: Figure, record: Record) -> None:
    """How large activations and gradients are in each layer, before and after training."""
    activation_axes, gradient_axes = figure.subplots(1, 2)
    for when, anatomy, line in (("before", record.before, "--"), ("after", record.after, "-")):
        for i, layer in enumerate(anatomy.activations):
            draw_histogram(activation_axes, layer, i, line, f"ReLU {i + 1}, {when}")
        for i, layer in enumerate(anatomy.gradients):
            draw_histogram(gradient_axes, layer, i, line, f"Linear {i + 1}, {when}")
    activation_axes.set(xlabel="activation, where it is not 0", title="Activations")
    gradient_axes.set(
        xlabel="|gradient| of a weight (nats per unit), where it is not 0",
        title="Gradients of the mean loss",
    )
    for axes in (activation_axes, gradient_axes):
        axes.set_ylabel("share of values per factor of 10")
        axes.legend(fontsize=8, loc="upper left")
    figure.suptitle(
        f"Layer by layer on {record.after.n_images:,} training images, before and after training; "
        f"dead ReLUs after it: {dead_counts(record.after)}",
        fontsize=11,
        x=0.01,
        ha="left",
    )


def dead_counts(anatomy: inspection.Anatomy) -> str:
    """Say how many units of each hidden layer never fire: "17 of 512, 7 of 256"."""
    return ", ".join(
        f"{len(dead)} of {layer.shape[1]}"
        for dead, layer in zip(anatomy.dead_units(), anatomy.activations)
    )


def draw_histogram(axes: Axes, values: np.ndarray, layer: int, line: str, label: str) -> None:
    """Outline how the sizes of the non-zero values spread, on a log scale."""
    sizes = np.log10(np.abs(values[values != 0]).astype(np.float64))
    if sizes.size:
        low, high = np.quantile(sizes, [0.01, 1])
        heights, edges = np.histogram(sizes, bins=60, range=(low, high), density=True)
        axes.stairs(
            heights,
            10**edges,
            color=COLOURS[layer % len(COLOURS)],
            linestyle=line,
            label=label,
        )
        axes.set_xscale("log")
