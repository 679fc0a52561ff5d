"""How likely was what was said: the log-probability of each token of a text, and the entropy.

PPO, DPO, GRPO and every KL penalty start from these numbers, (B, T - 1): index t speaks of token
t + 1. With 100,000 tokens in the vocabulary a table (B, T, V) is the largest thing in memory, so
none is made beside the logits.
"""

import torch
from torch import Tensor, nn

from phase3_alignment.solution import padding


def of_tokens(logits: Tensor, ids: Tensor, actions: Tensor) -> Tensor:
    """Log-probability of each token that counts, given those before it, in nats.

    log p(v) is logit v minus the log-sum-exp of all: two numbers for each token, no log-softmax.

    Args:
        logits: (B, T, V); position t predicts token t + 1. Must stay as they are.
        ids: (B, T) token ids; those of tokens that do not count may be any number.
        actions: (B, T - 1) bool, True at t where token t + 1 counts.

    Returns:
        (B, T - 1), at most 0, in float32, or in float64 if the logits are; exactly 0 where actions
        is False. It can be differentiated, and the logits at such positions get a gradient of
        exactly 0. For logits of float32 or wider, autograd keeps no copy of them.

    Raises:
        ValueError: if the shapes do not fit.
    """
    B, T, _ = logits.shape
    if ids.shape != (B, T) or actions.shape != (B, T - 1):
        raise ValueError(
            f"logits {tuple(logits.shape)}, ids {tuple(ids.shape)}, actions {tuple(actions.shape)}"
            ": expected (B, T, V), (B, T), (B, T - 1)"
        )
    # TODO 3.14: The log-probability of each token that counts, from the logits one position
    # earlier; 0 elsewhere; no second table of the size of the logits is kept.
    raise NotImplementedError("exercise 3.14: of_tokens")


def entropy(logits: Tensor, actions: Tensor) -> Tensor:
    """How undecided the model was before each token that counts: -sum of p log p, in nats.

    Shannon 1948. It is the entropy of the whole distribution, not that of the token that came.

    Args:
        logits: (B, T, V); position t predicts token t + 1. A logit may be -inf, for a token that
            is ruled out: it adds 0. Must stay as they are.
        actions: (B, T - 1) bool, True at t where token t + 1 counts.

    Returns:
        (B, T - 1), between 0 and ln V, in float32, or in float64 if the logits are; exactly 0 where
        actions is False. It can be differentiated, and the gradients are finite.

    Raises:
        ValueError: if the shapes do not fit.
    """
    B, T, _ = logits.shape
    if actions.shape != (B, T - 1):
        raise ValueError(
            f"logits {tuple(logits.shape)}, actions {tuple(actions.shape)}"
            ": expected (B, T, V), (B, T - 1)"
        )
    # TODO 3.14: The entropy of the distribution from which each token that counts was drawn, in
    # nats; a token that is ruled out adds 0; finite gradients.
    raise NotImplementedError("exercise 3.14: entropy")


def under(model: nn.Module, ids: Tensor, mask: Tensor, actions: Tensor) -> Tensor:
    """`of_tokens` under a causal language model, for a batch padded on either side.

    Args:
        model: called as `model(input_ids=..., attention_mask=..., position_ids=...)`, gives
            `.logits`. It stays in its mode: dropout would make ratios of nothing.
        ids: (B, T) token ids.
        mask: (B, T) bool, True on real tokens.
        actions: (B, T - 1) bool, True at t where token t + 1 counts.
    """
    positions = padding.positions(mask)
    outputs = model(input_ids=ids, attention_mask=mask.long(), position_ids=positions)
    return of_tokens(outputs.logits, ids, actions)
