"""Align a language model with a reward model: PPO, GRPO or DPO, beside best-of-n.

    python -m phase3_alignment.project.align --reward runs/phase3/sst2/reward --model stories
    python -m phase3_alignment.project.align --method grpo --reward ... --model stories --name grpo

All methods have the same base, adapter, prompts and judge, and sample as many responses in as many
steps. With a text as data the policy goes on with its beginnings, and a judge of texts reads the
whole; with questions it answers, and the judge reads the answers. At the end stands a table: the
base, the best of n of its responses, and the policy, each with what it paid in nats. Writes
adapter/, hf/, curves.png, frontier.png, samples.html and results.json to runs/phase3/<name>/.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from phase3_alignment.project import corpora, curves, frontier, loop, outcome, samples, situations
from phase3_alignment.project import policy as policies
from phase3_alignment.project.learner import Learner
from phase3_alignment.project.outcome import Outcome
from phase3_alignment.project.policy import Policy
from phase3_alignment.project.preferences import DPO
from phase3_alignment.project.records import Pair
from phase3_alignment.project.reinforcement import GRPO, PPO, Reinforcement, Sampling
from phase3_alignment.project.samples import Answer, Sample
from phase3_alignment.project.score import Judge
from phase3_alignment.project.situations import Situation
from phase3_alignment.solution import best_of_n
from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.solution.grpo import GRPOConfig
from phase3_alignment.solution.inject import summary
from phase3_alignment.solution.kl import AdaptiveController
from phase3_alignment.solution.ppo_update import PPOConfig
from phase3_alignment.solution.value_head import ActorCritic
from shared import cli, data
from shared.files import write_text
from shared.runs import RUNS, read_metrics

SHOWN = 16  # responses on the page
DOCUMENT_END = "<|endoftext|>"


@dataclass(frozen=True)
class Config:
    """Whom to align, with what, and how."""

    reward: Path
    """folder of a reward model, such as runs/phase3/sst2/reward"""
    method: Literal["ppo", "grpo", "dpo"] = "ppo"
    """how to learn from it"""
    model: str | None = None
    """the base: stories, a folder, a name on the hub; by default phase 1's newest model"""
    data: str = "tinystories"
    """where prompts are from: a text, for a judge of texts alone, or conversations or pairs"""
    prompt_tokens: int = 8
    """of a text's beginning; or that a question may have at most"""
    max_new_tokens: int = 32
    """the longest response"""
    n_steps: int = 40
    """batches of responses"""
    batch_size: int = 64
    """responses in a batch"""
    lr: float = 5e-4
    """the greatest learning rate of the adapter"""
    r: int = 16
    """rank of the adapter, beside every linear layer"""
    kl_coef: float = 0.1
    """price of a nat at the start, in units of the normalised score; GRPO's stays as it is"""
    target_kl: float = 8.0
    """nats per response to which PPO steers"""
    n_epochs: int = 2
    """times that PPO learns from a batch"""
    entropy_coef: float = 0.0
    """PPO's reward for a nat of entropy: what keeps it from saying the same thing to everybody"""
    group_size: int = 8
    """responses to a prompt, for GRPO"""
    beta: float = 0.1
    """price of a nat, for DPO"""
    missing_end_penalty: float = 0.0
    """taken off the score of a response that does not come to its end"""
    best_of: int = 16
    """n of the baseline"""
    n_test: int = 128
    """prompts that are kept for looking"""
    look_every: int = 10
    """steps from one look, and checkpoint, to the next"""
    seed: int = 0
    """of everything random"""
    device: str = "auto"
    """cpu, cuda, or auto, which takes a GPU where there is one"""
    resume: bool = False
    """go on where a run of this name has stopped"""
    name: str = "align"
    """folder of the run under runs/phase3"""

    def __post_init__(self) -> None:
        sizes = (self.n_steps, self.batch_size, self.prompt_tokens, self.max_new_tokens)
        if min(*sizes, self.r, self.n_epochs, self.best_of, self.n_test, self.look_every) < 1:
            raise ValueError("steps, sizes, rank, epochs and counts must be positive")
        copies = {"ppo": 1, "grpo": self.group_size, "dpo": 2}[self.method]
        if copies < 1 or self.batch_size % copies or (self.method == "grpo" and copies < 2):
            raise ValueError(
                f"a batch of {self.batch_size} responses cannot be {copies} for each prompt"
            )

    def settings(self) -> dict[str, Any]:
        """What must be the same for a run to go on."""
        return {k: v for k, v in asdict(self).items() if k != "resume"}

    @property
    def sampling(self) -> Sampling:
        """How responses are made."""
        return Sampling(
            batch_size=self.batch_size,
            max_new_tokens=self.max_new_tokens,
            missing_end_penalty=self.missing_end_penalty,
            n_test=self.n_test,
            look_every=self.look_every,
        )


# -- the parts --------------------------------------------------------------------------------


def find_situation(config: Config, policy: Policy, judge: Judge) -> Situation:
    """Make prompts of the data: questions if it has some, else the beginnings of its texts.

    Raises:
        shared.texts.DataError: there is no such data.
        ValueError: its prompts do not fit, or it has none.
    """
    if config.prompt_tokens + config.max_new_tokens >= policy.context:
        raise ValueError(
            f"prompts of {config.prompt_tokens} and responses of {config.max_new_tokens} tokens do "
            f"not fit into the {policy.context} that the model reads"
        )
    has_questions = config.data in corpora.DATASETS or Path(config.data).suffix == ".jsonl"
    if judge.positive is not None and not has_questions:
        texts = [text.strip() for text in data.load(config.data).text.split(DOCUMENT_END)]
        return situations.beginnings(texts, policy.tokenizer, config.prompt_tokens, judge)
    records = corpora.load(config.data).train
    if not all(isinstance(record, Pair) for record in records):
        asked = [question.prompt for question in samples.questions(records)]
    else:
        asked = [record.prompt for record in records]
    return situations.questions(asked, policy.tokenizer, config.prompt_tokens, judge)


