"""Train a reward model: on pairs of answers, of which people preferred one, or on labelled texts.

    python -m phase3_alignment.project.reward                     # the embedded default
    python -m phase3_alignment.project.reward --preset sst2       # sentiment, for PPO
    python -m phase3_alignment.project.reward --preset helpful    # hh-rlhf, for the assistant
    python -m phase3_alignment.project.reward --resume

Everything goes to runs/phase3/<name>/: config.json, metrics.jsonl, checkpoints, curves.png,
calibration.png, results.json, and reward/, the model, which `project.score` and PPO open.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from phase3_alignment.project import calibration, comparisons, corpora, loop, models
from phase3_alignment.project.calibration import Report
from phase3_alignment.project.comparisons import EVEN, Comparisons
from phase3_alignment.project.learner import Learner
from phase3_alignment.project.policy import choose_device
from phase3_alignment.project.reward_report import describe, draw_curves, table
from phase3_alignment.project.rivals import rivals
from phase3_alignment.project.score import Judge, Reader
from phase3_alignment.solution import inject, merging, padding
from phase3_alignment.solution.adapted import sizes
from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.solution.reward_model import RewardModel, bradley_terry
from shared import cli, runs
from shared.files import write_text
from shared.texts import DataError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

REWARD = "reward"  # the model's folder in that of the run
OURS = "reward model"


@dataclass(frozen=True)
class Config:
    """What to learn from, with which body, and how."""

    preset: str = "default"
    """where the other values start from"""
    name: str = "reward"
    """folder of the run under runs/phase3"""
    model: str | None = None
    """the body: minilm, stories, a folder, a name on the hub; None is phase 1's newest model"""
    data: str = "documentation-labels"
    """pairs or labelled texts: hh-rlhf, instruct-small-pairs, sst2, a .jsonl file"""
    half: Literal["both", "first", "second"] = "both"
    """of the training prompts: so that a second model can learn from what the first did not see"""
    positive: str = "positive"
    """of labels, the class that scores high; the commonest if none is called so"""
    r: int | None = 8
    """rank of LoRA on every linear layer; None trains all weights but the table of tokens"""
    alpha: float = 16
    """strength of LoRA"""
    lr: float = 3e-3
    """greatest learning rate; it falls to 0 in a straight line"""
    epochs: int = 8
    """times through the data"""
    batch_size: int = 32
    """comparisons a step"""
    weight_decay: float = 0.01
    """AdamW's, on matrices"""
    max_length: int = 128
    """tokens of a text at most; a longer one loses its beginning"""
    looks: int = 1
    """looks at the validation part, and checkpoints, in each epoch"""
    device: str = "auto"
    """cpu, cuda, or auto"""
    seed: int = 0
    """of the new weights, dropout and the order"""
    resume: bool = False
    """go on from the newest checkpoint"""

    def __post_init__(self) -> None:
        for field in ("epochs", "batch_size", "looks"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} must be positive, got {getattr(self, field)}")
        if self.max_length < 2:
            raise ValueError(f"max_length must be 2 at least, got {self.max_length}")

    def settings(self) -> dict[str, Any]:
        """What must be the same for a run to go on."""
        return {key: value for key, value in asdict(self).items() if key != "resume"}


# Method, rate and epochs were chosen by the validation part.
PRESETS = {
    "default": Config(),
    "sst2": Config(
        preset="sst2",
        name="sst2",
        model="minilm",
        data="sst2",
        r=None,
        lr=2e-4,
        epochs=3,
        looks=2,
    ),
    "helpful": Config(
        preset="helpful",
        name="helpful",
        model="minilm",
        data="hh-rlhf",
        lr=5e-4,
        epochs=1,
        looks=4,
        max_length=256,
    ),
}


@dataclass(frozen=True)
class Parts:
    """Comparisons to learn from, to choose settings by, and to look at once."""

    train: Comparisons
    validation: Comparisons
    test: Comparisons


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Attributes:
        path: the run's folder.
        source: where the data came from.
        positive: the class whose log-odds is the score, None for pairs.
        trained: which share of the parameters was trained.
        reports: of the test part, the reward model's last.
    """

    path: Path
    source: str
    positive: str | None
    trained: str
    reports: dict[str, Report]


class RewardTask:
    """Bradley and Terry's loss on batches of comparisons of about equal length; see `loop.Task`."""

    shown = ("loss", "accuracy")

    def __init__(self, config: Config, judge: Judge, parts: Parts) -> None:
        self.config, self.judge, self.parts = config, judge, parts
        self.n_tokens = parts.train.n_tokens
        self.epoch, self.dealt = 0, self.batches(0)
        n_steps = config.epochs * len(self.dealt)
        self.learner = Learner(
            judge.model,
            config.lr,
            n_steps,
            warmup_steps=n_steps // 10,
            weight_decay=config.weight_decay,
            seed=config.seed,
        )
        self.look_every = math.ceil(len(self.dealt) / config.looks)

    def batches(self, epoch: int) -> list[Tensor]:
        """Deal out an epoch; the order follows from seed and epoch, so nothing has to be saved."""
        generator = torch.Generator().manual_seed(1000 * self.config.seed + epoch)
        return comparisons.batches(self.n_tokens, self.config.batch_size, generator)

    def step(self) -> dict[str, float]:
        """Learn from the next batch."""
        epoch, i = divmod(self.learner.done - 1, len(self.dealt))
        if epoch != self.epoch:
            self.epoch, self.dealt = epoch, self.batches(epoch)
        self.judge.model.train()
        chosen, rejected = compare(self.judge.model, self.parts.train, self.dealt[i])
        loss = bradley_terry(chosen, rejected)
        lr = self.learner.optimizer.param_groups[0]["lr"]
        return {
            "loss": loss.item(),
            "accuracy": calibration.right(chosen, rejected).mean().item(),
            "lr": lr,
            "grad_norm": self.learner.descend(loss),
        }

    def look(self) -> dict[str, Any]:
        """Check the validation part."""
        part = self.parts.validation
        scores = calibration.score(self.judge.model, part.ids)
        loss, found = bradley_terry(*part.sides(scores)).item(), part.judged(scores)
        return {
            "val_loss": loss,
            "val_accuracy": found.accuracy,
            "val_calibration_error": found.calibration_error,
            "says": f"validation loss {loss:.4f} nats, accuracy {found.accuracy:.1%}",
        }

    def state(self) -> dict[str, Any]:
        """Return nothing: the step says it all."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on."""


