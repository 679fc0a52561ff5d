"""Group relative policy optimisation: answers to one prompt are compared with each other.

Shao et al. 2024 (arXiv:2402.03300). PPO asks a second network, the critic, what score to expect;
GRPO samples a group of answers to the same prompt and takes their mean. Liu et al. 2025 ("Dr.
GRPO", arXiv:2503.20783) show what two of its divisions do: the one by the group's deviation favours
prompts that are nearly always or nearly never answered well, the one by an answer's length favours
long wrong answers. Both can be left out here.

Index t of a (B, T - 1) tensor speaks of token t + 1; where `actions` is False it may hold anything.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Aggregation = Literal["sequence", "token", "constant"]
EPS = 1e-4  # so small a deviation is rounding: an all-equal group must not be blown up to 1


@dataclass(frozen=True)
class GRPOConfig:
    """What a GRPO loss is made of.

    Attributes:
        clip_coef: how far a ratio may be from 1 before a token has nothing more to gain.
        kl_coef: reward per nat of KL to the reference; 0.04 in Shao et al., section 4.2.
        aggregation: how the losses of tokens become one number; see `aggregate`.
        max_length: tokens that an answer may have at most, for the aggregation "constant" alone.
    """

    clip_coef: float = 0.2
    kl_coef: float = 0.04
    aggregation: Aggregation = "sequence"
    max_length: int | None = None


def advantages(scores: Tensor, group_size: int, scale: bool = True) -> Tensor:
    """How much better each answer is than its group: (score - mean) / (deviation + EPS).

    Shao et al. 2024, section 4.1.2. The deviation is that of a sample, with n - 1 in it; theirs
    does not say. `scale=False` takes the mean off and divides by nothing (Liu et al. 2025).

    Args:
        scores: (B,) floating, left as it is; answers to one prompt are `group_size` neighbours.
        group_size: answers to each prompt.
        scale: whether to divide.

    Returns:
        (B,) in the order of the scores, of sum 0 in each group; 0 if a group's scores are equal.

    Raises:
        ValueError: if there are fewer than two answers in a group, or B is no multiple of them.
    """
    if group_size < 2 or len(scores) % group_size:
        raise ValueError(f"{len(scores)} scores do not make groups of {group_size}, two or more")
    # TODO 3.22: Each score less its group's mean, over its group's deviation if scale; 0, not NaN,
    # in a group of equals.
    raise NotImplementedError("exercise 3.22: advantages")


def token_losses(
    logprobs: Tensor,
    old_logprobs: Tensor,
    ref_logprobs: Tensor,
    advantages: Tensor,
    actions: Tensor,
    clip_coef: float,
    kl_coef: float,
) -> Tensor:
    """PPO's clipped loss plus kl_coef times the estimator k3 of the KL, token by token.

    Shao et al. 2024, equations 3 and 4: -min(r A, clip(r, 1 - clip_coef, 1 + clip_coef) A)
    + kl_coef (q - 1 - log q), where r is policy over old policy and q is reference over policy.

    Args:
        logprobs: (B, T - 1) of the written tokens under the policy that learns.
        old_logprobs: (B, T - 1) under the policy that wrote them.
        ref_logprobs: (B, T - 1) under the reference.
        advantages: (B,), one for all tokens of an answer.
        actions: (B, T - 1) bool. Where it is False the three others may hold anything, NaN too.
        clip_coef, kl_coef: as in `GRPOConfig`.

    Returns:
        (B, T - 1), 0 where `actions` is False. A gradient flows into `logprobs` alone, and only
        where `actions` is True.

    Raises:
        ValueError: if the shapes do not fit.
    """
    shapes = [tuple(x.shape) for x in (logprobs, old_logprobs, ref_logprobs, actions)]
    if len(set(shapes)) != 1 or advantages.shape != logprobs.shape[:1]:
        raise ValueError(f"expected four (B, T - 1) and (B,), got {shapes}, {advantages.shape}")
    # TODO 3.22: The clipped loss and the price of the KL of each action, 0 elsewhere, with
    # gradients into logprobs alone and only at actions.
    raise NotImplementedError("exercise 3.22: token_losses")


def aggregate(
    losses: Tensor, actions: Tensor, how: Aggregation, max_length: int | None = None
) -> Tensor:
    """Make one number of the losses of many tokens; which one decides what a token weighs.

    "sequence": each answer's mean over its tokens, then the mean over the B answers (Shao et al.):
    a token of a long answer weighs less. An answer without tokens has a mean of 0.
    "token": the mean over all tokens of all answers: each token weighs the same.
    "constant": the sum over all tokens, divided by B times `max_length` (Liu et al.): each token
    weighs the same, and the same in every batch.

    Args:
        losses: (B, T - 1) floating; where `actions` is False it may hold anything, NaN too.
        actions: (B, T - 1) bool.
        how: one of the three.
        max_length: tokens that an answer may have at most; needed by "constant", else not used.

    Returns:
        A scalar, which can be differentiated; 0 if there is no action at all.

    Raises:
        ValueError: if `how` is none of the three, or is "constant" and there is no `max_length`.
    """
    if how not in ("sequence", "token", "constant"):
        raise ValueError(f"aggregation must be sequence, token or constant, got {how!r}")
    if how == "constant" and not max_length:
        raise ValueError(f"the aggregation 'constant' needs a max_length, got {max_length}")
    # TODO 3.22: One number of all losses, in which the tokens weigh as `how` says; an answer
    # without tokens counts as an answer.
    raise NotImplementedError("exercise 3.22: aggregate")


def loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    ref_logprobs: Tensor,
    advantages: Tensor,
    actions: Tensor,
    config: GRPOConfig,
) -> Tensor:
    """One number to minimise for a batch of answers: `token_losses`, aggregated."""
    coefs = config.clip_coef, config.kl_coef
    losses = token_losses(logprobs, old_logprobs, ref_logprobs, advantages, actions, *coefs)
    return aggregate(losses, actions, config.aggregation, config.max_length)
