"""Chinchilla's first approach: the lowest of all training curves, at every budget.

Hoffmann et al. 2022 (arXiv:2203.15556), section 3.1 and figure 2. It needs no run of its own for
a budget: whichever curve is lowest there says which size one should have chosen. It holds only
if each curve's learning rate had decayed by then, which a curve's middle has not (their
appendix B): then it favours small models that are nearly done.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

N_BUDGETS = 1500  # as in the paper


@dataclass(frozen=True)
class Curve:
    """One training run."""

    n_params: float
    """N"""
    flops: np.ndarray
    """(n,) C spent by then, rising"""
    loss: np.ndarray
    """(n,) nats per token, smoothed"""


@dataclass(frozen=True)
class Frontier:
    """The best of all runs at each budget, where at least two runs can be compared."""

    flops: np.ndarray
    """(n,) C"""
    n_params: np.ndarray
    """(n,) N of the run that is lowest there"""
    n_tokens: np.ndarray
    """(n,) D = C / 6 N"""
    loss: np.ndarray
    """(n,) its loss there"""


def frontier(curves: Sequence[Curve], n_budgets: int = N_BUDGETS) -> Frontier:
    """Interpolate every curve at evenly spaced log C and take the lowest one at each.

    Args:
        curves: two at least; a curve counts between its first and its last point only.
        n_budgets: places to look at.

    Raises:
        ValueError: if there are fewer than two curves, or no budget that two of them reach.
    """
    if len(curves) < 2:
        raise ValueError(f"a frontier needs two curves at least, got {len(curves)}")
    ends = np.array([[curve.flops[0], curve.flops[-1]] for curve in curves])
    flops = np.geomspace(ends.min(), ends.max(), n_budgets)
    loss = np.stack([_interpolate(curve, flops) for curve in curves])  # (curves, budgets)
    shared = np.isfinite(loss).sum(axis=0) >= 2
    if not shared.any():
        raise ValueError("no two curves reach the same budget")
    flops, loss = flops[shared], loss[:, shared]
    best = loss.argmin(axis=0)
    n_params = np.array([curve.n_params for curve in curves])[best]
    return Frontier(flops, n_params, flops / (6 * n_params), loss.min(axis=0))


def _interpolate(curve: Curve, flops: np.ndarray) -> np.ndarray:
    """The curve's loss at each budget, straight lines over log C; inf where it has none."""
    return np.interp(np.log(flops), np.log(curve.flops), curve.loss, left=np.inf, right=np.inf)
