"""`sampling.probabilities`, without sorting a vocabulary to keep a dozen of its tokens.

A sort of 50,257 logits takes longer than a small model needs for its step. But what the limits keep
is nearly always among the few likeliest tokens, and finding those is cheap. So only they are
sorted; rows where that does not decide, which one can see afterwards, are sorted whole.
"""

import torch
from torch import Tensor

from phase4_production.solution import sampling

N_CANDIDATES = 128


def probabilities(
    logits: Tensor, temperature: Tensor, top_k: Tensor, top_p: Tensor, min_p: Tensor
) -> Tensor:
    """Return what `sampling.probabilities` does, for the same arguments.

    The shares that top_p sums up are divided in another order: a token whose sum meets top_p to
    the last digit of a float64 may fall on the other side.
    """
    greedy = temperature == 0
    scaled = logits - logits.amax(-1, keepdim=True)  # so that a tiny temperature does no harm
    scaled = scaled / temperature.masked_fill(greedy, 1)[:, None]
    top_k = top_k.masked_fill(greedy, 1)
    found = scaled.softmax(-1, dtype=torch.float64)  # right where nothing is cut off
    cuts = (top_k < logits.shape[1]) | (top_p < 1) | (min_p > 0)
    rows = cuts.nonzero().squeeze(1)
    if len(rows):
        limits = top_k[rows], top_p[rows], min_p[rows]
        likeliest, decided = _of_the_likeliest(scaled[rows], *limits)
        found[rows] = likeliest
        rest = rows[~decided]
        if len(rest):
            whole = sampling.filter_logits(scaled[rest], top_k[rest], top_p[rest], min_p[rest])
            found[rest] = whole.softmax(-1, dtype=torch.float64)
    return found


def _of_the_likeliest(
    logits: Tensor, top_k: Tensor, top_p: Tensor, min_p: Tensor
) -> tuple[Tensor, Tensor]:
    """Apply the limits to the likeliest tokens alone; say in which rows no other could stay."""
    n = min(N_CANDIDATES, logits.shape[1])
    # In the order of their ids, so that among equal logits the smallest id still comes first.
    ids = logits.topk(n, dim=-1).indices.sort(-1).values
    few = logits.gather(-1, ids)
    all_tokens = top_k >= logits.shape[1]
    if all_tokens.any():
        # top_p is a share of all tokens, and the candidates are only a part of them.
        of_all = (logits.double().logsumexp(-1) - few.double().logsumexp(-1)).exp()
        top_p = torch.where(all_tokens, top_p * of_all, top_p.double()).clamp(max=1)
    kept = sampling.filter_logits(few, top_k, top_p, min_p)
    # What is no candidate is at most as likely as the last of them: if that one is cut off, and is
    # less likely than all that stay, so are all others.
    decided = kept.masked_fill(kept == -torch.inf, torch.inf).amin(-1) > few.amin(-1)
    decided &= all_tokens | (top_k <= n) | (top_p == 1)
    probs = torch.zeros(logits.shape, dtype=torch.float64, device=logits.device)
    return probs.scatter_(-1, ids, kept.softmax(-1, dtype=torch.float64)), decided
