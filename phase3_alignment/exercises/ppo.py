"""PPO's two losses: learn from what was sampled, but do not go far on its word.

Schulman et al. 2017 (arXiv:1707.06347). A batch of responses is used for several steps. After the
first step the policy is not any more the one that wrote them, so each token's weight is corrected
by the ratio of the two probabilities, and what would take the ratio far from 1 gets no gradient.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from phase3_alignment.solution import masked


@dataclass(frozen=True)
class PolicyStats:
    """What to watch while a policy learns: scalar tensors without a gradient.

    Attributes:
        clip_fraction: share of the actions at which the clip takes effect: the clipped objective is
            the smaller one, so the action has no gradient.
        approx_kl: mean of ratio - 1 - log ratio over the actions, in nats: an estimate of the KL
            divergence from the policy that sampled to this one that is never negative (Schulman
            2020, "Approximating KL divergence", k3).
    """

    clip_fraction: Tensor
    approx_kl: Tensor


@dataclass(frozen=True)
class ValueStats:
    """What to watch while values learn: scalar tensors without a gradient.

    Attributes:
        clip_fraction: share of the actions at which the clipped value has the larger error.
        explained_variance: 1 - Var(returns - values) / Var(returns): 1 for a perfect value head, 0
            for one that knows only the mean, below 0 for a harmful one; 0 if all returns are equal.
    """

    clip_fraction: Tensor
    explained_variance: Tensor


def policy_loss(
    logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, actions: Tensor, clip_coef: float
) -> tuple[Tensor, PolicyStats]:
    """Negative clipped surrogate objective: -mean of min(ratio A, clip(ratio) A) over the actions.

    Equation 7 of the paper, with ratio = p / p_old and clip(ratio) in [1 - clip_coef,
    1 + clip_coef]. The min makes it a lower bound: what goes in a good direction too far counts no
    further, what went in a bad one is still called back.

    Args:
        logprobs: (B, T), in nats, of the policy that learns; only these get a gradient.
        old_logprobs: (B, T), of the policy that sampled.
        advantages: (B, T).
        actions: (B, T) bool; where it is False, all others mean nothing and may be NaN.
        clip_coef: epsilon, positive.

    Returns:
        The loss, a scalar that can be differentiated (0 if there is no action; every action of the
        batch weighs the same, however long its row), and the statistics.

    Raises:
        ValueError: if the shapes differ.
    """
    if len({t.shape for t in (logprobs, old_logprobs, advantages, actions)}) > 1:
        shapes = [tuple(t.shape) for t in (logprobs, old_logprobs, advantages, actions)]
        raise ValueError(f"logprobs, old ones, advantages, actions need one shape, got {shapes}")
    # TODO 3.18: Minus the mean over the actions of the smaller of two objectives, with the ratio as
    # it is and held in its range; and two statistics without a gradient.
    raise NotImplementedError("exercise 3.18: policy_loss")


def value_loss(
    values: Tensor, old_values: Tensor, returns: Tensor, actions: Tensor, clip_coef: float
) -> tuple[Tensor, ValueStats]:
    """Half the mean over the actions of the larger of two squared errors, clipped and not.

    The clipped value may differ from the old one by at most `clip_coef`. Not in the paper: it comes
    from OpenAI's code, as does the factor 1/2 (Huang et al. 2022, "The 37 implementation details of
    PPO", detail 9; Ziegler et al. 2019).

    Args:
        values: (B, T), of the value head that learns; only these get a gradient.
        old_values: (B, T), of the value head at the time of sampling.
        returns: (B, T), what the values should have been.
        actions: (B, T) bool; where it is False, all others mean nothing and may be NaN.
        clip_coef: in units of the rewards, positive; `math.inf` does not clip.

    Returns:
        The loss, a scalar that can be differentiated (0 if there is no action), and the statistics.

    Raises:
        ValueError: if the shapes differ.
    """
    if len({t.shape for t in (values, old_values, returns, actions)}) > 1:
        shapes = [tuple(t.shape) for t in (values, old_values, returns, actions)]
        raise ValueError(f"values, old ones, returns and actions need one shape, got {shapes}")
    # TODO 3.18: Half the mean over the actions of the larger of two squared errors, with the value
    # as it is and held near the old one; and two statistics without a gradient.
    raise NotImplementedError("exercise 3.18: value_loss")


def explained_variance(values: Tensor, returns: Tensor, actions: Tensor) -> Tensor:
    """Share of the returns' variance that the values foretell; see `ValueStats`."""
    total = masked.variance(returns, actions)
    left = masked.variance(returns - values, actions)
    return torch.where(total > 0, 1 - left / total, 0)
