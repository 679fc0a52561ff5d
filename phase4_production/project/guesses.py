"""What it is worth to guess ahead: how many guesses pass, and how much sooner an answer is there.

    python -m phase4_production.project.guesses
    python -m phase4_production.project.guesses --model FOLDER --draft FOLDER --k 2 4 7

The prompts are pieces of the model's validation text, answered one after the other: by the model
alone, with guesses that were looked up in the text so far, and, with --draft, with those of a small
model of the same tokens. The ways take turns. What may not change is checked: looked-up guesses
leave every answer as it was, and at temperature 0 a draft's do, too.

A round of k guesses that brings t tokens is worth t / (1 + c): c is what guessing costs, and what
the model needs for k + 1 rows more than for one, in steps of the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from phase4_production.project import corpora, loading
from phase4_production.project.decoder import Decoder
from phase4_production.project.engine import Engine, EngineConfig, Request, Stats
from phase4_production.project.runner import Runner
from phase4_production.project.speculation import Drafter, ModelDrafter, NgramDrafter
from phase4_production.project.tokenizing import Tokenizer
from phase4_production.solution.sampling_params import SamplingParams
from shared import cli
from shared.bench import Contender, interleave

BLOCK_SIZE = 16
TURNS = 3


@dataclass(frozen=True)
class Config:
    """Whose guesses, and at what."""

    model: Path | None = None
    """a model folder; by default the newest that phases 1 and 3 have written"""
    draft: Path | None = None
    """a folder with a small model of the same tokens, which guesses as well"""
    method: str | None = None
    """how both keep their weights, see `generate`"""
    data: str | None = None
    """the text; by default the model's own, or TinyStories"""
    k: tuple[int, ...] = (2, 4, 7)
    """guesses of a round"""
    temperature: tuple[float, ...] = (0.0, 0.8)
    """0 always takes the likeliest token"""
    prompts: int = 8
    """pieces of text to go on with"""
    prompt_tokens: int = 24
    """of each piece"""
    new_tokens: int = 96
    """of each answer"""

    def __post_init__(self) -> None:
        if min(self.prompts, self.prompt_tokens, self.new_tokens, *self.k) < 1:
            raise ValueError("k, prompts, prompt_tokens and new_tokens must be at least 1")


@dataclass(frozen=True)
class Entry:
    """A line of the report.

    Attributes:
        way: who guessed.
        temperature: of the answers.
        k: guesses of a round; 0 where nobody guesses.
        guessed, accepted: tokens guessed, and those of them that passed.
        steps: of the model.
        tokens: written.
        seconds: for all answers, the median turn.
    """

    way: str
    temperature: float
    k: int
    guessed: int
    accepted: int
    steps: int
    tokens: int
    seconds: float

    def line(self, alone: Entry) -> str:
        """Show it beside the model alone."""
        passed = f"{self.accepted} of {self.guessed}"
        share = f"{self.accepted / self.guessed:.0%}" if self.guessed else ""
        return (
            f"{self.temperature:11} {self.way:10} {self.k:3} {passed:>13} {share:>5} "
            f"{self.tokens / self.steps:13.2f} {self.tokens / self.seconds:9.0f} "
            f"{alone.seconds / self.seconds:8.2f}x"
        )


HEADER = (
    f"{'temperature':11} {'guesses by':10} {'k':>3} {'passed':>13} {'':5} "
    f"{'tokens a step':>13} {'tokens/s':>9} {'speed-up':>9}"
)


