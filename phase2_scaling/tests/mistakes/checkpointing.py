"""Classic wrong answers for `solution/checkpointing.py`."""

import torch
from torch import Tensor

from phase2_scaling.solution.checkpointing import (
    autocast_settings,
    join,
    rng_states,
    set_rng_states,
    split,
)
from shared.mistakes import mistake


@mistake(
    "2.10",
    "checkpointing.Recompute.forward",
    "The state of the random numbers is taken after the function has used them: the second run then drops others.",
)
def recompute_forward_state_too_late(ctx, function, anchor, *args):
    tensors, ctx.others = split(args)
    ctx.save_for_backward(*tensors)
    ctx.function = function
    ctx.autocast = autocast_settings(tensors)
    output = function(*args)
    ctx.rng_states = rng_states(tensors)
    return output


@mistake(
    "2.10",
    "checkpointing.Recompute.forward",
    "Gradients are switched on in the forward pass: the function's graph is recorded at once, and everything in it is kept after all.",
)
def recompute_forward_keeps_the_graph(ctx, function, anchor, *args):
    tensors, ctx.others = split(args)
    ctx.save_for_backward(*tensors)
    ctx.function = function
    ctx.rng_states = rng_states(tensors)
    ctx.autocast = autocast_settings(tensors)
    with torch.enable_grad():
        ctx.output = function(*args)
    return ctx.output.detach()


@mistake(
    "2.10",
    "checkpointing.Recompute.forward",
    "The arguments are hung on ctx as they are: autograd does not see when one is changed in place, and no hook can move them. There is save_for_backward.",
)
def recompute_forward_hides_the_arguments(ctx, function, anchor, *args):
    tensors, ctx.others = split(args)
    ctx.save_for_backward()
    ctx.others = list(args)
    ctx.function = function
    ctx.rng_states = rng_states(tensors)
    ctx.autocast = autocast_settings(tensors)
    return function(*args)


@mistake(
    "2.10",
    "checkpointing.Recompute.forward",
    "The function runs twice already in the forward pass; the second run belongs to the backward pass.",
)
def recompute_forward_runs_twice(ctx, function, anchor, *args):
    tensors, ctx.others = split(args)
    ctx.save_for_backward(*tensors)
    ctx.function = function
    ctx.autocast = autocast_settings(tensors)
    function(*args)
    ctx.rng_states = rng_states(tensors)
    return function(*args)


@mistake(
    "2.10",
    "checkpointing.Recompute.forward",
    "What the function gives is saved beside its arguments: kept for nothing, since backward computes it again.",
)
def recompute_forward_saves_the_output(ctx, function, anchor, *args):
    tensors, ctx.others = split(args)
    ctx.function = function
    ctx.rng_states = rng_states(tensors)
    ctx.autocast = autocast_settings(tensors)
    output = function(*args)
    ctx.save_for_backward(*tensors, output)
    return output


@mistake(
    "2.10",
    "checkpointing.Recompute.backward",
    "The second run draws random numbers of its own: other numbers are dropped than in the run whose output was used.",
)
def recompute_backward_without_rng(ctx, grad_output):
    tensors = [t.detach().requires_grad_(t.requires_grad) for t in ctx.saved_tensors]
    args = join(tensors, ctx.others)
    now = rng_states(tensors)
    with torch.enable_grad(), ctx.autocast():
        output = ctx.function(*args)
    set_rng_states(now)
    if output.requires_grad:
        torch.autograd.backward(output, grad_output)
    return None, None, *(a.grad if isinstance(a, Tensor) else None for a in args)


@mistake(
    "2.10",
    "checkpointing.Recompute.backward",
    "The random numbers are left where the second run had them: the ones that follow are those of the past. Put back what was there.",
)
def recompute_backward_leaves_rng_behind(ctx, grad_output):
    tensors = [t.detach().requires_grad_(t.requires_grad) for t in ctx.saved_tensors]
    args = join(tensors, ctx.others)
    set_rng_states(ctx.rng_states)
    with torch.enable_grad(), ctx.autocast():
        output = ctx.function(*args)
    if output.requires_grad:
        torch.autograd.backward(output, grad_output)
    return None, None, *(a.grad if isinstance(a, Tensor) else None for a in args)


@mistake(
    "2.10",
    "checkpointing.Recompute.backward",
    "Nothing is recorded: within a Function's backward gradients are off, so the second run has no graph unless they are switched on.",
)
def recompute_backward_without_grad(ctx, grad_output):
    tensors = [t.detach().requires_grad_(t.requires_grad) for t in ctx.saved_tensors]
    args = join(tensors, ctx.others)
    now = rng_states(tensors)
    set_rng_states(ctx.rng_states)
    with ctx.autocast():
        output = ctx.function(*args)
    set_rng_states(now)
    if output.requires_grad:
        torch.autograd.backward(output, grad_output)
    return None, None, *(a.grad if isinstance(a, Tensor) else None for a in args)


