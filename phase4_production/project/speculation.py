"""Guess the next tokens of a request cheaply, so that the model can check several in one step.

Two ways of guessing behind one interface: what followed the last tokens the last time
(`NgramDrafter`), and a small model (`ModelDrafter`). `verify` keeps what the target would have
said. The engine asks for guesses, runs the target over all of them, and takes what passes:

    proposals = drafter.propose(asked)              # up to k guesses for each request
    logits = ...                                    # k + 1 rows of the target for each
    tokens = verify(target_probs, proposal, seed, index)

A guess may be as wrong as it likes: it costs time, and never changes what is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

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
        probs: (k, V) float64, what they were drawn from; None if they were looked up.
    """

    tokens: tuple[int, ...] = ()
    probs: Tensor | None = None


class Drafter(Protocol):
    """Whoever guesses."""

    def propose(self, asked: Sequence[Asked]) -> list[Proposal]:
        """Guess for all requests of a step: one proposal each, in order."""

    def release(self, request: str) -> None:
        """Forget a request that has ended, whether or not it was ever seen."""


def distributions(
    logits: Tensor, asked: Asked, guesses: Sequence[int] = (), allowed: Tensor | None = None
) -> Tensor:
    """Return what the tokens of one request are drawn from: after no guess, one guess, all of them.

    Args:
        logits: (k + 1, V), of the request's last token and of each of its k guesses.
        asked: the request.
        guesses: k tokens.
        allowed: (k + 1, V) bool, a constraint's `masks`; None allows all.

    Returns:
        (k + 1, V) float64: penalised, constrained, divided by the temperature, filtered.
    """
    answers = [asked.answer + tuple(guesses[:i]) for i in range(len(logits))]
    rows = zip(logits, answers, strict=True)
    logits = torch.stack([penalise(row, asked.prompt, a, asked.params) for row, a in rows])
    if allowed is not None:
        logits = logits.masked_fill(~allowed.to(logits.device), -torch.inf)
    B, V = logits.shape
    wish, device = asked.params, logits.device
    return sampling.probabilities(
        logits,
        torch.full((B,), wish.temperature, dtype=torch.float64, device=device),
        torch.full((B,), V if wish.top_k is None else wish.top_k, device=device),
        torch.full((B,), wish.top_p, dtype=torch.float64, device=device),
        torch.full((B,), wish.min_p, dtype=torch.float64, device=device),
    )


def verify(target: Tensor, proposal: Proposal, seed: int, index: int) -> list[int]:
    """Return the guesses that pass, and one token more: by `speculative.accept`.

    Without guesses this is plain drawing, by the random number of the token at `index`.

    Args:
        target: (k + 1, V) float64, what the target draws from: see `distributions`.
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


class ModelDrafter:
    """Guesses by a small model of the same tokens, with a paged cache of its own.

    Nobody tells it which guesses passed: it compares what it has read with what is there, and goes
    on from the first difference. A request for which there is no room gets no guesses.
    """

    def __init__(self, runner: Runner):
        self.runner = runner
        self._free = list(range(runner.n_blocks))
        self._seen: dict[str, _Seen] = {}

    def propose(self, asked: Sequence[Asked]) -> list[Proposal]:
        """Draw k guesses for each request, one token of all of them in every run."""
        drafting = [one for one in asked if one.k and self._make_room(one)]
        drawn: dict[str, list[tuple[int, Tensor]]] = {one.request: [] for one in drafting}
        for i in range(max((one.k for one in drafting), default=0)):
            wanting = [one for one in drafting if i < one.k]
            texts = [[*a.prompt, *a.answer, *(t for t, _ in drawn[a.request])] for a in wanting]
            logits = self.runner.run(self._batch(wanting, texts))
            for one, row in zip(wanting, logits, strict=True):
                drawn[one.request].append(self._draw(row, one, drawn[one.request]))
        return [_proposal(drawn.get(one.request, [])) for one in asked]

    def release(self, request: str) -> None:
        """Free the request's blocks."""
        self._free += self._seen.pop(request, _Seen()).blocks

    def _make_room(self, asked: Asked) -> bool:
        """Give a request the blocks that its text and guesses need, or none if too few are free."""
        seen = self._seen.setdefault(asked.request, _Seen())
        n_tokens = len(asked.prompt) + len(asked.answer) + asked.k
        missing = -(-n_tokens // self.runner.block_size) - len(seen.blocks)
        if missing > len(self._free):
            return False
        seen.blocks += [self._free.pop() for _ in range(missing)]
        return True

    def _batch(self, asked: Sequence[Asked], texts: Sequence[list[int]]) -> Batch:
        """Lay what the cache lacks of each text end to end; the last row of each is wanted."""
        ids, positions, slots, starts = [], [], [], [0]
        for one, text in zip(asked, texts, strict=True):
            seen = self._seen[one.request]
            for position in range(seen.shared(text), len(text)):
                block, offset = divmod(position, self.runner.block_size)
                ids.append(text[position])
                positions.append(position)
                slots.append(seen.blocks[block] * self.runner.block_size + offset)
            starts.append(len(ids))
            seen.ids = text
        tables = [self._seen[one.request].blocks for one in asked]
        width = max(map(len, tables))
        return Batch(
            torch.tensor(ids),
            torch.tensor(positions),
            torch.tensor(slots),
            torch.tensor([t + [0] * (width - len(t)) for t in tables], dtype=torch.int32),
            torch.tensor(starts, dtype=torch.int32),
            torch.tensor([len(text) for text in texts], dtype=torch.int32),
            torch.tensor(starts[1:]) - 1,
        )

    @staticmethod
    def _draw(row: Tensor, asked: Asked, drawn: list[tuple[int, Tensor]]) -> tuple[int, Tensor]:
        """Draw one guess as the request draws its tokens; any other way would be right, too."""
        said = asked.answer + tuple(token for token, _ in drawn)
        after = Asked(asked.request, asked.prompt, said, asked.params, asked.seed, 0)
        probs = distributions(row[None], after)
        u = torch.tensor([uniform(asked.seed, len(said), GUESS)], dtype=torch.float64)
        return int(sampling.sample(probs, u.to(probs.device))), probs[0]


def _proposal(drawn: list[tuple[int, Tensor]]) -> Proposal:
    if not drawn:
        return Proposal()
    return Proposal(tuple(token for token, _ in drawn), torch.stack([probs for _, probs in drawn]))
