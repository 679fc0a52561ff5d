"""Two judges for the reward-hacking runs: gold stands for people, the proxy learns from gold.

Gao, Schulman, Hilton 2022 (arXiv:2210.10760), section 2: people are too dear to be asked at every
step, so a large reward model stands for them. What is optimised is another, smaller one, trained on
a limited number of gold's choices between two responses. Gold can then be asked how much of a gain
is real.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from phase3_alignment.project import calibration, corpora, loop, outcome, reward
from phase3_alignment.project.comparisons import Comparisons
from phase3_alignment.project.policy import Policy
from phase3_alignment.project.records import opening
from phase3_alignment.project.reward import REWARD, Parts, RewardTask
from phase3_alignment.project.score import Judge, Reader
from phase3_alignment.project.situations import Situation
from phase3_alignment.solution import merging
from shared import data, runs
from shared.files import write_text

RESULTS = "results.json"
N_FRESH = 256  # pairs on which the proxy is checked; it does not learn from them
DOCUMENT_END = "<|endoftext|>"
PREFERRED = "preferred by gold"


@dataclass(frozen=True)
class Scene:
    """The same prompts before two judges, whose scores have mean 0 and deviation 1 at the base.

    Attributes:
        gold, proxy: the situations.
        base: responses of the base to every test prompt, `best_of` each.
        base_gold, base_proxy: (P, best_of), their scores.
    """

    gold: Situation
    proxy: Situation
    base: tuple[str, ...]
    base_gold: Tensor
    base_proxy: Tensor


def find_texts(name: str) -> list[str]:
    """Load texts: those of a corpus with labels, or the documents of a text."""
    if name in corpora.DATASETS:
        return [opening(record) for record in corpora.load(name).train]
    return [text.strip() for text in data.load(name).text.split(DOCUMENT_END)]


def judged_by(place: Situation, judge: Judge) -> Situation:
    """Return the same prompts with a judge who reads prompt and response together."""

    def score(numbers: Sequence[int], responses: Sequence[str]) -> Tensor:
        return judge.texts([place.prompt(i) + said for i, said in zip(numbers, responses)])

    return replace(place, score=score)


def on_one_scale(judge: Judge, scores: Tensor) -> Tensor:
    """Let a judge's scores from now on be such that these have mean 0 and variance 1; return them.

    Args:
        judge: gave the scores.
        scores: (N,).
    """
    judge.model.normalise(scores)
    return (scores - scores.mean()) / scores.std(correction=0)


def open_gold(
    folder: Path | None, body: str | None, name: str, resume: bool, root: Path = runs.RUNS
) -> Judge:
    """Open a judge of texts, or train one on the embedded documentation.

    Args:
        folder: of the reward model; None trains one as `project.reward` does by default.
        body: of that one, as `--model` takes it.
        name: folder of its run under runs/phase3.
        resume: whether to take what is there already.
        root: folder of all runs.

    Raises:
        FileNotFoundError: there is no reward model in the folder.
        ValueError: it compares answers, and here texts are judged.
    """
    if folder is None:
        path = root / loop.PHASE / name
        begun = resume and runs.has_begun(path)
        if not (begun and (path / RESULTS).is_file()):
            reward.train(reward.Config(name=name, model=body, resume=begun), root)
        folder = path / REWARD
    judge = Judge.load(folder)
    if judge.positive is None:
        raise ValueError(f"{folder} compares answers; gold must judge texts, as that of sst2 does")
    return judge


def label(texts: Sequence[str], scores: Tensor, reader: Reader) -> Comparisons:
    """Let gold choose between texts 0 and 1, 2 and 3, ...; where it is undecided, nothing is said.

    Args:
        texts: 2 M of them.
        scores: (2 M,), gold's.
        reader: the proxy's.
    """
    one, other = scores.view(-1, 2).unbind(1)
    numbers = torch.arange(len(texts)).view(-1, 2)[one != other]
    numbers = numbers.where((one > other)[one != other, None], numbers.flip(1))
    return Comparisons(tuple(texts), tuple(map(reader.text, texts)), *numbers.unbind(1))


@dataclass(frozen=True)
class Questions:
    """Pairs of responses that gold is asked about.

    Attributes:
        place: prompts, judged by gold.
        base: who responds: the model from which all policies start.
        n_train: prompts, the first ones, that may be used.
        max_new_tokens: of a response.
    """

    place: Situation
    base: Policy
    n_train: int
    max_new_tokens: int

    def ask(self, n: int, seed: int) -> tuple[list[str], Tensor]:
        """Let the base respond twice to each of n prompts; return (2 n) texts and gold's scores."""
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randint(self.n_train, (n, 1), generator=generator)
        numbers = drawn.expand(-1, 2).flatten().tolist()
        seen = outcome.measure(self.base, self.place, numbers, self.max_new_tokens, seed=seed + 1)
        return [self.place.prompt(i) + t for i, t in zip(numbers, seen.responses)], seen.scores


def train_proxy(
    config: reward.Config,
    questions: Questions,
    n_labels: int,
    asked: dict[str, object],
    root: Path = runs.RUNS,
) -> Judge:
    """Train the proxy on pairs of the base's responses, of which gold prefers one.

    Args:
        config: of the training; `data` is not used, `resume` keeps what is finished.
        questions: that gold is asked.
        n_labels: how many of them the proxy learns from.
        asked: what the questions depend on; a run goes on only if it is the same.
        root: folder of all runs.
    """
    settings = config.settings() | asked | {"n_labels": n_labels}
    path = root / loop.PHASE / config.name
    if config.resume and is_finished(path, settings):
        print(describe(json.loads((path / RESULTS).read_text(encoding="utf-8"))))
        return Judge.load(path / REWARD)
    judge, source = reward.new_judge(config, PREFERRED, root)
    texts, scores = questions.ask(n_labels + N_FRESH, config.seed)
    known = label(texts[: 2 * n_labels], scores[: 2 * n_labels], judge.reader)
    fresh = label(texts[2 * n_labels :], scores[2 * n_labels :], judge.reader)
    begun = config.resume and runs.has_begun(path)
    run, saved = loop.open_run(config.name, settings, begun, root)
    with run:
        loop.fit(RewardTask(config, judge, Parts(known, fresh, fresh)), run, saved)
    merging.unload(judge.model.backbone)
    judge.save(path / REWARD)
    found = {
        "source": source,
        "n_labels": len(known),
        "n_fresh": len(fresh),
        "accuracy": fresh.judged(calibration.score(judge.model, fresh.ids)).accuracy,
    }
    write_text(path / RESULTS, json.dumps(found, indent=1))
    print(describe(found))
    return judge


def describe(found: dict[str, object]) -> str:
    """Say how good the proxy is."""
    return (
        f"proxy: {found['source']}, from {found['n_labels']} of gold's choices; it agrees with "
        f"gold on {found['accuracy']:.0%} of {found['n_fresh']} others"
    )


def is_finished(path: Path, settings: dict[str, object]) -> bool:
    """Say whether a run of these settings has come to its end."""
    return (path / RESULTS).is_file() and runs.was_started_with(path, settings)
