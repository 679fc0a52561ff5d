"""Your own scaling law: train a family of small models, fit, predict a larger one, then train it.

    python -m phase2_scaling.project.sweep
    python -m phase2_scaling.project.sweep --preset quick

The prediction is made and printed before the larger model is trained; it has four times the
parameters of any model that the law has seen. Each finished run is kept in runs/phase2/points/, so
that a sweep that is stopped goes on where it stood when it is started again, and a second sweep
takes what it can use. Results and figures go to runs/phase2/<name>/.
"""

from __future__ import annotations

import json
import math
import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from phase2_scaling.project import law_figures, own_law
from phase2_scaling.project.own_law import Exponent, Prediction
from phase2_scaling.project.recipe import HEAD_DIM, Point, Recipe, fingerprint, split, train
from phase2_scaling.solution.counting import n_parameters
from phase2_scaling.solution.law import Law
from phase2_scaling.solution.optimal import optimal_allocation
from shared import cli, data, machine, runs
from shared.files import write_text
from shared.loops import Bar, Interrupt, stop_on_interrupt
from shared.texts import Text

PHASE = "phase2"


@dataclass(frozen=True)
class Config:
    """Which models, on what, and how far ahead to predict."""

    preset: str = "default"
    """where the other values start from"""
    name: str = "sweep"
    """folder of the results under runs/phase2"""
    data: str = "python"
    """the text, read as bytes: python is the standard library's source, on every machine"""
    budgets: tuple[float, ...] = (2e10, 4e10, 8e10, 1.6e11, 3.2e11, 6.4e11)
    """C = 6 N D of the runs, a valley each"""
    widths: tuple[int, ...] = (16, 24, 32, 40, 48, 56)
    """n_embd of the models, multiples of 8; all have two layers"""
    tokens_per_param: tuple[float, float] = (8, 120)
    """a size is trained at a budget if its D / N lies between these"""
    times_larger: float = 4
    """parameters of the predicted model, in those of the largest one that is fitted"""
    times_tokens: float | None = 12
    """D / N of the predicted model; None is what the law finds best for its size"""
    processes: int = machine.usable_cores()
    """runs at a time, one core each"""
    seed: int = 0
    """of all weights, and of the order of the text"""

    def __post_init__(self) -> None:
        wrong = [width for width in self.widths if width < HEAD_DIM or width % HEAD_DIM]
        if wrong:
            raise ValueError(f"widths are multiples of {HEAD_DIM}, got {wrong[0]}")
        if self.times_larger <= 1:
            raise ValueError(f"times_larger must be above 1, got {self.times_larger}")
        if self.times_tokens is not None and self.times_tokens <= 0:
            raise ValueError(f"times_tokens must be positive, got {self.times_tokens}")
        if self.processes < 1:
            raise ValueError(f"processes must be positive, got {self.processes}")
        if len(self.recipes("")) < 6:
            raise ValueError(
                f"these widths and budgets give {len(self.recipes(''))} runs; a law needs 6"
            )

    def recipes(self, data: str) -> list[Recipe]:
        """The runs to fit, the longest first, so that no core waits for it at the end."""
        low, high = self.tokens_per_param
        sizes = {width: n_parameters(Recipe(width, 1, "").config) for width in self.widths}
        chosen = [
            Recipe(width, int(budget / (6 * n)), data, self.seed)
            for budget in self.budgets
            for width, n in sizes.items()
            if low <= budget / (6 * n) / n <= high
        ]
        return sorted(chosen, key=lambda r: r.n_tokens * sizes[r.width], reverse=True)


PRESETS = {
    "default": Config(),
    "quick": Config(
        preset="quick",
        name="sweep-quick",
        budgets=(2e10, 4e10, 8e10, 1.6e11),
        widths=(8, 16, 24),
        tokens_per_param=(12, 180),
    ),
}


@dataclass(frozen=True)
class Result:
    """What came out.

    Attributes:
        path: folder of the results.
        source: where the text came from.
        law: fitted to `points`.
        points: the runs behind the law.
        prediction: of the target's loss, made before it was trained.
        target: the run that was predicted.
        exponents: of N_opt in C, by several ways of counting.
    """

    path: Path
    source: str
    law: Law
    points: list[Point]
    prediction: Prediction
    target: Point
    exponents: list[Exponent]

    @property
    def error(self) -> float:
        """Predicted over measured loss, less 1."""
        return self.prediction.loss / self.target.loss - 1

    @property
    def headline(self) -> str:
        """The result in one line."""
        return (
            f"predicted {self.prediction.loss:.3f}, measured {self.target.loss:.3f} nats per byte "
            f"({self.error:+.1%}) for {self.target.n_params:,} parameters, from models of at most "
            f"{max(point.n_params for point in self.points):,}"
        )


