"""What one sees in the figures, in words, with the numbers of the run that drew them."""

from __future__ import annotations

import math

import numpy as np

from phase0_foundations.project import inspection
from phase0_foundations.project.digits import N_CLASSES
from phase0_foundations.project.draw import SMOOTHED_STEPS
from phase0_foundations.project.record import Record

SURE = 0.9  # a probability from which on the network may be called sure
VISIBLE_ORDER = 0.2  # a correlation of neighbouring weights that looks like something
NAMED_UNITS = 12  # of the dead ones; more are counted


def curves(record: Record) -> str:
    """The loss and accuracy curves."""
    config, last = record.config, record.looks[-1]
    losses = [step["loss"] for step in record.steps]
    final = float(np.mean(losses[-SMOOTHED_STEPS:]))
    text = (
        "Each pale line is one batch, the dark one a running mean. A network that gives every "
        f"digit the same chance pays ln 10 = {math.log(N_CLASSES):.2f} nats per image; this one "
        f"began at {losses[0]:.2f}, no better than a guess, and came down to {final:.3f}. "
        "Of the validation images, which the weights were never fitted to, it ended with "
        f"{last['val_accuracy']:.1%} right, and with {last['train_accuracy']:.1%} of as many "
        "training images. "
    )
    gap = 100 * (last["train_accuracy"] - last["val_accuracy"])
    if gap >= 0.1:
        text += f"The gap of {gap:.1f} points is what it knows by heart and not by understanding. "
    else:
        text += "There is no gap: what it learned holds for images that it never saw. "
    if config.augment and final > last["val_loss"]:
        text += (
            "That the validation loss is the lower one is no miracle: only training images are "
            "turned and shifted, and only in training are units dropped. Practice is harder than "
            "the exam."
        )
    return text


def confusion(record: Record) -> str:
    """The confusion matrix."""
    counts = record.confusion
    totals, right = counts.sum(axis=1), np.diag(counts)
    n_wrong = int((totals - right).sum())
    text = (
        "A row for what was written, a column for what was read; what is right stands on the "
        f"diagonal. The {counts.sum():,} test images were looked at once, after everything was "
        "decided. "
    )
    if not n_wrong:
        return text + "Not one of them was misread."
    true, read, times = inspection.commonest_confusion(counts)
    hardest = int((right / totals).argmin())
    commonest = (
        f"The commonest confusion: a {true} taken for a {read}, {times} times"
        if times > 1
        else f"No confusion happened twice; one of them is a {true} taken for a {read}"
    )
    return text + (
        f"{count(n_wrong, 'was', 'were')} misread. {commonest}. The hardest digit was the "
        f"{hardest}, with {totals[hardest] - right[hardest]} of {totals[hardest]} misread."
    )


def mistakes(record: Record) -> str:
    """The hardest test images."""
    probabilities, labels = record.test_probabilities, record.digits.test_y
    read = probabilities.argmax(axis=1)
    wrong = read != labels
    worst = record.hardest[0]
    if not wrong.any():
        return (
            "Nothing was misread, so these are the closest calls: the images to whose true digit "
            f"the network gave the least. The first, a {labels[worst]}, got "
            f"{probabilities[worst, labels[worst]]:.0%}."
        )
    sure = int((probabilities[wrong].max(axis=1) > SURE).sum())
    return (
        f"Would you have done better? At the front stands a {labels[worst]} that was read as a "
        f"{read[worst]}, with {probabilities[worst, read[worst]]:.0%} on the wrong answer and "
        f"{probabilities[worst, labels[worst]]:.2g} as the probability of the right one. "
        + (
            f"Sure and right are two things: {sure} of the "
            f"{count(int(wrong.sum()), 'mistake', 'mistakes')} came with more than {SURE:.0%} "
            "confidence."
            if sure
            else f"No mistake came with more than {SURE:.0%} confidence: where it erred, it "
            "hesitated."
        )
    )


def weights(record: Record) -> str:
    """The first layer's weights."""
    shape = record.digits.train_x.shape[1:]
    first = record.untrained.layers[0].weight.data
    before = round(inspection.neighbour_correlation(first, shape), 2) + 0.0  # never "-0.00"
    after = inspection.neighbour_correlation(record.first_weights, shape)
    text = (
        f"Each tile is one unit: its {record.digits.n_pixels} weights, each in the place of the "
        "pixel that it weighs. Ink on purple wakes the unit, ink on orange silences it. Nobody "
        "told the network which pixels are neighbours. Before training, the weights of two pixels "
        f"side by side had nothing to do with each other (their correlation was {before:.2f}); "
        f"now it is {after:.2f}. "
    )
    if after > VISIBLE_ORDER:
        return text + "What you see as strokes and edges, gradient descent has found by itself."
    return text + (
        "That is too little for the eye. Where images have more pixels, as MNIST's do, strokes and "
        "edges appear here, and nobody drew them."
    )


def anatomy(record: Record) -> str:
    """Activations, gradients and dead units."""
    before, after = record.before, record.after
    rms = [float(np.sqrt(np.mean(layer**2))) for layer in before.activations]
    sizes = [
        np.median([np.median(np.abs(g[g != 0])) for g in a.gradients]) for a in (before, after)
    ]
    return (
        "Left, what comes out of the ReLUs wherever it is not 0. Before training (dashed) the "
        f"layers' outputs have the root mean squares {' and '.join(f'{r:.2f}' for r in rms)}: "
        "Kaiming's initialisation hands the signal on at the size at which it came. Right, the "
        "gradients of the weights: their median is "
        f"{sizes[0] / sizes[1]:,.0f} times smaller after training, as there is little left to "
        f"mend. {dead_units(record)}"
    )


def dead_units(record: Record) -> str:
    """Name the units that never fire."""
    anatomy = record.after
    silence = " and ".join(f"{share:.0%}" for share in anatomy.silence())
    text = (
        f"A ReLU gives 0 for every negative input, here in {silence} of all cases, layer by layer; "
        f"one that gives 0 for each of {anatomy.n_images:,} images is dead: no gradient passes "
        "through it, so it cannot come back. "
    )
    for number, dead in enumerate(anatomy.dead_units(), start=1):
        if not len(dead):
            text += f"In layer {number} there is none. "
            continue
        named = ", ".join(map(str, dead[:NAMED_UNITS]))
        more = f" and {len(dead) - NAMED_UNITS} more" if len(dead) > NAMED_UNITS else ""
        text += (
            f"In layer {number}: {len(dead)} of {anatomy.activations[number - 1].shape[1]} "
            f"(number {named}{more}). "
        )
    return text.rstrip()


def count(n: int, one: str, many: str) -> str:
    """Put a number before a word: "1 time", "8 times"."""
    return f"{n:,} {one if n == 1 else many}"
