"""Classic wrong answers for `solution/losses.py`."""

import math

import torch

from shared.mistakes import mistake


@mistake(
    "1.14",
    "losses.next_token_loss",
    "The targets are shifted here once more: they are the next tokens already, row t predicts targets[t].",
)
def next_token_loss_shifts(logits, targets):
    logits, targets = logits[..., :-1, :], targets[..., 1:]
    counts = targets != IGNORED
    chosen = logits.gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    nats = torch.logsumexp(logits, dim=-1) - chosen
    return nats.where(counts, 0).sum() / counts.sum().clamp(min=1)


@mistake(
    "1.14",
    "losses.next_token_loss",
    "Ignored targets add nothing, but they still count in the mean: divide by the targets that count.",
)
def next_token_loss_divides_by_all(logits, targets):
    counts = targets != IGNORED
    chosen = logits.gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    nats = torch.logsumexp(logits, dim=-1) - chosen
    return nats.where(counts, 0).mean()


@mistake(
    "1.14",
    "losses.next_token_loss",
    "IGNORED was replaced by token 0 and then scored like any other: the model is taught to predict padding.",
)
def next_token_loss_scores_padding(logits, targets):
    chosen = logits.gather(-1, targets.clamp(min=0)[..., None])[..., 0]
    return (torch.logsumexp(logits, dim=-1) - chosen).mean()


@mistake(
    "1.14",
    "losses.next_token_loss",
    "Each sequence is averaged first, then the batch: a token of a short sequence then weighs more than one of a long one.",
)
def next_token_loss_per_sequence(logits, targets):
    counts = targets != IGNORED
    chosen = logits.gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    nats = (torch.logsumexp(logits, dim=-1) - chosen).where(counts, 0)
    return (nats.sum(-1) / counts.sum(-1).clamp(min=1)).mean()


@mistake(
    "1.14",
    "losses.next_token_loss",
    "The nats are summed, not averaged: the loss would grow with the batch and the context.",
)
def next_token_loss_sum(logits, targets):
    counts = targets != IGNORED
    chosen = logits.gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    return (torch.logsumexp(logits, dim=-1) - chosen).where(counts, 0).sum()


@mistake(
    "1.14",
    "losses.next_token_loss",
    "The sign is wrong: this number rises as the model gets better.",
)
def next_token_loss_sign(logits, targets):
    counts = targets != IGNORED
    chosen = logits.gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    nats = chosen - torch.logsumexp(logits, dim=-1)
    return nats.where(counts, 0).sum() / counts.sum().clamp(min=1)


@mistake(
    "1.14",
    "losses.next_token_loss",
    "This is in bits; a loss in nats has the natural logarithm.",
)
def next_token_loss_in_bits(logits, targets):
    counts = targets != IGNORED
    chosen = logits.gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    nats = (torch.logsumexp(logits, dim=-1) - chosen).where(counts, 0)
    return nats.sum() / counts.sum().clamp(min=1) / math.log(2)


@mistake(
    "1.14",
    "losses.next_token_loss",
    "The logarithm of a probability that rounded to 0 is infinite: subtract logsumexp from the score, never take log(softmax).",
)
def next_token_loss_log_of_softmax(logits, targets):
    counts = targets != IGNORED
    probs = logits.softmax(dim=-1)
    chosen = probs.gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    return -chosen.log().where(counts, 0).sum() / counts.sum().clamp(min=1)


@mistake(
    "1.14",
    "losses.next_token_loss",
    "exp of a raw score overflows: logsumexp takes the largest score of a row out first.",
)
def next_token_loss_raw_exp(logits, targets):
    counts = targets != IGNORED
    chosen = logits.gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    nats = logits.exp().sum(dim=-1).log() - chosen
    return nats.where(counts, 0).sum() / counts.sum().clamp(min=1)


@mistake(
    "1.14",
    "losses.next_token_loss",
    "With nothing to predict this is 0 / 0: the loss is then 0, and a whole batch of NaN gradients is spared.",
)
def next_token_loss_nan_if_empty(logits, targets):
    counts = targets != IGNORED
    chosen = logits.gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    nats = torch.logsumexp(logits, dim=-1) - chosen
    return nats.where(counts, 0).sum() / counts.sum()


@mistake(
    "1.14",
    "losses.next_token_loss",
    "The softmax is over the wrong axis: a distribution is over the V scores of one position, the last axis.",
)
def next_token_loss_over_positions(logits, targets):
    counts = targets != IGNORED
    log_probs = logits.log_softmax(dim=-2)
    chosen = log_probs.gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    return -chosen.where(counts, 0).sum() / counts.sum().clamp(min=1)


