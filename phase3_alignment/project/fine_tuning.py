"""Fine-tuning on answers as a task of `loop`, and what there is to know of a model afterwards.

The loss is not all. Any model learns the form of the answers quickly, and the form alone is worth a
lot; so it is also asked whether its answers end, and whether it has read the question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

import torch
from torch import Tensor

from phase3_alignment.project import demonstrations, samples
from phase3_alignment.project.demonstrations import Example
from phase3_alignment.project.learner import Learner
from phase3_alignment.project.policy import Policy
from phase3_alignment.project.records import Conversation
from phase3_alignment.project.samples import Answer, Question
from phase3_alignment.solution import packing, sft
from phase3_alignment.solution.packing import Packed

ROWS = 8  # at a time, where nothing is learnt


T = TypeVar("T")


def spread(items: Sequence[T], n: int) -> list[T]:
    """Choose n items at equal distances: data often stand in an order."""
    return [items[i * len(items) // n] for i in range(n)] if n < len(items) else list(items)


# -- an examination ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Exam:
    """Held-out conversations in a model's tokens.

    Attributes:
        examples: for the loss.
        exchanged: the same answers twice, behind their own question and behind another's.
        questions: to be answered.
        written_ended: share of the data's own answers to them that end within the limit.
        max_new_tokens: the limit.
        block_size: of the rows in which examples are read.
    """

    examples: tuple[Example, ...]
    exchanged: tuple[tuple[Example, Example], ...]
    questions: tuple[Question, ...]
    written_ended: float
    max_new_tokens: int
    block_size: int


def make_exam(
    conversations: Sequence[Conversation],
    subject: Policy,
    block_size: int,
    n: int,
    n_prompts: int,
    max_new_tokens: int,
) -> Exam:
    """Choose n conversations and n_prompts questions, spread over what is there.

    Raises:
        ValueError: nothing fits into what the model reads.
    """
    chosen = demonstrations.prepare(spread(conversations, n), subject.tokenizer, block_size)
    fitting = samples.fitting(samples.questions(chosen.conversations), subject, max_new_tokens)
    asked = spread(fitting, n_prompts)
    lengths = [len(subject.tokenizer.encode(q.written, add_special_tokens=False)) for q in asked]
    exchanged = []
    for own, other in zip(chosen.examples, demonstrations.swapped(chosen.conversations)):
        found = demonstrations.fit(other, subject.tokenizer, block_size)
        if found and found[0] == other:  # else it was cut, and has fewer answers
            exchanged.append((own, found[1]))
    return Exam(
        examples=chosen.examples,
        exchanged=tuple(exchanged),
        questions=tuple(asked),
        written_ended=sum(n + 1 <= max_new_tokens for n in lengths) / len(asked),  # 1: their end
        max_new_tokens=max_new_tokens,
        block_size=block_size,
    )


@dataclass(frozen=True)
class Evaluation:
    """A model after an exam.

    Attributes:
        loss: nats per token of the answers.
        question_worth: nats per token by which the loss grows when every answer stands behind
            another's question; 0 for a model that does not read it.
        ended: share of greedy answers that the model ended.
        answers: those.
    """

    loss: float
    question_worth: float
    ended: float
    answers: tuple[Answer, ...]


def evaluate(subject: Policy, exam: Exam) -> Evaluation:
    """Put a model, in evaluation mode, through an exam."""
    right, wrong = (
        mean_loss(subject, [pair[side] for pair in exam.exchanged], exam.block_size)
        for side in (0, 1)
    )
    answers = greedy(subject, exam)
    return Evaluation(
        loss=mean_loss(subject, exam.examples, exam.block_size),
        question_worth=wrong - right,
        ended=samples.share_ended(answers),
        answers=tuple(answers),
    )


def greedy(subject: Policy, exam: Exam) -> list[Answer]:
    """Let a model answer the questions of an exam."""
    prompts = samples.encode(exam.questions, subject)
    return samples.answer(subject, prompts, exam.max_new_tokens)


@torch.no_grad()
def mean_loss(subject: Policy, examples: Sequence[Example], block_size: int) -> float:
    """Return the loss over all answer tokens of the examples, in nats per token.

    0 without examples.
    """
    nats, n_targets = 0.0, 0
    rows = demonstrations.rows(examples, block_size, is_packed=True)
    for begin in range(0, len(rows), ROWS):
        batch = packing.fill(examples, rows[begin : begin + ROWS], subject.end_id)
        nats += batch_loss(subject, batch, n_targets=1).item()
        n_targets += n_counted(batch)
    return nats / max(n_targets, 1)


# -- training ---------------------------------------------------------------------------------


def batch_loss(subject: Policy, batch: Packed, n_targets: int | None = None) -> Tensor:
    """Return `sft.loss` of packed rows, wherever the model is."""
    inputs = packing.inputs(batch, subject.model.dtype)
    on_device = {name: tensor.to(subject.device) for name, tensor in inputs.items()}
    logits = subject.model(**on_device, use_cache=False).logits
    return sft.loss(logits, batch.labels.to(subject.device), n_targets)


def n_counted(batch: Packed) -> int:
    """Count the labels that count."""
    return int((batch.labels != sft.IGNORED).sum())


class FineTuning:
    """A task of `loop`: steps on batches of demonstrations, looks at an exam.

    Args:
        learner: of the subject's model.
        subject: what learns.
        examples: to learn from.
        is_packed: whether a row holds several of them.
        batch_size: rows of a step.
        exam: for the looks.
        look_every: steps from one look to the next.
        seed: of the order of the rows.
    """

    shown = ("loss",)

    def __init__(
        self,
        learner: Learner,
        subject: Policy,
        examples: Sequence[Example],
        exam: Exam,
        *,
        is_packed: bool,
        batch_size: int,
        look_every: int,
        seed: int,
    ) -> None:
        self.learner, self.subject, self.examples, self.exam = learner, subject, examples, exam
        self.batch_size, self.look_every, self.seed = batch_size, look_every, seed
        self.rows = demonstrations.rows(examples, exam.block_size, is_packed)
        self.n_tokens, self.n_targets, self.seconds = 0, 0, 0.0

    def step(self) -> dict[str, float]:
        """Learn from one batch."""
        began = perf_counter()
        chosen = demonstrations.batch(
            len(self.rows), self.batch_size, self.learner.done - 1, self.seed
        )
        batch = packing.fill(self.examples, [self.rows[i] for i in chosen], self.subject.end_id)
        self.subject.model.train()
        loss = batch_loss(self.subject, batch)
        norm = self.learner.descend(loss)
        self.subject.model.eval()
        self.n_tokens += int((batch.documents != packing.PADDING).sum())
        self.n_targets += n_counted(batch)
        self.seconds += perf_counter() - began
        lr = self.learner.optimizer.param_groups[0]["lr"]
        return {"loss": loss.item(), "grad_norm": norm, "lr": lr}

    def look(self) -> dict[str, Any]:
        """Examine the model, without the wrong questions."""
        loss = mean_loss(self.subject, self.exam.examples, self.exam.block_size)
        ended = samples.share_ended(greedy(self.subject, self.exam))
        says = f"held-out loss {loss:.3f} nats per answer token, {ended:.0%} of greedy answers end"
        return {"val_loss": loss, "ended": ended, "says": says}

    def state(self) -> dict[str, Any]:
        """What was read so far."""
        return {"tokens": self.n_tokens, "targets": self.n_targets, "seconds": self.seconds}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on counting."""
        self.n_tokens, self.n_targets = state["tokens"], state["targets"]
        self.seconds = state["seconds"]
