"""Guess the next tokens of a request cheaply, so that the model can check several in one step.

Two ways of guessing behind one interface: what followed the last tokens the last time
(`NgramDrafter`), and a small model (`ModelDrafter`). `verify` keeps what the target would have
said. The engine asks for guesses, runs the target over all of them, and takes what passes:

    proposals = drafter.propose(asked)              # up to k guesses for each request
    logits = ...                                    # k + 1 rows of the target for each
    tokens = verify(target_probs, proposal, seed, index)

A guess may be as wrong as it likes: it costs time, and never changes what is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from phase4_production.project.drawing import weigh
from phase4_production.solution import ngram, sampling, speculative
from phase4_production.solution.batch import Batch
from phase4_production.solution.penalties import penalise
from phase4_production.solution.randomness import uniform
from phase4_production.solution.sampling_params import SamplingParams

# Which of a token's random numbers is used for what: see `solution/randomness.py`.
TOKEN, COIN, GUESS = 0, 1, 2


@dataclass(frozen=True)
class Asked:
    """A request that wants guesses.

    Attributes:
        request: its id.
        prompt: its prompt's tokens.
        answer: its tokens so far.
        params: how it draws.
        seed: its seed.
        k: how many guesses at most; 0 is none.
    """

    request: str
    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    params: SamplingParams
    seed: int
    k: int


@dataclass(frozen=True)
class Proposal:
    """Guesses for one request.

    Attributes:
        tokens: the guesses, in order; maybe none.
        probs: (k, V) float64, what they were drawn from; None if nothing was drawn: they were
            looked up, or each is the likeliest token.
    """

    tokens: tuple[int, ...] = ()
    probs: Tensor | None = None


class Drafter(Protocol):
    """Whoever guesses."""

    def propose(self, asked: Sequence[Asked]) -> list[Proposal]:
        """Guess for all requests of a step: one proposal each, in order."""

    def release(self, request: str) -> None:
        """Forget a request that has ended, whether or not it was ever seen."""


def verify(target: Tensor, proposal: Proposal, seed: int, index: int) -> list[int]:
    """Return the guesses that pass, and one token more: by `speculative.accept`.

    Without guesses this is plain drawing, by the random number of the token at `index`.

    Args:
        target: (k + 1, V) float64, what the target draws from after no guess, one, all of them.
        proposal: k guesses.
        seed: the request's.
        index: place in the answer of the first of these tokens.
    """
    tokens = torch.tensor(proposal.tokens, dtype=torch.int64, device=target.device)
    draft = proposal.probs
    if draft is None:
        draft = torch.zeros(len(tokens), target.shape[1], dtype=target.dtype, device=target.device)
        draft.scatter_(1, tokens[:, None], 1)
    coins = [uniform(seed, index + i, COIN) for i in range(len(tokens))]
    coins = torch.tensor(coins, dtype=torch.float64, device=target.device)
    last = torch.tensor([uniform(seed, index, TOKEN)], dtype=torch.float64, device=target.device)
    return speculative.accept(target, draft, tokens, coins, last).tolist()


class NgramDrafter:
    """Guesses what followed the last tokens the last time: for texts that repeat themselves."""

    def __init__(self, longest: int = 3):
        self.longest = longest

    def propose(self, asked: Sequence[Asked]) -> list[Proposal]:
        """Look the last tokens of each request up in its own prompt and answer."""
        return [Proposal(self._guess(one)) for one in asked]

    def release(self, request: str) -> None:
        """Nothing is kept between steps."""

    def _guess(self, asked: Asked) -> tuple[int, ...]:
        if asked.k == 0:
            return ()
        return tuple(ngram.propose(asked.prompt + asked.answer, asked.k, self.longest))


class Runner(Protocol):
    """A model behind a paged cache."""

    n_blocks: int
    block_size: int

    def run(self, batch: Batch) -> Tensor:
        """Return the logits of the wanted rows, (M, V)."""


@dataclass
class _Seen:
    """What the draft model's cache holds of one request."""

    ids: list[int] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)

    def shared(self, ids: Sequence[int]) -> int:
        """Count the first tokens of ids that are in the cache. The last is always run again."""
        for n, (old, new) in enumerate(zip(self.ids, ids[:-1], strict=False)):
            if old != new:
                return n
        return min(len(self.ids), len(ids) - 1)