@mistake(
    "1.14",
    "losses.next_token_loss",
    "The value is right, but it is a plain number without a graph: nothing could learn from it.",
)
def next_token_loss_without_gradient(logits, targets):
    counts = targets != IGNORED
    chosen = logits.gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    nats = torch.logsumexp(logits, dim=-1) - chosen
    return (nats.where(counts, 0).sum() / counts.sum().clamp(min=1)).item()


@mistake(
    "1.14",
    "losses.next_token_loss",
    "The caller's targets were overwritten on the way; work on a copy, or choose with a mask.",
)
def next_token_loss_overwrites_targets(logits, targets):
    counts = targets != IGNORED
    targets[~counts] = 0
    chosen = logits.gather(-1, targets[..., None])[..., 0]
    nats = torch.logsumexp(logits, dim=-1) - chosen
    return nats.where(counts, 0).sum() / counts.sum().clamp(min=1)


@mistake(
    "1.14",
    "losses.next_token_loss",
    "NaN is replaced by 0: that settles 0 / 0, and hides every model that has fallen apart behind a perfect loss.",
)
def next_token_loss_hides_nan(logits, targets):
    counts = targets != IGNORED
    chosen = logits.gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    nats = (torch.logsumexp(logits, dim=-1) - chosen).where(counts, 0)
    return (nats.sum() / counts.sum()).nan_to_num(0.0)


@mistake(
    "1.14",
    "losses.next_token_loss",
    "Token 0 is taken for padding; it is a token like any other, and IGNORED alone does not count.",
)
def next_token_loss_drops_token_zero(logits, targets):
    counts = targets > 0
    chosen = logits.gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    nats = torch.logsumexp(logits, dim=-1) - chosen
    return nats.where(counts, 0).sum() / counts.sum().clamp(min=1)


@mistake(
    "1.14",
    "losses.next_token_loss",
    "A constant 0 is returned if no target counts: it has no graph, so backward fails; let it depend on the logits.",
)
def next_token_loss_constant_if_empty(logits, targets):
    counts = targets != IGNORED
    if not counts.any():
        return torch.tensor(0.0, dtype=logits.dtype)
    rows, targets = logits[counts], targets[counts]
    return (torch.logsumexp(rows, dim=-1) - rows.gather(-1, targets[:, None])[:, 0]).mean()


@mistake(
    "1.14",
    "losses.next_token_loss",
    "The scores are made float32 first; the loss has the dtype of the logits.",
)
def next_token_loss_in_float32(logits, targets):
    logits, counts = logits.float(), targets != IGNORED
    chosen = logits.gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    nats = torch.logsumexp(logits, dim=-1) - chosen
    return nats.where(counts, 0).sum() / counts.sum().clamp(min=1)


@mistake(
    "1.14",
    "losses.perplexity",
    "2 to the power of a loss in bits is right; this loss is in nats.",
)
def perplexity_base_two(nats_per_token):
    return 2.0**nats_per_token


@mistake(
    "1.14",
    "losses.perplexity",
    "The sign is wrong: this is the probability of a typical token, whose inverse is the perplexity.",
)
def perplexity_inverse(nats_per_token):
    return math.exp(-nats_per_token)


@mistake(
    "1.14",
    "losses.bits_per_byte",
    "This is nats per byte: one bit is ln 2 nats.",
)
def bits_per_byte_in_nats(nats_per_token, n_tokens, n_bytes):
    return nats_per_token * n_tokens / n_bytes


@mistake(
    "1.14",
    "losses.bits_per_byte",
    "Bytes and tokens are exchanged: n_tokens of them cost this much each, and n_bytes share the bill.",
)
def bits_per_byte_inverted(nats_per_token, n_tokens, n_bytes):
    return nats_per_token / math.log(2) * n_bytes / n_tokens


@mistake(
    "1.14",
    "losses.bits_per_byte",
    "A nat is more than a bit, so there are more bits than nats: ln 2 divides.",
)
def bits_per_byte_times_log_two(nats_per_token, n_tokens, n_bytes):
    return nats_per_token * math.log(2) * n_tokens / n_bytes


@mistake(
    "1.14",
    "losses.bits_per_byte",
    "That is bits per token: how long the tokens are does not come into it.",
)
def bits_per_byte_of_tokens(nats_per_token, n_tokens, n_bytes):
    return nats_per_token / math.log(2)


@mistake(
    "1.14",
    "losses.bits_per_byte",
    "The loss is a mean already; dividing by the bytes alone spreads one token over the whole text.",
)
def bits_per_byte_of_one_token(nats_per_token, n_tokens, n_bytes):
    return nats_per_token / math.log(2) / n_bytes
