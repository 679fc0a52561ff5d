"""Next-token loss, and the two units in which people quote it.

A loss in nats per token depends on how long the tokens are; bits per byte does not.
"""

import math

import torch
from torch import Tensor

IGNORED = -100  # a target that does not count, as PyTorch and Hugging Face mark it


def next_token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean of -log p(target) over the targets that count, in nats per token.

    Every token that counts weighs the same, however many its sequence has.

    Args:
        logits: (..., V), of any size; row t predicts targets[t], which the caller has shifted.
        targets: (...) token ids, left as they are; `IGNORED` where there is nothing to predict.

    Returns:
        A scalar of the logits' dtype, which can be differentiated; 0 if no target counts. A NaN
        among the scores of a target that counts is not hidden: the loss is NaN.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if logits.shape[:-1] != targets.shape:
        raise ValueError(f"logits {tuple(logits.shape)} do not fit targets {tuple(targets.shape)}")
    counts = targets != IGNORED
    chosen = logits.gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    nats = torch.logsumexp(logits, dim=-1) - chosen
    return nats.where(counts, 0).sum() / counts.sum().clamp(min=1)


def perplexity(nats_per_token: float) -> float:
    """How many equally likely tokens would be as hard to guess: e to the loss in nats.

    Jelinek, Mercer, Bahl, Baker 1977. Two models with different tokenizers have perplexities of
    different things.
    """
    return math.exp(nats_per_token)


def bits_per_byte(nats_per_token: float, n_tokens: int, n_bytes: int) -> float:
    """The loss over a whole text in a unit that no tokenizer can change.

    Args:
        nats_per_token: mean loss.
        n_tokens: tokens over which the mean was taken.
        n_bytes: UTF-8 bytes that those tokens stand for.

    Returns:
        Bits, of ln 2 nats each, that the model needs for a byte: what an arithmetic coder that uses
        it would write.
    """
    return nats_per_token / math.log(2) * n_tokens / n_bytes
