"""Classic wrong answers for `solution/dpo.py`."""

import torch
import torch.nn.functional as F

from phase3_alignment.solution.dpo import implicit_rewards
from shared.mistakes import mistake


@mistake(
    "3.21",
    "dpo.sequence_logprobs",
    "That is the mean over the answer's tokens: a probability of a whole answer is a product, so its logarithm is a sum.",
)
def sequence_logprobs_mean(logprobs, actions):
    total = logprobs.where(actions, 0).sum(dim=-1)
    return total / actions.sum(dim=-1).clamp(min=1)


@mistake(
    "3.21",
    "dpo.sequence_logprobs",
    "A mean over all positions, padding too: how long the longest answer of the batch is changes everybody's loss.",
)
def sequence_logprobs_mean_over_positions(logprobs, actions):
    return logprobs.where(actions, 0).mean(dim=-1)


@mistake(
    "3.21",
    "dpo.sequence_logprobs",
    "Everything is added up, prompt and padding too; only the tokens where actions is True are the answer.",
)
def sequence_logprobs_of_everything(logprobs, actions):
    return logprobs.sum(dim=-1)


@mistake(
    "3.21",
    "dpo.sequence_logprobs",
    "The actions are shifted once more: `actions` speaks of the same positions as `logprobs` already.",
)
def sequence_logprobs_shifted_again(logprobs, actions):
    return logprobs[:, :-1].where(actions[:, 1:], 0).sum(dim=-1)


@mistake(
    "3.21",
    "dpo.sequence_logprobs",
    "One number for the whole batch; each answer has a log-probability of its own.",
)
def sequence_logprobs_of_the_batch(logprobs, actions):
    return logprobs.where(actions, 0).sum()


@mistake(
    "3.21",
    "dpo.sequence_logprobs",
    "A product with the mask does not remove NaN: 0 times NaN is NaN. Choose with where.",
)
def sequence_logprobs_multiplied(logprobs, actions):
    return (logprobs * actions).sum(dim=-1)


@mistake(
    "3.21",
    "dpo.implicit_rewards",
    "The reference is left out of the reward: what counts is how much likelier the policy makes an answer than the reference did.",
)
def implicit_rewards_without_reference(logprobs, ref_logprobs, beta):
    return beta * logprobs


@mistake(
    "3.21",
    "dpo.implicit_rewards",
    "Without beta the reward is in nats; beta says what a nat is worth.",
)
def implicit_rewards_without_beta(logprobs, ref_logprobs, beta):
    return logprobs - ref_logprobs.detach()


@mistake(
    "3.21",
    "dpo.implicit_rewards",
    "The ratio is upside down: an answer that the policy makes likelier has a positive reward.",
)
def implicit_rewards_upside_down(logprobs, ref_logprobs, beta):
    return beta * (ref_logprobs.detach() - logprobs)


@mistake(
    "3.21",
    "dpo.implicit_rewards",
    "The reward is the logarithm of the ratio; its exponential is the ratio itself.",
)
def implicit_rewards_ratio(logprobs, ref_logprobs, beta):
    return beta * (logprobs - ref_logprobs.detach()).exp()


@mistake(
    "3.21",
    "dpo.implicit_rewards",
    "Beta divides: a small beta would make every nat expensive. The reward is beta times the log-ratio.",
)
def implicit_rewards_divided(logprobs, ref_logprobs, beta):
    return (logprobs - ref_logprobs.detach()) / beta


@mistake(
    "3.21",
    "dpo.implicit_rewards",
    "A gradient flows into the reference, which then moves towards the policy; take it as a constant.",
)
def implicit_rewards_reference_learns(logprobs, ref_logprobs, beta):
    return beta * (logprobs - ref_logprobs)


@mistake(
    "3.21",
    "dpo.implicit_rewards",
    "The policy's log-probabilities are detached, so the loss has nothing to teach; only the reference is a constant.",
)
def implicit_rewards_detached(logprobs, ref_logprobs, beta):
    return beta * (logprobs - ref_logprobs).detach()


