"""Classic wrong answers for `solution/token_rewards.py`."""

import torch

from shared.mistakes import mistake


@mistake(
    "3.17",
    "token_rewards.shape",
    "The score is added to every action, so long responses earn it many times; only the last action gets it.",
)
def shape_score_everywhere(
    scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0
):
    kl = (logprobs - ref_logprobs).detach()
    final = scores.detach() - missing_end_penalty * ~ended
    return (final[:, None].to(kl.dtype) - kl_coef * kl).where(actions, 0)


@mistake(
    "3.17",
    "token_rewards.shape",
    "The score is put into the last column, which is padding in all but the longest rows; find each row's last action.",
)
def shape_score_in_last_column(
    scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0
):
    kl = (logprobs - ref_logprobs).detach()
    final = scores.detach() - missing_end_penalty * ~ended
    rewards = (-kl_coef * kl).where(actions, 0)
    rewards[:, -1] += final
    return rewards


@mistake(
    "3.17",
    "token_rewards.shape",
    "The number of actions is taken for the place of the last one: true only if the row begins with an action and has no gap.",
)
def shape_counts_for_place(
    scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0
):
    kl = (logprobs - ref_logprobs).detach()
    final = scores.detach() - missing_end_penalty * ~ended
    rewards = (-kl_coef * kl).where(actions, 0)
    rows = torch.arange(len(scores))
    rewards[rows, actions.sum(-1) - 1] += final
    return rewards


@mistake(
    "3.17",
    "token_rewards.shape",
    "The score comes with the first action; it is known only when the response is complete.",
)
def shape_score_first(
    scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0
):
    kl = (logprobs - ref_logprobs).detach()
    final = scores.detach() - missing_end_penalty * ~ended
    is_first = actions & (actions.cumsum(-1) == 1)
    score = torch.where(is_first, final[:, None], 0).to(kl.dtype)
    return (score - kl_coef * kl).where(actions, 0)


@mistake(
    "3.17",
    "token_rewards.shape",
    "The KL's sign: going away from the reference is rewarded. It costs: minus kl_coef times log p - log p_ref.",
)
def shape_kl_rewarded(
    scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0
):
    kl = (ref_logprobs - logprobs).detach()
    final = scores.detach() - missing_end_penalty * ~ended
    to_come = actions.flip(-1).cumsum(-1).flip(-1)
    score = torch.where(actions & (to_come == 1), final[:, None], 0).to(kl.dtype)
    return (score - kl_coef * kl).where(actions, 0)


@mistake(
    "3.17",
    "token_rewards.shape",
    "The whole response's KL is charged at the end; each action pays for itself, so that it is known which one was dear.",
)
def shape_kl_at_the_end(
    scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0
):
    kl = (logprobs - ref_logprobs).detach().where(actions, 0).sum(-1)
    final = scores.detach() - missing_end_penalty * ~ended - kl_coef * kl
    to_come = actions.flip(-1).cumsum(-1).flip(-1)
    is_last = actions & (to_come == 1)
    return torch.where(is_last, final[:, None], 0).to(logprobs.dtype)


@mistake(
    "3.17",
    "token_rewards.shape",
    "The difference's size is charged: a token less likely than under the reference then costs, where it should earn.",
)
def shape_kl_absolute(
    scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0
):
    kl = (logprobs - ref_logprobs).detach().abs()
    final = scores.detach() - missing_end_penalty * ~ended
    to_come = actions.flip(-1).cumsum(-1).flip(-1)
    score = torch.where(actions & (to_come == 1), final[:, None], 0).to(kl.dtype)
    return (score - kl_coef * kl).where(actions, 0)


@mistake(
    "3.17",
    "token_rewards.shape",
    "k3 is charged; as a reward the plain difference is right, for its sum is the log ratio of the whole response.",
)
def shape_kl_k3(scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0):
    log_ratio = (ref_logprobs - logprobs).detach()
    kl = log_ratio.exp() - 1 - log_ratio
    final = scores.detach() - missing_end_penalty * ~ended
    to_come = actions.flip(-1).cumsum(-1).flip(-1)
    score = torch.where(actions & (to_come == 1), final[:, None], 0).to(kl.dtype)
    return (score - kl_coef * kl).where(actions, 0)


