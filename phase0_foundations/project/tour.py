"""What phase 0 shows on the tour: a curved border between two moons, and digits being read.

`python -m shared.course tour` (or `make tour`) runs it and puts it on the page.
"""

import random
import time
from pathlib import Path

import numpy as np

from phase0_foundations.project import captions, figures, moons
from phase0_foundations.project.augment import MAX_SHIFT, MAX_TURN_DEGREES
from phase0_foundations.project.config import Config
from phase0_foundations.project.digits import Digits, load_digits
from phase0_foundations.project.record import read_record
from phase0_foundations.project.train import Result, train
from phase0_foundations.solution.neurons import MLP, max_margin_loss
from phase0_foundations.solution.value import topological_order
from shared.loops import Bar
from shared.pages import Figure, Stage


def stage(folder: Path) -> Stage:
    """Train both networks with their usual settings, draw, and say what one sees."""
    return show(folder, Config(name="mlp"), moons.Config().steps)


def show(folder: Path, config: Config, moon_steps: int, digits: Digits | None = None) -> Stage:
    """Do what `stage` does with settings of one's own.

    Args:
        folder: where runs and figures go.
        config: of the digits' network.
        moon_steps: training steps on the two moons.
        digits: the images; by default those that `config.data` names.
    """
    border = show_moons(folder, moon_steps)
    digits = digits or load_digits(config.data)
    result = train(config, digits, root=folder)
    print(result.headline)
    record = read_record(result.path, digits)
    paths = figures.draw_all(record, result.path)
    titles = {
        "curves": "How it learned",
        "confusion": "What it confuses",
        "mistakes": "The hardest images",
        "weights": "What the first layer looks for",
        "anatomy": "Inside the layers",
    }
    shown = [
        Figure(paths[name], title, getattr(captions, name)(record))
        for name, title in titles.items()
    ]
    return Stage(
        title="Phase 0: an autograd engine that reads handwriting",
        headline=result.headline,
        paragraphs=paragraphs(result, record.config),
        figures=[border, *shown],
        numbers=numbers(result),
        next_step="make phase0-test",
    )


def paragraphs(result: Result, config: Config) -> list[str]:
    """What was done, before the figures."""
    layers = " and ".join(map(str, config.hidden))
    moved = (
        f"Each training image was turned by up to {MAX_TURN_DEGREES:.0f} degrees and shifted by "
        f"up to {MAX_SHIFT:.0%} whenever it came up, which makes more of few; no other image was. "
        if config.augment
        else ""
    )
    return [
        "Two networks were trained just now, with nothing but NumPy below them: the engine that "
        "finds the gradients, the layers, the optimiser and the data loader are the code of phase "
        "0, a few hundred lines that you will write yourself. First two moons, on an engine whose "
        "every node is a single number; then handwritten digits, on the same idea with arrays.",
        f"The digits: {result.source}. The network has hidden layers of {layers} units. "
        f"{moved}A tenth of the training images was kept aside for validation; every setting was "
        "chosen by such images, and the test images were looked at once, at the end.",
    ]


def numbers(result: Result) -> dict[str, str]:
    """The row of numbers."""
    return {
        "test accuracy": f"{result.test_accuracy:.2%}",
        "misread": f"{result.n_mistakes} of {result.n_test:,}",
        "training": f"{result.seconds:.1f} s",
        "images per second": f"{result.images_per_s:,.0f}",
        "parameters": f"{result.n_parameters:,}",
    }


def show_moons(folder: Path, steps: int) -> Figure:
    """Train the scalar engine's network on two moons and draw the border that it finds."""
    config = moons.Config(steps=steps)
    points, labels = moons.two_moons(
        config.n_points, config.noise, np.random.default_rng(config.seed)
    )
    model = MLP(2, [config.n_hidden, config.n_hidden, 1], random.Random(config.seed))
    data = points.tolist(), labels.tolist()
    began = time.perf_counter()
    with Bar("two moons", steps, unit="points", per_step=config.n_points) as bar:
        for k in range(steps):
            lr = config.lr * (1 - 0.9 * k / steps)
            loss, accuracy = moons.step(model, *data, lr, config.l2)
            bar.advance(loss=loss, accuracy=accuracy)
    seconds = time.perf_counter() - began
    scores = [model(point)[0] for point in data[0]]
    n_nodes = len(topological_order(max_margin_loss(scores, data[1], model.parameters())))
    path = folder / "moons.png"
    moons.plot_boundary(model, points, labels, path)
    caption = (
        f"{config.n_points} points on two half circles that reach into each other: no straight "
        "line can part them. The colour is the network's score, the black line is where it is 0. "
        f"After {steps} steps, {moons.accuracy(scores, data[1]):.0%} of the points are on their "
        f"side. Each step built a graph of {n_nodes:,} numbers, walked it backwards once by the "
        f"chain rule, and moved {len(model.parameters())} parameters a little downhill; all of it "
        f"took {seconds:.1f} s in plain Python."
    )
    return Figure(path, "Two moons, number by number", caption)
