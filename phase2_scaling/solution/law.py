"""The form that a language model's loss is given: L(N, D) = E + A / N^alpha + B / D^beta.

Hoffmann et al. 2022 (arXiv:2203.15556), equation 2. E is what no model can learn from any amount
of text; A / N^alpha is what a model of N parameters adds to it, B / D^beta what D tokens add.
"""

from dataclasses import astuple, dataclass
from math import exp, log
from typing import Any


@dataclass(frozen=True)
class Law:
    """Five numbers that predict a loss, in nats per token."""

    E: float
    """nats per token that remain for ever"""
    A: float
    """weight of the size"""
    B: float
    """weight of the data"""
    alpha: float
    """how fast size helps"""
    beta: float
    """how fast data helps"""

    def __post_init__(self) -> None:
        if min(astuple(self)) <= 0:
            raise ValueError(f"the five numbers of a law are positive, got {self}")

    def loss(self, n_params: Any, n_tokens: Any) -> Any:
        """Predict the loss of numbers or arrays of N parameters and D tokens."""
        return self.E + self.A / n_params**self.alpha + self.B / n_tokens**self.beta

    def limit(self, n_params: Any) -> Any:
        """The loss that N parameters come close to, and never reach, on more and more tokens."""
        return self.E + self.A / n_params**self.alpha

    def as_logs(self) -> list[float]:
        """The same law as (log A, log B, log E, alpha, beta), the numbers that are fitted."""
        return [log(self.A), log(self.B), log(self.E), self.alpha, self.beta]

    @staticmethod
    def from_logs(params: Any) -> "Law":
        """The law of (log A, log B, log E, alpha, beta)."""
        a, b, e, alpha, beta = (float(value) for value in params)
        return Law(E=exp(e), A=exp(a), B=exp(b), alpha=alpha, beta=beta)
