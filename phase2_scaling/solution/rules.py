"""Update rules: what an optimiser does to one parameter. They are given.

A rule makes the state of a parameter and updates both in place; it keeps nothing itself, so that
where the state lives is somebody else's choice.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

State = dict[str, Tensor]


@dataclass(frozen=True)
class AdamW:
    """Loshchilov, Hutter 2017 (arXiv:1711.05101), algorithm 2, in the order of PyTorch's sums."""

    lr: float
    """step size"""
    betas: tuple[float, float] = (0.9, 0.95)
    """decay of the two moments, per step"""
    eps: float = 1e-8
    """added to the root of the second moment"""
    weight_decay: float = 0.1
    """share of lr by which a weight shrinks in each step"""

    def state(self, parameter: Tensor) -> State:
        """Make the two moments of a parameter that has taken no step."""
        return {"m": torch.zeros_like(parameter), "v": torch.zeros_like(parameter)}

    def update(self, parameter: Tensor, gradient: Tensor, state: State, step: int) -> None:
        """Take step number `step`, the first of which is 1: parameter and state change in place."""
        b1, b2 = self.betas
        parameter.mul_(1 - self.lr * self.weight_decay)
        state["m"].lerp_(gradient, 1 - b1)
        state["v"].mul_(b2).addcmul_(gradient, gradient, value=1 - b2)
        denominator = (state["v"].sqrt() / (1 - b2**step) ** 0.5).add_(self.eps)
        parameter.addcdiv_(state["m"], denominator, value=-self.lr / (1 - b1**step))


@dataclass(frozen=True)
class WithMaster:
    """A rule for parameters of 16 bits: their float32 masters are part of the state."""

    rule: AdamW
    """moves the master"""

    def state(self, parameter: Tensor) -> State:
        """Make the master from the parameter, and the rule's state from the master."""
        master = parameter.to(torch.float32, copy=True)
        return {"master": master, **self.rule.state(master)}

    def update(self, parameter: Tensor, gradient: Tensor, state: State, step: int) -> None:
        """Move the master in float32, and round it into the parameter."""
        self.rule.update(state["master"], gradient.float(), state, step)
        parameter.copy_(state["master"])
