"""Chinchilla's second approach: for one budget of operations, models of many sizes; who wins?

Hoffmann et al. 2022 (arXiv:2203.15556), section 3.2 and figure 3. Too small a model cannot hold
what the tokens say, too large a one sees too few of them: the loss is a valley, and over a
logarithmic axis its floor is nearly a parabola. Nearly: where alpha and beta differ, sizes that
reach far to both sides move the parabola's lowest point.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from phase2_scaling.solution import power_law
from phase2_scaling.solution.power_law import PowerLaw


@dataclass(frozen=True)
class Valley:
    """The parabola loss + curvature * (log N - log n_params)^2: its lowest point, how steep."""

    n_params: float
    """N at the lowest point"""
    loss: float
    """there, nats per token"""
    curvature: float
    """nats per squared unit of log N"""

    def __call__(self, n_params: Any) -> Any:
        """The parabola's height at a size or an array of sizes."""
        return self.loss + self.curvature * np.log(n_params / self.n_params) ** 2


def minimum(n_params: np.ndarray, loss: np.ndarray) -> Valley:
    """Fit a parabola to the losses over log N, by least squares, and find its lowest point.

    Args:
        n_params: (n,) sizes of models that all cost the same to train, three different ones at
            least, in any order; left as they are.
        loss: (n,) nats per token; the loss itself, not its logarithm.

    Returns:
        The valley. Its `n_params` is a size, not a logarithm of one.

    Raises:
        ValueError: if there are too few sizes; or no valley, because the parabola does not open
            upwards, or has its lowest point below the smallest or above the largest size, where
            nobody has measured.
    """
    if n_params.ndim != 1 or n_params.shape != loss.shape:
        raise ValueError(f"sizes and losses need one shape; got {n_params.shape}, {loss.shape}")
    if len(np.unique(n_params)) < 3:
        raise ValueError("a parabola needs three different sizes")
    # TODO 2.4: The lowest point of the least squares parabola over log N and its curvature, if it
    # is a valley and lies among the sizes trained.
    raise NotImplementedError("exercise 2.4: minimum")


# -- given: one valley for each budget ----------------------------------------------------------


def valleys(
    n_params: np.ndarray, flops: np.ndarray, loss: np.ndarray, rtol: float = 0.01
) -> dict[float, Valley]:
    """Find the valley of every budget that has one; budgets without are left out.

    Args:
        n_params: (n,) N of each run.
        flops: (n,) C of each run; runs belong to one budget if their C differ by less than rtol
            from that of the cheapest among them.
        loss: (n,) nats per token.
        rtol: relative.

    Returns:
        From the budget (geometric mean of its runs) to its valley, cheapest first.
    """
    found = {}
    order = np.argsort(flops, kind="stable")
    while len(order):
        same = order[flops[order] <= flops[order[0]] * (1 + rtol)]
        order = order[len(same) :]
        try:
            valley = minimum(n_params[same], loss[same])
        except ValueError:
            continue
        found[float(np.exp(np.log(flops[same]).mean()))] = valley
    return found


def growth(found: dict[float, Valley]) -> PowerLaw:
    """Fit how the best size grows with the budget: N_opt = coefficient * C^exponent."""
    budgets = np.array(list(found))
    return power_law.fit(budgets, np.array([valley.n_params for valley in found.values()]))
