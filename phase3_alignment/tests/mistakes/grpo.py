"""Classic wrong answers for `solution/grpo.py`."""

import torch

from phase3_alignment.solution.grpo import EPS
from shared.mistakes import mistake


@mistake(
    "3.22",
    "grpo.advantages",
    "Mean and deviation are those of the whole batch: an answer to an easy prompt looks good beside those to a hard one.",
)
def advantages_of_the_batch(scores, group_size, scale=True):
    centred = scores - scores.mean()
    return centred / (scores.std() + EPS) if scale else centred


@mistake(
    "3.22",
    "grpo.advantages",
    "The groups are dealt like cards: answers to one prompt are neighbours, so a group is a row of (-1, group_size).",
)
def advantages_of_strangers(scores, group_size, scale=True):
    groups = scores.reshape(group_size, -1)
    centred = groups - groups.mean(dim=0)
    if scale:
        centred = centred / (groups.std(dim=0) + EPS)
    return centred.flatten()


@mistake(
    "3.22",
    "grpo.advantages",
    "The deviation divides by n; this one is a sample's, with n - 1.",
)
def advantages_population(scores, group_size, scale=True):
    groups = scores.reshape(-1, group_size)
    centred = groups - groups.mean(dim=1, keepdim=True)
    if scale:
        centred = centred / (groups.std(dim=1, keepdim=True, correction=0) + EPS)
    return centred.flatten()


@mistake(
    "3.22",
    "grpo.advantages",
    "A group of equal scores is 0 / 0 here; EPS keeps it at 0.",
)
def advantages_nan(scores, group_size, scale=True):
    groups = scores.reshape(-1, group_size)
    centred = groups - groups.mean(dim=1, keepdim=True)
    if scale:
        centred = centred / groups.std(dim=1, keepdim=True)
    return centred.flatten()


@mistake(
    "3.22",
    "grpo.advantages",
    "That divides by the variance: advantages of twice the scores would be half as large, not the same.",
)
def advantages_by_variance(scores, group_size, scale=True):
    groups = scores.reshape(-1, group_size)
    centred = groups - groups.mean(dim=1, keepdim=True)
    if scale:
        centred = centred / (groups.var(dim=1, keepdim=True) + EPS)
    return centred.flatten()


@mistake(
    "3.22",
    "grpo.advantages",
    "The mean stays in: scores are only divided, so in a group of good answers the worst is still praised.",
)
def advantages_not_centred(scores, group_size, scale=True):
    groups = scores.reshape(-1, group_size)
    if scale:
        groups = groups / (groups.std(dim=1, keepdim=True) + EPS)
    return groups.flatten()


@mistake(
    "3.22",
    "grpo.advantages",
    "Each answer is compared with the mean of the others; that is another method (RLOO). Here the mean is the whole group's.",
)
def advantages_leave_one_out(scores, group_size, scale=True):
    groups = scores.reshape(-1, group_size)
    others = (groups.sum(dim=1, keepdim=True) - groups) / (group_size - 1)
    centred = groups - others
    if scale:
        centred = centred / (groups.std(dim=1, keepdim=True) + EPS)
    return centred.flatten()


@mistake(
    "3.22",
    "grpo.advantages",
    "The deviation divides even with scale=False.",
)
def advantages_always_scaled(scores, group_size, scale=True):
    groups = scores.reshape(-1, group_size)
    centred = groups - groups.mean(dim=1, keepdim=True)
    return (centred / (groups.std(dim=1, keepdim=True) + EPS)).flatten()


@mistake(
    "3.22",
    "grpo.token_losses",
    "Nothing is clipped: a token may run away from the policy that wrote it.",
)
def token_losses_never_clipped(
    logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef
):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    log_q = (ref_logprobs.detach() - logprobs).where(actions, 0)
    gain = log_ratio.exp() * advantages.detach()[:, None]
    return (kl_coef * (torch.expm1(log_q) - log_q) - gain).where(actions, 0)


@mistake(
    "3.22",
    "grpo.token_losses",
    "The ratio is clipped on both sides, always; without the minimum a bad token that became likelier gets no gradient back.",
)
def token_losses_without_minimum(
    logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef
):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    log_q = (ref_logprobs.detach() - logprobs).where(actions, 0)
    ratio = log_ratio.exp().clamp(1 - clip_coef, 1 + clip_coef)
    gain = ratio * advantages.detach()[:, None]
    return (kl_coef * (torch.expm1(log_q) - log_q) - gain).where(actions, 0)


@mistake(
    "3.22",
    "grpo.token_losses",
    "The larger of the two gains is taken: that is the hopeful one. The loss takes the smaller gain.",
)
def token_losses_maximum(
    logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef
):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    log_q = (ref_logprobs.detach() - logprobs).where(actions, 0)
    ratio, A = log_ratio.exp(), advantages.detach()[:, None]
    gain = torch.maximum(ratio * A, ratio.clamp(1 - clip_coef, 1 + clip_coef) * A)
    return (kl_coef * (torch.expm1(log_q) - log_q) - gain).where(actions, 0)


