"""The mistakes of `mistakes/ppo.py`, as others would write them."""

import torch

from phase3_alignment.solution.ppo import PolicyStats, ValueStats
from shared.mistakes import attempt


def _chosen(actions, *tensors):
    """The numbers at the actions alone, one after the other."""
    return [t[actions] for t in tensors]


def _average(numbers, zero):
    return numbers.mean() if len(numbers) else (zero * 0).sum()


def _seen(ratio, advantage, clip_coef):
    """The right statistics of some actions."""
    r, a = ratio.detach(), advantage.detach()
    hit = torch.clamp(r, 1 - clip_coef, 1 + clip_coef) * a < r * a
    kl = r - 1 - r.log()
    return PolicyStats(_average(hit.to(r.dtype), r), _average(kl, r))


def _policy(logprobs, old, advantages, actions):
    new, was, a = _chosen(actions, logprobs, old.detach(), advantages.detach())
    return torch.exp(new - was), a


@attempt("policy_loss_only_clipped")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    r, a = _policy(logprobs, old_logprobs, advantages, actions)
    loss = _average(-a * torch.clamp(r, 1 - clip_coef, 1 + clip_coef), r)
    return loss, _seen(r, a, clip_coef)


@attempt("policy_loss_not_clipped")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    r, a = _policy(logprobs, old_logprobs, advantages, actions)
    return _average(-a * r, r), _seen(r, a, clip_coef)


@attempt("policy_loss_max")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    r, a = _policy(logprobs, old_logprobs, advantages, actions)
    both = torch.stack([r * a, torch.clamp(r, 1 - clip_coef, 1 + clip_coef) * a])
    return -_average(both.max(dim=0).values, r), _seen(r, a, clip_coef)


@attempt("policy_loss_not_negated")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    r, a = _policy(logprobs, old_logprobs, advantages, actions)
    r_ = torch.clamp(r, 1 - clip_coef, 1 + clip_coef)
    return _average(torch.min(a * r, a * r_), r), _seen(r, a, clip_coef)


@attempt("policy_loss_ratio_inverted")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    r, a = _policy(logprobs, old_logprobs, advantages, actions)
    r = 1 / r
    r_ = torch.clamp(r, 1 - clip_coef, 1 + clip_coef)
    return -_average(torch.min(a * r, a * r_), r), _seen(r, a, clip_coef)


@attempt("policy_loss_log_ratio")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    new, was, a = _chosen(actions, logprobs, old_logprobs.detach(), advantages.detach())
    r = new - was
    kl = torch.exp(r.detach()) - 1 - r.detach()
    plain, held = a * r, a * torch.clamp(r, -clip_coef, clip_coef)
    stats = PolicyStats(_average((held < plain).to(r.dtype), kl), _average(kl, kl))
    return -_average(torch.min(plain, held), r), stats


@attempt("policy_loss_clips_the_logarithm")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    new, was, a = _chosen(actions, logprobs, old_logprobs.detach(), advantages.detach())
    d = new - was
    r, r_ = d.exp(), torch.clamp(d, min=-clip_coef, max=clip_coef).exp()
    return -_average(torch.min(a * r, a * r_), r), _seen(r, a, clip_coef)


@attempt("policy_loss_detached")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    with torch.no_grad():
        r, a = _policy(logprobs, old_logprobs, advantages, actions)
        r_ = torch.clamp(r, 1 - clip_coef, 1 + clip_coef)
        return -_average(torch.min(a * r, a * r_), r), _seen(r, a, clip_coef)


@attempt("policy_loss_counts_padding")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    r, a = _policy(logprobs, old_logprobs, advantages, actions)
    r_ = torch.clamp(r, 1 - clip_coef, 1 + clip_coef)
    return -torch.min(a * r, a * r_).sum() / actions.numel(), _seen(r, a, clip_coef)


