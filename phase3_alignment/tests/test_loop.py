"""A run that is stopped, killed or damaged, and one that is not."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from phase3_alignment.project import loop
from phase3_alignment.project.learner import Learner
from shared import checks, runs

SETTINGS = {"seed": 0}


class Toy:
    """Fits a line with dropout to numbers drawn by the learner's generator."""

    look_every, shown = 2, ("loss",)

    def __init__(self, n_steps=6, stop_at=None):
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1))
        model[0].bias.requires_grad_(False)
        self.learner = Learner(model, 0.01, n_steps, warmup_steps=2, weight_decay=0.1)
        self.counted, self.stop_at = 0, stop_at

    def step(self):
        if self.learner.done == self.stop_at:
            raise RuntimeError("killed")
        x = torch.randn(5, 3, generator=self.learner.generator)
        loss = (self.learner.model(x) - x.sum(-1, keepdim=True)).square().mean()
        self.counted += 1
        return {"loss": loss.item(), "grad_norm": self.learner.descend(loss)}

    def look(self):
        return {"weight": self.learner.model[0].weight.sum().item(), "says": "looked"}

    def state(self):
        return {"counted": self.counted}

    def load_state(self, state):
        self.counted = state["counted"]


def trained(tmp_path, name, resume=False, **options):
    run, saved = loop.open_run(name, SETTINGS, resume, tmp_path)
    toy = Toy(**options)
    with run:
        loop.fit(toy, run, saved)
    return toy, runs.read_metrics(run.path)


def test_a_killed_run_goes_on_bit_by_bit(tmp_path):
    whole, expected = trained(tmp_path, "whole")
    with pytest.raises(RuntimeError, match="killed"):
        trained(tmp_path, "cut", stop_at=4)  # step 4 fails; the checkpoint is of step 2
    again, metrics = trained(tmp_path, "cut", resume=True)
    assert metrics == expected
    assert again.counted == whole.counted == 6
    for (name, p), (_, q) in zip(again.learner.trained(), whole.learner.trained()):
        assert torch.equal(p, q), name


def test_looks_come_before_the_first_step_and_after_the_last(tmp_path):
    _, metrics = trained(tmp_path, "looks")
    assert [record["step"] for record in metrics if "weight" in record] == [0, 2, 4, 6]
    assert [record["step"] for record in metrics if "loss" in record] == [1, 2, 3, 4, 5, 6]


def test_what_is_frozen_is_neither_saved_nor_decayed():
    toy = Toy()
    names = set(toy.learner.arrays())
    assert "model.0.weight" in names
    assert "model.0.bias" not in names
    decays = [group["weight_decay"] for group in toy.learner.optimizer.param_groups]
    assert decays == [0.1, 0.0]


def test_the_learning_rate_rises_and_falls():
    learner, rates = Toy().learner, []
    for _ in range(6):
        learner.begin_step()
        rates.append(learner.optimizer.param_groups[0]["lr"])
    # Up in two steps, then down in four, the first of which is still the whole.
    checks.close(np.array(rates), 0.01 * np.array([0.5, 1, 1, 0.75, 0.5, 0.25]), "learning rates")


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    trained(tmp_path, "toy")
    saved = runs.load_checkpoint(tmp_path / "phase3" / "toy")
    other = Learner(nn.Linear(2, 2), 0.1, 3)
    checks.raises(lambda: other.restore(saved), ValueError, "another model", "another model")


def test_another_setting_is_refused(tmp_path):
    trained(tmp_path, "toy")
    (tmp_path / "phase3/toy/config.json").write_text(json.dumps({"seed": 1}))
    with pytest.raises(runs.RunError):
        loop.open_run("toy", SETTINGS, True, tmp_path)
