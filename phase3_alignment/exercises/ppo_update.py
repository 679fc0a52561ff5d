"""One PPO step: what was sampled once is learnt from several times.

Schulman et al. 2017 (arXiv:1707.06347), algorithm 1, the inner half; for language models Ziegler et
al. 2019 (arXiv:1909.08593) and Huang et al. 2024 (arXiv:2403.17031). Sampling, scoring and the
reference come before it and are not its business: it sees tensors, and a model that answers with
logits and values.
"""

import math
from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from phase3_alignment.solution import gae, logprobs, masked, ppo, token_rewards

# -- what goes in and comes out ---------------------------------------------------------------


@dataclass(frozen=True)
class PPOConfig:
    """The numbers of a PPO step; the defaults are those of Ziegler et al. 2019 where it has them.

    Attributes:
        n_epochs: how often each response is learnt from.
        minibatch_size: responses per optimiser step; the last of an epoch may have fewer.
        clip_coef: epsilon of the clipped ratio.
        value_clip_coef: how far a value may move, in units of the rewards; `math.inf` for no limit.
        value_coef: weight of the value loss.
        entropy_coef: weight of the entropy bonus, in reward per nat; 0 in most RLHF.
        gamma, gae_lambda: of the advantages.
        target_kl: approximate KL, in nats per token, at which the step ends early; None never.
        max_grad_norm: the gradient's greatest length.
        temperature: that of the sampling.
    """

    n_epochs: int = 4
    minibatch_size: int = 16
    clip_coef: float = 0.2
    value_clip_coef: float = 0.2
    value_coef: float = 0.1
    entropy_coef: float = 0.0
    gamma: float = 1.0
    gae_lambda: float = 0.95
    target_kl: float | None = None
    max_grad_norm: float = 1.0
    temperature: float = 1.0


@dataclass(frozen=True)
class Experience:
    """A batch of responses with all that stays fixed while they are learnt from.

    Attributes:
        ids: (B, T) token ids, prompts and responses, padded.
        mask: (B, T) bool, True on real tokens.
        actions: (B, T - 1) bool, True at t where token t + 1 was sampled.
        logprobs: (B, T - 1), nats, of the policy that sampled, at the temperature of the sampling.
        values: (B, T - 1), of the value head at that time.
        advantages: (B, T - 1), white.
        returns: (B, T - 1).
    """

    ids: Tensor
    mask: Tensor
    actions: Tensor
    logprobs: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor

    def rows(self, index: Tensor) -> "Experience":
        """Return some of the responses, in the order of `index`."""
        return Experience(*(getattr(self, field.name)[index] for field in fields(self)))


@dataclass(frozen=True)
class StepStats:
    """What one minibatch showed, before the optimiser moved: numbers for the curves.

    Attributes:
        policy_loss, value_loss: as `ppo` defines them.
        entropy: mean over the actions, in nats.
        approx_kl, clip_fraction: see `ppo.PolicyStats`.
        value_clip_fraction, explained_variance: see `ppo.ValueStats`.
        grad_norm: the gradient's length before it was clipped; NaN if no gradient was taken.
    """

    policy_loss: float
    value_loss: float
    entropy: float
    approx_kl: float
    clip_fraction: float
    value_clip_fraction: float
    explained_variance: float
    grad_norm: float = math.nan


# -- before the update ------------------------------------------------------------------------


def prepare(
    ids: Tensor,
    mask: Tensor,
    actions: Tensor,
    old_logprobs: Tensor,
    old_values: Tensor,
    ref_logprobs: Tensor,
    scores: Tensor,
    ended: Tensor,
    config: PPOConfig,
    kl_coef: float,
    missing_end_penalty: float = 0.0,
) -> Experience:
    """Turn scored responses into experience: rewards, advantages and returns, then whitening.

    The advantages are whitened over the whole batch, once, and the returns come from those of
    before: the value head is to foretell rewards, not white numbers.

    Args:
        ids, mask, actions: as in `Experience`.
        old_logprobs, old_values, ref_logprobs: (B, T - 1), of the policy, its head, the reference.
        scores, ended, kl_coef, missing_end_penalty: see `token_rewards.shape`.
        config: its gamma and gae_lambda are used.
    """
    rewards = token_rewards.shape(
        scores, old_logprobs, ref_logprobs, actions, ended, kl_coef, missing_end_penalty
    )
    advantages, returns = gae.advantages(
        rewards, old_values, actions, config.gamma, config.gae_lambda
    )
    white = masked.whiten(advantages, actions)
    return Experience(ids, mask, actions, old_logprobs, old_values, white, returns)


