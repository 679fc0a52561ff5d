"""Offloading: what the device need not have now lies in the host's memory, and comes when needed.

Ren et al. 2021 ("ZeRO-Offload", arXiv:2101.06840) keep the optimiser there. `tracker.elsewhere`
says what "there" is on a GPU, and what plays its part on a CPU.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from phase2_scaling.solution import tracker
from phase2_scaling.solution.rules import AdamW, WithMaster


def bring(resting: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor that lies elsewhere to the device; the resting one stays as it is."""
    return torch.empty_like(resting, device=device).copy_(resting)


class OffloadedOptimizer:
    """An optimiser whose state is elsewhere, but for the parameter whose turn it is.

        optimizer = OffloadedOptimizer(model.parameters(), AdamW(lr=3e-4))
        accumulate(model, micro_batches, max_norm=1.0)
        optimizer.step()

    For a module in bfloat16 the rule is `WithMaster(AdamW(...))`, and the float32 master weights
    are elsewhere, too.

    Args:
        parameters: on the device, and they stay there.
        rule: makes the state of one parameter, and updates it.

    Attributes:
        resting: for each parameter its state, elsewhere.
        steps: taken so far.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], rule: AdamW | WithMaster) -> None:
        self.parameters, self.rule, self.steps = list(parameters), rule, 0
        self.resting = [
            {name: tracker.elsewhere(part) for name, part in rule.state(p.detach()).items()}
            for p in self.parameters
        ]

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter that has a gradient by the rule, one after the other.

        The state of one parameter is brought to the device, updated there by `rule.update`, and
        copied back into the tensors where it rests; then it leaves the device, before the next
        one's comes. The result is the rule's to the last bit. A parameter without a gradient, and
        its state, stay as they are. The number of the step, 1 for the first, is the same for all.
        """
        # TODO 2.12: Every parameter with a gradient takes one step of the rule, with only its own
        # state on the device, and the state rests elsewhere again.
        raise NotImplementedError("exercise 2.12: OffloadedOptimizer.step")


def offload_activations(keep: Iterable[Tensor] = (), min_bytes: int = 2**12) -> saved_tensors_hooks:
    """Let what autograd saves inside the block lie elsewhere until the backward pass asks for it.

        with offload_activations(keep=model.parameters()):
            loss = ...
        loss.backward()

    Together with `recompute`, only the inputs of the blocks are saved, and so moved.

    Args:
        keep: tensors that stay on the device anyway, such as parameters: those, and views of them,
            are saved as they are. Moving them would cost time and free nothing.
        min_bytes: smaller tensors stay where they are, too.

    Returns:
        The context. Gradients are those without it to the last bit.
    """
    # TODO 2.12: What autograd saves inside is elsewhere until it is asked for, except small tensors
    # and what shares memory with those in keep.
    raise NotImplementedError("exercise 2.12: offload_activations")
