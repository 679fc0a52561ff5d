"""One rank of a training run: its replica or shard of the model, its share of every batch."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from phase2_scaling.project import checkpoint
from phase2_scaling.project.config import Config
from phase2_scaling.project.heartbeat import Heartbeat
from phase2_scaling.project.windows import Windows, shares
from phase2_scaling.solution.metrics import global_mean
from phase2_scaling.solution.model import GPT, IGNORED, next_token_loss
from phase2_scaling.solution.sampling import shard_indices
from shared.runs import Checkpoint


class Trainer:
    """All that changes while the model learns. Every rank has one, and all call it in step.

    Args:
        config: the settings; the batch size is a multiple of the number of processes.
        accelerator: of `processes.join`.
        train: what to learn from.
        pulse: is told where this rank is.

    Attributes:
        model: the GPT, prepared: wrapped by DDP, sharded by FSDP2, or as it is.
        done: steps taken.
        seconds: time spent on them, over all processes that took part.
        n_tokens: targets that were counted, on all ranks.
    """

    def __init__(
        self, config: Config, accelerator: Accelerator, train: Windows, pulse: Heartbeat
    ) -> None:
        self.config, self.accelerator, self.train, self.pulse = config, accelerator, train, pulse
        self.rank, self.world_size = accelerator.process_index, accelerator.num_processes
        model = GPT(config.model(), torch.Generator().manual_seed(config.seed))
        self.n_parameters = sum(p.numel() for p in model.parameters())
        fused = accelerator.device.type == "cuda"
        optimizer = torch.optim.AdamW(
            decay_groups(model, config.weight_decay), lr=config.lr, betas=config.betas, fused=fused
        )
        self.model, self.optimizer = accelerator.prepare(model, optimizer)
        self.done, self.seconds, self.n_tokens = 0, 0.0, 0
        if isinstance(self.model, DistributedDataParallel):
            self._settle_buckets()
        self._deal()

    def step(self) -> dict[str, float]:
        """Take one step on the global batch: the same step for every number of processes.

        Returns:
            "loss", nats per token of the global batch, before the step; "lr"; "grad_norm", before
            clipping; "n_tokens", targets counted; "tokens_per_s".
        """
        began = time.perf_counter()
        self.pulse.beat(self.done, "loading")
        seed_step(self.config.seed, self.done, self.rank)
        micro_batches = self._load(self.train, *next(self.shares))
        count = sum((y != IGNORED).sum() for _, y in micro_batches)
        self.pulse.beat(self.done, "learning")
        lr = self._set_lr()
        n_tokens = self.accelerator.reduce(count, "sum")
        total = self._accumulate(micro_batches, self.world_size / n_tokens)
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.grad_clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        loss = global_mean(total, count).item()  # a GPU is done only now
        self.done += 1
        elapsed = time.perf_counter() - began
        self.seconds += elapsed
        self.n_tokens += int(n_tokens)
        return {
            "loss": loss,
            "lr": lr,
            "grad_norm": whole(norm).item(),
            "n_tokens": int(n_tokens),
            "tokens_per_s": int(n_tokens) / elapsed,
        }

    def evaluate(self, windows: Windows) -> float:
        """Score every byte of a text once, over all ranks: nats per token."""
        self.pulse.beat(self.done, "evaluating")
        n, size = len(windows), self.config.micro_batch_size
        mine = shard_indices(n, self.rank, self.world_size, epoch=0, seed=0)
        total = torch.zeros((), dtype=torch.float64, device=self.accelerator.device)
        count = torch.zeros((), dtype=torch.int64, device=self.accelerator.device)
        self.model.eval()
        for begin in range(0, -(-n // self.world_size), size):  # as often on every rank
            [(x, y)] = self._load(windows, mine[begin : begin + size], size)
            with torch.no_grad():
                total += next_token_loss(self.model(x)[0], y, "sum")
            count += (y != IGNORED).sum()
            self.pulse.beat(self.done, "evaluating")
        self.model.train()
        return global_mean(total, count).item()

    def arrays(self) -> dict[str, np.ndarray]:
        """Collect what a checkpoint keeps, on rank 0; all ranks have to ask."""
        self.pulse.beat(self.done, "saving")
        return checkpoint.gather(self.model, self.optimizer.optimizer)

    def state(self) -> dict[str, Any]:
        """What else a checkpoint keeps. Order and dropout follow from the step: see `shares`."""
        scaler = self.accelerator.scaler
        return {
            "seconds": self.seconds,
            "n_tokens": self.n_tokens,
            "scaler": scaler.state_dict() if scaler else {},
        }

    def restore(self, saved: Checkpoint) -> None:
        """Go back to a checkpoint, of whatever number of processes."""
        checkpoint.scatter(saved.arrays, self.model, self.optimizer.optimizer)
        self.done, self.seconds = saved.step, saved.state["seconds"]
        self.n_tokens = saved.state["n_tokens"]
        if self.accelerator.scaler and saved.state["scaler"]:
            self.accelerator.scaler.load_state_dict(saved.state["scaler"])
        self._deal()

    def _deal(self) -> None:
        config = self.config
        self.shares = shares(
            len(self.train), config.batch_size, self.rank, self.world_size, config.seed, self.done
        )

    def _load(self, windows: Windows, indices: Tensor, rows: int) -> list[tuple[Tensor, Tensor]]:
        """Cut windows out, put them on the device and split them into micro-batches."""
        x, y = (t.to(self.accelerator.device) for t in windows.batch(indices, rows))
        size = self.config.micro_batch_size
        return list(zip(x.split(size), y.split(size), strict=True))

    def _accumulate(self, micro_batches: list[tuple[Tensor, Tensor]], scale: Tensor) -> Tensor:
        """Add up the gradients of all micro-batches, and average over the ranks with the last one.

        A sum of nats, not a mean: micro-batches and ranks differ in the tokens that count. The
        ranks' gradients are averaged by whoever synchronises them; `scale` takes that back.
        """
        total = torch.zeros((), dtype=torch.float64, device=self.accelerator.device)
        for x, y in micro_batches[:-1]:
            with self.accelerator.no_sync(self.model):
                total += self._backward(x, y, scale)
        return total + self._backward(*micro_batches[-1], scale)

    def _backward(self, x: Tensor, y: Tensor, scale: Tensor) -> Tensor:
        nats = next_token_loss(self.model(x)[0], y, "sum")
        self.accelerator.backward(nats * scale)
        return nats.detach()

    def _set_lr(self) -> float:
        """Set the step's learning rate. Accelerate's scheduler would step once a process."""
        lr = self.config.lr * schedule(self.config, self.done)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        return lr

    def _settle_buckets(self) -> None:
        """Take a step that teaches nothing, so that DDP has its final buckets from step 1 on.

        DDP sorts its buckets anew after the first backward pass. Over three or more ranks the order
        of a sum depends on the place in the bucket, so a resumed run, whose first backward pass is
        another step, would differ from an undisturbed one in the last bits.
        """
        x, _ = self.train.batch(torch.arange(0), 1)
        logits, _ = self.model(x.to(self.accelerator.device))
        (logits.sum() * 0).backward()
        self.optimizer.zero_grad()


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Part the parameters: what has two axes decays; biases and norms do not."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


def schedule(config: Config, step: int) -> float:
    """Share of the top learning rate at a step, counted from 0."""
    low = config.min_lr_share
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    if config.schedule == "cosine":
        progress = (step - config.warmup_steps) / (config.max_steps - config.warmup_steps)
        return low + (1 - low) * (1 + math.cos(math.pi * progress)) / 2
    decay_steps = min(config.decay_steps, config.max_steps - config.warmup_steps)
    return low + (1 - low) * min(1.0, (config.max_steps - step) / decay_steps)


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seed dropout by step and rank: nothing to save, and no two ranks drop the same."""
    torch.manual_seed(int(np.random.SeedSequence([seed, step, rank]).generate_state(1)[0]))


def whole(tensor: Tensor) -> Tensor:
    """A tensor as such; FSDP2's norms are distributed ones."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
