"""What a finished run left in its folder, read back for figures and tables."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from phase0_foundations.project import inspection, mlp
from phase0_foundations.project.config import Config
from phase0_foundations.project.digits import Digits, load_digits
from phase0_foundations.project.trainer import Trainer
from phase0_foundations.solution.module import Sequential
from shared.runs import RunError, read_metrics

DISSECTED_IMAGES = 5000


@dataclass(frozen=True)
class Record:
    """A finished run.

    Attributes:
        config: its settings.
        digits: the images it was trained on.
        results: what results.json holds; see `train.Result`.
        steps: one record for each training step: step, loss, lr.
        looks: one for each look at the validation images: step, val_loss, val_accuracy, ...
        untrained, model: the network before the first step and after the last.
    """

    config: Config
    digits: Digits
    results: dict[str, Any]
    steps: list[dict[str, float]]
    looks: list[dict[str, float]]
    untrained: Sequential
    model: Sequential

    @cached_property
    def test_probabilities(self) -> np.ndarray:
        """How sure the network is of each digit on each test image, (N, 10)."""
        return mlp.probabilities(self.model, self.digits.test_x)

    @property
    def first_weights(self) -> np.ndarray:
        """Weights of the first layer, (pixels, units)."""
        return self.model.layers[0].weight.data

    @cached_property
    def confusion(self) -> np.ndarray:
        """How often each digit was read as each, (10, 10)."""
        return inspection.confusion_matrix(
            self.digits.test_y, self.test_probabilities.argmax(axis=1)
        )

    @cached_property
    def hardest(self) -> np.ndarray:
        """Indices of the test images, the worst mistake first, the easiest one last."""
        return inspection.hardest(self.test_probabilities, self.digits.test_y)

    @cached_property
    def before(self) -> inspection.Anatomy:
        """Activations and gradients before training."""
        return self._dissect(self.untrained)

    @cached_property
    def after(self) -> inspection.Anatomy:
        """Activations and gradients after training."""
        return self._dissect(self.model)

    def _dissect(self, model: Sequential) -> inspection.Anatomy:
        x, y = self.digits.train_x[:DISSECTED_IMAGES], self.digits.train_y[:DISSECTED_IMAGES]
        return inspection.dissect(model, x, y)


def read_record(folder: Path, digits: Digits | None = None) -> Record:
    """Read a run's folder.

    Args:
        folder: runs/phase0/<name>.
        digits: the images, if they are loaded already.

    Raises:
        RunError: the run is not there or not finished, or its images cannot be had today.
    """
    from safetensors.numpy import load

    if not (folder / "results.json").exists():
        raise RunError(f"{folder} holds no finished run; train first")
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    config = Config(**{**settings, "hidden": tuple(settings["hidden"])})
    digits = digits or load_digits(config.data)
    untrained, model = (Trainer(config, digits).model for _ in range(2))
    try:
        model.load_state_dict(load((folder / "model.safetensors").read_bytes()))
    except ValueError:
        raise RunError(f"{folder} was trained on other images: {results['source']}") from None
    metrics = read_metrics(folder)
    return Record(
        config=config,
        digits=digits,
        results=results,
        steps=[record for record in metrics if "loss" in record],
        looks=[record for record in metrics if "val_loss" in record],
        untrained=untrained,
        model=model,
    )
