"""Cross-entropy: the number that training makes small.

Softmax and the logarithm are fused with the loss into one node. Forward, no probability can become
0 before its logarithm is taken; backward, the joint derivative is simpler than any of its parts:
(p - onehot) / B. Goodfellow et al. 2016, sections 4.1 (stability) and 6.2.2.3 (softmax units).
"""

from __future__ import annotations

import numpy as np

from phase0_foundations.solution.tensor import Tensor, record


def cross_entropy_forward(
    logits: np.ndarray, targets: np.ndarray
) -> tuple[np.floating, np.ndarray]:
    """Average -log p[target] over the rows, p = softmax(logits).

    Args:
        logits: (B, C) scores of any size.
        targets: (B,) the right class of each row, 0 <= target < C.

    Returns:
        The loss in nats per row, and log_probs (B, C), the logarithm of softmax(logits).
    """
    # TODO 0.11: The loss is the mean over the rows of -log softmax(logits)[target] and log_probs is
    # log softmax(logits), both finite for scores of any size.
    raise NotImplementedError("exercise 0.11: cross_entropy_forward")


def cross_entropy_backward(log_probs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Give the gradient of the mean cross-entropy with respect to the logits: (p - onehot) / B.

    Args:
        log_probs: (B, C) logarithms of the probabilities; they are not changed.
        targets: (B,) the right classes.

    Returns:
        (B, C), the dtype of log_probs.
    """
    # TODO 0.11: The gradient of that mean with respect to the logits; log_probs stays as it is.
    raise NotImplementedError("exercise 0.11: cross_entropy_backward")


def cross_entropy(logits: Tensor, targets: np.ndarray) -> Tensor:
    """Return the mean over rows of -log softmax(logits)[target], a scalar in nats.

    Args:
        logits: (B, C) with B > 0.
        targets: (B,) integers, 0 <= target < C.

    Raises:
        ValueError: if a shape, the dtype of the targets or a target does not fit.
    """
    targets = np.asarray(targets)
    if logits.ndim != 2 or targets.shape != logits.shape[:1] or not targets.size:
        raise ValueError(
            f"cross_entropy needs logits (B, C), targets (B,), got {logits.shape}, {targets.shape}"
        )
    if targets.dtype.kind not in "iu":
        raise ValueError(f"cross_entropy needs integer targets, got {targets.dtype}")
    if targets.min() < 0 or targets.max() >= logits.shape[1]:
        raise ValueError(f"cross_entropy: a target lies outside 0..{logits.shape[1] - 1}")
    loss, log_probs = cross_entropy_forward(logits.data, targets)
    return record(
        "cross_entropy",
        loss,
        (logits,),
        lambda grad: grad * cross_entropy_backward(log_probs, targets),
    )
