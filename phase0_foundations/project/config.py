"""The settings of a training run, each checked before anything starts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

SMALL_IMAGE, STEPS_IF_SMALL, STEPS = 64, 2000, 4000  # pixels; training steps


@dataclass(frozen=True)
class Config:
    """Settings of a run, chosen on the validation images; the same for both data sets."""

    data: str = "mnist"
    """mnist (scikit-learn's digits where MNIST cannot be had) or digits"""
    hidden: tuple[int, ...] = (512, 256)
    """units of each hidden layer"""
    max_steps: int | None = None
    """training steps; if not given, 4000 for MNIST and 2000 for the 8x8 digits"""
    batch_size: int = 128
    """images in a step"""
    lr: float = 2e-3
    """learning rate at its top, between warm-up and cosine"""
    warmup_steps: int = 200
    """steps over which the learning rate rises"""
    weight_decay: float = 0.01
    """AdamW's: a step shrinks the weights by lr times this"""
    dropout: float = 0.1
    """probability of dropping a hidden activation"""
    augment: bool = True
    """turn and shift training images at random"""
    eval_every: int = 400
    """steps between two looks at the validation images, each with a checkpoint"""
    seed: int = 0
    """decides weights, order, dropout and augmentation"""
    name: str = "mlp"
    """folder of the run, under runs/phase0"""
    resume: bool = False
    """go on from the run's newest checkpoint"""
    tensorboard: bool = False
    """also write the curves for TensorBoard, to runs/phase0/<name>/tensorboard"""
    overfit_one_batch: bool = False
    """only check that the network can learn 64 images by heart"""

    def __post_init__(self) -> None:
        if self.data not in ("mnist", "digits"):
            raise ValueError(f"data must be mnist or digits, got {self.data!r}")
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError(f"hidden needs one or more positive sizes, got {self.hidden}")
        for field in ("max_steps", "batch_size", "lr", "eval_every"):
            value = getattr(self, field)
            if value is not None and not value > 0:
                raise ValueError(f"{field} must be positive, got {value}")
        if not 0 <= self.warmup_steps < (self.max_steps or STEPS_IF_SMALL):
            raise ValueError(
                f"warmup_steps must lie in [0, max_steps), got {self.warmup_steps} "
                f"with max_steps {self.max_steps or STEPS_IF_SMALL}"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {self.dropout}")
        if self.weight_decay < 0 or self.seed < 0:
            raise ValueError("weight_decay and seed must not be negative")
        if not self.name or Path(self.name).name != self.name:
            raise ValueError(f"name must be a plain folder name, got {self.name!r}")

    def for_images(self, n_pixels: int) -> Config:
        """Decide the number of steps, if it was left open, by the size of the images."""
        if self.max_steps is not None:
            return self
        return replace(self, max_steps=STEPS if n_pixels > SMALL_IMAGE else STEPS_IF_SMALL)

    def settings(self) -> dict[str, Any]:
        """What decides the losses: everything but how the program was called."""
        calls = ("resume", "tensorboard", "overfit_one_batch")
        return {name: value for name, value in asdict(self).items() if name not in calls}
