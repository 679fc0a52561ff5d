"""The mistakes of `mistakes/sft.py`, as others would write them."""

import torch

from shared.mistakes import attempt


def _nats(logits, targets):
    """-log p of each target, 0 where it is ignored."""
    logprobs = torch.log_softmax(logits, dim=-1)
    found = -torch.gather(logprobs, -1, targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    return torch.where(targets == -100, torch.zeros_like(found), found)


def _n(targets):
    return max(int((targets != -100).sum()), 1)


@attempt("loss_not_shifted")
def _(logits, labels, n_targets=None):
    return _nats(logits, labels).sum() / (n_targets or _n(labels))


@attempt("loss_mask_not_shifted")
def _(logits, labels, n_targets=None):
    targets = labels[..., 1:].clone()
    targets[labels[..., :-1] == -100] = -100
    return _nats(logits[..., :-1, :], targets).sum() / (n_targets or _n(targets))


@attempt("loss_shifted_backwards")
def _(logits, labels, n_targets=None):
    logits, labels = logits[:, 1:, :].contiguous(), labels[:, :-1].contiguous()
    return _nats(logits, labels).sum() / (n_targets or _n(labels))


@attempt("loss_mean_of_means")
def _(logits, labels, n_targets=None):
    logits, labels = logits[:, :-1], labels[:, 1:]
    if n_targets:
        return _nats(logits, labels).sum() / n_targets
    rows = [_nats(x, y).sum() / _n(y) for x, y in zip(logits, labels)]
    return torch.stack(rows).mean()


@attempt("loss_over_all_positions")
def _(logits, labels, n_targets=None):
    nats = _nats(logits[:, :-1], labels[:, 1:])
    return nats.sum() / n_targets if n_targets else nats.mean()


@attempt("loss_ignores_the_whole")
def _(logits, labels, n_targets=None):
    labels = labels[:, 1:]
    return _nats(logits[:, :-1], labels).sum() / _n(labels)


@attempt("loss_nan_of_nothing")
def _(logits, labels, n_targets=None):
    labels = labels[:, 1:]
    n = (labels != -100).sum() if n_targets is None else n_targets
    return _nats(logits[:, :-1], labels).sum() / n


@attempt("loss_ignored_is_token_0")
def _(logits, labels, n_targets=None):
    targets = labels[:, 1:].where(labels[:, 1:] != -100, 0)
    nats = _nats(logits[:, :-1], targets)
    return nats.mean() if n_targets is None else nats.sum() / n_targets


@attempt("sft_loss_sum")
def _(logits, labels, n_targets=None):
    return _nats(logits[:, :-1], labels[:, 1:]).sum()


@attempt("loss_log_of_softmax")
def _(logits, labels, n_targets=None):
    labels = labels[:, 1:]
    e = logits[:, :-1].softmax(-1)
    picked = e.gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    nats = torch.where(labels == -100, torch.zeros_like(picked), -torch.log(picked))
    return nats.sum() / (n_targets or _n(labels))