class Way:
    """One way to answer the prompts; each call answers all of them anew.

    Args:
        decoder, tokenizer: the model.
        make_drafter: of who guesses; None is nobody.
        k: guesses of a round.
    """

    def __init__(
        self,
        decoder: Decoder,
        tokenizer: Tokenizer,
        make_drafter: Callable[[], Drafter] | None,
        k: int,
    ) -> None:
        self._tokenizer, self._make_drafter = tokenizer, make_drafter
        # One more than an answer fills: guesses are made only while a block is free.
        n_blocks = -(-decoder.architecture.max_length // BLOCK_SIZE) + 1
        self._runner = Runner(decoder, n_blocks, BLOCK_SIZE)
        self._sizes = EngineConfig(
            n_blocks,
            BLOCK_SIZE,
            max_running=1,
            max_length=decoder.architecture.max_length,
            n_guesses=k if make_drafter else 0,
        )

    def __call__(self, prompts: list[list[int]], params: SamplingParams) -> None:
        """Answer; what came of it stands in `answers`, `steps` and `stats`."""
        self.answers: list[list[int]] = []
        self.steps = 0
        self.stats: list[Stats] = []
        for prompt in prompts:
            drafter = self._make_drafter() if self._make_drafter else None
            # A new engine finds nothing in the cache that an earlier prompt has left.
            engine = Engine(self._runner, self._tokenizer, self._sizes, drafter)
            engine.add(Request("it", tuple(prompt), params))
            answer: list[int] = []
            while engine.has_work:
                for output in engine.step():
                    answer += [token.id for token in output.tokens]
                self.steps += 1
            self.answers.append(answer)
            self.stats.append(engine.stats())


def measure(ways: dict[tuple[str, int], Way], prompts: list, params: SamplingParams) -> list[Entry]:
    """Let all ways answer in turns.

    Args:
        ways: by who guesses and k; the first is the model alone.

    Raises:
        RuntimeError: guesses changed an answer that they must not change.
    """
    timings = interleave(
        [
            Contender(f"{name} {k}", lambda way=way: way(prompts, params))
            for (name, k), way in ways.items()
        ],
        turns=TURNS,
    )
    alone, found = next(iter(ways.values())), []
    for (name, k), way in ways.items():
        if way.answers != alone.answers and (params.greedy or name != "draft"):
            raise RuntimeError(f"an answer changed with {k} guesses by {name}")
        found.append(
            Entry(
                name,
                params.temperature,
                k,
                sum(stats.guessed for stats in way.stats),
                sum(stats.accepted for stats in way.stats),
                way.steps,
                sum(map(len, way.answers)),
                timings[f"{name} {k}"].median,
            )
        )
    return found


def main(config: Config) -> None:
    """Print a line for each way."""
    folder = loading.find(config.model)
    decoder, tokenizer = loading.load(folder, config.method)
    drafters: dict[str, Callable[[], Drafter]] = {"lookup": NgramDrafter}
    if config.draft is not None:
        small = loading.load_draft(config.draft, decoder, config.method)
        length = small.architecture.max_length
        drafters["draft"] = lambda: ModelDrafter(
            Runner(small, -(-length // BLOCK_SIZE), BLOCK_SIZE), length
        )
    new_tokens = min(config.new_tokens, decoder.architecture.max_length - config.prompt_tokens)
    if new_tokens < 1:
        raise ValueError(f"prompts of {config.prompt_tokens} tokens leave no room for an answer")
    text = corpora.load(config.data, folder, tokenizer).validation
    starts = [i * len(text) // (config.prompts + 1) for i in range(config.prompts)]
    prompts = [text[start : start + config.prompt_tokens].tolist() for start in starts]
    print(f"{loading.name_of(folder)}: {config.prompts} answers of {new_tokens} tokens")
    print(HEADER)
    ways = {("nobody", 0): Way(decoder, tokenizer, None, 0)}
    for name, make in drafters.items():
        ways |= {(name, k): Way(decoder, tokenizer, make, k) for k in config.k}
    for temperature in config.temperature:
        params = SamplingParams(
            temperature=temperature, max_tokens=new_tokens, seed=0, ignore_eos=True
        )
        entries = measure(ways, prompts, params)
        for entry in entries:
            print(entry.line(entries[0]), flush=True)


if __name__ == "__main__":
    cli.run(__spec__.name)
