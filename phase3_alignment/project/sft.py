"""Supervised fine-tuning: from a model that continues text to one that answers and then stops.

    python -m phase3_alignment.project.sft
    python -m phase3_alignment.project.sft --model stories --data instruct-small
    python -m phase3_alignment.project.sft --model openai-community/gpt2 --data dolly --lr 2e-4
    python -m phase3_alignment.project.sft --no-lora
    python -m phase3_alignment.project.sft --resume

Step 1 of Ouyang et al. 2022 (arXiv:2203.02155, section 3.5). Everything goes to
runs/phase3/<name>/: config.json, metrics.jsonl, curves.png, samples.html, results.json, adapter/
(opens with peft) and hf/ (opens with transformers, and with --model of the other programs).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from phase3_alignment.project import curves, demonstrations, loop, policy, samples
from phase3_alignment.project.demonstrations import Demonstrations
from phase3_alignment.project.fine_tuning import Evaluation, Exam, FineTuning, evaluate, make_exam
from phase3_alignment.project.learner import Learner
from phase3_alignment.project.policy import Policy
from phase3_alignment.project.samples import Sample
from phase3_alignment.solution import inject
from phase3_alignment.solution.adapter_config import AdapterConfig
from shared import cli
from shared.files import write_text
from shared.runs import RUNS, as_json

LONGEST_ROW = 256  # tokens of a row, unless more are asked for
LR_ADAPTER, LR_WHOLE = 5e-3, 1e-3  # for a few million parameters; GPT-2 wants 2e-4 and 5e-5
CALLS = ("resume", "device")  # how the program is called, not what it trains


@dataclass(frozen=True)
class Config:
    """What learns from what, and how."""

    model: str | None = None
    """the base: a folder, a name on the hub, or stories; by default the newest of phase 1"""
    data: str = "documentation"
    """conversations: documentation, dolly, instruct-small, or a .jsonl file of messages"""
    name: str = "sft"
    """the run's folder under runs/phase3"""
    lora: bool = True
    """train an adapter; otherwise all parameters"""
    r: int = 16
    """rank of the adapter"""
    alpha: float = 32.0
    """strength of the adapter"""
    dropout: float = 0.0
    """on the adapter's input"""
    targets: tuple[str, ...] = ()
    """last parts of the names of the layers to adapt; by default all linear ones of the blocks"""
    adapt_output: bool = True
    """with the default targets, the output layer as well: a base may never have seen its end"""
    packing: bool = True
    """several conversations in a row; otherwise one, and padding"""
    block_size: int | None = None
    """tokens of a row; by default what the model reads, at most 256"""
    batch_size: int = 8
    """rows of a step"""
    max_steps: int = 150
    """optimiser steps"""
    lr: float | None = None
    """the greatest learning rate; by default 5e-3 for an adapter, 1e-3 for all parameters"""
    warmup_steps: int = 10
    """over which the learning rate rises; then it falls in a straight line"""
    weight_decay: float = 0.0
    """AdamW's, on matrices"""
    look_every: int = 50
    """steps from one look at held-out data, and checkpoint, to the next"""
    n_val: int = 100
    """conversations at a look"""
    n_test: int = 200
    """conversations for the table at the end"""
    n_prompts: int = 32
    """prompts that are answered, at a look and at the end"""
    max_new_tokens: int = 48
    """the longest answer to one of those; at most half of what the model reads"""
    seed: int = 0
    """of the adapter, of the order of the data and of dropout"""
    device: str = "auto"
    """cpu, cuda, or auto, which takes a GPU where there is one"""
    resume: bool = False
    """go on where the run of this name stopped"""

    def adapter(self) -> AdapterConfig | None:
        """The settings of what learns; None for all parameters."""
        if not self.lora:
            return None
        return AdapterConfig(self.targets, r=self.r, alpha=self.alpha, dropout=self.dropout)

    @property
    def greatest_lr(self) -> float:
        """The learning rate that was asked for, or the default of the method."""
        return self.lr if self.lr is not None else LR_ADAPTER if self.lora else LR_WHOLE


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Attributes:
        path: its folder.
        base, source: where model and data are from.
        trained: how many parameters did, in words.
        learnt: what of the data was learnt from, in words.
        before, after: base and tuned model on the test part.
        written_ended: share of the data's own answers that end within the same limit.
        max_new_tokens: that limit.
        n_tokens, n_targets: tokens that were read in training, and of them those that counted.
        seconds: of training steps.
    """

    path: Path
    base: str
    source: str
    trained: str
    learnt: str
    before: Evaluation
    after: Evaluation
    written_ended: float
    max_new_tokens: int
    n_tokens: int
    n_targets: int
    seconds: float

    @property
    def headline(self) -> str:
        """The result in one line."""
        return (
            f"test loss {self.before.loss:.3f} -> {self.after.loss:.3f} nats per answer token, "
            f"{self.before.ended:.0%} -> {self.after.ended:.0%} of greedy answers end; "
            f"{self.seconds:.0f} s of training, {self.n_tokens / self.seconds:,.0f} tokens/s"
        )


# -- the run ----------------------------------------------------------------------------------


def fine_tune(config: Config, root: Path = RUNS) -> Result:
    """Train as the config says, examine base and tuned model, and write all that is left.

    Raises:
        KeyboardInterrupt: Ctrl-C, after everything is saved.
        shared.runs.RunError: there is nothing to resume, or it had other settings.
        ValueError: there is no such model, data or device, or nothing fits.
    """
    subject = policy.load(
        config.model,
        config.adapter(),
        adapt_output=config.adapt_output,
        device=config.device,
        seed=config.seed,
        runs=root,
    )
    block_size = row_length(config, subject)
    data = demonstrations.load(config.data)
    learnt = demonstrations.prepare(data.train, subject.tokenizer, block_size)
    limit = min(config.max_new_tokens, subject.context // 2)
    looks, last = (
        make_exam(conversations, subject, block_size, n, config.n_prompts, limit)
        for conversations, n in ((data.validation, config.n_val), (data.test, config.n_test))
    )
    learner = Learner(
        subject.model,
        config.greatest_lr,
        config.max_steps,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        seed=config.seed,
    )
    task = FineTuning(
        learner,
        subject,
        learnt.examples,
        looks,
        is_packed=config.packing,
        batch_size=config.batch_size,
        look_every=config.look_every,
        seed=config.seed,
    )
    print(describe(config, task, learnt), flush=True)
    run, saved = loop.open_run(config.name, settings(config, subject), config.resume, root)
    with run:
        loop.fit(task, run, saved)
    with base_of(config, subject, root) as base:
        before = evaluate(base, last)
    result = Result(
        path=run.path,
        base=subject.source,
        source=data.source,
        trained=inject.summary(subject.model),
        learnt=str(learnt),
        before=before,
        after=evaluate(subject, last),
        written_ended=last.written_ended,
        max_new_tokens=limit,
        n_tokens=task.n_tokens,
        n_targets=task.n_targets,
        seconds=task.seconds,
    )
    policy.save(subject, run.path)
    write_report(result, last)
    return result


def row_length(config: Config, subject: Policy) -> int:
    """Return the tokens of a row.

    Raises:
        ValueError: the model does not read that many.
    """
    asked = config.block_size
    if asked is not None and not 0 < asked <= subject.context:
        raise ValueError(f"{subject.source} reads 1 to {subject.context} tokens, not {asked}")
    return asked or min(subject.context, LONGEST_ROW)


def settings(config: Config, subject: Policy) -> dict[str, Any]:
    """Return what must be the same when the run goes on, with the base by its own name."""
    chosen = {name: value for name, value in asdict(config).items() if name not in CALLS}
    return chosen | {"model": subject.source}


@contextmanager
def base_of(config: Config, subject: Policy, root: Path) -> Iterator[Policy]:
    """Within the block there is the base: the adapter switched off, or the model read again."""
    if subject.adapter is None:
        yield policy.load(config.model, device=config.device, runs=root)
    else:
        with policy.reference(subject):
            yield subject


# -- what is said -----------------------------------------------------------------------------


def describe(config: Config, task: FineTuning, learnt: Demonstrations) -> str:
    """Say what is about to learn from what."""
    n = sum(len(ids) for ids, _ in learnt.examples)
    room = len(task.rows) * task.exam.block_size
    epochs = config.max_steps * config.batch_size / len(task.rows)
    layout = f"{n / room:.0%} full" if config.packing else "one conversation each"
    return (
        f"model: {task.subject.source}, {inject.summary(task.subject.model)}\n"
        f"learning from {learnt}\n"
        f"rows: {len(task.rows):,} of up to {task.exam.block_size} tokens, {layout}; "
        f"{config.max_steps} steps of {config.batch_size} rows, {epochs:.1f} times all"
    )


def table(result: Result) -> str:
    """The result as a table, and how to read it."""
    kinds = {
        "loss, nats per answer token": lambda e: f"{e.loss:.3f}",
        "what the right question saves": lambda e: f"{e.question_worth:.3f}",
        f"greedy answers that end in {result.max_new_tokens}": lambda e: f"{e.ended:.0%}",
    }
    rows = [(name, show(result.before), show(result.after)) for name, show in kinds.items()]
    lines = [
        f"{name:<34}{base:>9}{tuned:>9}" for name, base, tuned in [("", "base", "tuned"), *rows]
    ]
    lines += [
        "what the right question saves: the loss of answers behind another's question, less that",
        f"behind their own; of the answers in the data {result.written_ended:.0%} end in so many",
    ]
    return "\n".join(lines)


def write_report(result: Result, exam: Exam) -> None:
    """Write curves.png, samples.html and results.json."""
    curves.draw_run(result.path)
    both = zip(exam.questions, result.before.answers, result.after.answers)
    samples.write_page(
        result.path / "samples.html",
        f"{result.path.name}: before and after fine-tuning",
        [Sample(q.text, before, after, q.written) for q, before, after in both],
        ("the base", "fine-tuned"),
        [f"Held-out prompts of {result.source}. Greedy answers.", result.headline + "."],
    )
    # Last: where it is, all is.
    write_text(result.path / "results.json", json.dumps(as_json(result), indent=2))


def main(config: Config) -> None:
    """Fine-tune, and say how it ended."""
    result = fine_tune(config)
    print(table(result))
    print(result.headline)
    print(f"model, curves and samples: {result.path}")


if __name__ == "__main__":
    cli.run(__spec__.name)