def compare(model: RewardModel, part: Comparisons, numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Score both sides of these comparisons in one batch; two times (B,), EVEN as 0."""
    better, worse = part.better[numbers], part.worse[numbers]
    asked = torch.cat([better, worse])
    asked = asked[asked != EVEN]
    ids, mask = padding.right([part.ids[i] for i in asked], value=0)
    device = model.head.weight.device
    scores = model(ids.to(device), mask.to(device))
    everyone = scores.new_zeros(len(part.ids) + 1).index_put((asked.to(device),), scores)
    return everyone[better], everyone[worse]


# -- a run ----------------------------------------------------------------------------------------


def train(config: Config, root: Path = runs.RUNS) -> Result:
    """Train as the config says, and check the model against its rivals.

    Raises:
        KeyboardInterrupt: Ctrl-C, after everything is saved.
        shared.runs.RunError: there is nothing to resume, or it had other settings.
        ValueError: there is no such model or data, or they do not fit.
    """
    corpus = comparisons.with_validation(comparisons.half(corpora.load(config.data), config.half))
    records = (corpus.train, corpus.validation, corpus.test)
    if not all(records):
        raise DataError(
            f"{config.data} is too small: to learn, to choose and to test need some each"
        )
    judge, source = new_judge(config, comparisons.positive_class(corpus, config.positive), root)
    parts = Parts(
        *(comparisons.compare(part, corpus.names, judge.positive, judge.reader) for part in records)
    )
    trained = inject.summary(judge.model)
    print(f"model: {source}; {trained}")
    print(describe(judge.positive, *map(len, records)))
    run, saved = loop.open_run(config.name, config.settings(), config.resume, root)
    with run:
        loop.fit(RewardTask(config, judge, parts), run, saved)
    merging.unload(judge.model.backbone)
    judge.save(run.path / REWARD)
    reports = check(Judge.load(run.path / REWARD), parts)
    result = Result(run.path, corpus.source, judge.positive, trained, reports)
    finish(result)
    return result


def new_judge(config: Config, positive: str | None, root: Path = runs.RUNS) -> tuple[Judge, str]:
    """Load the body and put an untrained head on it; also say where the body is from."""
    found = open_body(config.model, root)
    body = found.model.float()
    reader = Reader(found.tokenizer, min(config.max_length, body.config.max_position_embeddings))
    torch.manual_seed(config.seed)
    if config.r is not None:
        inject.inject(body, AdapterConfig(linear_layers(body), config.r, config.alpha))
    body.get_input_embeddings().requires_grad_(False)  # large, and few of its rows occur here
    if getattr(body, "pooler", None) is not None:
        body.pooler.requires_grad_(False)  # the head does not read it
    model = RewardModel(body, torch.Generator().manual_seed(config.seed))
    return Judge(model.to(choose_device(config.device)), reader, positive), found.source


def open_body(name: str | None, root: Path = runs.RUNS) -> models.Pretrained:
    """Find a model and leave out what makes words of its hidden states, if it has that."""
    if name is None or name == "stories":
        found = models.load_causal(name, root)
        return replace(found, model=found.model.base_model)
    return models.load_encoder(name)


def linear_layers(body: PreTrainedModel) -> tuple[str, ...]:
    """Return the full names of all linear layers that the head's input depends on."""
    return tuple(
        name
        for name, module in inject.outer_modules(body)
        if sizes(module)
        and not isinstance(module, torch.nn.Embedding)
        and not name.startswith("pooler.")
    )


def check(judge: Judge, parts: Parts) -> dict[str, Report]:
    """Check the model, as it was saved, and its rivals on the test part."""
    scores = calibration.score(judge.model, parts.test.ids)
    ours = parts.test.judged(judge.log_odds(scores))
    return {**rivals(parts.train, parts.validation, parts.test), OURS: ours}


def finish(result: Result) -> None:
    """Write the figures and results.json."""
    draw_curves(runs.read_metrics(result.path), result.path / "curves.png")
    calibration.draw(result.reports[OURS], result.path / "calibration.png")
    # Last: where it is, all is.
    write_text(result.path / "results.json", json.dumps(runs.as_json(result), indent=1))


def main(config: Config) -> None:
    """Train, and end in the table."""
    result = train(config)
    print(table(result.reports))
    print(f"model: {result.path / REWARD}; figures: {result.path}")


if __name__ == "__main__":
    cli.run(__spec__.name)
