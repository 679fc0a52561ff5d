"""Two moons: a network of scalar `Value`s learns to tell two interleaved half circles apart.

The first thing the engine does that no ruler could: the border between the classes is curved. One
step is the whole of deep learning in miniature: score every point, sum up the loss, walk back
through the graph, move each parameter against its gradient.

    python -m phase0_foundations.project.moons

writes metrics, checkpoints, `loss.png` and `boundary.png` to runs/phase0/moons/.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phase0_foundations.solution.neurons import MLP, max_margin_loss
from phase0_foundations.solution.value import Value
from shared import cli, loops, runs

GRID = 60  # points per side at which the boundary plot asks the network
CHECKPOINT_EVERY = 20  # steps


@dataclass(frozen=True)
class Config:
    """What to train on, and how."""

    n_points: int = 100
    """Points in all, half of them on each moon."""
    noise: float = 0.1
    """Standard deviation of the noise on each coordinate; the moons have radius 1."""
    n_hidden: int = 16
    """Neurons in each of the two hidden layers."""
    steps: int = 100
    """Gradient steps, each over all points."""
    lr: float = 1.0
    """Learning rate of the first step; it falls linearly to a tenth."""
    l2: float = 1e-4
    """Strength of the penalty on large weights."""
    seed: int = 0
    """Seed of the points and of the initial weights."""
    name: str = "moons"
    """The run's folder under runs/phase0/."""
    resume: bool = False
    """Go on from the run's newest checkpoint."""
    tensorboard: bool = False
    """Also write the curves for TensorBoard, to the run's folder."""

    def __post_init__(self) -> None:
        if self.n_points < 2 or self.n_hidden < 1 or self.steps < 1:
            raise ValueError("n-points must be at least 2, n-hidden and steps at least 1")


def two_moons(
    n_points: int, noise: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw points on two half circles, one opening down, one up, each reaching into the other.

    Returns:
        Points (n_points, 2), float64, and labels (n_points,): +1 on the upper moon, else -1.
    """
    labels = np.where(np.arange(n_points) % 2 == 0, 1.0, -1.0)
    angle = rng.uniform(0, np.pi, n_points)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    points = np.where(labels[:, None] > 0, upper, lower)
    return points + noise * rng.standard_normal(points.shape), labels


def accuracy(scores: Sequence[Value], labels: Sequence[float]) -> float:
    """Return the share of points whose score has the sign of their label."""
    return sum((score.data > 0) == (label > 0) for score, label in zip(scores, labels)) / len(
        labels
    )


def step(
    model: MLP, points: list[list[float]], labels: list[float], lr: float, l2: float
) -> tuple[float, float]:
    """Take one gradient step over all points; return the loss and accuracy before it."""
    parameters = model.parameters()
    scores = [model(point)[0] for point in points]
    loss = max_margin_loss(scores, labels, parameters, l2)
    for parameter in parameters:
        parameter.grad = 0.0
    loss.backward()
    for parameter in parameters:
        parameter.data -= lr * parameter.grad
    return loss.data, accuracy(scores, labels)


def open_run(config: Config, model: MLP) -> tuple[runs.Run, int]:
    """Open the run folder and return the steps done; a resumed model gets its parameters back."""
    calls = ("resume", "tensorboard")  # how the program was called changes no loss
    settings = {key: value for key, value in runs.as_json(config).items() if key not in calls}
    if not config.resume:
        return runs.start("phase0", config.name, settings), 0
    run, checkpoint = runs.resume("phase0", config.name, settings)
    for parameter, data in zip(model.parameters(), checkpoint.arrays["parameters"], strict=True):
        parameter.data = float(data)
    return run, checkpoint.step


def plot_loss(folder: Path) -> None:
    """Turn a run's metrics.jsonl into loss.png."""
    import matplotlib.pyplot as plt

    metrics = runs.read_metrics(folder)
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    steps = [record["step"] for record in metrics]
    axes.plot(steps, [record["loss"] for record in metrics], label="loss")
    axes.plot(steps, [1 - record["accuracy"] for record in metrics], label="share of errors")
    axes.set(xlabel="step", ylabel="loss, share of errors", ylim=(0, None), title="Two moons")
    axes.legend()
    figure.savefig(folder / "loss.png", dpi=120)
    plt.close(figure)


def plot_boundary(model: MLP, points: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """Colour the plane by the network's score; the line is where it cannot decide."""
    import matplotlib.pyplot as plt

    low, high = points.min(axis=0) - 0.5, points.max(axis=0) + 0.5
    xs, ys = (np.linspace(low[i], high[i], GRID) for i in range(2))
    scores = np.array([[model([x, y])[0].data for x in xs] for y in ys])
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    shown = axes.contourf(xs, ys, scores.clip(-3, 3), levels=24, cmap="RdBu", alpha=0.8)
    figure.colorbar(shown, label="score")
    axes.contour(xs, ys, scores, levels=[0], colors="black")
    for label, marker, colour in ((1, "o", "#9ecae1"), (-1, "s", "#fcae91")):
        mine = points[labels == label]
        axes.scatter(*mine.T, s=30, marker=marker, c=colour, edgecolors="black")
    axes.set(xlabel="x", ylabel="y", title="Where the network draws the line", aspect="equal")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(config: Config) -> None:
    """Train, plot, and say how well it went."""
    points, labels = two_moons(config.n_points, config.noise, np.random.default_rng(config.seed))
    model = MLP(2, [config.n_hidden, config.n_hidden, 1], random.Random(config.seed))
    run, done = open_run(config, model)
    if config.tensorboard:
        run.show_in_tensorboard(done)
    # Plain floats: arithmetic with NumPy's scalars is several times slower.
    data = points.tolist(), labels.tolist()
    bar = loops.Bar("two moons", config.steps, done=done, unit="points", per_step=config.n_points)
    with run, bar, loops.stop_on_interrupt() as interrupt:
        for k in range(done, config.steps):
            lr = config.lr * (1 - 0.9 * k / config.steps)
            loss, correct = step(model, *data, lr, config.l2)
            run.log(step=k, loss=loss, accuracy=correct, lr=lr)
            bar.advance(loss=loss, accuracy=correct)
            if (k + 1) % CHECKPOINT_EVERY == 0 or k + 1 == config.steps or interrupt:
                parameters = np.array([parameter.data for parameter in model.parameters()])
                run.save(k + 1, {"parameters": parameters}, {})
            if interrupt:
                return
    plot_loss(run.path)
    plot_boundary(model, points, labels, run.path / "boundary.png")
    right = accuracy([model(point)[0] for point in data[0]], data[1])
    print(f"{right:.0%} of the points on their side; plots in {run.path}")


if __name__ == "__main__":
    cli.run(__spec__.name)
