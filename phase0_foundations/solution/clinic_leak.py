"""Clinic 2: too good to be true. A validation set that is as easy as the training set."""

from dataclasses import dataclass

import numpy as np

from phase0_foundations.solution.clinic import CLASSES, PIXELS, accuracy
from phase0_foundations.solution.layers import Linear, ReLU
from phase0_foundations.solution.loader import batches
from phase0_foundations.solution.losses import cross_entropy
from phase0_foundations.solution.module import Sequential
from phase0_foundations.solution.optim import AdamW
from phase0_foundations.solution.tensor import Tensor

HIDDEN, BATCH_SIZE, EPOCHS, LR = 64, 64, 8, 3e-3
COPIES, JITTER = 5, 0.5  # of each training picture, and the noise that is added to every pixel
VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class Outcome:
    """What an experiment leaves behind.

    Attributes:
        net: the trained network.
        train_pictures: what it was trained on.
        validation_pictures: what it was judged by.
        train_accuracy: share of the training pictures that it reads.
        validation_accuracy: share of the validation pictures that it reads.
    """

    net: Sequential
    train_pictures: np.ndarray
    validation_pictures: np.ndarray
    train_accuracy: float
    validation_accuracy: float


def jittered(
    pictures: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Augment: return COPIES noisy copies of each picture, and their labels."""
    many = np.repeat(pictures, COPIES, axis=0)
    noise = JITTER * rng.normal(size=many.shape)
    return (many + noise).astype(np.float32), np.repeat(labels, COPIES)


def fit(pictures: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Sequential:
    """Train a small network until it knows its pictures."""
    net = Sequential(Linear(PIXELS, HIDDEN, rng), ReLU(), Linear(HIDDEN, CLASSES, rng, gain=1.0))
    optimiser = AdamW(net.parameters(), lr=LR)
    for epoch in range(EPOCHS):
        for some_pictures, some_labels in batches((pictures, labels), BATCH_SIZE, epoch=epoch):
            optimiser.zero_grad()
            cross_entropy(net(Tensor(some_pictures)), some_labels).backward()
            optimiser.step()
    return net


def run_leak(pictures: np.ndarray, labels: np.ndarray, *, seed: int = 0) -> Outcome:
    """Train on jittered copies of the pictures, and judge by pictures that were kept aside.

    The patient, on 500 pictures that came from one source in one go with 5000 new ones:

        training accuracy     100.0 %   of 2000 jittered copies
        validation accuracy   100.0 %   of 500
        new pictures           67.6 %   of 5000

    Args:
        pictures: (N, 64).
        labels: (N,).
        seed: decides which pictures are kept aside, the noise and the weights.

    Returns:
        The network, what it was trained on, what it was judged by (pictures as they were given,
        without jitter), and both accuracies.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(pictures))
    n_validation = int(len(pictures) * VALIDATION_SHARE)
    held_out, kept = order[:n_validation], order[n_validation:]
    train_pictures, train_labels = jittered(pictures[kept], labels[kept], rng)
    net = fit(train_pictures, train_labels, rng)
    return Outcome(
        net,
        train_pictures,
        pictures[held_out],
        accuracy(net, train_pictures, train_labels),
        accuracy(net, pictures[held_out], labels[held_out]),
    )


def leak_cause() -> str:
    """Name the cause of what `run_leak` suffered from, one letter.

    a. The validation set is too small for its accuracy to mean anything.
    b. The network is too large and learns its training pictures by heart.
    c. The validation accuracy is measured while the network is in training mode.
    d. The network has trained on relatives of the pictures that judge it.
    e. The noise of the augmentation makes the validation pictures easier than new ones.
    """
    return "d"
