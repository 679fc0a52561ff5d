"""Activation checkpointing: keep what went in, throw the rest away, compute it again when needed.

Chen et al. 2016 (arXiv:1604.06174), section 4. It is what `torch.utils.checkpoint` does with
`use_reentrant=True`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import torch
from torch import Tensor

CPU = torch.device("cpu")


def recompute(function: Callable[..., Tensor], *args: Any) -> Tensor:
    """Call `function(*args)`, but keep only its arguments for the backward pass, and run it twice.

    To wrap every block of a model:

        for block in model.blocks:
            x = recompute(block, x)

    Args:
        function: a module, or any function of modules; gives one tensor. What it reads besides its
            arguments must be the same when it runs again. Its parameters get their gradients from
            `backward()`; `torch.autograd.grad` does not reach them.
        args: tensors, of which those that need gradients get them, or anything else; a tensor that
            needs one is an argument of its own, not in a list.

    Returns:
        What the function gives.
    """
    # The output must take part in the backward pass even if only the function's parameters need it.
    anchor = torch.empty(0, requires_grad=True)
    return Recompute.apply(function, anchor, *args)


class Recompute(torch.autograd.Function):
    """A function without a memory: its backward pass runs it a second time."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Tensor], anchor: Tensor, *args: Any) -> Tensor:
        """Run the function, and keep what a second run needs.

        That is: the function, its arguments, the state of the random numbers before it ran, and the
        autocast settings. Tensors among the arguments go through `ctx.save_for_backward`, so that
        autograd sees who changes them, and `saved_tensors_hooks` may move them. Autograd records
        nothing inside a `Function.forward`, so whatever the function makes on its way is freed.

        Args:
            ctx: keeps things for the backward pass.
            function: called once, with `args`.
            anchor: of no use here; see `recompute`.
            args: for the function.
        """
        # TODO 2.10: The function's output, with nothing kept but what a second run needs: function,
        # arguments, random numbers, autocast.
        raise NotImplementedError("exercise 2.10: Recompute.forward")

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        """Run the function again, as it ran the first time, and take the gradients of that run.

        The second run sees the same random numbers and autocast settings, and records its graph.
        The random numbers go on afterwards as if it had not happened. Its arguments are detached
        from the graph that made them, which has its own turn. Parameters of the function
        accumulate their gradients here. If the output needs no gradient, nothing does.

        Args:
            ctx: as `forward` left it.
            grad_output: the gradient of what the function gave.

        Returns:
            None for the function, None for the anchor, and for each argument its gradient, or None
            if it is no tensor or needs none.
        """
        # TODO 2.10: The function runs again exactly as it ran; its parameters and arguments get
        # their gradients; random numbers go on as if it had not.
        raise NotImplementedError("exercise 2.10: Recompute.backward")


# -- what a second run needs ------------------------------------------------------------------

_HOLE = object()


def split(args: Sequence[Any]) -> tuple[list[Tensor], list[Any]]:
    """Return the tensors among the arguments, and the arguments with holes in their places."""
    tensors = [a for a in args if isinstance(a, Tensor)]
    return tensors, [_HOLE if isinstance(a, Tensor) else a for a in args]


def join(tensors: Sequence[Tensor], others: Sequence[Any]) -> list[Any]:
    """Put tensors back into the holes, in order: the inverse of `split`."""
    remaining = iter(tensors)
    return [next(remaining) if other is _HOLE else other for other in others]


def rng_states(tensors: Sequence[Tensor]) -> dict[torch.device, Tensor]:
    """Copy the state of the random numbers on the CPU, and on each device that a tensor is on."""
    devices = {t.device for t in tensors} - {CPU}
    states = {d: torch.get_device_module(d).get_rng_state(d) for d in devices}
    return {CPU: torch.get_rng_state(), **states}


def set_rng_states(states: dict[torch.device, Tensor]) -> None:
    """Go back to states that `rng_states` copied."""
    for device, state in states.items():
        if device == CPU:
            torch.set_rng_state(state)
        else:
            torch.get_device_module(device).set_rng_state(state, device)


def autocast_settings(tensors: Sequence[Tensor]) -> Callable[[], AbstractContextManager]:
    """Return what, called, makes a context with the autocast settings of now."""
    kind = next((t.device.type for t in tensors if t.device != CPU), "cpu")
    dtype, enabled = torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind)
    return partial(torch.autocast, kind, dtype=dtype, enabled=enabled)
