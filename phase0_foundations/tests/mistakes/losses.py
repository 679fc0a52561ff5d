"""Classic wrong answers for `solution/losses.py`."""

import numpy as np

from shared.mistakes import mistake


@mistake(
    "0.11",
    "losses.cross_entropy_forward",
    "exp of the raw scores overflows: subtract each row's largest score first, it changes nothing else.",
)
def cross_entropy_without_max(logits, targets):
    log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -log_probs[np.arange(len(targets)), targets].mean(), log_probs


@mistake(
    "0.11",
    "losses.cross_entropy_forward",
    "One maximum for the whole batch: a row far below it underflows to log 0. Each row needs its own.",
)
def cross_entropy_global_max(logits, targets):
    shifted = logits - logits.max()
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_probs[np.arange(len(targets)), targets].mean(), log_probs


@mistake(
    "0.11",
    "losses.cross_entropy_forward",
    "log(softmax) takes the logarithm of a probability that rounded to 0; subtract log(sum exp) instead.",
)
def cross_entropy_log_of_softmax(logits, targets):
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    log_probs = np.log(probs)
    return -log_probs[np.arange(len(targets)), targets].mean(), log_probs


@mistake(
    "0.11",
    "losses.cross_entropy_forward",
    "The mean runs over the classes too, so the loss is C times too small: divide by the rows only.",
)
def cross_entropy_mean_over_classes(logits, targets):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    onehot = np.eye(logits.shape[1], dtype=logits.dtype)[targets]
    return -(onehot * log_probs).mean(), log_probs


@mistake(
    "0.11",
    "losses.cross_entropy_forward",
    "The rows are summed, not averaged: the loss would grow with the batch size.",
)
def cross_entropy_sum_of_rows(logits, targets):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_probs[np.arange(len(targets)), targets].sum(), log_probs


@mistake(
    "0.11",
    "losses.cross_entropy_forward",
    "The minus sign is missing: this number rises as the model gets better.",
)
def cross_entropy_sign(logits, targets):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return log_probs[np.arange(len(targets)), targets].mean(), log_probs


@mistake(
    "0.11",
    "losses.cross_entropy_forward",
    "Softmax runs down the batch: the probabilities that sum to 1 are those of one row's classes.",
)
def cross_entropy_wrong_axis(logits, targets):
    shifted = logits - logits.max(axis=0, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=0, keepdims=True))
    return -log_probs[np.arange(len(targets)), targets].mean(), log_probs


@mistake(
    "0.11",
    "losses.cross_entropy_forward",
    "[:, targets] picks the targets of all rows from every row: pair each row's number with its own target.",
)
def cross_entropy_all_pairs(logits, targets):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_probs[:, targets].mean(), log_probs


@mistake(
    "0.11",
    "losses.cross_entropy_forward",
    "The two results are exchanged: the loss comes first, log_probs second.",
)
def cross_entropy_exchanged(logits, targets):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return log_probs, -log_probs[np.arange(len(targets)), targets].mean()


@mistake(
    "0.11",
    "losses.cross_entropy_backward",
    "p[targets] is whole rows, those whose numbers the targets are; give the row and the class.",
)
def cross_entropy_backward_whole_rows(log_probs, targets):
    grad = np.exp(log_probs)
    grad[targets] -= 1
    return grad / len(targets)


@mistake(
    "0.11",
    "losses.cross_entropy_backward",
    "The gradient is right, but log_probs was overwritten on the way: exp needs an array of its own.",
)
def cross_entropy_backward_in_place(log_probs, targets):
    np.exp(log_probs, out=log_probs)
    log_probs[np.arange(len(targets)), targets] -= 1
    return log_probs / len(targets)


@mistake(
    "0.11",
    "losses.cross_entropy_backward",
    "The 1/B is missing: the loss is a mean over the rows, and so is its gradient.",
)
def cross_entropy_backward_without_batch(log_probs, targets):
    grad = np.exp(log_probs)
    grad[np.arange(len(targets)), targets] -= 1
    return grad


@mistake(
    "0.11",
    "losses.cross_entropy_backward",
    "Divided by all elements, B * C: the mean is over the B rows, so this gradient is C times too small.",
)
def cross_entropy_backward_over_classes(log_probs, targets):
    grad = np.exp(log_probs)
    grad[np.arange(len(targets)), targets] -= 1
    return grad / grad.size


@mistake(
    "0.11",
    "losses.cross_entropy_backward",
    "[:, targets] lowers the targets of all rows in every row; pair each row with its own target.",
)
def cross_entropy_backward_all_pairs(log_probs, targets):
    grad = np.exp(log_probs)
    grad[:, targets] -= 1
    return grad / len(targets)


@mistake(
    "0.11",
    "losses.cross_entropy_backward",
    "The sign is turned round: onehot - p is the way down, the gradient points up.",
)
def cross_entropy_backward_sign(log_probs, targets):
    grad = -np.exp(log_probs)
    grad[np.arange(len(targets)), targets] += 1
    return grad / len(targets)


@mistake(
    "0.11",
    "losses.cross_entropy_backward",
    "The gradient holds p, not log p: take exp of the log-probabilities first.",
)
def cross_entropy_backward_of_logs(log_probs, targets):
    grad = log_probs.copy()
    grad[np.arange(len(targets)), targets] -= 1
    return grad / len(targets)


@mistake(
    "0.11",
    "losses.cross_entropy_backward",
    "Only the target's score gets a gradient; every other score is pushed down by its probability p.",
)
def cross_entropy_backward_targets_only(log_probs, targets):
    grad = np.zeros_like(log_probs)
    rows = np.arange(len(targets))
    grad[rows, targets] = np.exp(log_probs[rows, targets]) - 1
    return grad / len(targets)
