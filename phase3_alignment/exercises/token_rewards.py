"""What each token earns: a little for staying close to the reference, and the score at the end.

A reward model reads a whole response and gives one number. Reinforcement learning asks what each
action was worth. Ziegler et al. 2019 (arXiv:1909.08593), equation 2, and Ouyang et al. 2022
(arXiv:2203.02155), equation 2, answer with the sum that is built here.
"""

import torch
from torch import Tensor

EPS = 1e-12  # a standard deviation below this share of the mean is rounding


class RunningMoments:
    """Mean and variance of all scores seen so far, to bring scores to one scale.

    A reward model's zero and unit mean nothing: its loss sees differences only. Divided by their
    standard deviation, scores of any model can be weighed against the KL by one `kl_coef`. Batches
    are merged as in Chan, Golub, LeVeque 1979, so the order and the sizes of batches do not matter.

    Attributes:
        count: scores seen.
        mean: of them.
        squares: the sum of their squared distances from the mean.
    """

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def update(self, scores: Tensor) -> None:
        """Count in a batch of scores, (B,)."""
        scores = scores.double()
        n, mean = len(scores), scores.mean().item() if len(scores) else 0.0
        total = self.count + n
        difference = mean - self.mean
        self.squares += (scores - mean).square().sum().item()
        self.squares += difference**2 * self.count * n / max(total, 1)
        self.mean += difference * n / max(total, 1)
        self.count = total

    @property
    def std(self) -> float:
        """Standard deviation, the sum divided by n; 1 while all scores are equal."""
        std = (self.squares / max(self.count, 1)) ** 0.5
        return std if std > EPS * abs(self.mean) else 1.0

    def normalise(self, scores: Tensor) -> Tensor:
        """Return (scores - mean) / std: of what was seen so far, not of this batch."""
        return (scores - self.mean) / self.std

    def state_dict(self) -> dict[str, float]:
        """Return all that a resumed run needs."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on from another's `state_dict`."""
        vars(self).update(state)


def shape(
    scores: Tensor,
    logprobs: Tensor,
    ref_logprobs: Tensor,
    actions: Tensor,
    ended: Tensor,
    kl_coef: float,
    missing_end_penalty: float = 0.0,
) -> Tensor:
    """Give every action its reward: -kl_coef (log p - log p_ref), and the last one the score too.

    Summed over a response, this is the score minus kl_coef times log p / p_ref of the whole
    response, whose mean is the KL divergence to the reference.

    Args:
        scores: (B,), a reward model's number for each response.
        logprobs: (B, T), in nats, of the policy that wrote the tokens. They are constants here.
        ref_logprobs: (B, T), of the reference.
        actions: (B, T) bool, True where the model wrote the token; before, between and behind the
            actions of a row may be tokens that it did not write. Where it is False, the
            log-probabilities mean nothing and may be NaN.
        ended: (B,) bool, whether a response has come to its own end.
        kl_coef: how much a nat costs, in units of the score.
        missing_end_penalty: taken off the score of each response that has not ended.

    Returns:
        (B, T) rewards, a new tensor of logprobs' dtype through which no gradient flows; exactly 0
        where there is no action. A row without any action has no reward at all.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if not (logprobs.shape == ref_logprobs.shape == actions.shape):
        shapes = [tuple(t.shape) for t in (logprobs, ref_logprobs, actions)]
        raise ValueError(f"logprobs, ref_logprobs and actions need one shape (B, T), got {shapes}")
    if not (scores.shape == ended.shape == actions.shape[:1]):
        shapes = [tuple(t.shape) for t in (scores, ended)]
        raise ValueError(
            f"scores and ended need the shape {tuple(actions.shape[:1])}, got {shapes}"
        )
    # TODO 3.17: Every action pays for its distance from the reference; a row's last action also
    # gets the score, less the penalty if there was no end.
    raise NotImplementedError("exercise 3.17: shape")
