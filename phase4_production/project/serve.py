"""Serve a model to any OpenAI client and to a chat page.

    python -m phase4_production.project.serve --model runs/phase1/tiny/hf
    python -m phase4_production.project.serve --model FOLDER --method bfloat16 --port 8080

`make serve MODEL=...` is the same. It listens on this machine alone; to let others in, give
`--host` an address and a key, in the variable LLM_API_KEY or by `--api-key`. SIGTERM and Ctrl-C let
answers that are under way finish. A second Ctrl-C does not wait.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from fastapi import FastAPI

from phase4_production.project import loading
from phase4_production.project.asking import Settings
from phase4_production.project.constrained import Constraints
from phase4_production.project.decoder import Decoder
from phase4_production.project.engine import Engine
from phase4_production.project.engine_config import EngineConfig
from phase4_production.project.graphs import GraphedRunner
from phase4_production.project.listening import Listening, is_local, listen
from phase4_production.project.runner import Runner, bytes_per_token
from phase4_production.project.server import create_app
from phase4_production.project.serving import Serving
from phase4_production.project.speculation import Drafter, ModelDrafter, NgramDrafter
from phase4_production.project.tokenizing import Tokenizer
from shared import cli

KEY_VARIABLE = "LLM_API_KEY"
MAX_BODY_MB = 1024


@dataclass(frozen=True)
class Config:
    """What is served, where, and how large the engine is."""

    model: Path | None = None
    """a model folder; by default the newest that phases 1 and 3 have written"""
    method: str | None = None
    """float32, bfloat16, int8, int4, nf4, or torch-int8 and others of `library_linears`; by default
    the weights stay as they are"""
    name: str | None = None
    """the name that clients use; by default the folder's"""
    host: str = "127.0.0.1"
    """address to listen on; any but this machine's own needs a key"""
    port: int = 8000
    """0 takes one that is free"""
    api_key: str = ""
    """that clients must send; better in the variable LLM_API_KEY, for command lines are public"""
    cache: Literal["float", "bfloat16", "int8"] = "float"
    """how keys and values are kept; float is the model's own dtype"""
    cache_mb: int = 512
    """memory for keys and values, in MiB"""
    block_size: int = 16
    """tokens of a block of the cache"""
    max_tokens: int = 512
    """tokens of one step, prompts and answers together"""
    max_running: int = 32
    """answers that are written at the same time"""
    max_waiting: int = 128
    """answers that may wait for that; one more is told to come back later"""
    max_output: int = 4096
    """tokens of the longest answer"""
    max_body_mb: float = 1.0
    """size of the largest request, in MiB"""
    draft: Path | None = None
    """a smaller model of the same tokens, which guesses ahead"""
    n_guesses: int = 0
    """tokens to guess ahead: by the draft, or by looking for repetitions if there is none"""
    device: str = "cpu"
    """cpu or cuda"""
    graphs: bool = False
    """with cuda, record steps in which everybody writes one token, and replay them"""
    threads: int = 0
    """of the processor; 0 leaves it to PyTorch"""
    drain_s: int = 30
    """seconds that answers under way get to finish after SIGTERM; the others are told"""

    def __post_init__(self) -> None:
        for name in ("cache_mb", "block_size", "max_running", "max_output"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("max_waiting", "n_guesses", "drain_s"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        if not 0 < self.max_body_mb <= MAX_BODY_MB:
            raise ValueError(f"max_body_mb must be above 0, up to {MAX_BODY_MB}")
        if not 0 <= self.threads <= (os.cpu_count() or 1):
            raise ValueError(f"threads must be from 0 to {os.cpu_count()}, got {self.threads}")
        if self.draft is not None and not self.n_guesses:
            raise ValueError("a draft guesses nothing without n_guesses: try 4")
        if self.device.partition(":")[0] not in ("cpu", "cuda"):
            raise ValueError(f"device must be cpu or cuda, got {self.device!r}")
        if self.graphs and self.device == "cpu":
            raise ValueError("graphs are recorded on a GPU: try --device cuda")
        if self.name == "":
            raise ValueError("the name is empty: leave it out to take the folder's")
        if not 0 <= self.port < 65536:
            raise ValueError(f"port must be from 0 to 65535, got {self.port}")
        if not (self.key.isascii() and self.key.isprintable()) or self.key != self.key.strip():
            raise ValueError("a key travels in a header: letters, digits and signs of ASCII alone")
        if not is_local(self.host) and not self.key:
            raise ValueError(
                f"listening on {self.host!r} lets others in: set {KEY_VARIABLE} to a key for them"
            )

    @property
    def key(self) -> str:
        """The key that clients must send; empty for none."""
        return self.api_key or os.environ.get(KEY_VARIABLE, "")


def main(config: Config) -> None:
    """Load the model and serve until told to stop."""
    if config.device != "cpu" and not torch.cuda.is_available():
        raise ValueError("there is no CUDA device here; try --device cpu")
    if config.threads:
        torch.set_num_threads(config.threads)
    began = time.perf_counter()
    folder = loading.find(config.model)
    taken = listen(config.host, config.port)
    decoder, tokenizer = loading.load(folder, config.method, config.device)
    app = build(config, folder, decoder, tokenizer)
    print(
        f"{folder}: {decoder.nbytes / 2**20:,.1f} MiB of weights, "
        f"loaded in {time.perf_counter() - began:.1f} s"
    )
    Listening(app, config.drain_s).run([taken])


def build(config: Config, folder: Path, decoder: Decoder, tokenizer: Tokenizer) -> FastAPI:
    """Put runner, engine and API together."""
    a = decoder.architecture
    runner = make_runner(config, decoder)
    max_open = config.max_running + config.max_waiting
    sizes = EngineConfig(
        n_blocks=runner.n_blocks,
        block_size=config.block_size,
        max_tokens=config.max_tokens,
        max_running=config.max_running,
        max_waiting=max_open,  # those that will run wait, too, until the next step
        max_length=min(a.max_length, runner.n_blocks * config.block_size),
        n_guesses=config.n_guesses,
    )
    runs = runner
    if config.graphs:
        widest = -(-sizes.max_length // config.block_size)
        runs = GraphedRunner(runner, widest, device=config.device)
    engine = Engine(runs, tokenizer, sizes, drafter(config, decoder))
    serving = Serving(engine, max_open=max_open)
    settings = Settings(
        model=config.name or loading.name_of(folder),
        max_length=sizes.max_length,
        max_output=config.max_output,
        max_body_bytes=int(config.max_body_mb * 2**20),
        api_key=config.key or None,
    )
    constraints = Constraints(tokenizer.engine, a.vocab_size, sorted(tokenizer.eos_ids))
    return create_app(serving, tokenizer, constraints, settings)


def make_runner(config: Config, decoder: Decoder) -> Runner:
    """Give a decoder the cache that fits into its memory, and no more than can be in use."""
    a = decoder.architecture
    dtype = {"float": decoder.dtype, "bfloat16": torch.bfloat16, "int8": torch.int8}[config.cache]
    fitting = config.cache_mb * 2**20 // (config.block_size * bytes_per_token(a, dtype))
    enough = config.max_running * -(-a.max_length // config.block_size)
    return Runner(decoder, max(1, min(fitting, enough)), config.block_size, dtype)


def drafter(config: Config, decoder: Decoder) -> Drafter | None:
    """Make what guesses ahead, if anything does."""
    if not config.n_guesses:
        return None
    if config.draft is None:
        return NgramDrafter()
    small = loading.load_draft(config.draft, decoder, config.method, config.device)
    return ModelDrafter(make_runner(config, small))


if __name__ == "__main__":
    cli.run(__spec__.name)
