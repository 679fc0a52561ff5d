"""Clinic: an adapter that learns nothing. A program that fine-tunes, and the loss does not move."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.solution.inject import inject


def train(
    model: nn.Module, config: AdapterConfig, batches: Iterable[tuple[Tensor, Tensor]], lr: float
) -> list[float]:
    """Fine-tune a classifier with an adapter, by plain gradient descent.

    Only what `inject` lets train changes, the heads that the config names included; the base keeps
    its bits. No gradient is left behind.

    The patient. `inject` is healthy. The model is a network of 1,476 parameters, the config a
    correction of rank 4 with alpha 8 on its first two layers, lr is 0.1, and every batch holds the
    same 64 examples of 4 classes. Somebody wrote down, after the backward pass of each step,

        step                                     1        2        3       50      100
        loss                                1.4414   1.4414   1.4414   1.4414   1.4414
        norm of B's gradient, first layer   0.0639   0.1278   0.1917   3.1946   6.3891
        norm of A's gradient, first layer        0        0        0        0        0

    and what `summary` says after injection: "416 of 1,892 parameters train (21.99 %)". With ten
    times the lr, or with rank 16, the loss stays where it is, to the last digit.

    Args:
        model: without adapters; trained in place.
        config: for `inject`.
        batches: (x, y) each, inputs (B, ...) and class numbers (B,).
        lr: learning rate.

    Returns:
        Each batch's loss in nats, taken before its step.
    """
    # TODO 3.9: Mend it: what trains steps along its gradient and is cleared; the base keeps its
    # bits.
    parameters = list(model.parameters())
    inject(model, config)
    losses = []
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        with torch.no_grad():
            for p in parameters:
                if p.grad is not None:
                    p -= lr * p.grad
                    p.grad = None
        losses.append(loss.item())
    return losses


def train_cause() -> str:
    """Name the cause of what `train` suffered from, one letter.

    a. A and B both start at zero.
    b. The adapters are frozen.
    c. Those that are to step are not those that train.
    d. The corrections are switched off.
    e. The learning rate is too small for the scaling.
    """
    # TODO 3.9: Return the letter of the cause.
    raise NotImplementedError("exercise 3.9: train_cause")
