"""The network of this phase, built of the blocks of `solution/`: pixels in, ten scores out."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from phase0_foundations.solution.init import GAINS
from phase0_foundations.solution.layers import Dropout, Linear, ReLU
from phase0_foundations.solution.losses import cross_entropy_forward
from phase0_foundations.solution.module import Module, Sequential
from phase0_foundations.solution.stable import softmax
from phase0_foundations.solution.tensor import Tensor, no_grad

EVAL_BATCH = 1000  # images at a time: enough for full speed, little memory


def build(
    sizes: Sequence[int], dropout: float, rng: np.random.Generator, dropout_rng: np.random.Generator
) -> Sequential:
    """Make a multi-layer perceptron: Linear, ReLU, Dropout for each hidden layer, then Linear.

    Args:
        sizes: features from the input to the output; (784, 512, 10) has one hidden layer.
        dropout: probability of dropping a hidden activation in training.
        rng: draws the weights.
        dropout_rng: draws what is dropped.
    """
    layers: list[Module] = []
    for fan_in, fan_out in pairwise(sizes[:-1]):
        layers += [Linear(fan_in, fan_out, rng), ReLU(), Dropout(dropout, dropout_rng)]
    return Sequential(*layers, Linear(*sizes[-2:], rng, gain=GAINS["linear"]))


def logits(model: Module, images: np.ndarray) -> np.ndarray:
    """Score images (N, H, W) in evaluation mode; return (N, 10)."""
    was_training = model.training
    model.eval()
    rows = images.reshape(len(images), -1)
    with no_grad():
        parts = [
            model(Tensor(rows[first : first + EVAL_BATCH])).data
            for first in range(0, len(rows), EVAL_BATCH)
        ]
    model.train(was_training)
    return np.concatenate(parts)


def probabilities(model: Module, images: np.ndarray) -> np.ndarray:
    """Return how sure the model is of each digit, (N, 10), rows summing to 1."""
    return softmax(logits(model, images))


def score(model: Module, images: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the mean cross-entropy in nats and the accuracy from 0 to 1."""
    scores = logits(model, images)
    loss, _ = cross_entropy_forward(scores, labels)
    return float(loss), float(np.mean(scores.argmax(axis=1) == labels))
