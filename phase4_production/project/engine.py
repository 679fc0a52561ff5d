"""The engine: requests come at any time, and every step brings each running one further.

One step: guess, schedule, lay the tokens end to end, run the model, draw, write. The engine knows
of the model only that it turns a `Batch` into logits. It is not safe to use from two threads.

What a request is answered does not depend on who else is there: a token depends on the tokens
before it, and its randomness on the request's seed and the token's place. Guesses change nothing
but the speed: a guess is kept where it is the very token that is drawn.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from phase4_production.project.answer import Answer, Constraint, Output, Request, Token, Tokenizer
from phase4_production.project.drawing import draw
from phase4_production.project.engine_config import EngineConfig
from phase4_production.project.speculation import Drafter
from phase4_production.solution.batch import Batch, lay_out
from phase4_production.solution.block_pool import BlockPool
from phase4_production.solution.scheduler import Scheduler
from phase4_production.solution.sequence import Sequence as Tokens

__all__ = [
    "Constraint",
    "Engine",
    "EngineConfig",
    "Full",
    "Output",
    "Request",
    "Stats",
    "Token",
    "TooLong",
]


class Full(Exception):
    """As many requests wait as may; try again later."""


class TooLong(ValueError):
    """A request would not fit, however long it waited."""


class Runner(Protocol):
    """A model with a cache."""

    def run(self, batch: Batch) -> Tensor:
        """Write keys and values of the batch, return the wanted logits, (M, V) float32."""


@dataclass(frozen=True)
class Stats:
    """How the engine stands.

    Attributes:
        waiting, running: requests.
        blocks_used: blocks that requests hold.
        blocks_cached: blocks that nobody holds and that can be found by their content.
        blocks_total: blocks that there are.
        prefix_hit_tokens: tokens found in the cache instead of run, since the start.
        preemptions: how often a request gave its blocks back and began again.
        guessed, accepted: tokens guessed, and those of them that were right.
    """

    waiting: int
    running: int
    blocks_used: int
    blocks_cached: int
    blocks_total: int
    prefix_hit_tokens: int
    preemptions: int
    guessed: int
    accepted: int


class Engine:
    """Many answers at a time, out of one model and one cache.

    Args:
        runner: the model; its cache has `config.n_blocks` blocks of `config.block_size`.
        tokenizer: makes text of tokens, and knows which of them end an answer.
        config: the sizes.
        drafter: guesses tokens; None never guesses.
    """

    def __init__(
        self,
        runner: Runner,
        tokenizer: Tokenizer,
        config: EngineConfig,
        drafter: Drafter | None = None,
    ) -> None:
        self.config = config
        self._runner, self._tokenizer, self._drafter = runner, tokenizer, drafter
        self._pool = BlockPool(config.n_blocks)
        self._scheduler = Scheduler(
            self._pool, config.block_size, config.max_tokens, config.max_running
        )
        self._answers: dict[str, Answer] = {}
        self._of: dict[Tokens, Answer] = {}
        self._seeds = random.Random(config.seed)
        self._n_guessed = self._n_accepted = 0

    # -- coming and going -------------------------------------------------------------------------

    def check(self, request: Request) -> None:
        """Say whether a request could ever be answered. Safe to call from any thread.

        Raises:
            TooLong: if its prompt leaves no room in the context, or its answer may outgrow the
                cache.
            ValueError: if the prompt is empty, or a token is not in the vocabulary.
        """
        n, config = len(request.prompt), self.config
        if n == 0:
            raise ValueError("the prompt is empty: send at least one token")
        if not all(0 <= token < self._tokenizer.vocab_size for token in request.prompt):
            raise ValueError(f"a token id is not below {self._tokenizer.vocab_size}")
        if n >= config.max_length:
            raise TooLong(f"the prompt has {n} tokens, and with the answer {config.max_length} fit")
        most, room = min(n + request.params.max_tokens, config.max_length), self._n_slots
        if most > room:
            raise TooLong(f"prompt and answer may have {most} tokens, and the cache holds {room}")

    def add(self, request: Request) -> None:
        """Queue a request.

        Raises:
            Full: if the queue is full.
            TooLong, ValueError: as `check`, or if its id is taken.
        """
        self.check(request)
        if request.id in self._answers:
            raise ValueError(f"a request {request.id!r} is under way already")
        if len(self._scheduler.waiting) >= self.config.max_waiting:
            raise Full(f"{self.config.max_waiting} requests are waiting already")
        seed = request.params.seed
        seed = self._seeds.getrandbits(63) if seed is None else seed
        answer = Answer(request, self._tokenizer, self.config.max_length, seed)
        self._answers[request.id] = self._of[answer.sequence] = answer
        self._scheduler.add(answer.sequence)

    def cancel(self, id: str) -> bool:
        """Forget a request and free its blocks, now; say whether there was one."""
        if id not in self._answers:
            return False
        self._remove(self._answers[id])
        return True

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""
        return bool(self._answers)

    def stats(self) -> Stats:
        """Say how the engine stands."""
        return Stats(
            waiting=len(self._scheduler.waiting),
            running=len(self._scheduler.running),
            blocks_used=self._pool.n_used,
            blocks_cached=len(self._pool.cached),
            blocks_total=self.config.n_blocks,
            prefix_hit_tokens=self._scheduler.n_reused,
            preemptions=self._scheduler.n_preemptions,
            guessed=self._n_guessed,
            accepted=self._n_accepted,
        )

    # -- one step ---------------------------------------------------------------------------------

    def step(self) -> list[Output]:
        """Bring every scheduled request further, and return what is new."""
        self._guess()
        chunks = self._scheduler.schedule()
        if not chunks:
            return []
        for sequence, n in chunks.items():
            self._of[sequence].drop_guesses(max(sequence.n_cached + n - len(sequence.ids), 0))
        logits = self._runner.run(lay_out(chunks, self.config.block_size))
        writing = []
        for sequence, n in chunks.items():
            if sequence.n_cached + n < len(sequence.ids):
                self._scheduler.advance(sequence, n)
            else:
                writing.append(self._of[sequence])
        return self._write(writing, logits)

    def _guess(self) -> None:
        """Let the drafter guess for those that write, if nobody loses blocks by it."""
        k, running = self.config.n_guesses, self._scheduler.running
        enough = len(running) * (k // self.config.block_size + 1)
        if self._drafter is None or not k or self._pool.n_free < enough:
            return
        answers = [self._of[sequence] for sequence in running if sequence.writes]
        proposals = self._drafter.propose([answer.asked(k) for answer in answers])
        for answer, proposal in zip(answers, proposals, strict=True):
            answer.guess(proposal)

    def _write(self, writing: Sequence[Answer], logits: Tensor) -> list[Output]:
        """Draw the next tokens of all answers at once, and let each take its own."""
        own = logits.split([len(answer.sequence.drafts) + 1 for answer in writing])
        peaks = logits.amax(-1)  # NaN if one logit is; infinite if one is, or if all are -inf
        sound = peaks.isfinite().tolist()
        shaped, outputs = {}, []
        for answer, rows in zip(writing, own, strict=True):
            try:
                shaped[answer] = self._shape(answer, rows, sound[: len(rows)])
            except Exception as error:  # whatever it is, it is this request's alone
                outputs.append(self._fail(answer, error))
            del sound[: len(rows)]
        drawn = self._draw(shaped)
        for answer, rows in zip(writing, own, strict=True):
            if answer in shaped:
                outputs.append(self._take(answer, drawn[answer], rows))
        return outputs

    def _shape(self, answer: Answer, logits: Tensor, sound: Sequence[bool]) -> Tensor:
        """Return the logits to draw from, up to the first guess that made the model fail."""
        if not sound[0]:
            raise ValueError("the model's numbers are not finite")
        n = sound.index(False) if False in sound else len(sound)
        answer.drop_guesses(n - 1)
        return logits[:n] if answer.plain else answer.shape(logits[:n])

    def _draw(self, shaped: Mapping[Answer, Tensor]) -> dict[Answer, list[int]]:
        """Draw for all answers at once, those aside whose guesses were drawn as well."""
        if not shaped:
            return {}
        self._n_guessed += sum(len(answer.sequence.drafts) for answer in shaped)
        wishes = [answer.params for answer, rows in shaped.items() for _ in rows]
        uniforms = [u for answer in shaped for u in answer.uniforms()]
        tokens = iter(draw(torch.cat(list(shaped.values())), wishes, uniforms).tolist())
        drawn = {answer: [next(tokens) for _ in rows] for answer, rows in shaped.items()}
        return {answer: answer.verify(shaped[answer]) or drawn[answer] for answer in drawn}

    def _take(self, answer: Answer, drawn: Sequence[int], logits: Tensor) -> Output:
        sequence, n_before = answer.sequence, answer.sequence.n_cached
        try:
            output = answer.take(drawn, logits)
        except Exception as error:  # a constraint or a tokenizer that fails, fails one request
            return self._fail(answer, error)
        self._n_accepted += len(output.tokens) - 1
        self._scheduler.advance(sequence, len(sequence.ids) - 1 - n_before)
        if answer.finish:
            self._remove(answer)
        return output

    def _fail(self, answer: Answer, error: Exception) -> Output:
        """End a request; nobody shall find what it has left in its blocks."""
        for block in answer.sequence.blocks:
            self._pool.forget(block)
        self._remove(answer)
        return Output(answer.request.id, (), "", "error", str(error) or type(error).__name__)

    def _remove(self, answer: Answer) -> None:
        self._scheduler.remove(answer.sequence)
        del self._answers[answer.request.id], self._of[answer.sequence]
        if self._drafter is not None:
            self._drafter.release(answer.request.id)

    @property
    def _n_slots(self) -> int:
        return self.config.n_blocks * self.config.block_size
