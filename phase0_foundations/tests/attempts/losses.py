"""The mistakes of `mistakes/losses.py`, as another learner would write them."""

import numpy as np

from shared.mistakes import attempt


@attempt("cross_entropy_without_max")
def _(logits, targets):
    total = np.exp(logits).sum(1)
    log_probs = logits - np.log(total)[:, None]
    loss = np.mean([-log_probs[i, t] for i, t in enumerate(targets)])
    return loss, log_probs


@attempt("cross_entropy_global_max")
def _(logits, targets):
    z = logits - np.max(logits)
    normaliser = np.log(np.sum(np.exp(z), axis=-1))
    log_p = z - normaliser.reshape(-1, 1)
    picked = np.take_along_axis(log_p, targets[:, None], axis=1)
    return -np.mean(picked), log_p


@attempt("cross_entropy_log_of_softmax")
def _(logits, targets):
    e = np.exp(logits - np.max(logits, axis=-1)[:, None])
    log_p = np.log(e / np.sum(e, axis=-1)[:, None])
    losses = [-row[t] for row, t in zip(log_p, targets)]
    return sum(losses) / len(losses), log_p


@attempt("cross_entropy_mean_over_classes")
def _(logits, targets):
    m = np.max(logits, axis=1)[:, None]
    log_p = logits - (m + np.log(np.exp(logits - m).sum(axis=1)[:, None]))
    truth = np.zeros_like(log_p)
    truth[range(len(targets)), targets] = 1
    return np.mean(truth * -log_p), log_p


@attempt("cross_entropy_sum_of_rows")
def _(logits, targets):
    m = logits.max(axis=-1, keepdims=True)
    log_p = logits - m - np.log(np.exp(logits - m).sum(axis=-1, keepdims=True))
    loss = 0.0
    for i, t in enumerate(targets):
        loss -= log_p[i, t]
    return loss, log_p


@attempt("cross_entropy_sign")
def _(logits, targets):
    m = logits.max(1)[:, None]
    log_p = logits - m - np.log(np.exp(logits - m).sum(1))[:, None]
    return np.average(log_p[np.arange(logits.shape[0]), targets]), log_p


@attempt("cross_entropy_wrong_axis")
def _(logits, targets):
    top = np.max(logits, 0)
    log_p = logits - top - np.log(np.sum(np.exp(logits - top), 0))
    return -np.mean(log_p[np.arange(len(log_p)), targets]), log_p


@attempt("cross_entropy_all_pairs")
def _(logits, targets):
    m = logits.max(-1)[:, None]
    log_p = logits - m - np.log(np.exp(logits - m).sum(-1))[:, None]
    loss = -np.mean([[row[t] for t in targets] for row in log_p])
    return loss, log_p


@attempt("cross_entropy_exchanged")
def _(logits, targets):
    m = np.max(logits, axis=1)[:, None]
    log_p = (logits - m) - np.log(np.sum(np.exp(logits - m), axis=1))[:, None]
    loss = -sum(log_p[i, t] for i, t in enumerate(targets)) / len(targets)
    return log_p, loss


@attempt("cross_entropy_backward_whole_rows")
def _(log_probs, targets):
    p = np.e**log_probs
    for target in set(targets.tolist()):
        p[target] = p[target] - 1
    return p / log_probs.shape[0]


@attempt("cross_entropy_backward_in_place")
def _(log_probs, targets):
    log_probs[...] = np.exp(log_probs)
    for i, t in enumerate(targets):
        log_probs[i, t] -= 1
    log_probs /= len(targets)
    return log_probs


@attempt("cross_entropy_backward_without_batch")
def _(log_probs, targets):
    B, C = log_probs.shape
    onehot = (np.arange(C) == targets[:, None]).astype(log_probs.dtype)
    return np.exp(log_probs) - onehot


@attempt("cross_entropy_backward_over_classes")
def _(log_probs, targets):
    B, C = log_probs.shape
    onehot = np.eye(C, dtype=log_probs.dtype)[targets]
    return (np.exp(log_probs) - onehot) / (B * C)


@attempt("cross_entropy_backward_all_pairs")
def _(log_probs, targets):
    p = np.exp(log_probs)
    for target in set(targets.tolist()):
        p[:, target] = p[:, target] - 1
    return p * (1 / p.shape[0])


@attempt("cross_entropy_backward_sign")
def _(log_probs, targets):
    onehot = np.zeros_like(log_probs)
    for i, t in enumerate(targets):
        onehot[i, t] = 1
    return (onehot - np.exp(log_probs)) / log_probs.shape[0]


@attempt("cross_entropy_backward_of_logs")
def _(log_probs, targets):
    onehot = np.eye(log_probs.shape[-1], dtype=log_probs.dtype)[targets]
    return (log_probs - onehot) / log_probs.shape[0]


@attempt("cross_entropy_backward_targets_only")
def _(log_probs, targets):
    onehot = np.eye(log_probs.shape[-1], dtype=log_probs.dtype)[targets]
    return onehot * (np.exp(log_probs) - 1) / len(onehot)