def evaluate(
    model: nn.Module, ids: Tensor, mask: Tensor, actions: Tensor, config: PPOConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the model's logprobs, entropies and values of a batch, (B, T - 1) each.

    Args:
        model: called as `model(input_ids=..., attention_mask=..., position_ids=...,
            logits_to_keep=...)`, answers with `.logits`, of all tokens or of the last so many, and
            `.values`, (B, T).
        ids, mask, actions: as in `Experience`; padding may be on either side.
        config: its temperature divides the logits; without an entropy_coef the entropy is
            computed without a gradient.
    """
    # Nothing is asked before the first action, and logits are the largest tensor there is.
    before = int(actions.any(dim=0).int().argmax())
    keep = ids.shape[1] - before
    positions = (mask.cumsum(dim=-1) - 1).clamp(min=0)
    output = model(
        input_ids=ids, attention_mask=mask.long(), position_ids=positions, logits_to_keep=keep
    )
    logits = output.logits[:, -keep:] / config.temperature
    asked = actions[:, before:]
    found = logprobs.of_tokens(logits, ids[:, before:], asked)
    with torch.set_grad_enabled(torch.is_grad_enabled() and config.entropy_coef != 0):
        entropies = logprobs.entropy(logits, asked)
    found, entropies = (F.pad(x, (before, 0)) for x in (found, entropies))
    return found, entropies, output.values[:, :-1]


# -- the update -------------------------------------------------------------------------------


def loss(model: nn.Module, batch: Experience, config: PPOConfig) -> tuple[Tensor, StepStats]:
    """Weigh what a minibatch says about the policy, the values and the entropy.

    loss = policy loss + value_coef * value loss - entropy_coef * mean entropy over the actions:
    equation 9 of Schulman et al. 2017, turned around to be made small. Probabilities, entropies and
    values are those of the model as it is now (`evaluate`).

    Args:
        model: see `evaluate`.
        batch: stays as it is.
        config: clip_coef, value_clip_coef, value_coef, entropy_coef, temperature are used.

    Returns:
        The loss, a scalar that can be differentiated, and its record, whose numbers are floats;
        grad_norm is NaN, for no gradient was taken yet.
    """
    # TODO 3.19: Policy loss plus weighted value loss less weighted mean entropy, all against what
    # was sampled; and the record of their numbers.
    raise NotImplementedError("exercise 3.19: loss")


def update(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    experience: Experience,
    config: PPOConfig,
    generator: torch.Generator,
) -> list[StepStats]:
    """Learn from a batch of responses: `n_epochs` times, in minibatches, one step for each.

    Every epoch goes through all responses once, in the order of a new `torch.randperm(B,
    generator=generator)`, `minibatch_size` at a time; the last minibatch may have fewer. For each,
    the `loss` is asked for, the gradients of the step before are cleared, the new ones shortened to
    a length of at most `max_grad_norm`, all parameters' together, and the optimiser steps.

    A minibatch whose approximate KL exceeds `target_kl` is not learnt from: its record is kept, no
    gradient is taken, and the whole update ends there, further epochs included.

    Args:
        model: as `evaluate` wants it, in eval mode. Parameters that require no gradient stay as
            they are.
        optimizer: holds the parameters that learn.
        experience: stays as it is, from the first minibatch to the last: the policy that learns is
            always compared with the one that sampled.
        config: the numbers.
        generator: of the CPU; the only source of chance.

    Returns:
        One record for each minibatch, in order. Its grad_norm is the length before it was
        shortened; NaN in the last one after an early stop.

    Raises:
        ValueError: if the model is in training mode: dropout would make another policy each time.
    """
    if model.training:
        raise ValueError("the model is in training mode; call model.eval() before the update")
    # TODO 3.19: Every epoch learns from all responses once, in a new order and in minibatches; the
    # first minibatch that shows too much KL ends it all.
    raise NotImplementedError("exercise 3.19: update")
