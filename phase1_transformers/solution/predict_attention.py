"""Before you look: five questions about attention, of numbers that decide how models are built.

Answer by returning literals. The finished file runs the thing and looks.
"""

import torch

from phase1_transformers.solution.attention import attention, causal_attention, causal_mask


def variance_of_scores() -> float:
    """How far do the dot products of queries and keys spread, if nobody divides them?

    The queries and the keys have 64 numbers each, all drawn from N(0, 1). The answer is the
    variance of a dot product q k^T.

    Return a number, right to 5 %.
    """
    q, k = _normal(1000, 64), _normal(1000, 64, seed=1)
    return (q @ k.T).var().item()


def keys_in_view() -> float:
    """How many of 64 keys does a query really look at, if the scores are not divided by sqrt(D)?

    Queries and keys have D = 64 numbers each, drawn from N(0, 1), and there is no mask. Number of
    keys in view means exp(entropy) of a query's weights: 64 if all weigh the same, 1 if a single
    one weighs everything. The answer is its mean over many queries.

    Return a number, right to 25 %.
    """
    q, k = _normal(40, 64, 64), _normal(40, 64, 64, seed=1)
    weights = attention(q * 8, k, torch.eye(64))  # times 8 undoes the division by sqrt(64)
    entropy = torch.special.entr(weights).sum(dim=-1)
    return entropy.exp().mean().item()


def allowed_pairs() -> int:
    """How many pairs of a query and a key does a causal mask allow, if the queries are the newest?

    A model has read six tokens, their keys are in its cache, and four more arrive at once. So
    there are 4 queries and 10 keys.

    Return a whole number.
    """
    return int(causal_mask(4, 10).sum())


def bytes_of_weights() -> int:
    """How many bytes do the attention weights of one layer take?

    The layer is GPT-2's: 12 heads, 768 channels. It reads a batch of 8 sequences of 1024 tokens
    each, in float32, and keeps its softmax for the backward pass: nothing fused, nothing skipped
    on account of the mask. The next layer needs as many again.

    Return a whole number.
    """
    q, k = _normal(1024, 768 // 12), _normal(1024, 768 // 12, seed=1)
    weights = (q @ k.T).softmax(dim=-1)  # of one head and one sequence
    return 8 * 12 * weights.nbytes


def last_token_after_a_shuffle() -> str:
    """What happens to the last token's output if the tokens before it change places?

    Five tokens go through one layer of causal attention that knows no positions, neither learned
    nor rotary. Then the first four are shuffled: "dog bites the old man" becomes "the old dog bites
    man". The question is the output at "man", the last token in both.

    A. It changes, since another token now stands next to it.
    B. It stays the same, but for rounding.
    C. It holds the same numbers in another order.
    D. It changes, since other tokens are now masked.

    Return the letter, a string.
    """
    x = _normal(5, 8)
    before, after = (causal_attention(t, t, t)[-1] for t in (x, x[[2, 3, 0, 1, 4]]))
    if torch.allclose(after, before):
        return "B"
    if torch.allclose(after.sort().values, before.sort().values):
        return "C"
    raise AssertionError("the mask lets the last token see all of them, in whatever order")


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
