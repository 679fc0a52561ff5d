"""Classic wrong answers for `solution/kl.py`."""

import torch

from phase3_alignment.solution.kl import MAX_ERROR
from shared.mistakes import mistake


@mistake(
    "3.16",
    "kl.k1",
    "That is log r, whose mean is minus the KL: the policy's log-probability comes first.",
)
def k1_reversed(logprobs, ref_logprobs):
    return ref_logprobs.detach() - logprobs


@mistake(
    "3.16",
    "kl.k1",
    "Without its sign it is never negative, and too large on average: what is sometimes below 0 must cancel.",
)
def k1_absolute(logprobs, ref_logprobs):
    return (logprobs - ref_logprobs.detach()).abs()


@mistake(
    "3.16",
    "kl.k1",
    "The mean is the caller's, who knows which tokens count; return one number for each sample.",
)
def k1_mean(logprobs, ref_logprobs):
    return (logprobs - ref_logprobs.detach()).mean()


@mistake(
    "3.16",
    "kl.k1",
    "Samples of the policy come as often as they are likely; weighing each by p once more counts that twice.",
)
def k1_weighted(logprobs, ref_logprobs):
    return logprobs.exp() * (logprobs - ref_logprobs.detach())


@mistake(
    "3.16",
    "kl.k1",
    "A gradient flows into the reference: it would come to the policy, and nobody would be held. Detach it.",
)
def k1_moves_reference(logprobs, ref_logprobs):
    return logprobs - ref_logprobs


@mistake(
    "3.16",
    "kl.k2",
    "The half is missing: near r = 1, (log r)^2 is twice the KL.",
)
def k2_not_halved(logprobs, ref_logprobs):
    return (logprobs - ref_logprobs.detach()).square()


@mistake(
    "3.16",
    "kl.k2",
    "Half of the log-ratio itself; the square is missing.",
)
def k2_not_squared(logprobs, ref_logprobs):
    return (logprobs - ref_logprobs.detach()) / 2


@mistake(
    "3.16",
    "kl.k2",
    "Half of (r - 1)^2 agrees only where r is near 1; square the log of r.",
)
def k2_of_ratio(logprobs, ref_logprobs):
    return ((ref_logprobs.detach() - logprobs).exp() - 1).square() / 2


@mistake(
    "3.16",
    "kl.k2",
    "The mean is the caller's, who knows which tokens count; return one number for each sample.",
)
def k2_mean(logprobs, ref_logprobs):
    return (logprobs - ref_logprobs.detach()).square().mean() / 2


@mistake(
    "3.16",
    "kl.k2",
    "A gradient flows into the reference, which must stay where it is. Detach it.",
)
def k2_moves_reference(logprobs, ref_logprobs):
    return (logprobs - ref_logprobs).square() / 2


@mistake(
    "3.16",
    "kl.k3",
    "r is reference over policy; with policy over reference the samples would have to come from the reference.",
)
def k3_inverted(logprobs, ref_logprobs):
    log_ratio = logprobs - ref_logprobs.detach()
    return torch.expm1(log_ratio) - log_ratio


@mistake(
    "3.16",
    "kl.k3",
    "Plus log r: then -log r, the part whose mean is the KL, enters with the wrong sign.",
)
def k3_wrong_log(logprobs, ref_logprobs):
    log_r = ref_logprobs.detach() - logprobs
    return torch.expm1(log_r) + log_r


@mistake(
    "3.16",
    "kl.k3",
    "The -1 is missing: r is 1 on average, so the mean is the KL plus 1.",
)
def k3_without_one(logprobs, ref_logprobs):
    log_r = ref_logprobs.detach() - logprobs
    return log_r.exp() - log_r


@mistake(
    "3.16",
    "kl.k3",
    "All signs are turned: 1 - r + log r is never positive.",
)
def k3_negative(logprobs, ref_logprobs):
    log_r = ref_logprobs.detach() - logprobs
    return log_r - torch.expm1(log_r)


@mistake(
    "3.16",
    "kl.k3",
    "Where r is nearly 1, r - 1 loses its digits in float32, and the result falls below 0; expm1 keeps them.",
)
def k3_loses_digits(logprobs, ref_logprobs):
    log_r = ref_logprobs.detach() - logprobs
    return log_r.exp() - 1 - log_r


