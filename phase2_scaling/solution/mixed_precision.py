"""Half precision that learns: weights kept in float32, used in 16 bits, and a loss that is scaled.

Micikevicius et al. 2017 (arXiv:1710.03740), sections 3.1 and 3.2. With bfloat16, whose exponent is
float32's, only the master weights are needed:

    weights = MasterWeights(model, torch.bfloat16)
    accumulate(model, micro_batches)
    weights.collect_gradients()
    clip_grad_norm(weights.masters, max_norm)
    optimizer.step()  # of weights.masters
    weights.publish()
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from phase2_scaling.solution.clipping import clip_grad_norm


class MasterWeights:
    """The float32 weights that an optimiser moves, behind the 16-bit ones of a module.

    Args:
        module: its parameters become `dtype`, and stay the same objects; buffers stay as they are.
        dtype: torch.bfloat16 or torch.float16.

    Attributes:
        copies: the parameters of the module, each once.
        masters: for each of them a float32 parameter, with the value that it had before.
    """

    def __init__(self, module: nn.Module, dtype: torch.dtype) -> None:
        self.copies = list(module.parameters())
        self.masters = [
            nn.Parameter(p.detach().to(torch.float32, copy=True), requires_grad=p.requires_grad)
            for p in self.copies
        ]
        for p in self.copies:
            p.data = p.data.to(dtype)

    def collect_gradients(self) -> None:
        """Move the gradient of each copy to its master, in float32.

        The copies are left without gradients, so that a backward pass can begin again. A master
        whose copy has none has none either, whatever it had before.
        """
        for master, copy in zip(self.masters, self.copies, strict=True):
            master.grad = None if copy.grad is None else copy.grad.float()
            copy.grad = None

    def publish(self) -> None:
        """Round each master into its copy, in place; the masters keep every bit."""
        with torch.no_grad():
            for master, copy in zip(self.masters, self.copies, strict=True):
                copy.copy_(master)


class LossScaler:
    """The number that lifts a loss, so that its gradients do not vanish in float16, and its rule.

    Micikevicius et al. 2017, section 3.2; the rule for choosing it is that of
    `torch.amp.GradScaler`.

    Args:
        scale: the first one; a power of two costs no rounding.
        growth_interval: good steps in a row after which a larger one is tried.

    Attributes:
        scale: the current one.
        good_steps: steps without an overflow since the scale last changed.
    """

    def __init__(self, scale: float = 2.0**16, growth_interval: int = 2000) -> None:
        self.scale, self.growth_interval = scale, growth_interval
        self.good_steps = 0

    def unscale(self, parameters: Iterable[nn.Parameter]) -> bool:
        """Divide every gradient by the scale, in place; tell whether all are finite.

        Args:
            parameters: those whose gradient is None are left out; there may be none. A generator
                will do.

        Returns:
            False if any gradient has an infinity or a NaN. The step is skipped then, and what the
            gradients hold does not matter.
        """
        gradients = [p.grad for p in parameters if p.grad is not None]
        for gradient in gradients:
            gradient.div_(self.scale)
        return all(bool(gradient.isfinite().all()) for gradient in gradients)

    def update(self, finite: bool) -> None:
        """Halve the scale after an overflow; double it after `growth_interval` good steps in a row.

        Args:
            finite: whether the step that just ended had finite gradients, as `unscale` told.
        """
        self.good_steps = self.good_steps + 1 if finite else 0
        if not finite:
            self.scale /= 2
        elif self.good_steps == self.growth_interval:
            self.scale *= 2
            self.good_steps = 0


def training_step(
    weights: MasterWeights,
    scaler: LossScaler,
    loss_function: Callable[[], Tensor],
    optimizer_step: Callable[[], object],
    max_norm: float,
) -> float:
    """Take one step in float16, or skip it if a gradient overflowed.

    A step that is skipped calls no `optimizer_step`: weights and moments keep every bit. Skipped or
    not, it counts for the scaler.

    Args:
        weights: of the module that is trained; its copies have no gradients yet.
        scaler: its scale goes into this step's gradients, and is updated for the next one.
        loss_function: runs the forward pass; gives the loss, a float32 scalar.
        optimizer_step: moves `weights.masters` by their gradients.
        max_norm: for `clip_grad_norm`, of the true gradient.

    Returns:
        The loss before the step, not scaled.
    """
    loss = loss_function()
    (loss * scaler.scale).backward()
    weights.collect_gradients()
    finite = scaler.unscale(weights.masters)
    if finite:
        clip_grad_norm(weights.masters, max_norm)
        optimizer_step()
        weights.publish()
    scaler.update(finite)
    return loss.item()
