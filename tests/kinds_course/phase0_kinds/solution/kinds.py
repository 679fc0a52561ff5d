"""One object of each kind."""

import numpy as np
import torch


def standardise(x: np.ndarray) -> np.ndarray:
    """Return the columns of x (n, m) with mean 0 and variance 1."""
    return (x - x.mean(axis=0)) / x.std(axis=0)


def softmax(logits: torch.Tensor) -> torch.Tensor:
    """Return the softmax of each row of logits (n, m)."""
    shifted = torch.exp(logits - logits.max(dim=1, keepdim=True).values)
    return shifted / shifted.sum(dim=1, keepdim=True)


class Average:
    """A running average."""

    def __init__(self) -> None:
        self.total, self.n = 0.0, 0

    def add(self, x: float) -> None:
        """Take one more value into account."""
        self.total += x
        self.n += 1

    def value(self) -> float:
        """Return the average of all values so far."""
        return self.total / self.n


def parse(text: str) -> int:
    """Return the number that a text holds.

    Raises:
        ValueError: if it holds none; the message shows the text.
    """
    if not text.strip().isdigit():
        raise ValueError(f"no number: {text!r}")
    return int(text)


def train(n_steps: int, lr: float) -> list[float]:
    """Fit y = 3x by gradient descent on the mean squared error; return the loss of each step."""
    torch.manual_seed(0)
    x = torch.randn(64, 1)
    weight = torch.zeros(1, 1, requires_grad=True)
    losses = []
    for _ in range(n_steps):
        loss = ((x @ weight - 3 * x) ** 2).mean()
        (gradient,) = torch.autograd.grad(loss, weight)
        with torch.no_grad():
            weight -= lr * gradient
        losses.append(loss.item())
    return losses


class Vector:
    """A vector of two numbers."""

    def __init__(self, x: float, y: float) -> None:
        self.x, self.y = x, y

    def __add__(self, other: "Vector") -> "Vector":
        return Vector(self.x + other.x, self.y + other.y)

    def __mul__(self, other: "Vector") -> float:
        return self.x * other.x + self.y * other.y

    def pair(self) -> tuple[float, float]:
        """Return both numbers."""
        return self.x, self.y
