"""One request on its way to an answer: what was asked, what is written, what may be sent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from phase4_production.project.drawing import weigh
from phase4_production.project.speculation import Asked, Proposal, verify
from phase4_production.solution import penalties, randomness
from phase4_production.solution.sampling_params import SamplingParams
from phase4_production.solution.sequence import Sequence as Tokens
from phase4_production.solution.text_stream import TextStream


class Tokenizer(Protocol):
    """What the engine wants to know of a tokenizer."""

    vocab_size: int
    eos_ids: Collection[int]

    def bytes_of(self, token: int) -> bytes:
        """Return what a token adds to the text; nothing for a special one."""

    def text_of(self, token: int) -> str:
        """Return a token in readable form."""


class Constraint(Protocol):
    """What the next token may be: a grammar, and where the answer is in it."""

    def masks(self, guesses: Sequence[int]) -> Tensor:
        """Return (k + 1, V) bool: what may come next, and after each of k guesses."""

    def advance(self, token: int) -> None:
        """Go on by a token that is allowed."""


@dataclass(frozen=True)
class Request:
    """What is asked for: token ids, wishes, and a grammar of its own if the answer has one."""

    id: str
    prompt: tuple[int, ...]
    params: SamplingParams
    constraint: Constraint | None = None


@dataclass(frozen=True)
class Token:
    """One token of an answer.

    Attributes:
        id: in the vocabulary.
        logprob: the model's own log-probability, before temperature, penalties and limits; None
            if the request did not ask.
        top: the likeliest tokens and theirs, as many as were asked for.
        text: in readable form.
    """

    id: int
    logprob: float | None
    top: tuple[tuple[int, float], ...]
    text: str


@dataclass(frozen=True)
class Output:
    """What one step has brought one request.

    Attributes:
        request: its id.
        tokens: the new ones; an end token is among them.
        text: what may be sent now: no half of a character, no beginning of a stop string.
        finish: "stop", "length", "cancelled" or "error"; None while it goes on.
        error: what went wrong, in one line.
    """

    request: str
    tokens: tuple[Token, ...]
    text: str
    finish: str | None
    error: str = ""


class Answer:
    """The state of one request.

    Args:
        request: what is asked.
        tokenizer: makes text of tokens.
        max_length: tokens that prompt and answer may have together.
        seed: of the request; with the place of a token it is all the randomness that there is.
    """

    def __init__(self, request: Request, tokenizer: Tokenizer, max_length: int, seed: int) -> None:
        self.request, self.params, self.seed = request, request.params, seed
        self.sequence = Tokens(list(request.prompt))
        self.guess_probs: Tensor | None = None
        self.n_prompt = len(request.prompt)
        self.limit = min(self.params.max_tokens, max_length - self.n_prompt)
        self.finish: str | None = None
        self._tokenizer, self._stream = tokenizer, TextStream(self.params.stop)

    @property
    def written(self) -> list[int]:
        """The tokens of the answer so far."""
        return self.sequence.ids[self.n_prompt :]

    @property
    def n_open(self) -> int:
        """Tokens that the answer may still get."""
        return self.limit - (len(self.sequence.ids) - self.n_prompt)

    def uniforms(self) -> list[float]:
        """Give the random numbers of the next token, and of those after each guess."""
        begin = len(self.sequence.ids) - self.n_prompt
        n = len(self.sequence.drafts) + 1
        return [randomness.uniform(self.seed, begin + i) for i in range(n)]

    def shape(self, logits: Tensor) -> Tensor:
        """Put penalties and grammar into the logits of the next token and of those after guesses.

        Args:
            logits: (k + 1, V) with k guesses; row i is what follows if the first i are right. Left
                as they are.

        Raises:
            ValueError: if the grammar allows no token at all.
        """
        written, guesses = tuple(self.written), self.sequence.drafts
        rows = [
            penalties.penalise(row, self.request.prompt, (*written, *guesses[:i]), self.params)
            for i, row in enumerate(logits)
        ]
        shaped = torch.stack(rows)
        if self.request.constraint is None:
            return shaped
        allowed = self.request.constraint.masks(guesses).to(shaped.device)
        if not allowed[0].any():
            raise ValueError("the grammar allows no further token")
        return shaped.masked_fill(~allowed, -torch.inf)

    @property
    def plain(self) -> bool:
        """Whether `shape` would change nothing."""
        penalised = self.params.repetition_penalty != 1 or self.params.frequency_penalty
        constrained = self.request.constraint is not None
        return not (penalised or self.params.presence_penalty or constrained)

    def asked(self, k: int) -> Asked:
        """Say what a drafter has to know, and that up to k guesses are of use."""
        k = min(k, self.n_open - 1)
        prompt, written = self.request.prompt, tuple(self.written)
        return Asked(self.request.id, prompt, written, self.params, self.seed, k)

    def guess(self, proposal: Proposal) -> None:
        """Take guesses of the next tokens."""
        self.sequence.drafts = list(proposal.tokens)
        self.guess_probs = proposal.probs

    def drop_guesses(self, n: int) -> None:
        """Keep the first n guesses at most."""
        del self.sequence.drafts[n:]

    def verify(self, shaped: Tensor) -> list[int] | None:
        """Return the guesses that pass and one token more; None if drawing is all that it takes.

        A guess that was not drawn but looked up, or that a greedy answer gets, passes if it is the
        token that is drawn in its place: `take` sees to that.

        Args:
            shaped: (k + 1, V), as `shape` returns it.
        """
        drafts, probs = self.sequence.drafts, self.guess_probs
        if not drafts or probs is None or self.params.greedy:
            return None
        proposal = Proposal(tuple(drafts), probs[: len(drafts)])
        target = weigh(shaped, [self.params] * len(shaped))
        return verify(target, proposal, self.seed, len(self.written))

    def take(self, drawn: Sequence[int], logits: Tensor) -> Output:
        """Write the drawn tokens, as long as each guess was what was drawn in its place.

        A token that was drawn after a wrong guess follows a text that is not there. What is kept
        is exactly what would have been drawn one by one.

        Args:
            drawn: k + 1 tokens with k guesses, or fewer: as far as guesses are known to be right.
            logits: (k + 1, V), the model's own.
        """
        guesses, tokens, text = [*self.sequence.drafts, None], [], ""
        self.sequence.drafts = []
        for token, guess, row in zip(drawn, guesses, logits, strict=False):
            tokens.append(self._token(token, row))
            text += self._write(token)
            if self.finish or token != guess:
                break
        if self.finish:
            text += self._stream.finish()
        return Output(self.request.id, tuple(tokens), text, self.finish)

    def _write(self, token: int) -> str:
        """Add a token, decide whether it was the last, and return the text that is certain."""
        self.sequence.ids.append(token)
        if token in self._tokenizer.eos_ids and not self.params.ignore_eos:
            self.finish = "stop"
            return ""
        text = self._stream.push(self._tokenizer.bytes_of(token))
        if self._stream.stopped is not None:
            self.finish = "stop"
        elif self.n_open == 0:
            self.finish = "length"
        elif self.request.constraint is not None:
            self.request.constraint.advance(token)
        return text

    def _token(self, token: int, logits: Tensor) -> Token:
        text = self._tokenizer.text_of(token)
        if self.params.logprobs is None:
            return Token(token, None, (), text)
        logprobs = logits.log_softmax(-1)
        top = logprobs.topk(min(self.params.logprobs, len(logprobs)))
        likeliest = tuple(zip(top.indices.tolist(), top.values.tolist(), strict=True))
        return Token(token, logprobs[token].item(), likeliest, text)
