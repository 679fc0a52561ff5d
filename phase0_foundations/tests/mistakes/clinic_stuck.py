"""Half-cures for `solution/clinic_stuck.py`; the first is the illness itself."""

import numpy as np

from phase0_foundations.solution.clinic import CLASSES, PIXELS
from phase0_foundations.solution.layers import Linear, ReLU
from phase0_foundations.solution.losses import cross_entropy
from phase0_foundations.solution.module import Sequential
from phase0_foundations.solution.optim import SGD
from phase0_foundations.solution.tensor import Tensor
from shared.mistakes import mistake

HIDDEN, BATCH_SIZE, MOMENTUM = 32, 32, 0.9


@mistake(
    "0.19",
    "clinic_stuck.train_stuck",
    "Still the patient you were given: take one picture, and compare its label before and after the shuffle.",
)
def stuck_two_orders(pictures, labels, *, epochs=5, lr=0.01, seed=0):
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


@mistake(
    "0.19",
    "clinic_stuck.train_stuck",
    "The steps got larger, the illness stayed: look at what a batch holds before you change how far a step goes.",
)
def stuck_larger_steps(pictures, labels, *, epochs=5, lr=0.01, seed=0):
    rng = np.random.default_rng(seed)
    net = Sequential(Linear(PIXELS, HIDDEN, rng), ReLU(), Linear(HIDDEN, CLASSES, rng, gain=0.1))
    optimiser = SGD(net.parameters(), lr=10 * lr, momentum=MOMENTUM)
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


@mistake(
    "0.19",
    "clinic_stuck.train_stuck",
    "It learns, but the shuffling is gone with the illness: each epoch has the batches in the order that was given.",
)
def stuck_in_given_order(pictures, labels, *, epochs=5, lr=0.01, seed=0):
    rng = np.random.default_rng(seed)
    net = Sequential(Linear(PIXELS, HIDDEN, rng), ReLU(), Linear(HIDDEN, CLASSES, rng, gain=0.1))
    optimiser = SGD(net.parameters(), lr=lr, momentum=MOMENTUM)
    losses = []
    for _ in range(epochs):
        for first in range(0, len(pictures), BATCH_SIZE):
            rows = slice(first, first + BATCH_SIZE)
            optimiser.zero_grad()
            loss = cross_entropy(net(Tensor(pictures[rows])), labels[rows])
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return net, losses


@mistake(
    "0.19",
    "clinic_stuck.train_stuck",
    "It learns, but every epoch has the same order: draw a new one in each, from a generator that is not seeded again.",
)
def stuck_same_order(pictures, labels, *, epochs=5, lr=0.01, seed=0):
    rng = np.random.default_rng(seed)
    net = Sequential(Linear(PIXELS, HIDDEN, rng), ReLU(), Linear(HIDDEN, CLASSES, rng, gain=0.1))
    optimiser = SGD(net.parameters(), lr=lr, momentum=MOMENTUM)
    losses = []
    for _ in range(epochs):
        order = np.random.default_rng(seed).permutation(len(pictures))
        shuffled_pictures, shuffled_labels = pictures[order], labels[order]
        for first in range(0, len(pictures), BATCH_SIZE):
            rows = slice(first, first + BATCH_SIZE)
            optimiser.zero_grad()
            loss = cross_entropy(net(Tensor(shuffled_pictures[rows])), shuffled_labels[rows])
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return net, losses


@mistake(
    "0.19",
    "clinic_stuck.train_stuck",
    "Shuffled once instead of in every epoch, the illness stayed: if it learns now, then by heart. What does it make of new pictures?",
)
def stuck_apart_once(pictures, labels, *, epochs=5, lr=0.01, seed=0):
    rng = np.random.default_rng(seed)
    net = Sequential(Linear(PIXELS, HIDDEN, rng), ReLU(), Linear(HIDDEN, CLASSES, rng, gain=0.1))
    optimiser = SGD(net.parameters(), lr=lr, momentum=MOMENTUM)
    losses = []
    shuffled_pictures = rng.permutation(pictures)
    shuffled_labels = rng.permutation(labels)
    for _ in range(epochs):
        for first in range(0, len(pictures), BATCH_SIZE):
            rows = slice(first, first + BATCH_SIZE)
            optimiser.zero_grad()
            loss = cross_entropy(net(Tensor(shuffled_pictures[rows])), shuffled_labels[rows])
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return net, losses


@mistake(
    "0.19",
    "clinic_stuck.train_stuck",
    "The pairs are right again, but the caller's own arrays were shuffled in place; draw an order and index with it.",
)
def stuck_in_place(pictures, labels, *, epochs=5, lr=0.01, seed=0):
    rng = np.random.default_rng(seed)
    net = Sequential(Linear(PIXELS, HIDDEN, rng), ReLU(), Linear(HIDDEN, CLASSES, rng, gain=0.1))
    optimiser = SGD(net.parameters(), lr=lr, momentum=MOMENTUM)
    losses = []
    for _ in range(epochs):
        order = rng.permutation(len(pictures))
        pictures[:], labels[:] = pictures[order], labels[order]
        for first in range(0, len(pictures), BATCH_SIZE):
            rows = slice(first, first + BATCH_SIZE)
            optimiser.zero_grad()
            loss = cross_entropy(net(Tensor(pictures[rows])), labels[rows])
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return net, losses


@mistake(
    "0.19",
    "clinic_stuck.stuck_cause",
    "A rate ten times larger ended at the same loss, and the weights do move.",
)
def stuck_blames_lr():
    return "a"


@mistake(
    "0.19",
    "clinic_stuck.stuck_cause",
    "Equal units still learn something; and look at how the weights are drawn here.",
)
def stuck_blames_symmetry():
    return "b"


@mistake(
    "0.19",
    "clinic_stuck.stuck_cause",
    "Then the weights would stay where they are; they have all moved.",
)
def stuck_blames_zero_grad():
    return "d"


@mistake(
    "0.19",
    "clinic_stuck.stuck_cause",
    "A second softmax would leave a loss of at least 1.46 but not at ln 10; and the network ends in a Linear.",
)
def stuck_blames_softmax():
    return "e"
