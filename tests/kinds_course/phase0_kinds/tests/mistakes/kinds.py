"""Classic wrong answers."""

import math

import numpy as np
import torch
from shared.mistakes import mistake

ONE = 1


@mistake("0.1", "kinds.standardise", "It divides by the variance.")
def by_variance(x):
    return (x - x.mean(0)) / x.var(0)


@mistake("0.1", "kinds.standardise", "It uses the unbiased deviation.")
def unbiased(x):
    return (x - x.mean(0)) / x.std(0, ddof=ONE)


@mistake("0.1", "kinds.standardise", "It forgets to divide.")
def centred(x):
    return x - x.mean(0)


@mistake("0.2", "kinds.softmax", "The maximum is not subtracted.")
def overflows(logits):
    return logits.exp() / logits.exp().sum(1, keepdim=True)


@mistake("0.2", "kinds.softmax", "It is taken over the columns.")
def over_columns(logits):
    return torch.softmax(logits, 0)


@mistake("0.3", "kinds.Average", "It averages averages.")
class Recursive:
    def __init__(self):
        self.mean = 0.0

    def add(self, x):
        self.mean = (self.mean + x) / 2

    def value(self):
        return self.mean


@mistake("0.3", "kinds.Average", "It divides by one less.")
class Bessel:
    def __init__(self):
        self.values = []

    def add(self, x):
        self.values.append(x)

    def value(self):
        return math.fsum(self.values) / (len(self.values) - 1)


@mistake("0.4", "kinds.parse", "Python's own error does not show what the text was.")
def message_without_text(text):
    if not text.strip().isdigit():
        raise ValueError("no number")
    return int(text)


@mistake("0.4", "kinds.parse", "A text without a number is refused, not answered with None.")
def returns_none(text):
    return int(text) if text.strip().isdigit() else None


@mistake("0.4", "kinds.parse", "Spaces around a number are no error.")
def wants_digits(text):
    if not text.isdigit():
        raise ValueError(f"no number: {text!r}")
    return int(text)


@mistake("0.5", "kinds.train", "The gradient is added.")
def climbs(n_steps, lr):
    torch.manual_seed(0)
    x, weight, losses = torch.randn(64, 1), 0.0, []
    for _ in range(n_steps):
        losses.append(((x * weight - 3 * x) ** 2).mean().item())
        weight += lr * (2 * x * (x * weight - 3 * x)).mean().item()
    return losses


@mistake("0.5", "kinds.train", "The gradient lacks its factor 2.")
def half_steps(n_steps, lr):
    torch.manual_seed(0)
    x, weight, losses = torch.randn(64, 1), 0.0, []
    for _ in range(n_steps):
        losses.append(((x * weight - 3 * x) ** 2).mean().item())
        weight -= lr * (x * (x * weight - 3 * x)).mean().item()
    return losses


@mistake("0.6", "kinds.Vector.__mul__", "The product of each pair is summed, not listed.")
def elementwise(self, other):
    return np.array([self.x * other.x, self.y * other.y])
