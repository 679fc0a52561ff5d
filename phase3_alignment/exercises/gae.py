"""Generalised advantage estimation: how much better than expected did it go after each action?

Schulman et al. 2015 (arXiv:1506.02438), section 3.
"""

import torch
from torch import Tensor


@torch.no_grad()
def advantages(
    rewards: Tensor,
    values: Tensor,
    actions: Tensor,
    gamma: float = 1.0,
    gae_lambda: float = 0.95,
    bootstrap: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Estimate the advantage of every action, and the return that its value should have foretold.

    Equations 11 to 16, from the last action of a row to its first:

        delta_t = r_t + gamma V_next - V_t
        A_t     = delta_t + gamma gae_lambda A_next

    where *next* is the row's next action, not the next column: prompt, padding, and what others
    wrote between two actions are passed over. After the last action A_next is 0 and V_next is the
    row's `bootstrap`. Responses are episodes that end: the score judges them as they are, cut
    short or not, and nothing comes after (None). Give a value where something would have come.

    Args:
        rewards: (B, T); stays as it is. Where there is no action, rewards and values mean nothing
            and may be NaN.
        values: (B, T), what the value head expected before each action; stays as it is.
        actions: (B, T) bool.
        gamma: the discount; 1 in RLHF, where a response is short.
        gae_lambda: from 0 (trust the values, one step ahead) to 1 (trust the rewards).
        bootstrap: (B,), what the state after the last action is worth; None means 0 for all.

    Returns:
        advantages, (B, T), and returns = advantages + values, (B, T): new tensors of the dtype of
        rewards, exactly 0 where there is no action, that take part in no backward pass.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if not (rewards.shape == values.shape == actions.shape):
        shapes = [tuple(t.shape) for t in (rewards, values, actions)]
        raise ValueError(f"rewards, values and actions need one shape (B, T), got {shapes}")
    if bootstrap is not None and bootstrap.shape != actions.shape[:1]:
        raise ValueError(
            f"bootstrap needs the shape {tuple(actions.shape[:1])}, got {tuple(bootstrap.shape)}"
        )
    # TODO 3.17: The discounted sum of the deltas from each action to the row's last, over its
    # actions only; returns are advantages plus values.
    raise NotImplementedError("exercise 3.17: advantages")
