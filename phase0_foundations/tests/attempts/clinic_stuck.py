"""The half-cures of `mistakes/clinic_stuck.py`, as others would write them."""

import numpy as np

from phase0_foundations.solution.clinic import CLASSES, PIXELS
from phase0_foundations.solution.layers import Linear, ReLU
from phase0_foundations.solution.losses import cross_entropy
from phase0_foundations.solution.module import Sequential
from phase0_foundations.solution.optim import SGD
from phase0_foundations.solution.tensor import Tensor
from shared.mistakes import attempt


def made(rng, lr):
    first = Linear(PIXELS, 32, rng)
    net = Sequential(first, ReLU(), Linear(32, CLASSES, rng, gain=0.1))
    return net, SGD(net.parameters(), lr=lr, momentum=0.9)


def learn(net, optimiser, x, y, losses):
    for i in range(len(x) // 32):
        loss = cross_entropy(net(Tensor(x[32 * i : 32 * i + 32])), y[32 * i : 32 * i + 32])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.data))


@attempt("stuck_two_orders")
def _(pictures, labels, *, epochs=5, lr=0.01, seed=0):
    random = np.random.default_rng(seed)
    net, optimiser = made(random, lr)
    losses = []
    for _ in range(epochs):
        x = pictures[random.permutation(len(pictures))]
        y = labels[random.permutation(len(pictures))]
        learn(net, optimiser, x, y, losses)
    return net, losses


@attempt("stuck_larger_steps")
def _(pictures, labels, *, epochs=5, lr=0.01, seed=0):
    random = np.random.default_rng(seed)
    net, optimiser = made(random, lr * 10)
    losses = []
    for _ in range(epochs):
        x, y = random.permutation(pictures, axis=0), random.permutation(labels)
        learn(net, optimiser, x, y, losses)
    return net, losses


@attempt("stuck_in_given_order")
def _(pictures, labels, *, epochs=5, lr=0.01, seed=0):
    net, optimiser = made(np.random.default_rng(seed), lr)
    losses = []
    for _ in range(epochs):
        learn(net, optimiser, pictures, labels, losses)
    return net, losses


@attempt("stuck_same_order")
def _(pictures, labels, *, epochs=5, lr=0.01, seed=0):
    net, optimiser = made(np.random.default_rng(seed), lr)
    losses = []
    for _ in range(epochs):
        x, y = (np.random.default_rng(seed + 1).permutation(a) for a in (pictures, labels))
        learn(net, optimiser, x, y, losses)
    return net, losses


@attempt("stuck_apart_once")
def _(pictures, labels, *, epochs=5, lr=0.01, seed=0):
    random = np.random.default_rng(seed)
    net, optimiser = made(random, lr)
    losses = []
    x, y = pictures.copy(), labels.copy()
    random.shuffle(x)
    random.shuffle(y)
    for _ in range(epochs):
        learn(net, optimiser, x, y, losses)
    return net, losses


@attempt("stuck_in_place")
def _(pictures, labels, *, epochs=5, lr=0.01, seed=0):
    random = np.random.default_rng(seed)
    net, optimiser = made(random, lr)
    losses = []
    for epoch in range(epochs):
        np.random.default_rng([seed, epoch]).shuffle(pictures)
        np.random.default_rng([seed, epoch]).shuffle(labels)
        learn(net, optimiser, pictures, labels, losses)
    return net, losses


@attempt("stuck_blames_lr")
def _():
    return "abcde"[0]


@attempt("stuck_blames_symmetry")
def _():
    answer = " b "
    return answer.strip()


@attempt("stuck_blames_zero_grad")
def _():
    return "abcde"[3]


@attempt("stuck_blames_softmax")
def _():
    cause = "E"
    return cause.lower()
