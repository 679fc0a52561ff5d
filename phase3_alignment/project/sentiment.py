"""Stories that end well: the sentiment of a story teller, steered by PPO and by DPO, seed by seed.

    python -m phase3_alignment.project.sentiment
    python -m phase3_alignment.project.sentiment --model openai-community/gpt2 --seeds 0
    python -m phase3_alignment.project.sentiment --resume

The classic of Ziegler et al. 2019 (arXiv:1909.08593). A judge that was trained on SST-2 reads how
the model goes on with the beginnings of texts. Every run is one of `project.align`, with its folder
runs/phase3/<name>-<method>-<seed>/; the table and the figure of all are in runs/phase3/<name>/.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from phase3_alignment.project import align, loop, reward
from phase3_alignment.project.align import Row
from shared import cli, runs
from shared.drawing import COLOURS, GREY, write_figure
from shared.files import write_text
from shared.runs import RUNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Method = Literal["ppo", "grpo", "dpo"]
JUDGE = reward.PRESETS["sst2"]
RESULTS = "results.json"


@dataclass(frozen=True)
class Config:
    """Who tells stories, and how often the experiment is made."""

    model: str = "stories"
    """the base: stories, a folder, a name on the hub"""
    reward: Path | None = None
    """folder of the judge; by default that of `reward --preset sst2`, trained if it is not there"""
    methods: tuple[Method, ...] = ("ppo", "dpo")
    """how to learn from it, one after the other"""
    seeds: tuple[int, ...] = (0, 1, 2)
    """a run of each method with each of these"""
    n_steps: int = 60
    """batches of responses in a run"""
    entropy_coef: float = 0.04
    """PPO's reward for a nat of entropy; without it the stories please, and become one story"""
    n_test: int = 128
    """prompts that are kept for looking"""
    name: str = "sentiment"
    """beginning of all folders under runs/phase3"""
    device: str = "auto"
    """cpu, cuda, or auto, which takes a GPU where there is one"""
    resume: bool = False
    """keep finished runs, and go on with one that has stopped"""

    def __post_init__(self) -> None:
        if not self.methods or not self.seeds:
            raise ValueError("name a method and a seed at least")

    def run(self, method: Method, seed: int, judge: Path) -> align.Config:
        """The settings of one run."""
        return align.Config(
            reward=judge,
            method=method,
            model=self.model,
            n_steps=self.n_steps,
            entropy_coef=self.entropy_coef,
            n_test=self.n_test,
            seed=seed,
            device=self.device,
            name=f"{self.name}-{method}-{seed}",
        )


@dataclass(frozen=True)
class Result:
    """One run: its base, the best of n of the base, and the policy."""

    method: Method
    seed: int
    rows: tuple[Row, Row, Row]


def find_judge(config: Config, root: Path = RUNS) -> Path:
    """Return the judge's folder; train it where there is none yet.

    Raises:
        shared.texts.DataError: it has to be trained, and its body or data cannot be had.
    """
    if config.reward is not None:
        return config.reward
    folder = root / loop.PHASE / JUDGE.name
    if not (folder / RESULTS).is_file():
        begun = runs.has_begun(folder)
        reward.main(replace(JUDGE, device=config.device, resume=begun and config.resume))
    return folder / reward.REWARD


def steer(config: Config, root: Path = RUNS) -> list[Result]:
    """Make all runs; return what came out of each.

    Raises:
        KeyboardInterrupt: Ctrl-C, after everything is saved.
        ValueError: model, judge or data cannot be had.
    """
    judge = find_judge(config, root)
    results = []
    for method in config.methods:
        for seed in config.seeds:
            how = config.run(method, seed, judge)
            print(f"\n{how.name}", flush=True)
            rows = finished(how, root) if config.resume else None
            if rows is None:
                begun = runs.has_begun(root / loop.PHASE / how.name)
                rows = align.align(replace(how, resume=config.resume and begun), root)
            results.append(Result(method, seed, tuple(rows)))
    path = root / loop.PHASE / config.name
    path.mkdir(parents=True, exist_ok=True)
    write_text(path / RESULTS, json.dumps([asdict(result) for result in results], indent=1))
    draw(results, path / "sentiment.png")
    return results


def finished(config: align.Config, root: Path) -> list[Row] | None:
    """Return the rows of a run that has ended, if it had these settings."""
    path = root / loop.PHASE / config.name
    ended = (path / RESULTS).is_file() and runs.was_started_with(path, config.settings())
    if not ended:
        return None
    return [Row(**row) for row in json.loads((path / RESULTS).read_text(encoding="utf-8"))]


def table(results: Sequence[Result]) -> str:
    """Lay all runs out for a terminal, below the base and its best of n.

    The base is the same for all: the same prompts, and the same luck.
    """
    base, best, _ = results[0].rows
    named = [("base", base), (best.name, best)]
    named += [(f"{result.method}, seed {result.seed}", result.rows[2]) for result in results]
    head = f"{'':14}{'positive':>9}{'KL, nats':>10}{'distinct':>10}{'of the base':>13}"
    return "\n".join([head, *(line(name, row, base) for name, row in named)])


def line(name: str, row: Row, base: Row) -> str:
    """One row; what was not measured is a dash."""
    distinct = "-" if row.distinct is None else f"{row.distinct:.2f}"
    share = "-" if row.distinct is None else f"{row.distinct / base.distinct:.0%}"
    return f"{name:14}{row.probability:>9.3f}{row.kl:>10.2f}{distinct:>10}{share:>13}"


def draw(results: Sequence[Result], path: Path) -> Path:
    """Draw every run as a line from its base to its policy, and the best of n, as a PNG."""

    def fill(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for i, method in enumerate(dict.fromkeys(result.method for result in results)):
            for k, result in enumerate(r for r in results if r.method == method):
                base, _, policy = result.rows
                label = method.upper() if k == 0 else None
                style = {"color": COLOURS[i], "marker": "o", "ms": 4, "label": label}
                x = [base.kl, policy.kl]
                left.plot(x, [base.probability, policy.probability], **style)
                right.plot(x, [base.distinct, policy.distinct], **style)
        best = results[0].rows[1]
        left.plot(best.kl, best.probability, "s", color=GREY, ms=5, label=best.name)
        left.set(ylabel="probability of positive, mean", title="What was gained")
        right.set(ylabel="distinct pairs of words, share", title="What it cost in variety")
        for axes in (left, right):
            axes.set_xlabel("KL from the base (nats per response)")
        left.legend()

    return write_figure(path, (9, 3.8), fill)


def main(config: Config) -> None:
    """Make all runs, and print the table."""
    results = steer(config)
    print()
    print(table(results))
    print(f"table and figure: {runs.RUNS / loop.PHASE / config.name}")


if __name__ == "__main__":
    cli.run(__spec__.name)
