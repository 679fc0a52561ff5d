"""Neurons, layers and a multi-layer perceptron made of `Value`s, and the loss of the moons demo.

The smallest program that is already deep learning: parameters, a forward pass, a loss. Everything
is a scalar here, so each weight of each neuron can be looked at; the tensor engine does the same
with whole layers at a time.
"""

import random
from collections.abc import Sequence
from operator import mul

from phase0_foundations.solution.value import Value, as_value


def dot(weights: Sequence[Value], inputs: Sequence[Value], bias: Value) -> Value:
    """Return weights · inputs + bias as one node in place of 2n.

    A sum of products has the derivatives one expects, so nothing is lost by making it a primitive:
    the graph is smaller, and that is the whole secret of fast autograd, down to GPU kernels.

    Raises:
        ValueError: if there is not one weight per input.
    """
    if len(weights) != len(inputs):
        raise ValueError(f"need one weight per input; got {len(weights)} and {len(inputs)}")
    w = [weight.data for weight in weights]
    x = [value.data for value in inputs]
    return Value(
        sum(map(mul, w, x), bias.data),
        (*weights, *inputs, bias),
        (*x, *w, 1.0),
        "dot",
    )


class Neuron:
    """w · x + b, followed by relu unless the neuron is linear.

    Args:
        n_in: how many inputs it takes.
        rng: where the weights come from, uniform in [-1, 1]; the bias starts at 0.
        relu: whether the output passes through relu.
    """

    def __init__(self, n_in: int, rng: random.Random, relu: bool = True):
        self.weights = [Value(rng.uniform(-1, 1)) for _ in range(n_in)]
        self.bias = Value(0.0)
        self.relu = relu

    def __call__(self, inputs: Sequence[Value]) -> Value:
        """Return the activation for n_in inputs."""
        activation = dot(self.weights, inputs, self.bias)
        return activation.relu() if self.relu else activation

    def parameters(self) -> list[Value]:
        """List the weights, then the bias."""
        return [*self.weights, self.bias]


class Layer:
    """n_out neurons that look at the same inputs."""

    def __init__(self, n_in: int, n_out: int, rng: random.Random, relu: bool = True):
        self.neurons = [Neuron(n_in, rng, relu) for _ in range(n_out)]

    def __call__(self, inputs: Sequence[Value]) -> list[Value]:
        """Return one activation per neuron."""
        return [neuron(inputs) for neuron in self.neurons]

    def parameters(self) -> list[Value]:
        """List the parameters, neuron by neuron."""
        return [parameter for neuron in self.neurons for parameter in neuron.parameters()]


class MLP:
    """Layers in a row, relu between them, the last one linear.

    Args:
        n_in: how many numbers the network reads.
        n_outs: neurons per layer; `MLP(2, [16, 16, 1], rng)` has two hidden layers and one score.
        rng: the source of every initial weight.
    """

    def __init__(self, n_in: int, n_outs: Sequence[int], rng: random.Random):
        sizes = [n_in, *n_outs]
        last = len(n_outs) - 1
        self.layers = [
            Layer(sizes[i], sizes[i + 1], rng, relu=i != last) for i in range(len(n_outs))
        ]

    def __call__(self, inputs: Sequence[Value | float]) -> list[Value]:
        """Return the scores, one per neuron of the last layer; plain numbers become leaves."""
        activations = [as_value(x) for x in inputs]
        for layer in self.layers:
            activations = layer(activations)
        return activations

    def parameters(self) -> list[Value]:
        """List the parameters, layer by layer."""
        return [parameter for layer in self.layers for parameter in layer.parameters()]


def max_margin_loss(
    scores: Sequence[Value], labels: Sequence[float], parameters: Sequence[Value], l2: float = 1e-4
) -> Value:
    """Return mean(relu(1 - label * score)) + l2 * sum(parameter²).

    The loss of support-vector machines (Cortes and Vapnik 1995): a point costs nothing once it is
    on its side by a margin of 1, and the L2 term keeps large weights from buying that margin.

    Args:
        scores: one per point.
        labels: -1 or +1, one per point.
        parameters: what the L2 term shrinks.
        l2: its strength.

    Raises:
        ValueError: if there is not one label per score, or no score at all.
    """
    if not scores or len(scores) != len(labels):
        raise ValueError(f"need one label per score; got {len(labels)} and {len(scores)}")
    losses = [(1.0 - label * score).relu() for score, label in zip(scores, labels)]
    penalty = dot(parameters, parameters, Value(0.0))
    return sum(losses) * (1.0 / len(losses)) + penalty * l2
