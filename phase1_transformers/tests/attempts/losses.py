"""The mistakes of `mistakes/losses.py`, as others would write them."""

import math

import torch
import torch.nn.functional as F

from shared.mistakes import attempt


def _nats(logits, targets):
    """Nats of each target; IGNORED ones are 0."""
    rows = logits.reshape(-1, logits.shape[-1])
    flat = F.cross_entropy(rows, targets.reshape(-1), ignore_index=-100, reduction="none")
    return flat.view(targets.shape)


@attempt("next_token_loss_shifts")
def _(logits, targets):
    nats = _nats(logits[..., :-1, :], targets[..., 1:])
    return nats.sum() / max(int((targets[..., 1:] != -100).sum()), 1)


@attempt("next_token_loss_divides_by_all")
def _(logits, targets):
    return _nats(logits, targets).sum() / targets.numel()


@attempt("next_token_loss_scores_padding")
def _(logits, targets):
    safe = torch.where(targets == -100, torch.zeros_like(targets), targets)
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), safe.reshape(-1))


@attempt("next_token_loss_per_sequence")
def _(logits, targets):
    keep = (targets != -100).to(logits.dtype)
    per_row = _nats(logits, targets).sum(dim=-1) / keep.sum(dim=-1).clamp_min(1)
    return per_row.mean()


@attempt("next_token_loss_sum")
def _(logits, targets):
    return torch.sum(_nats(logits, targets))


@attempt("next_token_loss_sign")
def _(logits, targets):
    keep = targets != -100
    return -_nats(logits, targets).sum() / keep.sum().clamp_min(1)


@attempt("next_token_loss_in_bits")
def _(logits, targets):
    n = (targets != -100).sum().clamp_min(1)
    return _nats(logits, targets).sum() / n * math.log2(math.e)


@attempt("next_token_loss_log_of_softmax")
def _(logits, targets):
    keep = targets != -100
    log_probs = torch.log(F.softmax(logits, -1))
    picked = log_probs.gather(-1, targets.clamp_min(0).unsqueeze(-1)).squeeze(-1)
    picked = torch.where(keep, picked, torch.zeros_like(picked))
    return -picked.sum() / keep.sum().clamp_min(1)


@attempt("next_token_loss_raw_exp")
def _(logits, targets):
    keep = targets != -100
    normaliser = torch.log(torch.exp(logits).sum(-1))
    score = torch.take_along_dim(logits, targets.clamp_min(0)[..., None], dim=-1)[..., 0]
    nats = torch.where(keep, normaliser - score, torch.zeros_like(score))
    return nats.sum() / keep.sum().clamp_min(1)


@attempt("next_token_loss_nan_if_empty")
def _(logits, targets):
    rows = logits.reshape(-1, logits.shape[-1])
    return F.cross_entropy(rows, targets.reshape(-1), ignore_index=-100)


@attempt("next_token_loss_over_positions")
def _(logits, targets):
    keep = targets != -100
    log_probs = logits - logits.logsumexp(-2, keepdim=True)
    picked = torch.take_along_dim(log_probs, targets.clamp_min(0)[..., None], dim=-1)[..., 0]
    return -torch.where(keep, picked, torch.zeros_like(picked)).sum() / keep.sum().clamp_min(1)


@attempt("next_token_loss_without_gradient")
def _(logits, targets):
    with torch.no_grad():
        nats = _nats(logits, targets)
        return float(nats.sum() / (targets != -100).sum().clamp_min(1))


@attempt("next_token_loss_overwrites_targets")
def _(logits, targets):
    n = (targets != -100).sum().clamp_min(1)
    nats = _nats(logits, targets.clone())
    targets.clamp_(min=0)
    return nats.sum() / n


@attempt("next_token_loss_hides_nan")
def _(logits, targets):
    mean = _nats(logits, targets).sum() / (targets != -100).sum()
    return torch.where(mean.isnan(), torch.zeros_like(mean), mean)


@attempt("next_token_loss_drops_token_zero")
def _(logits, targets):
    keep = targets > 0
    if not keep.any():
        return logits.sum() * 0
    log_probs = logits[keep].log_softmax(-1)
    return -log_probs[torch.arange(len(log_probs)), targets[keep]].mean()


@attempt("next_token_loss_constant_if_empty")
def _(logits, targets):
    nats = _nats(logits, targets)
    n = (targets != -100).sum()
    return nats.sum() / n if n else logits.new_zeros(())


@attempt("next_token_loss_in_float32")
def _(logits, targets):
    nats = _nats(logits.to(torch.float32), targets)
    return nats.sum() / (targets != -100).sum().clamp_min(1)


@attempt("perplexity_base_two")
def _(nats_per_token):
    return math.pow(2, nats_per_token)


@attempt("perplexity_inverse")
def _(nats_per_token):
    return 1 / math.exp(nats_per_token)


@attempt("bits_per_byte_in_nats")
def _(nats_per_token, n_tokens, n_bytes):
    total = nats_per_token * n_tokens
    return total / n_bytes


@attempt("bits_per_byte_inverted")
def _(nats_per_token, n_tokens, n_bytes):
    bits = nats_per_token * math.log2(math.e)
    return bits * (n_bytes / n_tokens)


@attempt("bits_per_byte_times_log_two")
def _(nats_per_token, n_tokens, n_bytes):
    total_nats = nats_per_token * n_tokens
    return math.log(2) * total_nats / n_bytes


@attempt("bits_per_byte_of_tokens")
def _(nats_per_token, n_tokens, n_bytes):
    return nats_per_token * math.log2(math.e)


@attempt("bits_per_byte_of_one_token")
def _(nats_per_token, n_tokens, n_bytes):
    bits = nats_per_token / math.log(2)
    return bits / n_bytes
