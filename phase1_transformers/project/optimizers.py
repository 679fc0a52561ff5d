"""The optimisers of a run, as one: AdamW alone, or Muon for the blocks' matrices beside it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from phase1_transformers.project.config import Config
from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.muon import Muon
from phase1_transformers.solution.optim import decay_groups


class Together:
    """Several optimisers that step as one; `training_step` cannot tell the difference.

    Args:
        optimizers: each with its own parameters.
    """

    def __init__(self, *optimizers: torch.optim.Optimizer) -> None:
        self.optimizers = optimizers
        self.tops = [[group["lr"] for group in o.param_groups] for o in optimizers]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def step(self) -> None:
        """Move all parameters."""
        for optimizer in self.optimizers:
            optimizer.step()

    def set_lr(self, share: float) -> None:
        """Set every learning rate to a share of the one it was made with."""
        for optimizer, tops in zip(self.optimizers, self.tops):
            for group, top in zip(optimizer.param_groups, tops):
                group["lr"] = share * top

    def tensors(self) -> dict[str, Tensor]:
        """Return what the optimisers remember of each parameter, by a name such as 0.12.exp_avg."""
        return {
            f"{i}.{parameter}.{name}": tensor
            for i, optimizer in enumerate(self.optimizers)
            for parameter, state in optimizer.state_dict()["state"].items()
            for name, tensor in state.items()
        }

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Take back what `tensors` gave."""
        states: list[dict[int, dict[str, Tensor]]] = [{} for _ in self.optimizers]
        for key, tensor in tensors.items():
            i, parameter, name = key.split(".")
            states[int(i)].setdefault(int(parameter), {})[name] = tensor
        for optimizer, state in zip(self.optimizers, states):
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def make_optimizer(config: Config, model: GPT) -> Together:
    """Sort the parameters between the optimisers that the config asks for.

    Muon gets the matrices inside the blocks. Embeddings, the head, gains and biases stay with
    AdamW: their rows are looked up one by one, so there is no matrix whose directions to balance.
    """
    groups = decay_groups(model, config.weight_decay)
    if config.optimizer == "adamw":
        return Together(adamw(config, groups))
    stacked = [block.attention.qkv.weight for block in model.blocks]
    taken = {id(p) for p in stacked}
    others = [p for p in model.blocks.parameters() if p.ndim == 2 and id(p) not in taken]
    taken |= {id(p) for p in others}
    groups[0]["params"] = [p for p in groups[0]["params"] if id(p) not in taken]
    rows = list(model.blocks[0].attention.widths)
    muon = Muon(
        [{"params": stacked, "rows": rows}, {"params": others}],
        lr=config.muon_lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
    return Together(muon, adamw(config, groups))


def adamw(config: Config, groups: list[dict[str, Any]]) -> torch.optim.AdamW:
    """PyTorch's AdamW, all parameters in one call."""
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, fused=True)
