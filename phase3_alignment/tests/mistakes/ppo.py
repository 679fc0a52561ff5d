"""Classic wrong answers for `solution/ppo.py`."""

import torch

from phase3_alignment.solution import masked
from phase3_alignment.solution.ppo import PolicyStats, ValueStats, explained_variance
from shared.mistakes import mistake


def _policy_stats(log_ratio, plain, clipped, actions):
    with torch.no_grad():
        clip_fraction = masked.mean((clipped < plain).to(log_ratio.dtype), actions)
        approx_kl = masked.mean(torch.expm1(log_ratio) - log_ratio, actions)
    return PolicyStats(clip_fraction, approx_kl)


def _value_stats(values, returns, plain, clipped, actions):
    with torch.no_grad():
        clip_fraction = masked.mean((clipped > plain).to(values.dtype), actions)
    return ValueStats(clip_fraction, explained_variance(values.detach(), returns, actions))


@mistake(
    "3.18",
    "ppo.policy_loss",
    "Only the clipped objective is taken: outside the range there is no gradient at all, not even for what must come back.",
)
def policy_loss_only_clipped(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    ratio, advantages = log_ratio.exp(), advantages.detach().where(actions, 0)
    plain = ratio * advantages
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages
    stats = _policy_stats(log_ratio, plain, clipped, actions)
    return -masked.mean(clipped, actions), stats


@mistake(
    "3.18",
    "ppo.policy_loss",
    "Nothing is clipped: a good token is pushed on however far it has gone.",
)
def policy_loss_not_clipped(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    ratio, advantages = log_ratio.exp(), advantages.detach().where(actions, 0)
    plain = ratio * advantages
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages
    stats = _policy_stats(log_ratio, plain, clipped, actions)
    return -masked.mean(plain, actions), stats


@mistake(
    "3.18",
    "ppo.policy_loss",
    "The larger of the two objectives is taken; the bound is a lower one, so it is the smaller.",
)
def policy_loss_max(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    ratio, advantages = log_ratio.exp(), advantages.detach().where(actions, 0)
    plain = ratio * advantages
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages
    stats = _policy_stats(log_ratio, plain, clipped, actions)
    return -masked.mean(torch.maximum(plain, clipped), actions), stats


@mistake(
    "3.18",
    "ppo.policy_loss",
    "The sign: this is the objective, to be made large. A loss is made small.",
)
def policy_loss_not_negated(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    ratio, advantages = log_ratio.exp(), advantages.detach().where(actions, 0)
    plain = ratio * advantages
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages
    stats = _policy_stats(log_ratio, plain, clipped, actions)
    return masked.mean(torch.minimum(plain, clipped), actions), stats


@mistake(
    "3.18",
    "ppo.policy_loss",
    "The ratio is upside down: the new probability goes over the old one.",
)
def policy_loss_ratio_inverted(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = (old_logprobs.detach() - logprobs).where(actions, 0)
    ratio, advantages = log_ratio.exp(), advantages.detach().where(actions, 0)
    plain = ratio * advantages
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages
    stats = _policy_stats(log_ratio, plain, clipped, actions)
    return -masked.mean(torch.minimum(plain, clipped), actions), stats


@mistake(
    "3.18",
    "ppo.policy_loss",
    "The difference of logarithms is taken for the ratio; it is the ratio's logarithm, and 0 where the two agree.",
)
def policy_loss_log_ratio(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    advantages = advantages.detach().where(actions, 0)
    plain = log_ratio * advantages
    clipped = log_ratio.clamp(-clip_coef, clip_coef) * advantages
    stats = _policy_stats(log_ratio, plain, clipped, actions)
    return -masked.mean(torch.minimum(plain, clipped), actions), stats


@mistake(
    "3.18",
    "ppo.policy_loss",
    "The logarithm is clipped in place of the ratio: e^0.2 is 1.22, not 1.2.",
)
def policy_loss_clips_the_logarithm(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    ratio, advantages = log_ratio.exp(), advantages.detach().where(actions, 0)
    plain = ratio * advantages
    clipped = log_ratio.clamp(-clip_coef, clip_coef).exp() * advantages
    stats = _policy_stats(log_ratio, plain, clipped, actions)
    return -masked.mean(torch.minimum(plain, clipped), actions), stats


@mistake(
    "3.18",
    "ppo.policy_loss",
    "The ratio is detached: the loss has the right value and nothing learns from it.",
)
def policy_loss_detached(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = (logprobs - old_logprobs).detach().where(actions, 0)
    ratio, advantages = log_ratio.exp(), advantages.detach().where(actions, 0)
    plain = ratio * advantages
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages
    stats = _policy_stats(log_ratio, plain, clipped, actions)
    return -masked.mean(torch.minimum(plain, clipped), actions), stats


@mistake(
    "3.18",
    "ppo.policy_loss",
    "The mean is over all places, so padding makes the loss small; divide by the number of actions.",
)
def policy_loss_counts_padding(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    ratio, advantages = log_ratio.exp(), advantages.detach().where(actions, 0)
    plain = ratio * advantages
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages
    stats = _policy_stats(log_ratio, plain, clipped, actions)
    return -torch.minimum(plain, clipped).mean(), stats


@mistake(
    "3.18",
    "ppo.policy_loss",
    "A mean of means: each row weighs the same, so the tokens of short responses weigh more. Every action weighs the same.",
)
def policy_loss_mean_of_means(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    ratio, advantages = log_ratio.exp(), advantages.detach().where(actions, 0)
    plain = ratio * advantages
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages
    objective = torch.minimum(plain, clipped).where(actions, 0).sum(-1)
    rows = objective / actions.sum(-1).clamp(min=1)
    used = actions.any(-1)
    stats = _policy_stats(log_ratio, plain, clipped, actions)
    return -masked.mean(rows, used), stats


@mistake(
    "3.18",
    "ppo.policy_loss",
    "A gradient goes into the old log-probabilities; they are what was, and do not learn.",
)
def policy_loss_old_learns(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = (logprobs - old_logprobs).where(actions, 0)
    ratio, advantages = log_ratio.exp(), advantages.detach().where(actions, 0)
    plain = ratio * advantages
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages
    stats = _policy_stats(log_ratio.detach(), plain, clipped, actions)
    return -masked.mean(torch.minimum(plain, clipped), actions), stats


@mistake(
    "3.18",
    "ppo.policy_loss",
    "A gradient goes into the advantages: the value head would learn to call everything good.",
)
def policy_loss_advantage_learns(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    ratio, advantages = log_ratio.exp(), advantages.where(actions, 0)
    plain = ratio * advantages
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages
    stats = _policy_stats(log_ratio, plain, clipped, actions)
    return -masked.mean(torch.minimum(plain, clipped), actions), stats


@mistake(
    "3.18",
    "ppo.policy_loss",
    "What is no action is multiplied by 0 at the end, and 0 times NaN is NaN: leave it out before the exponential.",
)
def policy_loss_multiplies(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = logprobs - old_logprobs.detach()
    ratio, advantages = log_ratio.exp(), advantages.detach()
    plain = ratio * advantages
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages
    stats = _policy_stats(log_ratio, plain, clipped, actions)
    return -(torch.minimum(plain, clipped) * actions).sum() / actions.sum().clamp(min=1), stats


@mistake(
    "3.18",
    "ppo.policy_loss",
    "The approximate KL is the mean of the log ratios, which is not even positive; asked for is the mean of ratio - 1 - log ratio.",
)
def policy_loss_kl_k1(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    ratio, advantages = log_ratio.exp(), advantages.detach().where(actions, 0)
    plain = ratio * advantages
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages
    with torch.no_grad():
        clip_fraction = masked.mean((clipped < plain).to(ratio.dtype), actions)
        approx_kl = masked.mean(-log_ratio, actions)
    loss = -masked.mean(torch.minimum(plain, clipped), actions)
    return loss, PolicyStats(clip_fraction, approx_kl)


@mistake(
    "3.18",
    "ppo.policy_loss",
    "The approximate KL is half the squared log ratio, as in the first code; asked for is the mean of ratio - 1 - log ratio.",
)
def policy_loss_kl_k2(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    ratio, advantages = log_ratio.exp(), advantages.detach().where(actions, 0)
    plain = ratio * advantages
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages
    with torch.no_grad():
        clip_fraction = masked.mean((clipped < plain).to(ratio.dtype), actions)
        approx_kl = masked.mean(log_ratio.square() / 2, actions)
    loss = -masked.mean(torch.minimum(plain, clipped), actions)
    return loss, PolicyStats(clip_fraction, approx_kl)


@mistake(
    "3.18",
    "ppo.policy_loss",
    "Every ratio outside the range is counted as clipped; where the action must come back, the min ignores the clip.",
)
def policy_loss_counts_all_outside(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    ratio, advantages = log_ratio.exp(), advantages.detach().where(actions, 0)
    plain = ratio * advantages
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages
    with torch.no_grad():
        outside = ((ratio - 1).abs() > clip_coef).to(ratio.dtype)
        clip_fraction = masked.mean(outside, actions)
        approx_kl = masked.mean(ratio - 1 - log_ratio, actions)
    loss = -masked.mean(torch.minimum(plain, clipped), actions)
    return loss, PolicyStats(clip_fraction, approx_kl)


@mistake(
    "3.18",
    "ppo.policy_loss",
    "The statistics still belong to the graph: kept for a curve, they keep the whole forward pass in memory.",
)
def policy_loss_stats_with_graph(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    ratio, advantages = log_ratio.exp(), advantages.detach().where(actions, 0)
    plain = ratio * advantages
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages
    clip_fraction = masked.mean((clipped < plain).to(ratio.dtype), actions)
    approx_kl = masked.mean(torch.expm1(log_ratio) - log_ratio, actions)
    loss = -masked.mean(torch.minimum(plain, clipped), actions)
    return loss, PolicyStats(clip_fraction, approx_kl)


@mistake(
    "3.18",
    "ppo.value_loss",
    "Nothing is clipped: a value may run after one batch's returns as far as it likes.",
)
def value_loss_not_clipped(values, old_values, returns, actions, clip_coef):
    values, old_values = values.where(actions, 0), old_values.detach().where(actions, 0)
    returns = returns.detach().where(actions, 0)
    plain = (values - returns).square()
    clipped = (old_values + (values - old_values).clamp(-clip_coef, clip_coef) - returns).square()
    stats = _value_stats(values, returns, plain, clipped, actions)
    return masked.mean(plain, actions) / 2, stats


@mistake(
    "3.18",
    "ppo.value_loss",
    "Only the clipped error is taken: a value that has gone too far the wrong way is never called back.",
)
def value_loss_only_clipped(values, old_values, returns, actions, clip_coef):
    values, old_values = values.where(actions, 0), old_values.detach().where(actions, 0)
    returns = returns.detach().where(actions, 0)
    plain = (values - returns).square()
    clipped = (old_values + (values - old_values).clamp(-clip_coef, clip_coef) - returns).square()
    stats = _value_stats(values, returns, plain, clipped, actions)
    return masked.mean(clipped, actions) / 2, stats


@mistake(
    "3.18",
    "ppo.value_loss",
    "The smaller error is taken, as in the policy's objective; this is a loss already, and the careful one is the larger.",
)
def value_loss_min(values, old_values, returns, actions, clip_coef):
    values, old_values = values.where(actions, 0), old_values.detach().where(actions, 0)
    returns = returns.detach().where(actions, 0)
    plain = (values - returns).square()
    clipped = (old_values + (values - old_values).clamp(-clip_coef, clip_coef) - returns).square()
    stats = _value_stats(values, returns, plain, clipped, actions)
    return masked.mean(torch.minimum(plain, clipped), actions) / 2, stats


@mistake(
    "3.18",
    "ppo.value_loss",
    "The half is missing: twice the loss, and value_coef means something else than in the papers.",
)
def value_loss_without_half(values, old_values, returns, actions, clip_coef):
    values, old_values = values.where(actions, 0), old_values.detach().where(actions, 0)
    returns = returns.detach().where(actions, 0)
    plain = (values - returns).square()
    clipped = (old_values + (values - old_values).clamp(-clip_coef, clip_coef) - returns).square()
    stats = _value_stats(values, returns, plain, clipped, actions)
    return masked.mean(torch.maximum(plain, clipped), actions), stats


@mistake(
    "3.18",
    "ppo.value_loss",
    "The value is clipped as a ratio, between 0.8 and 1.2 times the old one; a value may be 0 or negative, so its difference is.",
)
def value_loss_clips_the_ratio(values, old_values, returns, actions, clip_coef):
    values, old_values = values.where(actions, 0), old_values.detach().where(actions, 0)
    returns = returns.detach().where(actions, 0)
    plain = (values - returns).square()
    low, high = old_values * (1 - clip_coef), old_values * (1 + clip_coef)
    near = torch.minimum(torch.maximum(values, torch.minimum(low, high)), torch.maximum(low, high))
    clipped = (near - returns).square()
    stats = _value_stats(values, returns, plain, clipped, actions)
    return masked.mean(torch.maximum(plain, clipped), actions) / 2, stats


@mistake(
    "3.18",
    "ppo.value_loss",
    "The mean is over all places, so padding makes the value loss small; divide by the number of actions.",
)
def value_loss_counts_padding(values, old_values, returns, actions, clip_coef):
    values, old_values = values.where(actions, 0), old_values.detach().where(actions, 0)
    returns = returns.detach().where(actions, 0)
    plain = (values - returns).square()
    clipped = (old_values + (values - old_values).clamp(-clip_coef, clip_coef) - returns).square()
    stats = _value_stats(values, returns, plain, clipped, actions)
    return torch.maximum(plain, clipped).mean() / 2, stats


@mistake(
    "3.18",
    "ppo.value_loss",
    "A gradient goes into the returns, which hold the values: they would come to meet them. Returns are constants.",
)
def value_loss_returns_learn(values, old_values, returns, actions, clip_coef):
    values, old_values = values.where(actions, 0), old_values.detach().where(actions, 0)
    returns = returns.where(actions, 0)
    plain = (values - returns).square()
    clipped = (old_values + (values - old_values).clamp(-clip_coef, clip_coef) - returns).square()
    stats = _value_stats(values, returns.detach(), plain, clipped, actions)
    return masked.mean(torch.maximum(plain, clipped), actions) / 2, stats


@mistake(
    "3.18",
    "ppo.value_loss",
    "The values at padding are multiplied by 0 at the end, and 0 times NaN is NaN: leave them out first.",
)
def value_loss_multiplies(values, old_values, returns, actions, clip_coef):
    old_values, returns = old_values.detach(), returns.detach()
    plain = (values - returns).square()
    clipped = (old_values + (values - old_values).clamp(-clip_coef, clip_coef) - returns).square()
    stats = _value_stats(values, returns, plain, clipped, actions)
    larger = torch.maximum(plain, clipped) * actions
    return larger.sum() / actions.sum().clamp(min=1) / 2, stats


@mistake(
    "3.18",
    "ppo.value_loss",
    "The explained variance is that of the old values; the statistics are about the values that learn.",
)
def value_loss_explains_old(values, old_values, returns, actions, clip_coef):
    values, old_values = values.where(actions, 0), old_values.detach().where(actions, 0)
    returns = returns.detach().where(actions, 0)
    plain = (values - returns).square()
    clipped = (old_values + (values - old_values).clamp(-clip_coef, clip_coef) - returns).square()
    stats = _value_stats(values, returns, plain, clipped, actions)
    explained = explained_variance(old_values, returns, actions)
    loss = masked.mean(torch.maximum(plain, clipped), actions) / 2
    return loss, ValueStats(stats.clip_fraction, explained)


@mistake(
    "3.18",
    "ppo.policy_loss",
    "The mask comes after the exponential: the loss is right, but in the gradient 0 meets NaN; leave out what is no action first.",
)
def policy_loss_masked_late(logprobs, old_logprobs, advantages, actions, clip_coef):
    log_ratio = logprobs - old_logprobs.detach()
    ratio, advantages = log_ratio.exp(), advantages.detach()
    plain = ratio * advantages
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages
    stats = _policy_stats(log_ratio, plain, clipped, actions)
    return -masked.mean(torch.minimum(plain, clipped), actions), stats


@mistake(
    "3.18",
    "ppo.value_loss",
    "Every value outside the range is counted as clipped; the clip takes effect only where the clipped error is the larger one.",
)
def value_loss_counts_all_outside(values, old_values, returns, actions, clip_coef):
    values, old_values = values.where(actions, 0), old_values.detach().where(actions, 0)
    returns = returns.detach().where(actions, 0)
    plain = (values - returns).square()
    clipped = (old_values + (values - old_values).clamp(-clip_coef, clip_coef) - returns).square()
    with torch.no_grad():
        outside = ((values - old_values).abs() > clip_coef).to(values.dtype)
        clip_fraction = masked.mean(outside, actions)
    explained = explained_variance(values.detach(), returns, actions)
    stats = ValueStats(clip_fraction, explained)
    return masked.mean(torch.maximum(plain, clipped), actions) / 2, stats
