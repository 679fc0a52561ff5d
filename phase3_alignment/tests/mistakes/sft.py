"""Classic wrong answers for `solution/sft.py`."""

import torch.nn.functional as F

from phase3_alignment.solution.sft import IGNORED
from shared.mistakes import mistake


@mistake(
    "3.10",
    "sft.loss",
    "Nothing is shifted: the logits at t are asked for token t, which the model has just read.",
)
def loss_not_shifted(logits, labels, n_targets=None):
    counts = labels != IGNORED
    nats = F.cross_entropy(logits[counts], labels[counts], reduction="sum")
    return nats / (counts.sum().clamp(min=1) if n_targets is None else n_targets)


@mistake(
    "3.10",
    "sft.loss",
    "The labels are shifted and what counts is not: the first token of each answer goes untrained.",
)
def loss_mask_not_shifted(logits, labels, n_targets=None):
    counts = (labels[:, :-1] != IGNORED) & (labels[:, 1:] != IGNORED)
    nats = F.cross_entropy(logits[:, :-1][counts], labels[:, 1:][counts], reduction="sum")
    return nats / (counts.sum().clamp(min=1) if n_targets is None else n_targets)


@mistake(
    "3.10",
    "sft.loss",
    "The shift goes the wrong way: the logits at t are asked for token t - 1.",
)
def loss_shifted_backwards(logits, labels, n_targets=None):
    targets = labels[:, :-1]
    counts = targets != IGNORED
    nats = F.cross_entropy(logits[:, 1:][counts], targets[counts], reduction="sum")
    return nats / (counts.sum().clamp(min=1) if n_targets is None else n_targets)


@mistake(
    "3.10",
    "sft.loss",
    "A mean of the rows' means: a token of a short answer weighs more than one of a long answer.",
)
def loss_mean_of_means(logits, labels, n_targets=None):
    targets = labels[:, 1:]
    counts = targets != IGNORED
    nats = F.cross_entropy(
        logits[:, :-1].transpose(1, 2), targets, ignore_index=IGNORED, reduction="none"
    )
    if n_targets is not None:
        return nats.sum() / n_targets
    return (nats.sum(1) / counts.sum(1).clamp(min=1)).mean()


@mistake(
    "3.10",
    "sft.loss",
    "The sum is divided by all positions, also by those that do not count: long prompts make the loss small.",
)
def loss_over_all_positions(logits, labels, n_targets=None):
    targets = labels[:, 1:]
    counts = targets != IGNORED
    nats = F.cross_entropy(logits[:, :-1][counts], targets[counts], reduction="sum")
    return nats / (targets.numel() if n_targets is None else n_targets)


@mistake(
    "3.10",
    "sft.loss",
    "The count of the whole batch is not used: micro-batches of different sizes then weigh the same.",
)
def loss_ignores_the_whole(logits, labels, n_targets=None):
    targets = labels[:, 1:]
    counts = targets != IGNORED
    nats = F.cross_entropy(logits[:, :-1][counts], targets[counts], reduction="sum")
    return nats / counts.sum().clamp(min=1)


@mistake(
    "3.10",
    "sft.loss",
    "If nothing counts, zero is divided by zero; one NaN, and every weight is NaN after the next step.",
)
def loss_nan_of_nothing(logits, labels, n_targets=None):
    targets = labels[:, 1:].reshape(-1)
    flat = logits[:, :-1].reshape(-1, logits.shape[-1])
    if n_targets is None:
        return F.cross_entropy(flat, targets, ignore_index=IGNORED)
    return F.cross_entropy(flat, targets, ignore_index=IGNORED, reduction="sum") / n_targets


@mistake(
    "3.10",
    "sft.loss",
    "Labels that do not count are taken for token 0: the model learns to say it wherever others speak.",
)
def loss_ignored_is_token_0(logits, labels, n_targets=None):
    targets = labels[:, 1:].clamp(min=0)
    nats = F.cross_entropy(logits[:, :-1].transpose(1, 2), targets, reduction="sum")
    return nats / (targets.numel() if n_targets is None else n_targets)


@mistake(
    "3.10",
    "sft.loss",
    "A sum and no mean: the gradient, and with it the step, grows with the number of tokens.",
)
def sft_loss_sum(logits, labels, n_targets=None):
    targets = labels[:, 1:]
    counts = targets != IGNORED
    return F.cross_entropy(logits[:, :-1][counts], targets[counts], reduction="sum")


@mistake(
    "3.10",
    "sft.loss",
    "The logarithm of a softmax: a probability that underflows to 0 has the logarithm -inf. log_softmax never divides.",
)
def loss_log_of_softmax(logits, labels, n_targets=None):
    targets = labels[:, 1:]
    counts = targets != IGNORED
    p = logits[:, :-1][counts].softmax(-1)
    nats = -p.gather(-1, targets[counts][:, None]).log().sum()
    return nats / (counts.sum().clamp(min=1) if n_targets is None else n_targets)
