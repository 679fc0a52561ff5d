"""Direct preference optimisation: learn from pairs, with no reward model and no sampling.

Rafailov et al. 2023 (arXiv:2305.18290). The best policy under a reward r and a price beta of moving
away from the reference is known: it is the reference times e^(r / beta), normalised. Turned round,
every policy is the best one for some reward, and that reward can be read off its probabilities.
So the Bradley-Terry loss of that reward is a loss of the policy.

Everything here works on log-probabilities; which model gave them does not matter.
"""

import torch.nn.functional as F
from torch import Tensor


def sequence_logprobs(logprobs: Tensor, actions: Tensor) -> Tensor:
    """Log-probability of each whole answer: the sum over the tokens that the model wrote.

    Args:
        logprobs: (B, T - 1) floating, of each token given those before it; where `actions` is
            False it may hold anything, NaN too.
        actions: (B, T - 1) bool, True on the tokens of the answer.

    Returns:
        (B,), the dtype of logprobs; 0 for an answer without tokens. What is not an action gets the
        gradient 0.

    Raises:
        ValueError: if the shapes differ.
    """
    if logprobs.shape != actions.shape:
        got = f"{tuple(logprobs.shape)} and {tuple(actions.shape)}"
        raise ValueError(f"logprobs and actions need one shape (B, T - 1); got {got}")
    # TODO 3.21: The log-probability of each answer: a sum over its own tokens, with gradient 0
    # everywhere else, whatever stands there.
    raise NotImplementedError("exercise 3.21: sequence_logprobs")


def implicit_rewards(logprobs: Tensor, ref_logprobs: Tensor, beta: float) -> Tensor:
    """The reward for which the policy would be the best one: beta log(policy / reference).

    Rafailov et al. 2023, section 4, up to a number that depends on the prompt alone and cancels in
    every pair.

    Args:
        logprobs: (B,) log-probability of each whole answer under the policy.
        ref_logprobs: (B,) the same under the reference, into which no gradient flows.
        beta: the price of moving away from the reference, in reward per nat.

    Returns:
        (B,) rewards, which can be differentiated by `logprobs`.

    Raises:
        ValueError: if the shapes differ.
    """
    if logprobs.shape != ref_logprobs.shape:
        got = f"{tuple(logprobs.shape)} and {tuple(ref_logprobs.shape)}"
        raise ValueError(f"policy and reference need one shape (B,); got {got}")
    # TODO 3.21: beta times how much likelier the policy makes each answer than the reference does;
    # only the policy learns.
    raise NotImplementedError("exercise 3.21: implicit_rewards")


def loss(
    chosen: Tensor,
    rejected: Tensor,
    ref_chosen: Tensor,
    ref_rejected: Tensor,
    beta: float,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Mean of -log sigmoid(margin) over the pairs; a margin is the difference of implicit rewards.

    Rafailov et al. 2023, equation 7. With `label_smoothing` this is the conservative DPO of
    Mitchell 2023 ("A note on DPO with noisy preferences"): the cross-entropy if a pair's label is
    wrong with that probability, so that no margin is worth growing without end.

    Args:
        chosen, rejected: (B,) log-probabilities of whole answers under the policy, left as they
            are; `chosen` are those that were preferred.
        ref_chosen, ref_rejected: (B,) the same answers under the reference; no gradient flows here.
        beta: as for `implicit_rewards`.
        label_smoothing: share of the pairs whose label is taken to be wrong.

    Returns:
        A scalar in nats, which can be differentiated; finite for margins of any size.

    Raises:
        ValueError: if the shapes differ, or label_smoothing lies outside [0, 0.5).
    """
    shapes = [tuple(x.shape) for x in (chosen, rejected, ref_chosen, ref_rejected)]
    if len(set(shapes)) != 1:
        raise ValueError(f"the four log-probabilities need one shape (B,); got {shapes}")
    if not 0 <= label_smoothing < 0.5:
        raise ValueError(f"label_smoothing must lie in [0, 0.5), got {label_smoothing}")
    # TODO 3.21: The mean cross-entropy of the pairs' labels, whose logit is the difference of
    # implicit rewards; finite for any margin.
    raise NotImplementedError("exercise 3.21: loss")
