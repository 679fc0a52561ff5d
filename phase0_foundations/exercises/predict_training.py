"""Before you run it: what will a training run show, and what will it cost? Six questions.

Answer by returning literals. The finished file builds the network and looks.
"""

import numpy as np

from phase0_foundations.solution.init import kaiming_normal
from phase0_foundations.solution.layers import Linear, ReLU
from phase0_foundations.solution.loader import DataLoader
from phase0_foundations.solution.losses import cross_entropy
from phase0_foundations.solution.module import Module, Sequential
from phase0_foundations.solution.optim import SGD, AdamW
from phase0_foundations.solution.tensor import Tensor

# -- before the first step --------------------------------------------------------------------


def loss_before_training() -> float:
    """What is the loss, in nats, before anything is learned?

    The network is Linear(784, 128), relu, Linear(128, 10). The last layer starts small
    (gain 0.01), the labels are spread evenly over the ten classes, the loss is the mean
    cross-entropy of a batch of 1000 random pictures.

    Return a number, right to 1 %.
    """
    # TODO 0.13: Return the loss in nats, right to 1 %.
    raise NotImplementedError("exercise 0.13: loss_before_training")


def size_after_ten_layers() -> float:
    """How large are the activations after ten layers, if the relu's gain is forgotten?

    The input has the root mean square 1. Each of the ten layers is relu(x @ weight) with square
    weights drawn from N(0, 1 / fan_in). The answer is the root mean square of the last layer's
    output.

    Return a number, right to 30 %.
    """
    # TODO 0.13: Return the root mean square of the last activations, right to 30 %.
    raise NotImplementedError("exercise 0.13: size_after_ten_layers")


def different_hidden_units() -> int:
    """How many distinct hidden units has a network whose weights all start at 0.1?

    The network is Linear(8, 32), relu, Linear(32, 3), with every weight of both layers set to 0.1.
    It is trained with SGD for 100 steps on random inputs and labels. Hidden units with the same
    incoming weights count as one.

    Return a whole number.
    """
    # TODO 0.13: Return how many distinct hidden units there are: those with the same incoming
    # weights count as one.
    raise NotImplementedError("exercise 0.13: different_hidden_units")


# -- bytes and steps --------------------------------------------------------------------------


def bytes_of_training_with_adamw() -> int:
    """How many bytes do weights, gradients and AdamW's averages take?

    The network is Linear(784, 128), relu, Linear(128, 10), with biases, all in float32. Count the
    parameters, their gradients and the optimiser's arrays; leave out activations and step counts.

    Return a whole number.
    """
    # TODO 0.18: Return the bytes of parameters, gradients and AdamW's two averages.
    raise NotImplementedError("exercise 0.18: bytes_of_training_with_adamw")


def steps_of_ten_epochs() -> int:
    """How many steps does the optimiser take?

    There are 1000 training pictures, a batch has 64 of them, the last batch of an epoch may be
    smaller, and the run takes ten epochs.

    Return a whole number.
    """
    # TODO 0.18: Return how often the optimiser steps in ten epochs.
    raise NotImplementedError("exercise 0.18: steps_of_ten_epochs")


def rows_of_the_last_batch() -> int:
    """How many pictures has the last batch of those epochs (1000 pictures, 64 in a batch)?

    Return a whole number.
    """
    # TODO 0.18: Return how many pictures the last batch has.
    raise NotImplementedError("exercise 0.18: rows_of_the_last_batch")


def _train(
    net: Module, optimiser: SGD | AdamW, *, n_features: int, n_classes: int, steps: int
) -> None:
    """Take steps on random inputs and labels."""
    rng = np.random.default_rng(1)
    for _ in range(steps):
        x = Tensor(rng.normal(size=(64, n_features)).astype(np.float32))
        optimiser.zero_grad()
        cross_entropy(net(x), rng.integers(n_classes, size=64)).backward()
        optimiser.step()
