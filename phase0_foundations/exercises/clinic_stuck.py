"""Clinic 1: stuck at ln 10. A program that runs, raises nothing and learns nothing."""

import numpy as np

from phase0_foundations.solution.clinic import CLASSES, PIXELS
from phase0_foundations.solution.layers import Linear, ReLU
from phase0_foundations.solution.losses import cross_entropy
from phase0_foundations.solution.module import Sequential
from phase0_foundations.solution.optim import SGD
from phase0_foundations.solution.tensor import Tensor

HIDDEN, BATCH_SIZE, MOMENTUM = 32, 32, 0.9


def train_stuck(
    pictures: np.ndarray,
    labels: np.ndarray,
    *,
    epochs: int = 5,
    lr: float = 0.01,
    seed: int = 0,
) -> tuple[Sequential, list[float]]:
    """Train a small network on labelled pictures, in a new order each epoch.

    The patient, on 640 easy pictures (mean loss of each epoch; ln 10 is 2.303):

        epoch        0      1      4     29     99
        lr 0.01   2.32   2.38   2.39   2.36   2.32
        lr 0.1    2.60   2.74   2.41
        lr 0.001  2.32   2.32   2.31

    The very first step has a loss of 2.33. The norm of the gradient is between 0.8 and 1.9, never
    0, and all weights have moved since the start. On new pictures the accuracy is 10 %.

    Args:
        pictures: (N, 64); must stay as they are.
        labels: (N,), any order; must stay as they are.
        epochs: passes over the pictures.
        lr: learning rate.
        seed: decides the weights and the order of the pictures.

    Returns:
        The trained network and the loss of each step, in nats.
    """
    # TODO 0.19: In each epoch the pictures come in a new order, and the network learns to read
    # them. Mend what is ill, leave the rest.
    rng = np.random.default_rng(seed)
    net = Sequential(Linear(PIXELS, HIDDEN, rng), ReLU(), Linear(HIDDEN, CLASSES, rng, gain=0.1))
    optimiser = SGD(net.parameters(), lr=lr, momentum=MOMENTUM)
    losses = []
    for _ in range(epochs):
        shuffled_pictures = rng.permutation(pictures)
        shuffled_labels = rng.permutation(labels)
        for first in range(0, len(pictures), BATCH_SIZE):
            rows = slice(first, first + BATCH_SIZE)
            optimiser.zero_grad()
            loss = cross_entropy(net(Tensor(shuffled_pictures[rows])), shuffled_labels[rows])
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return net, losses


def stuck_cause() -> str:
    """Name the cause of what `train_stuck` suffered from, one letter.

    a. The learning rate is too small.
    b. The hidden units start equal and stay equal.
    c. The pictures lose their labels on the way.
    d. The gradients are cleared before the optimiser has read them.
    e. The loss takes probabilities for logits, so softmax is applied twice.
    """
    # TODO 0.19: Return the letter of the cause.
    raise NotImplementedError("exercise 0.19: stuck_cause")
