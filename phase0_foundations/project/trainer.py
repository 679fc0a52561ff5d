"""One training run in memory: the network, its optimiser, its data and their randomness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from phase0_foundations.project import augment, mlp
from phase0_foundations.project.config import Config
from phase0_foundations.project.digits import N_CLASSES, Digits
from phase0_foundations.solution.loader import DataLoader
from phase0_foundations.solution.losses import cross_entropy
from phase0_foundations.solution.optim import AdamW
from phase0_foundations.solution.schedules import warmup_cosine
from phase0_foundations.solution.tensor import Tensor
from shared.runs import Checkpoint


class Trainer:
    """All that changes while the network learns; `arrays` and `state` are what a checkpoint keeps.

    Args:
        config: the settings.
        digits: the images.

    Attributes:
        sizes: features of the network from its input to its output.
        done: steps taken.
        seconds: time spent on them, over all processes that took part.
    """

    def __init__(self, config: Config, digits: Digits):
        self.config, self.digits = config, digits
        weights_rng, self.dropout_rng, self.augment_rng = (
            np.random.default_rng([config.seed, stream]) for stream in range(3)
        )
        self.sizes = (digits.n_pixels, *config.hidden, N_CLASSES)
        self.model = mlp.build(self.sizes, config.dropout, weights_rng, self.dropout_rng)
        self.optimizer = AdamW(self.model.parameters(), config.lr, weight_decay=config.weight_decay)
        self.loader = DataLoader(
            digits.train_x, digits.train_y, batch_size=config.batch_size, seed=config.seed
        )
        self.batches = endless(self.loader)
        self.done, self.seconds = 0, 0.0

    @property
    def model_size(self) -> int:
        """How many numbers are learned."""
        return sum(parameter.data.size for parameter in self.model.parameters())

    @property
    def images_per_step(self) -> int:
        """Images in a batch; fewer than asked for where there are not so many."""
        return min(self.config.batch_size, len(self.digits.train_y))

    def step(self) -> dict[str, float]:
        """Take one training step; return its loss (nats, before the step) and learning rate."""
        config = self.config
        lr = warmup_cosine(
            self.done, lr=config.lr, max_steps=config.max_steps, warmup_steps=config.warmup_steps
        )
        x, y = next(self.batches)
        if config.augment:
            x = augment.move(x, self.augment_rng)
        loss = cross_entropy(self.model(Tensor(x.reshape(len(x), -1))), y)
        self.optimizer.zero_grad()
        loss.backward()
        for group in self.optimizer.groups:
            group["lr"] = lr
        self.optimizer.step()
        self.done += 1
        return {"loss": loss.item(), "lr": lr}

    def evaluate(self) -> dict[str, float]:
        """Loss and accuracy on the validation images and on as many training images, unmoved."""
        digits, n = self.digits, len(self.digits.val_y)
        val_loss, val_accuracy = mlp.score(self.model, digits.val_x, digits.val_y)
        train_loss, train_accuracy = mlp.score(self.model, digits.train_x[:n], digits.train_y[:n])
        return {
            "val_loss": val_loss,
            "val_accuracy": val_accuracy,
            "train_loss": train_loss,
            "train_accuracy": train_accuracy,
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights and the optimiser's averages."""
        model, optimizer = self.model.state_dict(), self.optimizer.state_dict()
        return {f"model.{name}": array for name, array in model.items()} | {
            f"optimizer.{name}": array for name, array in optimizer.items()
        }

    def state(self) -> dict[str, Any]:
        """Everything else that the next loss depends on, and the time."""
        return {
            "loader": self.loader.state_dict(),
            "dropout_rng": self.dropout_rng.bit_generator.state,
            "augment_rng": self.augment_rng.bit_generator.state,
            "seconds": self.seconds,
        }

    def restore(self, saved: Checkpoint) -> None:
        """Go back to a checkpoint."""
        parts: dict[str, dict[str, np.ndarray]] = {"model": {}, "optimizer": {}}
        for key, array in saved.arrays.items():
            part, _, name = key.partition(".")
            parts[part][name] = array
        self.model.load_state_dict(parts["model"])
        self.optimizer.load_state_dict(parts["optimizer"])
        self.loader.load_state_dict(saved.state["loader"])
        self.batches = endless(self.loader)
        self.dropout_rng.bit_generator.state = saved.state["dropout_rng"]
        self.augment_rng.bit_generator.state = saved.state["augment_rng"]
        self.done, self.seconds = saved.step, saved.state["seconds"]


def endless(loader: DataLoader) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield batches, epoch after epoch."""
    while True:
        yield from loader