def make_task(config: Config, policy: Policy, situation: Situation) -> Reinforcement:
    """Choose the method."""
    actor = ActorCritic(policy.model) if config.method == "ppo" else policy.model
    warmup = max(1, config.n_steps // 20)
    eps = 1e-5 if config.method == "ppo" else 1e-8
    learner = Learner(
        actor, config.lr, config.n_steps, warmup_steps=warmup, eps=eps, seed=config.seed
    )
    everything = policy, situation, config.sampling, learner
    if config.method == "ppo":
        numbers = PPOConfig(
            n_epochs=config.n_epochs,
            minibatch_size=max(1, config.batch_size // 2),
            entropy_coef=config.entropy_coef,
        )
        return PPO(*everything, numbers, AdaptiveController(config.kl_coef, config.target_kl))
    if config.method == "grpo":
        return GRPO(*everything, GRPOConfig(kl_coef=config.kl_coef), config.group_size)
    return DPO(*everything, config.beta, config.n_steps)


@dataclass(frozen=True)
class Row:
    """A line of the table at the end."""

    name: str
    score: float
    probability: float | None
    kl: float
    distinct: float | None


def base_scores(task: Reinforcement, n: int) -> Tensor:
    """Let the base respond n times to each of the P test prompts; return the scores, (P, n)."""
    found = []
    with policies.reference(task.policy) as base:
        for number in task.test:
            ids, mask = (t.to(task.policy.device) for t in task.situation.batch([number] * n))
            chance = torch.Generator(task.policy.device).manual_seed(number)
            length = task.sampling.max_new_tokens
            seen = outcome.rollout.sample(
                base, ids, mask, length, task.policy.end_id, generator=chance
            )
            found.append(task.situation.score([number] * n, task.situation.responses(seen)).cpu())
    return torch.stack(found)


def best_of(scores: Tensor) -> Row:
    """Make the baseline's line: the best of the n scores of each prompt, (P, n)."""
    n, best = scores.shape[1], scores.amax(dim=1)
    score, probability = best.mean().item(), best.sigmoid().mean().item()
    return Row(f"best of {n}", score, probability, best_of_n.kl(n), None)


def row(name: str, seen: Outcome) -> Row:
    """Make a line of what was measured."""
    return Row(name, seen.score, seen.probability, seen.kl, seen.distinct)


def table(rows: Sequence[Row]) -> str:
    """Lay the lines out for a terminal; what does not apply is a dash."""
    lines = [f"{'':12}{'score':>9}{'sigmoid':>9}{'KL, nats':>10}{'distinct':>10}"]
    for one in rows:
        distinct = "-" if one.distinct is None else f"{one.distinct:.2f}"
        lines.append(
            f"{one.name:12}{one.score:>9.3f}{one.probability:>9.3f}{one.kl:>10.2f}{distinct:>10}"
        )
    return "\n".join(lines)


# -- the run ----------------------------------------------------------------------------------


def align(config: Config, root: Path = RUNS) -> list[Row]:
    """Align as the config says; return the table.

    Raises:
        KeyboardInterrupt: Ctrl-C, after everything is saved.
        ValueError: no such model, reward model or data, or they do not fit together.
    """
    judge = Judge.load(config.reward)
    adapter = AdapterConfig(targets=(), r=config.r, alpha=2 * config.r)
    policy = policies.load(config.model, adapter, device=config.device, seed=config.seed)
    situation = find_situation(config, policy, judge)
    task = make_task(config, policy, situation)
    print(f"model: {policy.source}; {summary(task.learner.model)}")
    print(
        f"prompts: {len(task.train)} to learn from, {len(task.test)} for looking; "
        f"{config.method.upper()}, {config.n_steps} steps of {config.batch_size} responses"
    )
    run, saved = loop.open_run(config.name, config.settings(), config.resume, root)
    with run:
        with policies.reference(policy):
            before = task.measure()
        loop.fit(task, run, saved)
        after = task.measure()
    scores = base_scores(task, config.best_of)
    rows = [row("base", before), best_of(scores), row(config.method, after)]
    print(table(rows))
    policies.save(policy, run.path)
    curves.draw_run(run.path)
    frontier.draw(read_metrics(run.path), scores, config.method, run.path / "frontier.png")
    write_samples(task, before, after, run.path / "samples.html")
    write_text(run.path / "results.json", json.dumps([asdict(one) for one in rows], indent=1))
    print(f"the samples: {run.path / 'samples.html'}")
    return rows


def write_samples(task: Reinforcement, before: Outcome, after: Outcome, path: Path) -> None:
    """Show the first responses of both side by side, with their scores."""

    def answers(seen: Outcome) -> list[Answer]:
        both = zip(seen.responses, seen.scores.tolist())
        return [Answer(text, score=score) for text, score in both]

    prompts = [task.situation.prompt(number) for number in task.test]
    shown = [Sample(*one) for one in zip(prompts, answers(before), answers(after))]
    told = [f"{task.policy.source}; the same prompts and the same luck."]
    samples.write_page(path, "Before and after", shown[:SHOWN], ("base", "aligned"), told)


def main(config: Config) -> None:
    """Align, and print the table."""
    align(config)


if __name__ == "__main__":
    cli.run(__spec__.name)
