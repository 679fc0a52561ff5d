"""One small training run of the sweep: how it is set up, and what is kept of it.

Every run follows the same recipe, so that size and tokens are all that differs: two layers, the
same windows of the same text in the same order, a learning rate that goes with one over the width
and first weights with one over its root (Yang et al. 2022, arXiv:2203.03466, table 3), and a
schedule that ends exactly when the tokens do.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from phase2_scaling.solution.counting import n_parameters
from phase2_scaling.solution.model import GPT, STD, GPTConfig
from shared.files import write_text

VOCAB_SIZE = 256  # a token is a byte
BLOCK_SIZE = 64
N_LAYER = 2
HEAD_DIM = 8
BATCH_SIZE = 4  # windows in a step: so small a model learns most from many small steps
LR_TIMES_WIDTH = 0.25
EMBEDDING_STD, STD_TIMES_ROOT_WIDTH = 0.1, 0.5  # GPT-2's 0.02 is made for widths near 1000
BETAS, GRAD_CLIP = (0.9, 0.98), 1.0  # and no weight decay: nothing is seen often enough
WARMUP, LAST_LR = 0.05, 0.02  # shares of the steps, and of the highest learning rate
VAL_SHARE, VAL_WINDOWS = 0.05, 2048
LOOKS = (0.125, 0.25, 0.5, 1.0)  # of the tokens, when the validation text is scored


@dataclass(frozen=True)
class Recipe:
    """What decides a run's outcome, to the bit."""

    width: int
    """n_embd, a multiple of 8"""
    n_tokens: int
    """D, about; rounded down to whole steps"""
    data: str
    """fingerprint of the text, and of this file"""
    seed: int = 0
    """decides weights and order"""

    @property
    def config(self) -> GPTConfig:
        """The model's shape."""
        return GPTConfig(VOCAB_SIZE, BLOCK_SIZE, N_LAYER, self.width // HEAD_DIM, self.width)

    @property
    def steps(self) -> int:
        """Training steps."""
        return max(1, self.n_tokens // (BATCH_SIZE * BLOCK_SIZE))

    @property
    def name(self) -> str:
        """Of the run's file."""
        return f"width-{self.width:03d}-tokens-{self.n_tokens:09d}-seed-{self.seed}-{self.data}"

    def lr(self, step: int) -> float:
        """Up over the first steps, then straight down to nearly nothing at the last."""
        warm = min(1.0, (step + 1) / max(1.0, WARMUP * self.steps))
        return LR_TIMES_WIDTH / self.width * warm * max(LAST_LR, 1 - step / self.steps)


@dataclass(frozen=True)
class Point:
    """A run that is done: what the laws are fitted to."""

    recipe: Recipe
    seconds: float
    """of one core, on training steps"""
    looks: tuple[tuple[int, float], ...]
    """(tokens seen, validation loss in nats per byte), the last of them at the end"""

    @cached_property
    def n_params(self) -> int:
        """N: every parameter, the tables too."""
        return n_parameters(self.recipe.config)

    @cached_property
    def n_inner(self) -> int:
        """N as Kaplan et al. count it: without the tables."""
        return n_parameters(self.recipe.config, embeddings=False)

    @property
    def n_tokens(self) -> int:
        """D, trained on."""
        return self.looks[-1][0]

    @property
    def loss(self) -> float:
        """At the end, on the validation text, nats per byte."""
        return self.looks[-1][1]

    @property
    def flops(self) -> float:
        """C = 6 N D."""
        return 6.0 * self.n_params * self.n_tokens

    def write(self, folder: Path) -> None:
        """Keep the point as a file: there whole, or not at all."""
        write_text(folder / f"{self.recipe.name}.json", json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, recipe: Recipe, folder: Path) -> Point | None:
        """The point of a recipe, if it was trained before."""
        path = folder / f"{recipe.name}.json"
        if not path.exists():
            return None
        return cls.from_json(json.loads(path.read_text(encoding="utf-8")))

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Point:
        """What `asdict` made of a point, after it was JSON."""
        looks = tuple((int(tokens), float(loss)) for tokens, loss in kept["looks"])
        return cls(Recipe(**kept["recipe"]), kept["seconds"], looks)


def fingerprint(text: bytes) -> str:
    """Tell texts apart, and ways of training: eight letters."""
    return hashlib.sha256(text + Path(__file__).read_bytes()).hexdigest()[:8]


def split(text: bytes) -> tuple[Tensor, Tensor]:
    """Cut a text's end off for validation; both parts as (n,) uint8."""
    tokens = torch.frombuffer(bytearray(text), dtype=torch.uint8)
    n_val = int(len(tokens) * VAL_SHARE)
    return tokens[:-n_val], tokens[-n_val:]


def train(recipe: Recipe, train_tokens: Tensor, val_tokens: Tensor) -> Point:
    """Train as the recipe says, on one core."""
    generator = torch.Generator().manual_seed(recipe.seed)
    model = GPT(recipe.config, generator)
    scale_weights(model)
    order = torch.randperm((len(train_tokens) - 1) // BLOCK_SIZE, generator=generator)
    optimizer = torch.optim.AdamW(model.parameters(), betas=BETAS, weight_decay=0.0)
    wanted = {max(1, round(share * recipe.steps)) for share in LOOKS}
    looks, seconds, began = [], 0.0, time.process_time()
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr(step)
        picked = torch.arange(step * BATCH_SIZE, (step + 1) * BATCH_SIZE) % len(order)
        _, loss = model(*windows(train_tokens, order[picked] * BLOCK_SIZE))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), GRAD_CLIP)
        optimizer.step()
        optimizer.zero_grad()
        if step + 1 in wanted:
            seconds += time.process_time() - began
            looks.append(((step + 1) * BATCH_SIZE * BLOCK_SIZE, score(model, val_tokens)))
            began = time.process_time()
    return Point(recipe, seconds, tuple(looks))


@torch.no_grad()
def scale_weights(model: GPT) -> None:
    """Draw the first weights wider than GPT-2 does, by the model's width."""
    for name, p in model.named_parameters():
        if "embedding" in name:
            p.mul_(EMBEDDING_STD / STD)
        elif p.ndim == 2:
            p.mul_(STD_TIMES_ROOT_WIDTH / model.config.n_embd**0.5 / STD)


@torch.no_grad()
def score(model: GPT, tokens: Tensor) -> float:
    """Mean nats per byte over windows spread evenly over the text."""
    n = min(VAL_WINDOWS, (len(tokens) - 1) // BLOCK_SIZE)
    starts = torch.linspace(0, len(tokens) - 1 - BLOCK_SIZE, n).long()
    losses = [model(*windows(tokens, some))[1] * len(some) for some in starts.split(128)]
    return float(torch.stack(losses).sum() / n)


def windows(tokens: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs and targets, (B, T) int64 each, of the windows that begin at `starts`."""
    cut = tokens[starts[:, None] + torch.arange(BLOCK_SIZE + 1)].long()
    return cut[:, :-1], cut[:, 1:]