@attempt("policy_loss_mean_of_means")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    rows = []
    for new, was, a, keep in zip(logprobs, old_logprobs.detach(), advantages.detach(), actions):
        if keep.any():
            r, a = torch.exp(new[keep] - was[keep]), a[keep]
            rows.append(torch.min(a * r, a * torch.clamp(r, 1 - clip_coef, 1 + clip_coef)).mean())
    r, a = _policy(logprobs, old_logprobs, advantages, actions)
    loss = -sum(rows) / len(rows) if rows else (logprobs * 0).sum()
    return loss, _seen(r, a, clip_coef)


@attempt("policy_loss_old_learns")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    new, was, a = _chosen(actions, logprobs, old_logprobs, advantages.detach())
    r = torch.exp(new - was)
    r_ = torch.clamp(r, 1 - clip_coef, 1 + clip_coef)
    return -_average(torch.min(a * r, a * r_), r), _seen(r, a, clip_coef)


@attempt("policy_loss_advantage_learns")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    new, was, a = _chosen(actions, logprobs, old_logprobs.detach(), advantages)
    r = torch.exp(new - was)
    r_ = torch.clamp(r, 1 - clip_coef, 1 + clip_coef)
    return -_average(torch.min(a * r, a * r_), r), _seen(r, a, clip_coef)


@attempt("policy_loss_multiplies")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    m = actions.to(logprobs.dtype)
    r, a = torch.exp(logprobs - old_logprobs.detach()), advantages.detach()
    losses = torch.max(-a * r, -a * torch.clamp(r, 1 - clip_coef, 1 + clip_coef))
    r_, a_ = _policy(logprobs, old_logprobs, advantages, actions)
    return (m * losses).sum() / m.sum().clamp(min=1), _seen(r_, a_, clip_coef)


@attempt("policy_loss_kl_k1")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    r, a = _policy(logprobs, old_logprobs, advantages, actions)
    r_ = torch.clamp(r, 1 - clip_coef, 1 + clip_coef)
    stats = _seen(r, a, clip_coef)
    new, was = _chosen(actions, logprobs.detach(), old_logprobs.detach())
    k1 = _average(was - new, stats.approx_kl)
    return -_average(torch.min(a * r, a * r_), r), PolicyStats(stats.clip_fraction, k1)


@attempt("policy_loss_kl_k2")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    r, a = _policy(logprobs, old_logprobs, advantages, actions)
    r_ = torch.clamp(r, 1 - clip_coef, 1 + clip_coef)
    stats = _seen(r, a, clip_coef)
    new, was = _chosen(actions, logprobs.detach(), old_logprobs.detach())
    k2 = 0.5 * _average((was - new) ** 2, stats.approx_kl)
    return -_average(torch.min(a * r, a * r_), r), PolicyStats(stats.clip_fraction, k2)


@attempt("policy_loss_counts_all_outside")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    r, a = _policy(logprobs, old_logprobs, advantages, actions)
    r_ = torch.clamp(r, 1 - clip_coef, 1 + clip_coef)
    far = (r.detach() != r_.detach()).to(r.dtype)
    stats = _seen(r, a, clip_coef)
    return -_average(torch.min(a * r, a * r_), r), PolicyStats(_average(far, far), stats.approx_kl)


@attempt("policy_loss_stats_with_graph")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    r, a = _policy(logprobs, old_logprobs, advantages, actions)
    r_ = torch.clamp(r, 1 - clip_coef, 1 + clip_coef)
    hit = (a * r_ < a * r).to(r.dtype)
    stats = PolicyStats(_average(hit, r), _average(r - 1 - r.log(), r))
    return -_average(torch.min(a * r, a * r_), r), stats


def _held(value, old, clip_coef):
    return torch.max(torch.min(value, old + clip_coef), old - clip_coef)


def _explained(value, target):
    if len(target) == 0 or target.var(correction=0) == 0:
        return torch.zeros((), dtype=value.dtype)
    v, r = value.detach(), target.detach()
    return 1 - (r - v).var(correction=0) / r.var(correction=0)


def _value_seen(plain, held, value, target):
    hit = (held.detach() > plain.detach()).to(plain.dtype)
    return ValueStats(_average(hit, hit), _explained(value, target))