@mistake(
    "2.10",
    "checkpointing.Recompute.backward",
    "Gradients of the arguments are asked for, and of nothing else: the function's parameters get none. `backward` reaches every leaf.",
)
def recompute_backward_without_parameters(ctx, grad_output):
    tensors = [t.detach().requires_grad_(t.requires_grad) for t in ctx.saved_tensors]
    args = join(tensors, ctx.others)
    now = rng_states(tensors)
    set_rng_states(ctx.rng_states)
    with torch.enable_grad(), ctx.autocast():
        output = ctx.function(*args)
    set_rng_states(now)
    wanted = [t for t in tensors if t.requires_grad]
    if wanted and output.requires_grad:
        found = torch.autograd.grad(output, wanted, grad_output, allow_unused=True)
        for tensor, gradient in zip(wanted, found, strict=True):
            tensor.grad = gradient
    return None, None, *(a.grad if isinstance(a, Tensor) else None for a in args)


@mistake(
    "2.10",
    "checkpointing.Recompute.backward",
    "The gradient from above is left out: the second run goes backward as if its output were the loss.",
)
def recompute_backward_ignores_grad_output(ctx, grad_output):
    tensors = [t.detach().requires_grad_(t.requires_grad) for t in ctx.saved_tensors]
    args = join(tensors, ctx.others)
    now = rng_states(tensors)
    set_rng_states(ctx.rng_states)
    with torch.enable_grad(), ctx.autocast():
        output = ctx.function(*args)
    set_rng_states(now)
    if output.requires_grad:
        torch.autograd.backward(output, torch.ones_like(output))
    return None, None, *(a.grad if isinstance(a, Tensor) else None for a in args)


@mistake(
    "2.10",
    "checkpointing.Recompute.backward",
    "The arguments are still part of the graph that made them: the inner backward goes on into it, and the outer one comes a second time.",
)
def recompute_backward_without_detaching(ctx, grad_output):
    tensors = list(ctx.saved_tensors)
    args = join(tensors, ctx.others)
    for t in tensors:
        if t.requires_grad:
            t.retain_grad()
    now = rng_states(tensors)
    set_rng_states(ctx.rng_states)
    with torch.enable_grad(), ctx.autocast():
        output = ctx.function(*args)
    set_rng_states(now)
    if output.requires_grad:
        torch.autograd.backward(output, grad_output)
    return None, None, *(a.grad if isinstance(a, Tensor) else None for a in args)


@mistake(
    "2.10",
    "checkpointing.Recompute.backward",
    "A detached tensor needs no gradient unless it is told to: the parameters learn, but nothing flows on to what came before.",
)
def recompute_backward_stops_at_the_input(ctx, grad_output):
    tensors = [t.detach() for t in ctx.saved_tensors]
    args = join(tensors, ctx.others)
    now = rng_states(tensors)
    set_rng_states(ctx.rng_states)
    with torch.enable_grad(), ctx.autocast():
        output = ctx.function(*args)
    set_rng_states(now)
    if output.requires_grad:
        torch.autograd.backward(output, grad_output)
    return None, None, *(a.grad if isinstance(a, Tensor) else None for a in args)


@mistake(
    "2.10",
    "checkpointing.Recompute.backward",
    "The second run has the autocast settings of the backward pass, not its own: it computes with other roundings than the first.",
)
def recompute_backward_without_autocast(ctx, grad_output):
    tensors = [t.detach().requires_grad_(t.requires_grad) for t in ctx.saved_tensors]
    args = join(tensors, ctx.others)
    now = rng_states(tensors)
    set_rng_states(ctx.rng_states)
    with torch.enable_grad():
        output = ctx.function(*args)
    set_rng_states(now)
    if output.requires_grad:
        torch.autograd.backward(output, grad_output.to(output.dtype))
    return None, None, *(a.grad if isinstance(a, Tensor) else None for a in args)


@mistake(
    "2.10",
    "checkpointing.Recompute.backward",
    "An output that needs no gradient has nothing to go backward through, and backward says so with an error: look before you ask.",
)
def recompute_backward_always(ctx, grad_output):
    tensors = [t.detach().requires_grad_(t.requires_grad) for t in ctx.saved_tensors]
    args = join(tensors, ctx.others)
    now = rng_states(tensors)
    set_rng_states(ctx.rng_states)
    with torch.enable_grad(), ctx.autocast():
        output = ctx.function(*args)
    set_rng_states(now)
    torch.autograd.backward(output, grad_output)
    return None, None, *(a.grad if isinstance(a, Tensor) else None for a in args)
