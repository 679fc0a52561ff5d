"""Let a model go on with a text, or answer, and say how fast it was.

    python -m phase4_production.project.generate --prompt "Once upon a time"
    python -m phase4_production.project.generate --model FOLDER --prompt "What is a star?" --chat

The model is a folder in Hugging Face's format, or that of the story model; without `--model` it is
the newest that phases 1 and 3 have written. It runs in the engine that also serves, alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from phase4_production.project import loading
from phase4_production.project.compiled import CompiledDecoder
from phase4_production.project.decoder import Decoder
from phase4_production.project.engine import Engine, EngineConfig, Output, Request
from phase4_production.project.runner import Runner
from phase4_production.project.tokenizing import Tokenizer
from phase4_production.solution.sampling_params import SamplingParams
from shared import cli

BLOCK_SIZE = 16


@dataclass(frozen=True)
class Config:
    """What to continue, with which model, and how."""

    model: Path | None = None
    """a model folder; by default the newest that phases 1 and 3 have written"""
    method: str | None = None
    """float32, bfloat16, int8, int4, nf4, or torch-int8 and others of `library_linears`; by default
    the weights stay as they are"""
    prompt: str = "Once upon a time"
    """the text to continue, or with --chat what to answer"""
    chat: bool = False
    """put the prompt to the model as a turn of a conversation, by the model's own template"""
    max_tokens: int = 128
    """where to stop at the latest"""
    temperature: float = 0.8
    """above 1 bolder, below 1 safer, 0 always the likeliest token"""
    top_k: int | None = None
    """draw from so many of the likeliest tokens"""
    top_p: float = 0.95
    """draw from the likeliest tokens that have this probability together"""
    min_p: float = 0.0
    """draw from tokens at least this likely, as a share of the likeliest one's probability"""
    stop: tuple[str, ...] = ()
    """strings that end the text; they are not printed"""
    seed: int = 0
    """decides what is drawn"""
    compile: bool = False
    """fuse small operations by torch.compile; the first two tokens then take many seconds"""
    device: str = "cpu"
    """cpu or cuda"""
    threads: int = 0
    """of the processor; 0 leaves it to PyTorch"""

    def __post_init__(self) -> None:
        _ = self.params  # checks its own settings

    @property
    def params(self) -> SamplingParams:
        """How a token is drawn, and when the text ends."""
        return SamplingParams(
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            min_p=self.min_p,
            max_tokens=self.max_tokens,
            stop=self.stop,
            seed=self.seed,
        )


def main(config: Config) -> None:
    """Print the prompt and what follows it, then how fast it came."""
    if config.threads:
        torch.set_num_threads(config.threads)
    decoder, tokenizer = loading.load(
        loading.find(config.model), config.method, config.device, kernels=not config.compile
    )
    runs = CompiledDecoder(decoder) if config.compile else decoder
    turn = [{"role": "user", "content": config.prompt}]
    prompt = tokenizer.chat(turn) if config.chat else tokenizer.encode(config.prompt)
    sys.stdout.reconfigure(errors="replace")  # a console may not know every character
    outputs = stream(runs, tokenizer, prompt, config.params)
    print("" if config.chat else config.prompt, end="", flush=True)
    arrivals, began = [], time.perf_counter()
    for output in outputs:
        print(output.text, end="", flush=True)
        arrivals += [time.perf_counter() - began] * len(output.tokens)
    print(f"\n[{report(len(prompt), arrivals, read_bytes(decoder))}]", file=sys.stderr)


def stream(
    decoder: Decoder | CompiledDecoder,
    tokenizer: Tokenizer,
    prompt: list[int],
    params: SamplingParams,
) -> Iterator[Output]:
    """Answer one request, step by step.

    Raises:
        ValueError: at the call, if the prompt is empty or too long; later, if the model's numbers
            are not finite.
    """
    max_length = decoder.architecture.max_length
    n_blocks = -(-min(len(prompt) + params.max_tokens, max_length) // BLOCK_SIZE)
    sizes = EngineConfig(max(n_blocks, 1), BLOCK_SIZE, max_running=1, max_length=max_length)
    engine = Engine(Runner(decoder, sizes.n_blocks, BLOCK_SIZE), tokenizer, sizes)
    engine.add(Request("it", tuple(prompt), params))
    return _steps(engine)


def _steps(engine: Engine) -> Iterator[Output]:
    while engine.has_work:
        for output in engine.step():
            if output.finish == "error":
                raise ValueError(output.error)
            yield output


def read_bytes(decoder: Decoder) -> int:
    """Count the bytes of the matrices: all are read for every token, of the embedding one row."""
    return sum(linear.nbytes for linear in decoder.linears.values())


def report(n_prompt: int, arrivals: list[float], nbytes: int) -> str:
    """Say what was fast.

    Args:
        n_prompt: tokens of the prompt.
        arrivals: when each token came, in seconds.
        nbytes: of the weights that are read for every token.
    """
    first, last = arrivals[0], arrivals[-1]
    told = f"{n_prompt} tokens read, first token after {1e3 * first:.0f} ms"
    if last > first:
        speed = (len(arrivals) - 1) / (last - first)
        told += f", then {speed:.0f} tokens/s: {speed * nbytes / 1e9:.1f} GB/s of weights"
    return told


if __name__ == "__main__":
    cli.run(__spec__.name)
