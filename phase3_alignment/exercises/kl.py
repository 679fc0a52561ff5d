"""How far has the policy gone from the reference: KL(policy || reference), from samples.

The samples are the policy's own, and the direction is the one that a policy is punished for: what
it now says and the reference never would. The estimators take the log-probabilities of what was
sampled, of one shape, and give one number for each in that shape; whoever averages them also masks.

John Schulman, "Approximating KL divergence" (2020), has the three names, with r = reference /
policy. As a number to look at or to subtract from a reward, k1 and k3 are right on average. As a
loss, differentiated through `logprobs`, only k2 is:

    estimator               mean over samples             mean of its gradient
    k1 = -log r             KL(policy || reference)       0: it teaches nothing
    k2 = (log r)^2 / 2      close to it if both are       that of KL(policy || reference)
    k3 = r - 1 - log r      KL(policy || reference)       that of KL(reference || policy)
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

MAX_ERROR = 0.2  # Ziegler et al. 2019, section 2.2


def k1(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """Estimate the KL by the log-ratio itself: unbiased, but half of the samples are negative.

    Args:
        logprobs: any shape, nats, of samples of the policy. Gradients flow here.
        ref_logprobs: the same, of the same samples under the reference; a constant, into which no
            gradient flows, whether or not it asks for one.

    Returns:
        The same shape and dtype. Its mean is the KL. The mean of its gradient is 0: probabilities
        always add up to 1, so pushing all samples alike pushes none.

    Raises:
        ValueError: if the shapes differ.
    """
    if logprobs.shape != ref_logprobs.shape:
        raise ValueError(f"logprobs {tuple(logprobs.shape)}, ref {tuple(ref_logprobs.shape)}")
    # TODO 3.16: -log r of each sample; its mean is KL(policy || reference); no gradient into the
    # reference.
    raise NotImplementedError("exercise 3.16: k1")


def k2(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """Estimate the KL by half of the squared log-ratio: never negative, a little biased.

    Args:
        logprobs, ref_logprobs: as for `k1`.

    Returns:
        The same shape and dtype. Its mean is near the KL when the two are close. Its gradient,
        log(policy / reference) times that of `logprobs`, is on average exactly the KL's.

    Raises:
        ValueError: if the shapes differ.
    """
    if logprobs.shape != ref_logprobs.shape:
        raise ValueError(f"logprobs {tuple(logprobs.shape)}, ref {tuple(ref_logprobs.shape)}")
    # TODO 3.16: (log r)^2 / 2 of each sample; no gradient into the reference.
    raise NotImplementedError("exercise 3.16: k2")


def k3(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """Estimate the KL by r - 1 - log r, r = reference / policy: unbiased and never negative.

    r - 1 is 0 on average, so adding it to k1 keeps the mean; it goes up where -log r goes down, so
    it takes most of the variance away when the two are close.

    Args:
        logprobs, ref_logprobs: as for `k1`.

    Returns:
        The same shape and dtype, never below 0, also where the two are so close that r and 1 share
        all but their last digits: `torch.expm1` is e^x - 1 without that loss. Its mean is the KL.
        Its gradient, (1 - r) times that of `logprobs`, is on average that of the other direction,
        KL(reference || policy).

    Raises:
        ValueError: if the shapes differ.
    """
    if logprobs.shape != ref_logprobs.shape:
        raise ValueError(f"logprobs {tuple(logprobs.shape)}, ref {tuple(ref_logprobs.shape)}")
    # TODO 3.16: r - 1 - log r of each sample, never below 0, also in the last digits of float32; no
    # gradient into the reference.
    raise NotImplementedError("exercise 3.16: k3")


@dataclass
class AdaptiveController:
    """A KL coefficient that steers the KL to a target.

    Ziegler et al. 2019 (arXiv:1909.08593), section 2.2.

    Attributes:
        kl_coef: beta, the price of a nat in units of reward; `update` moves it.
        target: the KL to steer to, in nats per response.
        k_beta: how hard to steer; 0 leaves beta where it is.
    """

    kl_coef: float
    target: float
    k_beta: float = 0.1

    def update(self, kl: float) -> float:
        """Raise beta if the policy has gone too far, lower it if it may go further.

        The error is how far the KL is off, as a share of the target, and at most MAX_ERROR either
        way, so that one strange batch does not decide; beta is multiplied by 1 + k_beta * error.

        Args:
            kl: nats per response, the mean over a batch.

        Returns:
            The new `kl_coef`, which is kept in `self`.

        Raises:
            ValueError: if the KL is no finite number; beta would be none ever after.
        """
        if not math.isfinite(kl):
            raise ValueError(f"a KL of {kl} nats is nothing to steer by")
        # TODO 3.16: kl_coef times 1 + k_beta * error, the error a share of the target and at most
        # MAX_ERROR either way; kept and returned.
        raise NotImplementedError("exercise 3.16: AdaptiveController.update")
