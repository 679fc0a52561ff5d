"""What a model says before and after training: answers to the same prompts, side by side.

    python -m phase3_alignment.project.samples --before stories --after runs/phase3/sft/hf
    python -m phase3_alignment.project.samples --before A --after B --data dolly --temperature 0.7

writes a page that needs nothing else, and the same as JSON beside it. Greedy answers show what a
model thinks is best, sampled ones what it would say; the seed is fixed, so the page can be made
again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from phase3_alignment.project import corpora, policy, templates
from phase3_alignment.project.demonstrations import first_prompt
from phase3_alignment.project.policy import Policy
from phase3_alignment.project.records import Conversation, Pair, Record, as_text
from phase3_alignment.solution import padding, rollout
from phase3_alignment.solution.chat import Message
from shared import cli, pages
from shared.files import write_text
from shared.runs import RUNS

ROWS = 16  # prompts that are answered at a time


@dataclass(frozen=True)
class Config:
    """Which models to ask what, and how."""

    before: str
    """the model on the left: stories, a folder, or a name on the hub"""
    after: str
    """the model on the right"""
    data: str = "documentation"
    """conversations or pairs, whose held-out prompts are asked"""
    n: int = 16
    """prompts"""
    max_new_tokens: int = 48
    """the longest answer"""
    temperature: float = 0.0
    """0 is greedy"""
    seed: int = 0
    """of sampled answers"""
    device: str = "auto"
    """cpu, cuda, or auto, which takes a GPU where there is one"""
    output: Path = RUNS / "phase3" / "samples.html"
    """the page"""


@dataclass(frozen=True)
class Question:
    """A prompt, and the answer that stands in the data."""

    prompt: tuple[Message, ...]
    written: str

    @property
    def text(self) -> str:
        """The prompt for people."""
        return as_text(self.prompt)


@dataclass(frozen=True)
class Answer:
    """What a model said.

    Attributes:
        text: without special tokens.
        n_tokens: sampled, the one that ends it included; None if nobody has counted.
        ended: whether the model ended it; if not, the limit did.
        score: a reward model's number for it, if it was asked.
        gold: that of another one, which nobody optimises.
    """

    text: str
    n_tokens: int | None = None
    ended: bool = True
    score: float | None = None
    gold: float | None = None


@dataclass(frozen=True)
class Sample:
    """A prompt, two answers, and the one in the data, if there is one."""

    prompt: str
    before: Answer
    after: Answer
    written: str | None = None


# -- questions --------------------------------------------------------------------------------


def questions(records: Sequence[Record]) -> list[Question]:
    """Return the first prompt of every conversation that has an answer, or that of every pair.

    Raises:
        ValueError: these are labelled texts.
    """
    found = []
    for record in records:
        if isinstance(record, Pair):
            found.append(Question(record.prompt, record.chosen))
        elif isinstance(record, Conversation):
            prompt = first_prompt(record)
            found += [Question(prompt, said.content) for said in record.messages[len(prompt) :][:1]]
        else:
            raise ValueError("labelled texts have no prompts")
    return found


def fitting(asked: Sequence[Question], subject: Policy, max_new_tokens: int) -> list[Question]:
    """Return the questions that leave room for an answer.

    Raises:
        ValueError: none does.
    """
    room = subject.context - max_new_tokens
    found = [q for q in asked if len(templates.prompt(q.prompt, subject.tokenizer)) <= room]
    if not found:
        raise ValueError(
            f"of the {subject.context} tokens that the model reads, an answer of {max_new_tokens} "
            f"leaves {max(room, 0)}, and no prompt fits into that; allow fewer new tokens"
        )
    return found


def encode(asked: Sequence[Question], subject: Policy) -> list[Tensor]:
    """Return the ids of each prompt, (T,) int64, after which it is the assistant's turn."""
    return [templates.prompt(question.prompt, subject.tokenizer) for question in asked]


# -- answers ----------------------------------------------------------------------------------


def answer(
    subject: Policy,
    prompts: Sequence[Tensor],
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
) -> list[Answer]:
    """Let a model answer.

    Args:
        subject: within `policy.reference` it is the base that answers.
        prompts: (T,) int64 each, ids.
        max_new_tokens: the longest answer.
        temperature: 0 takes the likeliest token each time.
        seed: of the draws.

    Raises:
        ValueError: a prompt and its answer are more than the model can read.
    """
    longest = max(len(ids) for ids in prompts) + max_new_tokens
    if longest > subject.context:
        raise ValueError(
            f"a prompt and {max_new_tokens} new tokens are {longest} tokens, and the model reads "
            f"{subject.context}"
        )
    chance = torch.Generator(subject.device).manual_seed(seed)
    how = {"temperature": temperature} if temperature else {"top_k": 1}
    found = []
    for begin in range(0, len(prompts), ROWS):
        ids, mask = padding.left(prompts[begin : begin + ROWS], subject.end_id)
        ids, mask = ids.to(subject.device), mask.to(subject.device)
        seen = rollout.sample(
            subject.model, ids, mask, max_new_tokens, subject.end_id, generator=chance, **how
        )
        new = seen.ids[:, ids.shape[1] :].cpu()
        for row, n, ended in zip(new, seen.lengths.tolist(), seen.ended.tolist()):
            text = subject.tokenizer.decode(row[: n - ended].tolist(), skip_special_tokens=True)
            found.append(Answer(text, n, ended))
    return found


def share_ended(answers: Sequence[Answer]) -> float:
    """Return the share of answers that the model ended itself."""
    return sum(a.ended for a in answers) / len(answers)


# -- the page ---------------------------------------------------------------------------------


def write_page(
    path: Path,
    title: str,
    samples: Sequence[Sample],
    names: tuple[str, str] = ("before", "after"),
    paragraphs: Sequence[str] = (),
) -> Path:
    """Write samples as one HTML page, and as JSON beside it; return the page's path."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folders = [Path(__file__).parent, Path(pages.__file__).with_name("templates")]
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("samples.html.j2").render(
        title=title, samples=samples, names=names, paragraphs=paragraphs
    )
    write_text(path, page)
    told = [asdict(sample) for sample in samples]
    write_text(path.with_suffix(".json"), json.dumps(told, indent=1, ensure_ascii=False))
    return path


def main(config: Config) -> None:
    """Ask two models the same, and write the page."""
    asked = questions(corpora.load(config.data).test)
    subjects = [policy.load(name, device=config.device) for name in (config.before, config.after)]
    for subject in subjects:
        asked = fitting(asked, subject, config.max_new_tokens)
    asked = asked[: config.n]
    answers = [
        answer(s, encode(asked, s), config.max_new_tokens, config.temperature, config.seed)
        for s in subjects
    ]
    shown = [Sample(q.text, *both, q.written) for q, *both in zip(asked, *answers)]
    kind = f"temperature {config.temperature:g}" if config.temperature else "greedy"
    for subject, given in zip(subjects, answers):
        print(f"{subject.source}: {share_ended(given):.0%} of {len(given)} answers end")
    title = f"{len(asked)} prompts, two models"
    write_page(
        config.output, title, shown, tuple(s.source for s in subjects), [f"Answers: {kind}."]
    )
    print(f"the page: {config.output}")


if __name__ == "__main__":
    cli.run(__spec__.name)
