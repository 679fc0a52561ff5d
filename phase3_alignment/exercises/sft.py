"""The loss of supervised fine-tuning: next-token prediction, on the answers only.

Ouyang et al. 2022 (arXiv:2203.02155), section 3.5, first paragraph. What is special is not the loss
but which tokens count, and what the sum over them is divided by.
"""

import torch.nn.functional as F
from torch import Tensor

IGNORED = -100  # a label that does not count, as PyTorch and Hugging Face mark it


def labels(ids: Tensor, answers: Tensor) -> Tensor:
    """Keep the ids that count as labels, `IGNORED` elsewhere; label t is of token t, not shifted.

    Args:
        ids: (..., T) int64.
        answers: (..., T) bool, True on tokens that count; False on padding.

    Returns:
        (..., T) int64, a new tensor.
    """
    return ids.where(answers, IGNORED)


def loss(logits: Tensor, labels: Tensor, n_targets: int | Tensor | None = None) -> Tensor:
    """Mean of -log p(label) over all labels of the batch that count, in nats per token.

    The logits at t are of token t + 1: they meet label t + 1. So label 0 meets none and does not
    count, and the last logits meet none. Every token that counts weighs the same, in a long answer
    as in a short one: the sum over the whole batch is divided once.

    Args:
        logits: (B, T, V), row t scores what follows token t.
        labels: (B, T) int64, the ids themselves where they count, else `IGNORED`; left as they are.
        n_targets: what the sum is divided by, if this is a micro-batch: how many labels count in
            the whole batch that gets one step. None counts those of this one.

    Returns:
        A scalar of the logits' dtype, which can be differentiated; 0 if no label counts.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if logits.shape[:-1] != labels.shape:
        raise ValueError(f"logits {tuple(logits.shape)} do not fit labels {tuple(labels.shape)}")
    # TODO 3.10: The mean of -log p(label) over all labels of the batch that count; logits t meet
    # label t + 1.
    raise NotImplementedError("exercise 3.10: loss")