class _Draft:
    """The guesses for one request, as they are drawn: as the request draws its own tokens.

    Any other way would be right, too; this one guesses right most often.
    """

    def __init__(self, asked: Asked):
        self.asked = asked
        self.text = [*asked.prompt, *asked.answer]
        self._tokens: list[int] = []
        self._probs: list[Tensor] = []

    @property
    def open(self) -> bool:
        """Whether another guess is wanted."""
        return len(self._tokens) < self.asked.k

    def add(self, logits: Tensor) -> None:
        """Draw the next guess from the small model's logits, (V,)."""
        asked, answer = self.asked, self.asked.answer + tuple(self._tokens)
        row = penalise(logits, asked.prompt, answer, asked.params)[None]
        if asked.params.greedy:
            token = int(row.argmax())
        else:
            probs = weigh(row, [asked.params])
            u = torch.tensor([uniform(asked.seed, len(answer), GUESS)], dtype=torch.float64)
            token = int(sampling.sample(probs, u.to(probs.device)))
            self._probs.append(probs[0])
        self._tokens.append(token)
        self.text.append(token)

    def proposal(self) -> Proposal:
        """Return the guesses so far."""
        return Proposal(tuple(self._tokens), torch.stack(self._probs) if self._probs else None)


class ModelDrafter:
    """Guesses by a small model of the same tokens, with a paged cache of its own.

    Nobody tells it which guesses passed: it compares what it has read with what is there, and goes
    on from the first difference. A request gets no guesses if there is no room for it, or if its
    text has grown longer than the small model can read.
    """

    def __init__(self, runner: Runner, max_length: int | None = None):
        self.runner = runner
        self.max_length = runner.n_blocks * runner.block_size if max_length is None else max_length
        self._free = list(range(runner.n_blocks))
        self._seen: dict[str, _Seen] = {}

    def propose(self, asked: Sequence[Asked]) -> list[Proposal]:
        """Guess k tokens for each request, one token of all of them in every run."""
        drafts = {one.request: _Draft(one) for one in asked}
        drafting = [draft for draft in drafts.values() if draft.open and self._make_room(draft)]
        while drafting:
            logits = self.runner.run(self._batch(drafting))
            for draft, row in zip(drafting, logits, strict=True):
                draft.add(row)
            drafting = [draft for draft in drafting if draft.open]
        return [drafts[one.request].proposal() for one in asked]

    def release(self, request: str) -> None:
        """Free the request's blocks."""
        self._free += self._seen.pop(request, _Seen()).blocks

    def _make_room(self, draft: _Draft) -> bool:
        """Give a request the blocks that its text and guesses need, or none if too few are free."""
        seen = self._seen.setdefault(draft.asked.request, _Seen())
        n_tokens = len(draft.text) + draft.asked.k
        missing = -(-n_tokens // self.runner.block_size) - len(seen.blocks)
        if missing > len(self._free) or n_tokens > self.max_length:
            return False
        seen.blocks += [self._free.pop() for _ in range(missing)]
        return True

    def _batch(self, drafting: Sequence[_Draft]) -> Batch:
        """Lay what the cache lacks of each text end to end; the last row of each is wanted."""
        ids, positions, slots, starts = [], [], [], [0]
        for draft in drafting:
            seen = self._seen[draft.asked.request]
            for position in range(seen.shared(draft.text), len(draft.text)):
                block, offset = divmod(position, self.runner.block_size)
                ids.append(draft.text[position])
                positions.append(position)
                slots.append(seen.blocks[block] * self.runner.block_size + offset)
            starts.append(len(ids))
            seen.ids = list(draft.text)
        tables = [self._seen[draft.asked.request].blocks for draft in drafting]
        width = max(map(len, tables))
        return Batch(
            torch.tensor(ids),
            torch.tensor(positions),
            torch.tensor(slots),
            torch.tensor([t + [0] * (width - len(t)) for t in tables], dtype=torch.int32),
            torch.tensor(starts, dtype=torch.int32),
            torch.tensor([len(draft.text) for draft in drafting], dtype=torch.int32),
            torch.tensor(starts[1:]) - 1,
        )