def _critic(values, old_values, returns, actions, clip_coef):
    v, old, r = _chosen(actions, values, old_values.detach(), returns.detach())
    plain, held = (v - r) ** 2, (_held(v, old, clip_coef) - r) ** 2
    return plain, held, _value_seen(plain, held, v, r)


@attempt("value_loss_not_clipped")
def _(values, old_values, returns, actions, clip_coef):
    plain, _, stats = _critic(values, old_values, returns, actions, clip_coef)
    return 0.5 * _average(plain, values[actions]), stats


@attempt("value_loss_only_clipped")
def _(values, old_values, returns, actions, clip_coef):
    _, held, stats = _critic(values, old_values, returns, actions, clip_coef)
    return 0.5 * _average(held, values[actions]), stats


@attempt("value_loss_min")
def _(values, old_values, returns, actions, clip_coef):
    plain, held, stats = _critic(values, old_values, returns, actions, clip_coef)
    return 0.5 * _average(torch.min(plain, held), values[actions]), stats


@attempt("value_loss_without_half")
def _(values, old_values, returns, actions, clip_coef):
    plain, held, stats = _critic(values, old_values, returns, actions, clip_coef)
    return _average(torch.max(plain, held), values[actions]), stats


@attempt("value_loss_clips_the_ratio")
def _(values, old_values, returns, actions, clip_coef):
    v, old, r = _chosen(actions, values, old_values.detach(), returns.detach())
    room = clip_coef * old.abs()
    near = torch.max(torch.min(v, old + room), old - room)
    plain, held = (v - r) ** 2, (near - r) ** 2
    loss = 0.5 * _average(torch.max(plain, held), v)
    return loss, _value_seen(plain, held, v, r)


@attempt("value_loss_counts_padding")
def _(values, old_values, returns, actions, clip_coef):
    plain, held, stats = _critic(values, old_values, returns, actions, clip_coef)
    return 0.5 * torch.max(plain, held).sum() / actions.numel(), stats


@attempt("value_loss_returns_learn")
def _(values, old_values, returns, actions, clip_coef):
    v, old, r = _chosen(actions, values, old_values.detach(), returns)
    plain, held = (v - r) ** 2, (_held(v, old, clip_coef) - r) ** 2
    loss = 0.5 * _average(torch.max(plain, held), v)
    return loss, _value_seen(plain, held, v, r)


@attempt("value_loss_multiplies")
def _(values, old_values, returns, actions, clip_coef):
    m = actions.to(values.dtype)
    old, r = old_values.detach(), returns.detach()
    losses = torch.max((values - r) ** 2, (_held(values, old, clip_coef) - r) ** 2)
    _, _, stats = _critic(values, old_values, returns, actions, clip_coef)
    return 0.5 * (losses * m).sum() / m.sum().clamp(min=1), stats


@attempt("value_loss_explains_old")
def _(values, old_values, returns, actions, clip_coef):
    plain, held, stats = _critic(values, old_values, returns, actions, clip_coef)
    old, r = _chosen(actions, old_values, returns)
    stats = ValueStats(stats.clip_fraction, _explained(old, r))
    return 0.5 * _average(torch.max(plain, held), values[actions]), stats


@attempt("policy_loss_masked_late")
def _(logprobs, old_logprobs, advantages, actions, clip_coef):
    r = torch.exp(logprobs - old_logprobs.detach())
    a = advantages.detach()
    r_ = torch.clamp(r, 1 - clip_coef, 1 + clip_coef)
    n = actions.sum().clamp(min=1)
    loss = torch.max(-a * r, -a * r_).masked_fill(~actions, 0).sum() / n
    return loss, _seen(r[actions], a[actions], clip_coef)


@attempt("value_loss_counts_all_outside")
def _(values, old_values, returns, actions, clip_coef):
    plain, held, stats = _critic(values, old_values, returns, actions, clip_coef)
    v, old = _chosen(actions, values.detach(), old_values.detach())
    far = (_held(v, old, clip_coef) != v).to(v.dtype)
    stats = ValueStats(_average(far, far), stats.explained_variance)
    return 0.5 * _average(torch.max(plain, held), values[actions]), stats