@mistake(
    "3.16",
    "kl.k3",
    "With r detached only -log r is differentiated: that gradient is 0 on average, so nothing holds the policy.",
)
def k3_fixed_ratio(logprobs, ref_logprobs):
    log_r = ref_logprobs.detach() - logprobs
    return torch.expm1(log_r.detach()) - log_r


@mistake(
    "3.16",
    "kl.k3",
    "A gradient flows into the reference, which must stay where it is. Detach it.",
)
def k3_moves_reference(logprobs, ref_logprobs):
    log_r = ref_logprobs - logprobs
    return torch.expm1(log_r) - log_r


@mistake(
    "3.16",
    "kl.AdaptiveController.update",
    "The sign is turned: a policy that has gone too far is given more freedom.",
)
def controller_reversed(self, kl):
    error = min(max(1 - kl / self.target, -MAX_ERROR), MAX_ERROR)
    self.kl_coef *= 1 + self.k_beta * error
    return self.kl_coef


@mistake(
    "3.16",
    "kl.AdaptiveController.update",
    "The error is not clipped: one strange batch of ten times the target would nearly double beta.",
)
def controller_unclipped(self, kl):
    self.kl_coef *= 1 + self.k_beta * (kl / self.target - 1)
    return self.kl_coef


@mistake(
    "3.16",
    "kl.AdaptiveController.update",
    "Only what is too high is clipped; what is too low is, too, at -MAX_ERROR.",
)
def controller_clips_one_side(self, kl):
    error = min(kl / self.target - 1, MAX_ERROR)
    self.kl_coef *= 1 + self.k_beta * error
    return self.kl_coef


@mistake(
    "3.16",
    "kl.AdaptiveController.update",
    "The error is in nats; divide by the target, so that it is a share of it.",
)
def controller_in_nats(self, kl):
    error = min(max(kl - self.target, -MAX_ERROR), MAX_ERROR)
    self.kl_coef *= 1 + self.k_beta * error
    return self.kl_coef


@mistake(
    "3.16",
    "kl.AdaptiveController.update",
    "k_beta is missing: beta would jump by up to a fifth with each batch.",
)
def controller_without_gain(self, kl):
    error = min(max(kl / self.target - 1, -MAX_ERROR), MAX_ERROR)
    self.kl_coef *= 1 + error
    return self.kl_coef


@mistake(
    "3.16",
    "kl.AdaptiveController.update",
    "The step is added, so it has beta's unit no longer, and beta can fall below 0; multiply.",
)
def controller_adds(self, kl):
    error = min(max(kl / self.target - 1, -MAX_ERROR), MAX_ERROR)
    self.kl_coef += self.k_beta * error
    return self.kl_coef


@mistake(
    "3.16",
    "kl.AdaptiveController.update",
    "k_beta * error is clipped, not the error: with k_beta = 0.1 the limit is then ten times as far away.",
)
def controller_clips_the_step(self, kl):
    step = self.k_beta * (kl / self.target - 1)
    self.kl_coef *= 1 + min(max(step, -MAX_ERROR), MAX_ERROR)
    return self.kl_coef


@mistake(
    "3.16",
    "kl.AdaptiveController.update",
    "The new beta is returned but not kept, so every batch starts from the first one.",
)
def controller_forgets(self, kl):
    error = min(max(kl / self.target - 1, -MAX_ERROR), MAX_ERROR)
    return self.kl_coef * (1 + self.k_beta * error)


@mistake(
    "3.16",
    "kl.AdaptiveController.update",
    "The error is a share of the KL that was found; it is one of the target.",
)
def controller_share_of_kl(self, kl):
    error = 1 - self.target / max(kl, 1e-8)
    self.kl_coef *= 1 + self.k_beta * min(max(error, -MAX_ERROR), MAX_ERROR)
    return self.kl_coef


@mistake(
    "3.16",
    "kl.AdaptiveController.update",
    "Doubling and halving is the rule of the PPO paper, section 4; the one asked for is proportional to the error.",
)
def controller_doubles(self, kl):
    if kl > 1.5 * self.target:
        self.kl_coef *= 2
    elif kl < self.target / 1.5:
        self.kl_coef /= 2
    return self.kl_coef


@mistake(
    "3.16",
    "kl.AdaptiveController.update",
    "The target is what the caller wants and stays; beta is what is steered.",
)
def controller_moves_target(self, kl):
    error = min(max(kl / self.target - 1, -MAX_ERROR), MAX_ERROR)
    self.kl_coef *= 1 + self.k_beta * error
    self.target *= 1 - self.k_beta * error
    return self.kl_coef