def sweep(config: Config, root: Path = runs.RUNS) -> Result:
    """Train what is not trained yet, fit, predict, train the target, compare and draw.

    Raises:
        KeyboardInterrupt: Ctrl-C; every finished run is kept.
        ValueError: there is no such text, or the runs give no law.
    """
    text = data.load(config.data)
    if not isinstance(text, Text):
        raise ValueError(f"{config.data} is no text")
    content = text.text.encode()
    recipes = config.recipes(fingerprint(content))
    folder = root / PHASE / "points"
    points = train_all(recipes, content, folder, config.processes)
    law = own_law.numbers(points).fit()
    target = larger(config, law, points)
    prediction = own_law.predict(points, law, *size_of(target))
    print(told(law, target, prediction))
    (reached,) = train_all([target], content, folder, processes=1)
    path = root / PHASE / config.name
    ways = own_law.exponents(points)
    result = Result(path, text.source, law, points, prediction, reached, ways)
    path.mkdir(parents=True, exist_ok=True)
    write_text(path / "results.json", json.dumps(runs.as_json(asdict(result)), indent=1))
    law_figures.draw_all(result, path)
    return result


def read_result(path: Path) -> Result:
    """A finished sweep, from its results.json.

    Raises:
        OSError: there is none.
    """
    kept = json.loads((path / "results.json").read_text(encoding="utf-8"))
    return Result(
        path=path,
        source=kept["source"],
        law=Law(**kept["law"]),
        points=[Point.from_json(point) for point in kept["points"]],
        prediction=Prediction(**kept["prediction"]),
        target=Point.from_json(kept["target"]),
        exponents=[Exponent(**exponent) for exponent in kept["exponents"]],
    )


def larger(config: Config, law: Law, points: Sequence[Point]) -> Recipe:
    """The narrowest model with enough parameters, and the tokens that it is to read."""
    wanted = config.times_larger * max(point.n_params for point in points)
    width = HEAD_DIM
    while (n := n_parameters(Recipe(width, 1, "").config)) < wanted:
        width += HEAD_DIM
    n_tokens = int(config.times_tokens * n) if config.times_tokens else best_tokens(law, n)
    return Recipe(width, n_tokens, points[0].recipe.data, config.seed)


def best_tokens(law: Law, n_params: float) -> int:
    """The D at which N parameters are the best use of 6 N D operations, by bisection."""
    low, high = 1e6, 1e30
    while high / low > 1 + 1e-9:
        middle = math.sqrt(low * high)
        low, high = (
            (middle, high) if optimal_allocation(law, middle)[0] < n_params else (low, middle)
        )
    return int(optimal_allocation(law, low)[1])


def size_of(recipe: Recipe) -> tuple[int, int]:
    """N and D."""
    return n_parameters(recipe.config), recipe.n_tokens


def told(law: Law, target: Recipe, prediction: Prediction) -> str:
    """The law, and what it says of a model that does not exist yet."""
    n, d = size_of(target)
    return (
        f"the law: L = {law.E:.3f} + {law.A:.4g} / N^{law.alpha:.3f} + "
        f"{law.B:.4g} / D^{law.beta:.3f} nats per byte\n"
        f"prediction: {prediction.loss:.3f} ({prediction.low:.3f} to {prediction.high:.3f}) for "
        f"{n:,} parameters on {d:,} bytes, which is now trained"
    )


# -- several runs at a time ---------------------------------------------------------------------


def train_all(
    recipes: Sequence[Recipe], content: bytes, folder: Path, processes: int
) -> list[Point]:
    """Train the recipes of which no point is kept yet, and return the points of all.

    Raises:
        KeyboardInterrupt: Ctrl-C; what was finished is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    left = [recipe for recipe in recipes if Point.read(recipe, folder) is None]
    if len(left) < len(recipes):
        print(f"{len(recipes) - len(left)} of {len(recipes)} runs are in {folder} already")
    if not left:
        return [Point.read(recipe, folder) for recipe in recipes]
    tokens = sum(recipe.n_tokens for recipe in left)
    with stop_on_interrupt() as stop, Bar("training", tokens, unit="bytes") as bar:
        for point in _finished(left, content, processes, stop):
            point.write(folder)
            bar.advance(point.recipe.n_tokens, loss=point.loss)
    if stop:
        print("stopped; finished runs are kept, start again to go on")
        raise KeyboardInterrupt
    return [Point.read(recipe, folder) for recipe in recipes]


def _finished(
    recipes: Sequence[Recipe], content: bytes, processes: int, stop: Interrupt
) -> Iterator[Point]:
    """Yield points as they get done, until all are or `stop` is true; then end the workers."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(processes, len(recipes)), _begin, (content,)) as pool:
        points = pool.imap_unordered(_train_one, recipes)
        n_left = len(recipes)
        while n_left and not stop:
            with suppress(multiprocessing.TimeoutError):
                yield points.next(timeout=0.2)
                n_left -= 1


_parts: tuple[torch.Tensor, torch.Tensor]


def _begin(content: bytes) -> None:
    """Give a worker its text and one core."""
    import signal

    global _parts
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is heard by the process that waits
    torch.set_num_threads(1)
    _parts = split(content)


def _train_one(recipe: Recipe) -> Point:
    return train(recipe, *_parts)


def main(config: Config) -> None:
    """Run the sweep, and say what it found."""
    result = sweep(config)
    for exponent in result.exponents:
        print(f"N_opt grows with C to the {exponent.value:.2f}: {exponent.way}")
    print(result.headline)
    print(f"figures: {result.path}")


if __name__ == "__main__":
    cli.run(__spec__.name)