@mistake(
    "3.17",
    "token_rewards.shape",
    "kl_coef multiplies the score as well; it is the price of a nat in units of the score.",
)
def shape_coef_on_all(
    scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0
):
    kl = (logprobs - ref_logprobs).detach()
    final = scores.detach() - missing_end_penalty * ~ended
    to_come = actions.flip(-1).cumsum(-1).flip(-1)
    score = torch.where(actions & (to_come == 1), final[:, None], 0).to(kl.dtype)
    return (kl_coef * (score - kl)).where(actions, 0)


@mistake(
    "3.17",
    "token_rewards.shape",
    "The penalty hits the responses that have ended; it is for those that have not.",
)
def shape_punishes_the_end(
    scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0
):
    kl = (logprobs - ref_logprobs).detach()
    final = scores.detach() - missing_end_penalty * ended
    to_come = actions.flip(-1).cumsum(-1).flip(-1)
    score = torch.where(actions & (to_come == 1), final[:, None], 0).to(kl.dtype)
    return (score - kl_coef * kl).where(actions, 0)


@mistake(
    "3.17",
    "token_rewards.shape",
    "A response without an end gets the penalty in place of its score; here the penalty is taken off the score.",
)
def shape_penalty_replaces(
    scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0
):
    kl = (logprobs - ref_logprobs).detach()
    final = scores.detach().where(ended, -missing_end_penalty)
    to_come = actions.flip(-1).cumsum(-1).flip(-1)
    score = torch.where(actions & (to_come == 1), final[:, None], 0).to(kl.dtype)
    return (score - kl_coef * kl).where(actions, 0)


@mistake(
    "3.17",
    "token_rewards.shape",
    "missing_end_penalty is not used: a model that never stops is told nothing.",
)
def shape_no_penalty(
    scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0
):
    kl = (logprobs - ref_logprobs).detach()
    to_come = actions.flip(-1).cumsum(-1).flip(-1)
    score = torch.where(actions & (to_come == 1), scores.detach()[:, None], 0).to(kl.dtype)
    return (score - kl_coef * kl).where(actions, 0)


@mistake(
    "3.17",
    "token_rewards.shape",
    "The penalty is written into the caller's scores; make a new tensor.",
)
def shape_changes_scores(
    scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0
):
    scores -= missing_end_penalty * ~ended
    kl = (logprobs - ref_logprobs).detach()
    to_come = actions.flip(-1).cumsum(-1).flip(-1)
    score = torch.where(actions & (to_come == 1), scores[:, None], 0).to(kl.dtype)
    return (score - kl_coef * kl).where(actions, 0)


@mistake(
    "3.17",
    "token_rewards.shape",
    "What is no action is multiplied by 0, and 0 times NaN is NaN: choose with where instead.",
)
def shape_multiplies(
    scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0
):
    kl = (logprobs - ref_logprobs).detach()
    final = scores.detach() - missing_end_penalty * ~ended
    to_come = actions.flip(-1).cumsum(-1).flip(-1)
    is_last = actions & (to_come == 1)
    return (final[:, None] * is_last).to(kl.dtype) - kl_coef * kl * actions


@mistake(
    "3.17",
    "token_rewards.shape",
    "A gradient flows through the KL into the policy; rewards are constants, the policy gradient makes up for it.",
)
def shape_differentiable(
    scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0
):
    kl = logprobs - ref_logprobs
    final = scores - missing_end_penalty * ~ended
    to_come = actions.flip(-1).cumsum(-1).flip(-1)
    score = torch.where(actions & (to_come == 1), final[:, None], 0).to(kl.dtype)
    return (score - kl_coef * kl).where(actions, 0)


@mistake(
    "3.17",
    "token_rewards.shape",
    "A row without any action gets its score all the same, in some column; it has no last action and no reward.",
)
def shape_row_without_action(
    scores, logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty=0.0
):
    rewards = (kl_coef * (ref_logprobs - logprobs)).detach().where(actions, 0)
    last = actions.shape[1] - 1 - actions.flip(-1).int().argmax(dim=-1)
    rewards[torch.arange(len(last)), last] += (scores - missing_end_penalty * ~ended).detach()
    return rewards
