"""Find how much a server can take: latency and goodput at rising rates of questions.

    python -m phase4_production.project.load                                # our own server
    python -m phase4_production.project.load --url http://localhost:11434   # anybody else's

`make phase4-load URL=...` is the same. It works against every server with OpenAI's
`/v1/completions`; how it asks stands in `load_client`. The figure, the table and every single
sample are written into runs/phase4/<name>/.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from phase4_production.project import load_client, load_report
from phase4_production.project.load_client import Sample, Target
from phase4_production.project.load_report import Level, Slo
from shared import cli
from shared.files import write_text
from shared.runs import RUNS
from shared.texts import read_documentation


@dataclass(frozen=True)
class Config:
    """Whom to ask, how often, and what counts as good."""

    url: str = "http://127.0.0.1:8000"
    """of the server, without /v1"""
    model: str | None = None
    """by default the first that the server lists"""
    rates: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0)
    """questions a second, one after the other"""
    n_requests: int = 32
    """questions at each rate"""
    prompt_words: int = 48
    """words of each prompt, cut out of Python's documentation; no two begin alike"""
    max_tokens: int = 64
    """of each answer"""
    ignore_eos: bool = False
    """write all of them, whatever the model says; not every server knows this"""
    ttft_ms: float = 1000.0
    """the objective: the longest time to the first token"""
    per_token_ms: float = 80.0
    """the objective: the longest mean time per token after it"""
    warm_up: int = 2
    """questions that do not count, before the first rate"""
    timeout_s: float = 120.0
    """after which a question has failed"""
    seed: int = 0
    """of arrivals and prompts"""
    name: str = "load"
    """folder under runs/phase4"""

    def __post_init__(self) -> None:
        numbers = (self.n_requests, self.prompt_words, self.max_tokens)
        if not self.rates or min(self.rates) <= 0 or min(numbers) < 1 or self.warm_up < 0:
            raise ValueError("rates, n_requests, prompt_words and max_tokens must be positive")
        if min(self.ttft_ms, self.per_token_ms, self.timeout_s) <= 0:
            raise ValueError("objectives and timeout_s must be positive")

    @property
    def slo(self) -> Slo:
        """The objective, in seconds."""
        return Slo(self.ttft_ms / 1000, self.per_token_ms / 1000)


def main(config: Config) -> list[Level]:
    """Test, print the table, write figure and samples."""
    return asyncio.run(_main(config))


async def _main(config: Config) -> list[Level]:
    target = Target(
        config.url.rstrip("/"),
        config.model or "",
        config.max_tokens,
        config.ignore_eos,
        os.environ.get("OPENAI_API_KEY", ""),
        config.timeout_s,
    )
    if not config.model:
        target = replace(target, model=await load_client.first_model(target))
    print(f"{target.url}, model {target.model}: {config.n_requests} questions at each rate")
    if config.warm_up:
        await _ask(config, target, 1000.0, config.warm_up, stage=0)
    print(load_report.HEAD)
    levels, raw = [], []
    for stage, rate in enumerate(config.rates, start=1):
        moments, samples = await _ask(config, target, rate, config.n_requests, stage)
        levels.append(load_report.level(rate, moments, samples, config.slo))
        raw += [{"rate_per_s": rate, "at_s": at} | asdict(s) for at, s in zip(moments, samples)]
        print(load_report.line(levels[-1]), flush=True)
    write(config, levels, raw)
    return levels


def write(config: Config, levels: Sequence[Level], raw: Sequence[dict[str, Any]]) -> None:
    """Keep the table, every sample and the figure; say why questions failed."""
    folder = RUNS / "phase4" / config.name
    folder.mkdir(parents=True, exist_ok=True)
    told = {"config": asdict(config), "levels": [asdict(one) for one in levels]}
    write_text(folder / "results.json", json.dumps(told, indent=1))
    write_text(folder / "samples.jsonl", "".join(f"{json.dumps(one)}\n" for one in raw))
    for error in sorted({one["error"] for one in raw if one["outcome"] == "failed"})[:3]:
        print(f"failed: {error}")
    print(f"the figure: {load_report.draw(folder / 'load.png', levels, config.slo)}")


async def _ask(
    config: Config, target: Target, rate: float, n: int, stage: int
) -> tuple[Sequence[float], list[Sample]]:
    """Ask n questions at a rate."""
    moments = load_client.arrivals(rate, n, seed=config.seed + stage)
    asked = prompts(n, config.prompt_words, seed=1000 * config.seed + stage)
    return moments, await load_client.run(target, asked, moments)


def prompts(n: int, n_words: int, seed: int) -> list[str]:
    """Cut n pieces out of Python's documentation, each from a place of its own."""
    words, source = read_documentation().text.split(), random.Random(seed)
    starts = source.sample(range(len(words) - n_words), n)
    return [" ".join(words[start : start + n_words]) for start in starts]


if __name__ == "__main__":
    cli.run(__spec__.name)
