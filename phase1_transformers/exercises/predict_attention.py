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
    # TODO 1.10: Return the variance of a dot product of 64 terms, right to 5 %.
    raise NotImplementedError("exercise 1.10: variance_of_scores")


def keys_in_view() -> float:
    """How many of 64 keys does a query really look at, if the scores are not divided by sqrt(D)?

    Queries and keys have D = 64 numbers each, drawn from N(0, 1), and there is no mask. Number of
    keys in view means exp(entropy) of a query's weights: 64 if all weigh the same, 1 if a single
    one weighs everything. The answer is its mean over many queries.

    Return a number, right to 25 %.
    """
    # TODO 1.10: Return the mean of exp(entropy) of the weights, between 1 and 64, right to 25 %.
    raise NotImplementedError("exercise 1.10: keys_in_view")


def allowed_pairs() -> int:
    """How many pairs of a query and a key does a causal mask allow, if the queries are the newest?

    A model has read six tokens, their keys are in its cache, and four more arrive at once. So
    there are 4 queries and 10 keys.

    Return a whole number.
    """
    # TODO 1.10: Return how many entries of the mask are True.
    raise NotImplementedError("exercise 1.10: allowed_pairs")


def bytes_of_weights() -> int:
    """How many bytes do the attention weights of one layer take?

    The layer is GPT-2's: 12 heads, 768 channels. It reads a batch of 8 sequences of 1024 tokens
    each, in float32, and keeps its softmax for the backward pass: nothing fused, nothing skipped
    on account of the mask. The next layer needs as many again.

    Return a whole number.
    """
    # TODO 1.10: Return the bytes of all heads' and all sequences' weights in one layer.
    raise NotImplementedError("exercise 1.10: bytes_of_weights")


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
    # TODO 1.10: Return the letter of what happens.
    raise NotImplementedError("exercise 1.10: last_token_after_a_shuffle")


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
