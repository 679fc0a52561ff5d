"""Neurons, the MLP and its loss against the same network in torch, float64."""

import random

import pytest
import torch

from phase0_foundations.solution.neurons import MLP, Neuron, dot, max_margin_loss
from phase0_foundations.solution.value import Value
from shared import checks


def tensor(numbers):
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_dot_matches_torch(n):
    rng = random.Random(0)
    w, x, b = ([rng.gauss(0, 1) for _ in range(size)] for size in (n, n, 1))
    weights, inputs, bias = [Value(v) for v in w], [Value(v) for v in x], Value(b[0])
    result = dot(weights, inputs, bias)
    result.backward()
    tw, tx, tb = tensor(w), tensor(x), tensor(b)
    expected = (tw * tx).sum() + tb.sum()
    expected.backward()
    checks.close(result.data, expected.item(), f"dot of {n}", 1e-10, 1e-10)
    checks.close([v.grad for v in weights], tw.grad.tolist(), "gradients of weights", 1e-10, 1e-10)
    checks.close([v.grad for v in inputs], tx.grad.tolist(), "gradients of inputs", 1e-10, 1e-10)
    checks.close(bias.grad, 1.0, "gradient of the bias")


def test_dot_is_the_sum_of_products_it_replaces():
    numbers = [0.5, -2.0, 3.0]
    a, b = [Value(x) for x in numbers], [Value(x) for x in numbers]
    dot(a, a, Value(1.0)).backward()  # every operand used twice
    sum((x * x for x in b), Value(1.0)).backward()
    checks.close([x.grad for x in a], [x.grad for x in b], "fused and written out")


def test_dot_refuses_lists_that_do_not_pair():
    checks.raises(
        lambda: dot([Value(1.0)], [Value(1.0), Value(2.0)], Value(0.0)), ValueError, "1 weight", "2"
    )


def test_neuron_is_linear_or_cut_at_zero():
    rng = random.Random(0)
    for relu in (False, True):
        neuron = Neuron(1, rng, relu=relu)
        neuron.weights[0].data = -2.0
        outputs = [neuron([Value(x)]).data for x in (-1.0, 1.0)]
        checks.equal(outputs, [2.0, 0.0 if relu else -2.0], f"neuron with relu={relu}")


def in_torch(model, points, labels, l2):
    """The same network, its loss and its gradients, in torch."""
    parameters, x = [], torch.tensor(points, dtype=torch.float64)
    for layer in model.layers:
        W = tensor([[w.data for w in neuron.weights] for neuron in layer.neurons])
        b = tensor([neuron.bias.data for neuron in layer.neurons])
        x = x @ W.T + b
        x = torch.relu(x) if layer is not model.layers[-1] else x
        parameters.append((W, b))
    margins = torch.tensor(labels, dtype=torch.float64) * x[:, 0]
    loss = torch.relu(1 - margins).mean() + l2 * sum(
        (W**2).sum() + (b**2).sum() for W, b in parameters
    )
    loss.backward()
    grads = [torch.cat([W.grad, b.grad[:, None]], dim=1).flatten().tolist() for W, b in parameters]
    return loss.item(), [grad for layer in grads for grad in layer]


def test_mlp_and_loss_match_torch():
    rng = random.Random(0)
    model = MLP(2, [4, 3, 1], rng)
    points = [(rng.gauss(0, 1), rng.gauss(0, 1)) for _ in range(6)]
    labels = [rng.choice((-1.0, 1.0)) for _ in points]
    loss = max_margin_loss([model(p)[0] for p in points], labels, model.parameters(), l2=0.01)
    loss.backward()
    expected, expected_grads = in_torch(model, points, labels, l2=0.01)
    checks.close(loss.data, expected, "loss", 1e-10, 1e-10)
    grads = [parameter.grad for parameter in model.parameters()]
    checks.close(grads, expected_grads, "gradients of all parameters", 1e-10, 1e-10)


def test_loss_is_nothing_beyond_the_margin():
    scores = [Value(1.5), Value(-2.0)]
    loss = max_margin_loss(scores, [1.0, -1.0], [], l2=1.0)
    loss.backward()
    checks.equal([loss.data, scores[0].grad, scores[1].grad], [0.0, 0.0, 0.0], "loss and gradients")


def test_loss_refuses_labels_that_do_not_pair():
    checks.raises(lambda: max_margin_loss([Value(1.0)], [], []), ValueError, "1 score, 0 labels")
    checks.raises(lambda: max_margin_loss([], [], []), ValueError, "no score at all")


def test_same_seed_same_network():
    one, other = (MLP(2, [3, 1], random.Random(7)).parameters() for _ in range(2))
    checks.equal([p.data for p in one], [p.data for p in other], "parameters of two networks")
    checks.equal(len(one), 2 * 3 + 3 + 3 + 1, "how many parameters a 2-3-1 network has")
