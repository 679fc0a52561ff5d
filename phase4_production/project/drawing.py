"""Draw the next token of every row of a step at once, cheaply where a row's wishes allow it.

The same draws as `solution/sampling.py` makes for every row: greedy rows need no probabilities,
and rows that cut nothing off need no sorting of the vocabulary.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from phase4_production.solution import sampling
from phase4_production.solution.sampling_params import SamplingParams


def draw(logits: Tensor, wishes: Sequence[SamplingParams], uniforms: Sequence[float]) -> Tensor:
    """Return one token for each row.

    Args:
        logits: (M, V), finite or -inf, penalties and constraints already in them.
        wishes: M, how each row is drawn.
        uniforms: M numbers in [0, 1), the randomness of each row.

    Returns:
        (M,) int64, on the device of the logits.
    """
    ids = logits.argmax(-1)
    rows = [row for row, params in enumerate(wishes) if not params.greedy]
    if rows:
        at = torch.tensor(rows, device=logits.device)
        points = torch.tensor([uniforms[row] for row in rows], dtype=torch.float64)
        weights = weigh(logits[at], [wishes[row] for row in rows])
        ids[at] = sampling.sample(weights, points.to(logits.device))
    return ids


def weigh(logits: Tensor, wishes: Sequence[SamplingParams]) -> Tensor:
    """Return what each row is drawn from, (M, V) float64: probabilities."""
    V, device = logits.shape[1], logits.device

    def column(values: list[float], dtype: torch.dtype = logits.dtype) -> Tensor:
        return torch.tensor(values, dtype=dtype, device=device)

    temperature = column([params.temperature for params in wishes])
    if not any(params.greedy or _cuts(params) for params in wishes):
        return (logits / temperature[:, None]).softmax(-1, dtype=torch.float64)
    return sampling.probabilities(
        logits,
        temperature,
        top_k=column([min(params.top_k or V, V) for params in wishes], torch.int64),
        top_p=column([params.top_p for params in wishes], torch.float64),
        min_p=column([params.min_p for params in wishes], torch.float64),
    )


def _cuts(params: SamplingParams) -> bool:
    return params.top_k is not None or params.top_p < 1 or params.min_p > 0