@mistake(
    "3.22",
    "grpo.token_losses",
    "The ratio is upside down: the policy that learns stands above the one that wrote.",
)
def token_losses_ratio_upside_down(
    logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef
):
    log_ratio = (old_logprobs.detach() - logprobs).where(actions, 0)
    log_q = (ref_logprobs.detach() - logprobs).where(actions, 0)
    ratio, A = log_ratio.exp(), advantages.detach()[:, None]
    gain = torch.minimum(ratio * A, ratio.clamp(1 - clip_coef, 1 + clip_coef) * A)
    return (kl_coef * (torch.expm1(log_q) - log_q) - gain).where(actions, 0)


@mistake(
    "3.22",
    "grpo.token_losses",
    "One ratio for a whole answer: that is the product of its tokens' ratios. Here each token has its own.",
)
def token_losses_one_ratio(
    logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef
):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    log_q = (ref_logprobs.detach() - logprobs).where(actions, 0)
    ratio = log_ratio.sum(dim=1, keepdim=True).exp().expand_as(log_ratio)
    A = advantages.detach()[:, None]
    gain = torch.minimum(ratio * A, ratio.clamp(1 - clip_coef, 1 + clip_coef) * A)
    return (kl_coef * (torch.expm1(log_q) - log_q) - gain).where(actions, 0)


@mistake(
    "3.22",
    "grpo.token_losses",
    "The gain is returned as it is; what is minimised is its opposite.",
)
def token_losses_sign(
    logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef
):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    log_q = (ref_logprobs.detach() - logprobs).where(actions, 0)
    ratio, A = log_ratio.exp(), advantages.detach()[:, None]
    gain = torch.minimum(ratio * A, ratio.clamp(1 - clip_coef, 1 + clip_coef) * A)
    return (kl_coef * (torch.expm1(log_q) - log_q) + gain).where(actions, 0)


@mistake(
    "3.22",
    "grpo.token_losses",
    "The KL to the reference is not in the loss: kl_coef is not used.",
)
def token_losses_without_kl(
    logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef
):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    ratio, A = log_ratio.exp(), advantages.detach()[:, None]
    gain = torch.minimum(ratio * A, ratio.clamp(1 - clip_coef, 1 + clip_coef) * A)
    return (-gain).where(actions, 0)


@mistake(
    "3.22",
    "grpo.token_losses",
    "k3's ratio is upside down: for samples of the policy it is reference over policy, else its mean is no KL.",
)
def token_losses_kl_upside_down(
    logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef
):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    log_q = (logprobs - ref_logprobs.detach()).where(actions, 0)
    ratio, A = log_ratio.exp(), advantages.detach()[:, None]
    gain = torch.minimum(ratio * A, ratio.clamp(1 - clip_coef, 1 + clip_coef) * A)
    return (kl_coef * (torch.expm1(log_q) - log_q) - gain).where(actions, 0)


