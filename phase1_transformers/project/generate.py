"""Let a model go on with a text, and print it as it comes.

    python -m phase1_transformers.project.generate --model runs/phase1/tiny --prompt "A list is"
    python -m phase1_transformers.project.generate --model gpt2 --prompt "Once" --temperature 0
    python -m phase1_transformers.project.generate --model gpt2 --prompt "Q:" --stop Q: --top-k 40

The model is the folder of a run, a folder in Hugging Face's format, or a name on its hub. Where it
ends: at the end-of-text token, at a stop string, or after --max-new-tokens. Ctrl-C stops it.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from phase1_transformers.project import formats, hub
from phase1_transformers.project.packed import pack
from phase1_transformers.project.trainer import choose_device
from phase1_transformers.solution.generate import stream
from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.sampling import Sampling
from phase1_transformers.solution.tokenizer import Tokenizer
from shared import blocks, cli


@dataclass(frozen=True)
class Config:
    """What to continue, with which model, and how."""

    model: str
    """folder of a run (runs/phase1/tiny), a folder in Hugging Face's format, or a hub id (gpt2)"""
    prompt: str = ""
    """the text to continue; empty begins a new document"""
    max_new_tokens: int = 200
    """where to stop at the latest"""
    temperature: float = 0.8
    """above 1 bolder, below 1 safer, 0 always the likeliest token"""
    top_k: int | None = None
    """draw from so many of the likeliest tokens"""
    top_p: float | None = 0.95
    """draw from the likeliest tokens that have this probability together"""
    min_p: float | None = None
    """draw from tokens at least this likely, as a share of the likeliest one's probability"""
    repetition_penalty: float = 1.0
    """above 1, tokens of the text so far become less likely"""
    stop: tuple[str, ...] = ()
    """strings that end the text; they are not printed"""
    seed: int = 0
    """decides what is drawn"""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """of the weights; bfloat16 has half the bytes to read for each token"""
    device: str = "auto"
    """auto (a GPU if there is one), cpu, cuda, cuda:1, mps"""
    cache: bool = True
    """keep keys and values; --no-cache shows what they save"""

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens must be 1 or more, got {self.max_new_tokens}")
        _ = self.sampling  # checks its own settings

    @property
    def sampling(self) -> Sampling:
        """How a token is drawn."""
        return Sampling(
            self.temperature, self.top_k, self.top_p, self.min_p, self.repetition_penalty
        )


def load(name: str, dtype: torch.dtype, device: torch.device) -> tuple[GPT, Tokenizer]:
    """Open a model and its tokenizer; on a CPU it is packed, unless your own blocks are to run.

    Raises:
        ValueError: in one line, if either is missing or of a kind that this phase does not have.
    """
    exported = Path(name) / "hf"
    folder = exported if exported.is_dir() else hub.find_folder(name)
    tokenizer = formats.load_tokenizer(folder)
    model = hub.load_pretrained(folder, dtype=dtype).to(device)
    packs = device.type == "cpu" and not blocks.are_mine()
    return (pack(model) if packs else model), tokenizer


def continue_text(config: Config, model: GPT, tokenizer: Tokenizer) -> Iterator[str]:
    """Stream what follows the prompt."""
    return stream(
        model,
        tokenizer,
        config.prompt,
        config.max_new_tokens,
        sampling=config.sampling,
        generator=torch.Generator(model.token_embedding.weight.device).manual_seed(config.seed),
        use_cache=config.cache,
        stop=config.stop,
    )


def main(config: Config) -> None:
    """Print the prompt and its continuation, then how fast it came."""
    device = choose_device(config.device)
    model, tokenizer = load(config.model, getattr(torch, config.dtype), device)
    texts = continue_text(config, model, tokenizer)  # what is wrong with the prompt shows here
    passes: list[float] = []
    model.register_forward_hook(lambda *call: passes.append(time.perf_counter()))
    sys.stdout.reconfigure(errors="replace")  # a console may not know every character
    began = time.perf_counter()
    print(config.prompt, end="", flush=True)
    for text in texts:
        print(text, end="", flush=True)
    print()
    seconds = time.perf_counter() - began
    first_ms = 1e3 * (passes[0] - began)
    speed = f"{len(passes) / seconds:.0f} tokens/s, {first_ms:.0f} ms to the first"
    print(f"[{len(passes)} tokens, {speed}]", file=sys.stderr)


if __name__ == "__main__":
    cli.run(__spec__.name)
