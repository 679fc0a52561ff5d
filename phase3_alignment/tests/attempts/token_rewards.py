"""The mistakes of `mistakes/token_rewards.py`, as others would write them."""

import torch

from shared.mistakes import attempt


def _rows(actions):
    """Each row's actions, as a list of places."""
    return [row.nonzero()[:, 0].tolist() for row in actions]


def _paid(logprobs, ref_logprobs, actions, kl_coef):
    """What each action pays for its distance; zeros elsewhere."""
    rewards = torch.zeros_like(logprobs).detach()
    rewards[actions] = -kl_coef * (logprobs - ref_logprobs).detach()[actions]
    return rewards


def _add(rewards, actions, final, which=-1):
    for b, places in enumerate(_rows(actions)):
        if places:
            rewards[b, places[which]] += final[b]
    return rewards


@attempt("shape_score_everywhere")
def _(scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0):
    final = scores - missing_end_penalty * (1 - ended.float())
    rewards = _paid(logprobs, ref_logprobs, actions, kl_coef)
    for b, places in enumerate(_rows(actions)):
        rewards[b, places] += final[b]
    return rewards


@attempt("shape_score_in_last_column")
def _(scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0):
    rewards = _paid(logprobs, ref_logprobs, actions, kl_coef)
    rewards[:, rewards.shape[1] - 1] += scores - missing_end_penalty * (1 - ended.float())
    return rewards


@attempt("shape_counts_for_place")
def _(scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0):
    rewards = _paid(logprobs, ref_logprobs, actions, kl_coef)
    for b in range(len(scores)):
        n = int(actions[b].sum())
        rewards[b, n - 1] += scores[b] - (0 if ended[b] else missing_end_penalty)
    return rewards


@attempt("shape_score_first")
def _(scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0):
    rewards = _paid(logprobs, ref_logprobs, actions, kl_coef)
    return _add(rewards, actions, scores - missing_end_penalty * (1 - ended.float()), which=0)


@attempt("shape_kl_rewarded")
def _(scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0):
    rewards = -_paid(logprobs, ref_logprobs, actions, kl_coef)
    return _add(rewards, actions, scores - missing_end_penalty * (1 - ended.float()))


@attempt("shape_kl_at_the_end")
def _(scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0):
    paid = _paid(logprobs, ref_logprobs, actions, kl_coef).sum(dim=1)
    final = scores + paid - missing_end_penalty * (1 - ended.float())
    return _add(torch.zeros_like(logprobs).detach(), actions, final)


@attempt("shape_kl_absolute")
def _(scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0):
    rewards = -_paid(logprobs, ref_logprobs, actions, kl_coef).abs()
    return _add(rewards, actions, scores - missing_end_penalty * (1 - ended.float()))


@attempt("shape_kl_k3")
def _(scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0):
    d = (ref_logprobs - logprobs).detach().masked_fill(~actions, 0)
    rewards = -kl_coef * (torch.expm1(d) - d)
    return _add(rewards, actions, scores - missing_end_penalty * (1 - ended.float()))


@attempt("shape_coef_on_all")
def _(scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0):
    rewards = _paid(logprobs, ref_logprobs, actions, 1.0)
    rewards = _add(rewards, actions, scores - missing_end_penalty * (1 - ended.float()))
    return rewards * kl_coef


@attempt("shape_punishes_the_end")
def _(scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0):
    rewards = _paid(logprobs, ref_logprobs, actions, kl_coef)
    return _add(rewards, actions, torch.where(ended, scores - missing_end_penalty, scores))


@attempt("shape_penalty_replaces")
def _(scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0):
    final = scores.clone()
    final[~ended] = -missing_end_penalty
    return _add(_paid(logprobs, ref_logprobs, actions, kl_coef), actions, final)


@attempt("shape_no_penalty")
def _(scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0):
    return _add(_paid(logprobs, ref_logprobs, actions, kl_coef), actions, scores)


@attempt("shape_changes_scores")
def _(scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0):
    scores[~ended] -= missing_end_penalty
    return _add(_paid(logprobs, ref_logprobs, actions, kl_coef), actions, scores)


@attempt("shape_multiplies")
def _(scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0):
    m = actions.to(logprobs.dtype)
    rewards = m * kl_coef * (ref_logprobs - logprobs).detach()
    return _add(rewards, actions, scores - missing_end_penalty * (1 - ended.float()))


@attempt("shape_differentiable")
def _(scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0):
    rewards = (kl_coef * (ref_logprobs - logprobs)).masked_fill(~actions, 0)
    return _add(rewards, actions, scores - missing_end_penalty * (1 - ended.float()))


@attempt("shape_row_without_action")
def _(scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0):
    rewards = _paid(logprobs, ref_logprobs, actions, kl_coef)
    for b, row in enumerate(actions.tolist()):
        end = len(row) - 1 - (row[::-1].index(True) if any(row) else 0)
        rewards[b, end] += scores[b].detach() - (0 if ended[b] else missing_end_penalty)
    return rewards
