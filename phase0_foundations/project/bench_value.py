"""How fast the scalar engine takes a step of the moons demo, against the `micrograd` package.

The work: one forward and backward pass of an MLP 2-16-16-1 over 100 points, max-margin loss with
L2, as in micrograd's own demo. Measured twice: as a user runs it, and with Python's garbage
collector off on both sides, which hides the cost of micrograd's reference cycles.
Run `make phase0-bench`, or `python -m phase0_foundations.project.bench_value` for these rows alone.
"""

import importlib.util
import random
from collections.abc import Callable

import numpy as np

from phase0_foundations.project.moons import two_moons
from phase0_foundations.solution.neurons import MLP, max_margin_loss
from shared.bench import Contender, Row, interleave

L2 = 1e-4
TURNS = 7

Points = list[list[float]]
Labels = list[float]


def ours(points: Points, labels: Labels) -> Callable[[], float]:
    """Return a forward and backward pass with `Value`."""
    model = MLP(2, [16, 16, 1], random.Random(0))

    def step() -> float:
        parameters = model.parameters()
        loss = max_margin_loss([model(x)[0] for x in points], labels, parameters, L2)
        for parameter in parameters:
            parameter.grad = 0.0
        loss.backward()
        return loss.data

    return step


def with_micrograd(points: Points, labels: Labels) -> Callable[[], float]:
    """Return the same pass as micrograd's demo notebook writes it."""
    from micrograd import nn
    from micrograd.engine import Value

    random.seed(0)  # micrograd draws its weights from the global generator
    model = nn.MLP(2, [16, 16, 1])

    def step() -> float:
        scores = [model([Value(x) for x in point]) for point in points]
        losses = [(1 + -label * score).relu() for label, score in zip(labels, scores)]
        penalty = L2 * sum(p * p for p in model.parameters())
        loss = sum(losses) * (1.0 / len(losses)) + penalty
        model.zero_grad()
        loss.backward()
        return loss.data

    return step


def rows() -> list[Row]:
    """Time both, with and without the garbage collector."""
    points, labels = (array.tolist() for array in two_moons(100, 0.1, np.random.default_rng(0)))
    contenders = [Contender("ours", ours(points, labels))]
    if importlib.util.find_spec("micrograd"):
        contenders.append(Contender("micrograd", with_micrograd(points, labels)))
    return [
        _row("0-scalar", "moons step, scalar engine", contenders, collector=True, goal=8.0),
        _row("0-scalar-nogc", "moons step, collector off", contenders, collector=False, goal=3.0),
    ]


def _row(id: str, what: str, contenders: list[Contender], collector: bool, goal: float) -> Row:
    times = interleave(contenders, turns=TURNS, collector=collector)
    peer = times.get("micrograd")
    return Row.compare(
        id,
        what,
        "ms",
        1e3 * times["ours"].median,
        "micrograd",
        1e3 * peer.median if peer else None,
        higher_is_better=False,
        goal=goal,
        runs=TURNS,
    )


if __name__ == "__main__":
    for row in rows():
        print(row)
