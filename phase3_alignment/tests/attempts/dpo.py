"""The mistakes of `mistakes/dpo.py`, as others would write them."""

import torch
from torch.nn.functional import logsigmoid, softplus

from shared.mistakes import attempt


@attempt("sequence_logprobs_mean")
def _(logprobs, actions):
    rows = [row[keep] for row, keep in zip(logprobs, actions)]
    return torch.stack([row.sum() / max(len(row), 1) for row in rows])


@attempt("sequence_logprobs_mean_over_positions")
def _(logprobs, actions):
    return logprobs.masked_fill(~actions, 0.0).sum(1) / logprobs.shape[1]


@attempt("sequence_logprobs_of_everything")
def _(logprobs, actions):
    return torch.einsum("bt->b", logprobs)


@attempt("sequence_logprobs_shifted_again")
def _(logprobs, actions):
    kept = torch.where(actions[:, 1:], logprobs[:, :-1], torch.zeros_like(logprobs[:, 1:]))
    return kept.sum(1)


@attempt("sequence_logprobs_of_the_batch")
def _(logprobs, actions):
    return logprobs[actions].sum()


@attempt("sequence_logprobs_multiplied")
def _(logprobs, actions):
    return torch.einsum("bt,bt->b", logprobs, actions.to(logprobs.dtype))


@attempt("implicit_rewards_without_reference")
def _(logprobs, ref_logprobs, beta):
    return logprobs * beta


@attempt("implicit_rewards_without_beta")
def _(logprobs, ref_logprobs, beta):
    with torch.no_grad():
        base = ref_logprobs.clone()
    return logprobs.sub(base)


@attempt("implicit_rewards_upside_down")
def _(logprobs, ref_logprobs, beta):
    return -beta * logprobs + beta * ref_logprobs.detach()


@attempt("implicit_rewards_ratio")
def _(logprobs, ref_logprobs, beta):
    policy, reference = logprobs.exp(), ref_logprobs.detach().exp()
    return policy / reference * beta


@attempt("implicit_rewards_divided")
def _(logprobs, ref_logprobs, beta):
    return logprobs.div(beta) - ref_logprobs.detach().div(beta)


@attempt("implicit_rewards_reference_learns")
def _(logprobs, ref_logprobs, beta):
    return logprobs * beta - ref_logprobs * beta


@attempt("implicit_rewards_detached")
def _(logprobs, ref_logprobs, beta):
    with torch.no_grad():
        return logprobs * beta - ref_logprobs * beta


def _coin(margins, smoothing):
    return (1 - smoothing) * softplus(-margins) + smoothing * softplus(margins)


def _margins(chosen, rejected, ref_chosen, ref_rejected, beta):
    return beta * ((chosen - rejected) - (ref_chosen - ref_rejected).detach())


@attempt("loss_without_reference")
def _(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    return _coin(chosen * beta - rejected * beta, label_smoothing).mean()


@attempt("loss_swapped")
def _(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    m = _margins(chosen, rejected, ref_chosen, ref_rejected, beta)
    return _coin(m, 1 - label_smoothing).mean()


@attempt("loss_reference_added")
def _(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    with torch.no_grad():
        reference = ref_rejected - ref_chosen
    return _coin(beta * (chosen - rejected - reference), label_smoothing).mean()


@attempt("loss_beta_outside")
def _(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    m = _margins(chosen, rejected, ref_chosen, ref_rejected, 1)
    return (_coin(m, label_smoothing) * beta).mean()


@attempt("loss_sum")
def _(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    total = 0
    for m in _margins(chosen, rejected, ref_chosen, ref_rejected, beta):
        total = total + _coin(m, label_smoothing)
    return total


@attempt("loss_without_logarithm")
def _(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    p = 1 / (1 + torch.exp(-_margins(chosen, rejected, ref_chosen, ref_rejected, beta)))
    return -((1 - label_smoothing) * p + label_smoothing * (1 - p)).mean()


@attempt("loss_overflows")
def _(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    m = _margins(chosen, rejected, ref_chosen, ref_rejected, beta)
    loss = -(1 - label_smoothing) * torch.log(torch.sigmoid(m))
    if label_smoothing:
        loss = loss - label_smoothing * torch.log(torch.sigmoid(-m))
    return loss.mean()


@attempt("loss_of_each_answer")
def _(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    good = beta * (chosen - ref_chosen.detach())
    bad = beta * (rejected - ref_rejected.detach())
    return (_coin(good, label_smoothing) + _coin(-bad, label_smoothing)).mean()


@attempt("loss_of_the_mean_margin")
def _(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    m = _margins(chosen.mean(), rejected.mean(), ref_chosen.mean(), ref_rejected.mean(), beta)
    return _coin(m, label_smoothing)


@attempt("loss_never_smoothed")
def _(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    m = _margins(chosen, rejected, ref_chosen, ref_rejected, beta)
    return softplus(-m).mean()


@attempt("loss_half_smoothed")
def _(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    m = _margins(chosen, rejected, ref_chosen, ref_rejected, beta)
    return _coin(m, 0.5 * label_smoothing).mean()


@attempt("loss_smoothing_pays")
def _(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    m = _margins(chosen, rejected, ref_chosen, ref_rejected, beta)
    return (label_smoothing * logsigmoid(-m) - (1 - label_smoothing) * logsigmoid(m)).mean()


@attempt("loss_beta_twice")
def _(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    m = beta**2 * (chosen - rejected - (ref_chosen - ref_rejected).detach())
    return (softplus(-m) * (1 - label_smoothing) + softplus(m) * label_smoothing).mean()
