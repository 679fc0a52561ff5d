"""Draw the next token of every row of a step at once, cheaply where a row's wishes allow it.

The same draws as `solution/sampling.py` makes for every row. Greedy rows need no probabilities,
rows that cut nothing off need no order, and where the cut lies among the `NARROW` likeliest tokens,
as it nearly always does, those are all that has to be put in order: sorting the 50,000 tokens of a
vocabulary takes longer than the rest of a small model's step.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from phase4_production.solution import sampling
from phase4_production.solution.sampling_params import SamplingParams

NARROW = 256


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
    points = torch.tensor(uniforms, dtype=torch.float64, device=logits.device)
    drawing = [row for row, one in enumerate(wishes) if not one.greedy]
    whole = [row for row in drawing if not _cuts(wishes[row])]
    cutting = [row for row in drawing if _cuts(wishes[row])]
    wide = []
    if cutting:
        at = torch.tensor(cutting, device=logits.device)
        tokens, weights, enough = _narrowed(logits[at], [wishes[row] for row in cutting])
        chosen = sampling.sample(weights, points[at])
        ids[at] = tokens.gather(1, chosen[:, None]).squeeze(1)
        wide = [row for row, fits in zip(cutting, enough.tolist(), strict=True) if not fits]
    for rows in (whole, wide):  # apart, so that no row is computed otherwise for its neighbours
        if rows:
            at = torch.tensor(rows, device=logits.device)
            weights = weigh(logits[at], [wishes[row] for row in rows])
            ids[at] = sampling.sample(weights, points[at])
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


def _narrowed(logits: Tensor, wishes: Sequence[SamplingParams]) -> tuple[Tensor, Tensor, Tensor]:
    """Weigh the likeliest tokens of each row only.

    Returns:
        (B, K) their ids in ascending order, (B, K) float64 what they are drawn by, and (B,) bool,
        whether no other token of the row could be drawn.
    """
    K, device = min(NARROW, logits.shape[1]), logits.device

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64, device=device)

    scaled = logits.double() / column([one.temperature for one in wishes])[:, None]
    tokens = scaled.topk(K).indices.sort().values  # ascending, so that equals rank by id
    kept = scaled.gather(1, tokens)
    top_k = column([one.top_k or torch.inf for one in wishes])
    top_p, min_p = (column([getattr(one, name) for one in wishes]) for name in ("top_p", "min_p"))
    share = (kept.logsumexp(-1) - scaled.logsumexp(-1)).exp()
    # top_p is of what top_k has left: of these tokens if it left fewer, otherwise of all.
    of_these = torch.where(top_k < K, top_p, top_p / share)
    rarest = (kept.amin(-1) - kept.amax(-1)).exp()  # as a share of the likeliest
    enough = (top_k < K) | (of_these < 1) | (rarest < min_p) | (logits.shape[1] == K)
    limits = top_k.clamp(max=K).long(), of_these, min_p
    weights = sampling.filter_logits(kept, *limits).softmax(-1)
    return tokens, weights, enough


def _cuts(params: SamplingParams) -> bool:
    return params.top_k is not None or params.top_p < 1 or params.min_p > 0