@mistake(
    "3.21",
    "dpo.loss",
    "The reference is left out: then nothing holds the model near where it began.",
)
def loss_without_reference(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    margins = beta * (chosen - rejected)
    right, wrong = -F.logsigmoid(margins), -F.logsigmoid(-margins)
    return ((1 - label_smoothing) * right + label_smoothing * wrong).mean()


@mistake(
    "3.21",
    "dpo.loss",
    "Chosen and rejected are swapped: the model learns the answers that nobody wanted.",
)
def loss_swapped(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    better = implicit_rewards(chosen, ref_chosen, beta)
    margins = implicit_rewards(rejected, ref_rejected, beta) - better
    right, wrong = -F.logsigmoid(margins), -F.logsigmoid(-margins)
    return ((1 - label_smoothing) * right + label_smoothing * wrong).mean()


@mistake(
    "3.21",
    "dpo.loss",
    "The reference's margin is added: it has to be taken off, so that only what training changed remains.",
)
def loss_reference_added(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    margins = beta * ((chosen - rejected) + (ref_chosen - ref_rejected).detach())
    right, wrong = -F.logsigmoid(margins), -F.logsigmoid(-margins)
    return ((1 - label_smoothing) * right + label_smoothing * wrong).mean()


@mistake(
    "3.21",
    "dpo.loss",
    "Beta stands outside the logarithm, where it only scales the step; inside the sigmoid it says how far is far.",
)
def loss_beta_outside(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    margins = implicit_rewards(chosen, ref_chosen, 1.0)
    margins = margins - implicit_rewards(rejected, ref_rejected, 1.0)
    right, wrong = -F.logsigmoid(margins), -F.logsigmoid(-margins)
    return beta * ((1 - label_smoothing) * right + label_smoothing * wrong).mean()


@mistake(
    "3.21",
    "dpo.loss",
    "The losses are added up; the mean over the pairs does not grow with the batch.",
)
def loss_sum(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    better = implicit_rewards(chosen, ref_chosen, beta)
    margins = better - implicit_rewards(rejected, ref_rejected, beta)
    right, wrong = -F.logsigmoid(margins), -F.logsigmoid(-margins)
    return ((1 - label_smoothing) * right + label_smoothing * wrong).sum()


@mistake(
    "3.21",
    "dpo.loss",
    "The logarithm is missing: a sigmoid is flat where the model is wrong, so the worst pairs teach nothing.",
)
def loss_without_logarithm(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    better = implicit_rewards(chosen, ref_chosen, beta)
    margins = better - implicit_rewards(rejected, ref_rejected, beta)
    right, wrong = -torch.sigmoid(margins), -torch.sigmoid(-margins)
    return ((1 - label_smoothing) * right + label_smoothing * wrong).mean()


@mistake(
    "3.21",
    "dpo.loss",
    "log(sigmoid(m)) is the logarithm of 0 for a large negative margin; logsigmoid computes both at once.",
)
def loss_overflows(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    better = implicit_rewards(chosen, ref_chosen, beta)
    margins = better - implicit_rewards(rejected, ref_rejected, beta)
    right, wrong = -torch.sigmoid(margins).log(), -torch.sigmoid(-margins).log()
    if label_smoothing == 0:
        return right.mean()
    return ((1 - label_smoothing) * right + label_smoothing * wrong).mean()


@mistake(
    "3.21",
    "dpo.loss",
    "Each answer has a loss of its own here, as if it were good or bad by itself; a judgement says only which one is better.",
)
def loss_of_each_answer(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    good = implicit_rewards(chosen, ref_chosen, beta)
    bad = implicit_rewards(rejected, ref_rejected, beta)
    right = -F.logsigmoid(good) - F.logsigmoid(-bad)
    wrong = -F.logsigmoid(-good) - F.logsigmoid(bad)
    return ((1 - label_smoothing) * right + label_smoothing * wrong).mean()


@mistake(
    "3.21",
    "dpo.loss",
    "The mean of the margins comes first; then one pair that is far ahead hides all those that are wrong.",
)
def loss_of_the_mean_margin(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    better = implicit_rewards(chosen, ref_chosen, beta)
    margin = (better - implicit_rewards(rejected, ref_rejected, beta)).mean()
    right, wrong = -F.logsigmoid(margin), -F.logsigmoid(-margin)
    return (1 - label_smoothing) * right + label_smoothing * wrong


@mistake(
    "3.21",
    "dpo.loss",
    "label_smoothing is not used: noisy labels are believed as if they were sure.",
)
def loss_never_smoothed(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    better = implicit_rewards(chosen, ref_chosen, beta)
    margins = better - implicit_rewards(rejected, ref_rejected, beta)
    return -F.logsigmoid(margins).mean()


@mistake(
    "3.21",
    "dpo.loss",
    "The smoothing is spread over both labels, half of it on the right one; here it is the probability that the label is wrong.",
)
def loss_half_smoothed(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    better = implicit_rewards(chosen, ref_chosen, beta)
    margins = better - implicit_rewards(rejected, ref_rejected, beta)
    right, wrong = -F.logsigmoid(margins), -F.logsigmoid(-margins)
    return ((1 - label_smoothing / 2) * right + label_smoothing / 2 * wrong).mean()


@mistake(
    "3.21",
    "dpo.loss",
    "The second term has the wrong sign: a label that may be wrong must make a large margin cost, not pay.",
)
def loss_smoothing_pays(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    better = implicit_rewards(chosen, ref_chosen, beta)
    margins = better - implicit_rewards(rejected, ref_rejected, beta)
    right, wrong = -F.logsigmoid(margins), -F.logsigmoid(-margins)
    return ((1 - label_smoothing) * right - label_smoothing * wrong).mean()


@mistake(
    "3.21",
    "dpo.loss",
    "Beta multiplies twice: it is in the implicit rewards already, and their difference is the margin.",
)
def loss_beta_twice(chosen, rejected, ref_chosen, ref_rejected, beta, label_smoothing=0.0):
    better = implicit_rewards(chosen, ref_chosen, beta)
    margins = beta * (better - implicit_rewards(rejected, ref_rejected, beta))
    right, wrong = -F.logsigmoid(margins), -F.logsigmoid(-margins)
    return ((1 - label_smoothing) * right + label_smoothing * wrong).mean()
