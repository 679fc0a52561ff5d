"""One training run in memory: the model, its optimisers, its text and their randomness."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from phase1_transformers.project.config import Config
from phase1_transformers.project.corpus import Corpus
from phase1_transformers.project.evaluate import Score, score
from phase1_transformers.project.operations import default_ops
from phase1_transformers.project.optimizers import Together, make_optimizer
from phase1_transformers.solution.batches import get_batch
from phase1_transformers.solution.generate import stream
from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.sampling import Sampling
from phase1_transformers.solution.schedules import warmup_cosine, warmup_stable_decay
from phase1_transformers.solution.training import training_step
from shared import blocks
from shared.machine import has_bf16_instructions
from shared.runs import Checkpoint

SAMPLING = Sampling(temperature=0.8)
TRAIN_SCORED = 2**15  # tokens of the training text that a look at the validation text compares with


class Trainer:
    """All that changes while the model learns; `arrays` and `state` are what a checkpoint keeps.

    Args:
        config: the settings.
        corpus: the text.

    Attributes:
        model: the GPT.
        done: steps taken.
        seconds: time spent on them, over all processes that took part; evaluation not counted.
    """

    def __init__(self, config: Config, corpus: Corpus) -> None:
        self.config, self.corpus = config, corpus
        self.device = choose_device(config.device)
        self.autocast = choose_dtype(config.dtype, self.device)
        weights, self.batches_rng = (torch.Generator().manual_seed(config.seed) for _ in range(2))
        torch.manual_seed(config.seed)  # dropout draws from the global generator
        self.model = GPT(config.model(corpus.tokenizer.vocab_size), default_ops(), weights)
        if config.zero_init:
            start_from_nothing(self.model)
        self.model.to(self.device).train()
        self.forward = torch.compile(self.model) if config.compile else self.model
        self.optimizer: Together = make_optimizer(config, self.model)
        self.done, self.seconds = 0, 0.0

    @property
    def n_parameters(self) -> int:
        """How many numbers are learned."""
        return sum(p.numel() for p in self.model.parameters())

    def step(self) -> dict[str, float]:
        """Take one training step.

        Returns:
            "loss", nats per token, before the step; "lr", AdamW's; "grad_norm", before clipping;
            "tokens_per_s".
        """
        config, began = self.config, time.perf_counter()
        share = schedule(config, self.done)
        self.optimizer.set_lr(share)
        batches = [self.batch() for _ in range(config.grad_accum_steps)]
        told = training_step(self.forward, self.optimizer, batches, config.grad_clip, self.autocast)
        told = {name: value.item() for name, value in told.items()}  # a GPU is done only now
        elapsed = time.perf_counter() - began
        self.done += 1
        self.seconds += elapsed
        return {**told, "lr": share * config.lr, "tokens_per_s": config.tokens_per_step / elapsed}

    def batch(self) -> tuple[Tensor, Tensor]:
        """Draw the next batch of windows."""
        config = self.config
        x, y = get_batch(self.corpus.train, config.block_size, config.batch_size, self.batches_rng)
        return x.to(self.device), y.to(self.device)

    def evaluate(self) -> dict[str, float]:
        """Score the whole validation text, and a stretch of the training text beside it."""
        val, train = self.score(self.corpus.val), self.score(self.corpus.train[:TRAIN_SCORED])
        return {
            "train_loss": train.loss,
            "val_loss": val.loss,
            "val_bits_per_byte": val.bits_per_byte(self.corpus.n_val_bytes),
            "seconds": self.seconds,
        }

    def score(self, tokens: np.ndarray) -> Score:
        """Predict a text as it comes; in float32 on a CPU, so that rounding is nobody's excuse."""
        autocast = self.autocast if self.device.type != "cpu" else None
        return score(self.model, tokens, self.config.block_size, autocast)

    def sample(self) -> str:
        """Continue the prompt, with the same luck every time."""
        config = self.config
        self.model.eval()
        pieces = stream(
            self.model,
            self.corpus.tokenizer,
            config.prompt,
            config.sample_tokens,
            sampling=SAMPLING,
            generator=torch.Generator(self.device).manual_seed(config.seed),
        )
        text = "".join(pieces)
        self.model.train()
        return text

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights, the optimisers' averages, and the state of the generators."""
        model = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        optimizer = {f"optimizer.{name}": t for name, t in self.optimizer.tensors().items()}
        rng = {"rng.batches": self.batches_rng.get_state(), "rng.dropout": torch.get_rng_state()}
        if self.device.type == "cuda":
            rng["rng.cuda"] = torch.cuda.get_rng_state(self.device)
        everything = {**model, **optimizer, **rng}
        return {name: tensor.cpu().numpy() for name, tensor in everything.items()}

    def state(self) -> dict[str, Any]:
        """What else a checkpoint keeps: the time."""
        return {"seconds": self.seconds}

    def restore(self, saved: Checkpoint) -> None:
        """Go back to a checkpoint."""
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "rng": {}}
        for key, array in saved.arrays.items():
            part, _, name = key.partition(".")
            parts[part][name] = torch.from_numpy(array)
        self.model.load_state_dict(parts["model"])
        self.optimizer.load_tensors(parts["optimizer"])
        self.batches_rng.set_state(parts["rng"]["batches"])
        torch.set_rng_state(parts["rng"]["dropout"])
        if "cuda" in parts["rng"] and self.device.type == "cuda":
            torch.cuda.set_rng_state(parts["rng"]["cuda"], self.device)
        self.done, self.seconds = saved.step, saved.state["seconds"]


def schedule(config: Config, step: int) -> float:
    """Share of the top learning rates at a step."""
    shape = {
        "lr": 1.0,
        "min_lr": config.min_lr_share,
        "max_steps": config.max_steps,
        "warmup_steps": config.warmup_steps,
    }
    if config.schedule == "cosine":
        return warmup_cosine(step, **shape)
    decay_steps = min(config.decay_steps, config.max_steps - config.warmup_steps)
    return warmup_stable_decay(step, **shape, decay_steps=decay_steps)


def start_from_nothing(model: nn.Module) -> None:
    """Set to zero what writes into the residual stream, and an untied head.

    Then every block starts as the identity and every token as equally likely, and nothing has to
    be unlearned: Zhang et al. 2019 (arXiv:1901.09321), section 3.
    """
    for name, module in model.named_modules():
        if name.endswith(".proj"):
            nn.init.zeros_(module.weight)
    if not model.config.tied:
        nn.init.zeros_(model.head.weight)


def choose_device(name: str) -> torch.device:
    """Find the device that is asked for; auto takes a GPU where there is one.

    Raises:
        ValueError: this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError):
        raise ValueError(f"this machine has no device {name!r}; try auto or cpu") from None


def choose_dtype(name: str, device: torch.device) -> torch.dtype | None:
    """Find the dtype of matrix products; None leaves them in float32.

    With auto it is bfloat16 where the hardware is fast at it. Your own blocks stay in float32:
    formulas do not guard their sums as PyTorch's kernels do.
    """
    if name == "auto":
        if blocks.are_mine():
            return None
        fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else has_bf16_instructions()
        return torch.bfloat16 if fast else None
    return torch.bfloat16 if name == "bfloat16" else None
