"""A training loop: stopped, saved and resumed it gives the bits of one that ran through."""

import json

import numpy as np
import pytest
from safetensors.numpy import load, save

from phase0_foundations.solution import clinic, layers, loader, losses, module, optim, schedules
from phase0_foundations.solution.tensor import Tensor
from shared import checks

PICTURES = clinic.make_pictures(100, np.random.default_rng(0), noise=1.0)


class Training:
    """Everything that a run consists of; `saved` and `load` are what a checkpoint does."""

    def __init__(self, optimiser):
        rng = np.random.default_rng(0)
        self.noise = np.random.default_rng(1)
        self.net = module.Sequential(
            layers.Linear(64, 16, rng),
            layers.BatchNorm1d(16),
            layers.ReLU(),
            layers.Dropout(0.3, self.noise),
            layers.Linear(16, 10, rng, gain=1.0),
        )
        self.optimiser = optimiser(self.net.parameters())
        self.loader = loader.DataLoader(*PICTURES, batch_size=32)
        self.step = 0

    def run(self, max_steps):
        seen = []
        while self.step < max_steps:
            for pictures, labels in self.loader:
                lr = schedules.warmup_cosine(self.step, lr=0.05, warmup_steps=3, max_steps=20)
                self.optimiser.groups[0]["lr"] = lr
                self.optimiser.zero_grad()
                loss = losses.cross_entropy(self.net(Tensor(pictures)), labels)
                loss.backward()
                optim.clip_grad_norm(self.net.parameters(), 1.0)
                self.optimiser.step()
                seen.append(loss.item())
                self.step += 1
                if self.step == max_steps:
                    break
        return seen

    def saved(self):
        arrays = {f"net.{name}": array for name, array in self.net.state_dict().items()}
        arrays |= {f"opt.{name}": array for name, array in self.optimiser.state_dict().items()}
        counters = {
            "step": self.step,
            "loader": self.loader.state_dict(),
            "noise": self.noise.bit_generator.state,
        }
        return save(arrays), json.dumps(counters)

    def load(self, arrays, counters):
        parts = {"net": {}, "opt": {}}
        for name, array in load(arrays).items():
            part, _, rest = name.partition(".")
            parts[part][rest] = array
        self.net.load_state_dict(parts["net"])
        self.optimiser.load_state_dict(parts["opt"])
        counters = json.loads(counters)
        self.step = counters["step"]
        self.loader.load_state_dict(counters["loader"])
        self.noise.bit_generator.state = counters["noise"]


OPTIMISERS = {
    "sgd": lambda weights: optim.SGD(weights, lr=0.05),
    "nesterov": lambda weights: optim.SGD(weights, lr=0.05, momentum=0.9, nesterov=True),
    "adamw": lambda weights: optim.AdamW(weights, lr=0.05),
}


@pytest.mark.parametrize("optimiser", OPTIMISERS.values(), ids=OPTIMISERS)
def test_resumed_losses_are_bit_identical(optimiser):
    expected = Training(optimiser).run(20)
    stopped, resumed = Training(optimiser), Training(optimiser)
    losses_before = stopped.run(10)  # in the middle of an epoch of four batches
    resumed.load(*stopped.saved())
    checks.equal(losses_before + resumed.run(20), expected, "losses of a run stopped after step 10")


@pytest.mark.parametrize("optimiser", OPTIMISERS.values(), ids=OPTIMISERS)
def test_overfits_one_batch(optimiser):
    rng = np.random.default_rng(0)
    pictures = rng.normal(size=(32, 64)).astype(np.float32)  # nothing to learn but by heart
    labels = rng.integers(10, size=32)
    net = module.Sequential(
        layers.Linear(64, 64, rng),
        layers.LayerNorm(64),
        layers.ReLU(),
        layers.Linear(64, 10, rng, gain=1.0),
    )
    learner = optimiser(net.parameters())
    for _ in range(200):
        learner.zero_grad()
        losses.cross_entropy(net(Tensor(pictures)), labels).backward()
        learner.step()
    checks.equal(clinic.accuracy(net.eval(), pictures, labels), 1.0, "accuracy on random labels")
