"""Chinchilla's third approach: fit the whole law L(N, D) to all runs at once.

Hoffmann et al. 2022 (arXiv:2203.15556), section 3.3 and equation 3; Besiroglu et al. 2024
(arXiv:2404.10102) found what had gone wrong in it, and put intervals on the result.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import torch
from torch import Tensor

from phase2_scaling.solution.law import Law

DELTA = 1e-3  # where Huber's loss turns from a square into a line, in nats of log loss

# Starts, in units of the runs' geometric means: each term is 0.1 or 1 nat of the loss there.
TERMS = (0.1, 1.0)
EXPONENTS = (0.2, 0.5, 1.0)
FLOORS = (0.5, 0.9)  # of the smallest loss seen

# Wide enough for any law; a number of which the runs say nothing stays finite all the same.
BOUNDS = [(-20.0, 5.0)] * 3 + [(1e-3, 5.0)] * 2


def log_loss(params: Tensor, n_params: Tensor, n_tokens: Tensor) -> Tensor:
    """Predict the logarithm of the loss: logsumexp(a - alpha log N, b - beta log D, e).

    With A = e^a, B = e^b and E = e^e this is log(E + A / N^alpha + B / D^beta); but A, B and E stay
    positive whatever the optimiser tries, and no power overflows: the result is finite wherever
    the three terms' logarithms are, and so are its gradients.

    Args:
        params: (5,) a, b, e, alpha, beta, in this order.
        n_params: (n,) N of each run, positive.
        n_tokens: (n,) D of each run, positive.

    Returns:
        (n,) log of nats per token, in the dtype of the arguments; can be differentiated by params.
    """
    # TODO 2.3: The logarithm of E + A / N^alpha + B / D^beta for each run, finite for any params,
    # with gradients.
    raise NotImplementedError("exercise 2.3: log_loss")


def objective(
    params: Tensor, n_params: Tensor, n_tokens: Tensor, loss: Tensor, delta: float = DELTA
) -> Tensor:
    """Sum Huber's loss of the errors in log loss over all runs: equation 3.

    For an error r = `log_loss` - log of the measured loss it is r^2 / 2 up to |r| = delta and
    delta (|r| - delta / 2) beyond: a run that went astray pulls like any other, not with the
    square of its distance. The sum, not the mean: with a mean the numbers are so small that an
    optimiser's usual tolerance ends the search at its start, which is what had happened
    (Besiroglu et al. 2024).

    Args:
        params: (5,) as in `log_loss`.
        n_params, n_tokens: (n,) as in `log_loss`.
        loss: (n,) measured, nats per token.
        delta: where the square ends.

    Returns:
        A scalar that can be differentiated by params.
    """
    # TODO 2.3: Huber's loss of the errors in log loss, summed over the runs.
    raise NotImplementedError("exercise 2.3: objective")


# -- given: the search, and how sure one can be of what it finds -------------------------------


def fit(n_params: np.ndarray, n_tokens: np.ndarray, loss: np.ndarray) -> Law:
    """Find the law with the smallest `objective`: L-BFGS from a grid of starts; the best one wins.

    Hoffmann et al. start from 4500 points. N and D in units of their geometric means tell the
    terms from the exponents, so that L-BFGS gets to the same minimum from nearly any of our 72.

    Args:
        n_params: (n,) N of each run.
        n_tokens: (n,) D of each run.
        loss: (n,) nats per token.

    Raises:
        ValueError: if the shapes differ, or there are fewer than six runs for five numbers.
    """
    if not (n_params.shape == n_tokens.shape == loss.shape) or loss.ndim != 1:
        shapes = n_params.shape, n_tokens.shape, loss.shape
        raise ValueError(f"N, D and the loss need one shape (n,); got {shapes}")
    if len(loss) < 6:
        raise ValueError(f"five numbers need six runs at least, got {len(loss)}")
    terms, floors = np.log(TERMS), np.log(loss.min()) + np.log(FLOORS)
    starts = product(terms, terms, floors, EXPONENTS, EXPONENTS)
    return _search(n_params, n_tokens, loss, list(starts))


def bootstrap(
    n_params: np.ndarray, n_tokens: np.ndarray, loss: np.ndarray, law: Law, n: int, seed: int = 0
) -> list[Law]:
    """Fit n times again, each time to as many runs drawn with replacement (Efron 1979).

    Args:
        n_params, n_tokens, loss: (runs,) as in `fit`.
        law: the fit to all runs, from where each search starts.
        n: laws to return.
        seed: of the drawing.
    """
    rng = np.random.default_rng(seed)
    size, data = geometric_mean(n_params), geometric_mean(n_tokens)
    a, b, e, alpha, beta = law.as_logs()
    start = [a - alpha * np.log(size), b - beta * np.log(data), e, alpha, beta]
    drawn = (rng.integers(len(loss), size=len(loss)) for _ in range(n))
    return [_search(n_params[i], n_tokens[i], loss[i], [start]) for i in drawn]


def interval(values: Sequence[float], share: float = 0.95) -> tuple[float, float]:
    """The middle `share` of bootstrapped values, from one percentile to the other."""
    low, high = np.quantile(values, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def geometric_mean(x: np.ndarray) -> float:
    """The number in the middle of a logarithmic axis."""
    return float(np.exp(np.log(x).mean()))


def _search(n_params: np.ndarray, n_tokens: np.ndarray, loss: np.ndarray, starts: list) -> Law:
    """Minimise from each start, in units of the geometric means; convert the best one back."""
    from scipy.optimize import minimize

    size, data = geometric_mean(n_params), geometric_mean(n_tokens)
    runs = [torch.tensor(x, dtype=torch.float64) for x in (n_params / size, n_tokens / data, loss)]

    def value_and_gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        params = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        value = objective(params, *runs)
        value.backward()
        return value.item(), params.grad.numpy()

    # The minimum is about 1e-3: scipy's own tolerances, made for values near 1, would end too soon.
    options = {"ftol": 1e-14, "gtol": 1e-9, "maxiter": 2000}
    found = (
        minimize(value_and_gradient, x, jac=True, method="L-BFGS-B", bounds=BOUNDS, options=options)
        for x in starts
    )
    a, b, e, alpha, beta = min(found, key=lambda result: result.fun).x
    return Law.from_logs([a + alpha * np.log(size), b + beta * np.log(data), e, alpha, beta])