@mistake(
    "3.22",
    "grpo.token_losses",
    "That is k1, the log-ratio: negative for half of the tokens. k3 adds q - 1, whose mean is 0.",
)
def token_losses_k1(logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    log_q = (ref_logprobs.detach() - logprobs).where(actions, 0)
    ratio, A = log_ratio.exp(), advantages.detach()[:, None]
    gain = torch.minimum(ratio * A, ratio.clamp(1 - clip_coef, 1 + clip_coef) * A)
    return (kl_coef * -log_q - gain).where(actions, 0)


@mistake(
    "3.22",
    "grpo.token_losses",
    "The KL is taken off the loss: the further away, the better. It is a price.",
)
def token_losses_kl_pays(
    logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef
):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    log_q = (ref_logprobs.detach() - logprobs).where(actions, 0)
    ratio, A = log_ratio.exp(), advantages.detach()[:, None]
    gain = torch.minimum(ratio * A, ratio.clamp(1 - clip_coef, 1 + clip_coef) * A)
    return (-kl_coef * (torch.expm1(log_q) - log_q) - gain).where(actions, 0)


@mistake(
    "3.22",
    "grpo.token_losses",
    "The mask comes last: NaN is gone from the losses, but the exponential's gradient is 0 times NaN. Mask before it.",
)
def token_losses_masked_late(
    logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef
):
    log_ratio = logprobs - old_logprobs.detach()
    log_q = ref_logprobs.detach() - logprobs
    ratio, A = log_ratio.exp(), advantages.detach()[:, None]
    gain = torch.minimum(ratio * A, ratio.clamp(1 - clip_coef, 1 + clip_coef) * A)
    return (kl_coef * (torch.expm1(log_q) - log_q) - gain).where(actions, 0)


@mistake(
    "3.22",
    "grpo.token_losses",
    "Where there is no action the loss is the advantage's: a ratio of e^0 = 1 is left. Set it to 0 in the end, too.",
)
def token_losses_of_everything(
    logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef
):
    log_ratio = (logprobs - old_logprobs.detach()).where(actions, 0)
    log_q = (ref_logprobs.detach() - logprobs).where(actions, 0)
    ratio, A = log_ratio.exp(), advantages.detach()[:, None]
    gain = torch.minimum(ratio * A, ratio.clamp(1 - clip_coef, 1 + clip_coef) * A)
    return kl_coef * (torch.expm1(log_q) - log_q) - gain


@mistake(
    "3.22",
    "grpo.token_losses",
    "A gradient flows into what should stay fixed: old policy, reference and advantages are constants of the step.",
)
def token_losses_all_learn(
    logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef
):
    log_ratio = (logprobs - old_logprobs).where(actions, 0)
    log_q = (ref_logprobs - logprobs).where(actions, 0)
    ratio, A = log_ratio.exp(), advantages[:, None]
    gain = torch.minimum(ratio * A, ratio.clamp(1 - clip_coef, 1 + clip_coef) * A)
    return (kl_coef * (torch.expm1(log_q) - log_q) - gain).where(actions, 0)


@mistake(
    "3.22",
    "grpo.aggregate",
    "'sequence' is computed as the mean over all tokens, so long answers count for more; it is a mean of means.",
)
def aggregate_always_token(losses, actions, how, max_length=None):
    losses = losses.where(actions, 0)
    if how == "constant":
        return losses.sum() / (len(losses) * max_length)
    return losses.sum() / actions.sum().clamp(min=1)


@mistake(
    "3.22",
    "grpo.aggregate",
    "'token' is computed as a mean of means, so the tokens of a long answer weigh less; it is one mean over all tokens.",
)
def aggregate_always_sequence(losses, actions, how, max_length=None):
    losses = losses.where(actions, 0)
    if how == "constant":
        return losses.sum() / (len(losses) * max_length)
    return (losses.sum(dim=1) / actions.sum(dim=1).clamp(min=1)).mean()


@mistake(
    "3.22",
    "grpo.aggregate",
    "The means run over all positions, padding too; they are over the actions.",
)
def aggregate_over_positions(losses, actions, how, max_length=None):
    losses = losses.where(actions, 0)
    if how == "constant":
        return losses.sum() / (len(losses) * max_length)
    return losses.mean(dim=1).mean()


@mistake(
    "3.22",
    "grpo.aggregate",
    "The constant is the length of this batch: then a token weighs more in a batch of short answers. It is max_length.",
)
def aggregate_constant_of_the_batch(losses, actions, how, max_length=None):
    losses = losses.where(actions, 0)
    if how == "sequence":
        return (losses.sum(dim=1) / actions.sum(dim=1).clamp(min=1)).mean()
    if how == "token":
        return losses.sum() / actions.sum().clamp(min=1)
    return losses.sum() / losses.numel()


@mistake(
    "3.22",
    "grpo.aggregate",
    "The constant leaves out the B answers: twice as many of them would take twice the step.",
)
def aggregate_constant_sum(losses, actions, how, max_length=None):
    losses = losses.where(actions, 0)
    if how == "sequence":
        return (losses.sum(dim=1) / actions.sum(dim=1).clamp(min=1)).mean()
    if how == "token":
        return losses.sum() / actions.sum().clamp(min=1)
    return losses.sum() / max_length


@mistake(
    "3.22",
    "grpo.aggregate",
    "A product with the mask keeps NaN: 0 times NaN is NaN. Choose with where.",
)
def aggregate_multiplied(losses, actions, how, max_length=None):
    losses = losses * actions
    if how == "sequence":
        return (losses.sum(dim=1) / actions.sum(dim=1).clamp(min=1)).mean()
    if how == "token":
        return losses.sum() / actions.sum().clamp(min=1)
    return losses.sum() / (len(losses) * max_length)


@mistake(
    "3.22",
    "grpo.aggregate",
    "An answer without tokens is 0 / 0; divide by at least 1.",
)
def aggregate_nan(losses, actions, how, max_length=None):
    losses = losses.where(actions, 0)
    if how == "sequence":
        return (losses.sum(dim=1) / actions.sum(dim=1)).mean()
    if how == "token":
        return losses.sum() / actions.sum()
    return losses.sum() / (len(losses) * max_length)


@mistake(
    "3.22",
    "grpo.aggregate",
    "Answers without tokens are left out of the mean; here they count, with 0, so that the batch's size does not change.",
)
def aggregate_without_the_empty(losses, actions, how, max_length=None):
    losses = losses.where(actions, 0)
    lengths = actions.sum(dim=1)
    n = (lengths > 0).sum().clamp(min=1)
    if how == "sequence":
        return (losses.sum(dim=1) / lengths.clamp(min=1)).sum() / n
    if how == "token":
        return losses.sum() / lengths.sum().clamp(min=1)
    return losses.sum() / (n * max_length)
