"""How often one of two models answers better, and how sure that is.

A win rate is a share of duels, and a tie counts half. Whoever judges by length lets the model win
that writes more, so beside the plain share stands one in which length is taken out: Dubois et al.
2024 (arXiv:2404.04475), in its simplest form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from phase3_alignment.project.reward_report import Z, interval

PRIOR_STD = 10.0  # of each weight: hardly felt, unless one side has won all duels
MOST_STEPS, ROUNDING = 50, 1e-10  # of Newton's method, which takes five or six


@dataclass(frozen=True)
class WinRate:
    """A share of n cases, and between which shares the true one lies in 95 of 100 such samples."""

    share: float
    low: float
    high: float
    n: int


def plain(wins: Tensor) -> WinRate:
    """Count wins, with Wilson's interval.

    Args:
        wins: (N,) of 1, 0, and 0.5 for a tie. The interval is that of N coins, and ties make it
            wider than it need be.
    """
    share, n = wins.double().mean().item(), len(wins)
    return WinRate(share, *interval(share, n), n)


def length_controlled(wins: Tensor, longer: Tensor) -> WinRate:
    r"""Say how often a model would win if both answers of each duel were of one length.

    A logistic regression, log-odds of a win = theta + phi x, with x = tanh(difference of lengths /
    its standard deviation), equation 2 of Dubois et al. 2024 without the term for the difficulty
    of a prompt. At x = 0 theta is left. Its error comes from the curvature of the likelihood.

    Args:
        wins: as in `plain`.
        longer: (N,) by how much the model's answer is longer, in any unit; negative if shorter.
    """
    longer = longer.double()
    spread = longer.std(correction=0).clamp(min=torch.finfo(torch.float64).tiny)
    x = torch.stack([torch.ones_like(longer), (longer / spread).tanh()], dim=1)  # (N, 2)
    weights, covariance = logistic(x, wins.double())
    theta, error = weights[0], covariance[0, 0].sqrt()
    bounds = torch.stack([theta, theta - Z * error, theta + Z * error]).sigmoid()
    return WinRate(*bounds.tolist(), len(wins))


def logistic(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Fit a logistic regression by Newton's method.

    Args:
        x: (N, F) features, float64.
        y: (N,) what happened, 0 to 1.

    Returns:
        (F,) weights and (F, F) their covariance: the inverse of the curvature at the maximum.
    """
    weights = x.new_zeros(x.shape[1])
    prior = torch.eye(x.shape[1], dtype=x.dtype) / PRIOR_STD**2
    for _ in range(MOST_STEPS):
        p = (x @ weights).sigmoid()
        curvature = x.T @ (x * (p * (1 - p))[:, None]) + prior
        step = torch.linalg.solve(curvature, x.T @ (y - p) - prior @ weights)
        weights = weights + step
        if step.abs().max() < ROUNDING:
            break
    return weights, torch.linalg.inv(curvature)


def table(title: str, share: str, n: str, rates: Mapping[str, WinRate]) -> str:
    """Lay rates of one n out for a terminal, under these three headings."""
    width = max(map(len, (title, *rates)))
    lines = [f"{title:{width}}{share:>14}  95 %, of {next(iter(rates.values())).n} {n}"]
    lines += [
        f"{name:{width}}{rate.share:>14.1%}  {rate.low:.1%} to {rate.high:.1%}"
        for name, rate in rates.items()
    ]
    return "\n".join(lines)
