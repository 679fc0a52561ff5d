"""What learns in a run, and all that it takes to go on after a crash as if nothing had happened.

A frozen base is not saved: it comes from where it came from. Saved are the parameters that train,
AdamW's two averages of each, the generators, and the little that a program counts itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from shared.runs import Checkpoint

AVERAGES = ("exp_avg", "exp_avg_sq")


class Learner:
    """The trained part of a model, its optimiser and its sources of chance.

    Args:
        model: trains where its parameters require a gradient.
        lr: the greatest learning rate; it falls in a straight line to 0 over `n_steps`.
        n_steps: of the whole run.
        warmup_steps: over which it first rises from 0, in a straight line as well.
        weight_decay: AdamW's, on matrices only.
        max_grad_norm: the gradient's greatest length.
        eps: AdamW's; PPO's code takes 1e-5, since its first steps are the noisiest (Huang et al.
            2022, detail 3).
        seed: of everything random.

    Attributes:
        optimizer: AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101).
        generator: of the CPU, for batches and samples. Dropout draws from torch's own, which is
            seeded too.
        done: steps so far.
    """

    def __init__(
        self,
        model: nn.Module,
        lr: float,
        n_steps: int,
        *,
        warmup_steps: int = 0,
        weight_decay: float = 0.0,
        max_grad_norm: float = 1.0,
        eps: float = 1e-8,
        seed: int = 0,
    ) -> None:
        self.model, self.lr, self.n_steps, self.warmup_steps = model, lr, n_steps, warmup_steps
        self.max_grad_norm = max_grad_norm
        matrices = [p for _, p in self.trained() if p.ndim > 1]
        others = [p for _, p in self.trained() if p.ndim <= 1]
        groups = [
            {"params": matrices, "weight_decay": weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=lr, eps=eps)
        self.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self.done = 0

    def trained(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Name the parameters that train."""
        return ((n, p) for n, p in self.model.named_parameters() if p.requires_grad)

    def begin_step(self) -> None:
        """Count a step and set its learning rate."""
        self.done += 1
        rising = self.done / max(1, self.warmup_steps)
        falling = (self.n_steps - self.done + 1) / max(1, self.n_steps - self.warmup_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * min(1.0, rising, falling)

    def descend(self, loss: Tensor) -> float:
        """Take one optimiser step down this loss; return the gradient's length before clipping."""
        self.optimizer.zero_grad()
        loss.backward()
        parameters = [p for _, p in self.trained()]
        norm = nn.utils.clip_grad_norm_(parameters, self.max_grad_norm)
        self.optimizer.step()
        return norm.item()

    # -- checkpoints --------------------------------------------------------------------------

    def arrays(self) -> dict[str, np.ndarray]:
        """Return parameters, averages and generators, by name."""
        found: dict[str, Tensor] = {}
        for name, p in self.trained():
            found[f"model.{name}"] = p.detach()
            for key, value in self.optimizer.state.get(p, {}).items():
                found[f"optimizer.{key}.{name}"] = torch.as_tensor(value)
        found["rng.generator"] = self.generator.get_state()
        found["rng.dropout"] = torch.get_rng_state()
        # A copy: the parameter goes on changing while the checkpoint is written.
        return {name: tensor.cpu().clone().numpy() for name, tensor in found.items()}

    def restore(self, saved: Checkpoint) -> None:
        """Go back to a checkpoint: the same numbers, the same luck.

        Raises:
            ValueError: the checkpoint is of another model.
        """
        tensors = {name: torch.from_numpy(array) for name, array in saved.arrays.items()}
        names = {f"model.{name}" for name, _ in self.trained()}
        found = {name for name in tensors if name.startswith("model.")}
        if names != found:
            odd = sorted(names ^ found)[0].removeprefix("model.")
            raise ValueError(f"the checkpoint is of another model: {odd} is in one of them only")
        with torch.no_grad():
            for name, p in self.trained():
                p.copy_(tensors[f"model.{name}"])
                keys = ("step", *AVERAGES)
                kept = {k: tensors.get(f"optimizer.{k}.{name}") for k in keys}
                if kept["step"] is not None:
                    self.optimizer.state[p] = {
                        k: v if k == "step" else v.to(p.device) for k, v in kept.items()
                    }
        self.generator.set_state(tensors["rng.generator"])
        torch.set_rng_state(tensors["rng.dropout"])
        self.done = saved.step
