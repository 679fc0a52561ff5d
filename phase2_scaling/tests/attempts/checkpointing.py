"""The mistakes of `mistakes/checkpointing.py`, as others would write them."""

import torch

from phase2_scaling.solution.checkpointing import (
    autocast_settings,
    join,
    rng_states,
    set_rng_states,
    split,
)
from shared.mistakes import attempt


def _keep(ctx, function, args):
    """Save what a second run needs, but for the random numbers."""
    ctx.function = function
    found, ctx.others = split(args)
    ctx.autocast = autocast_settings(found)
    return found


def _leaves(ctx):
    """The saved tensors, cut from their graph."""
    fresh = []
    for saved in ctx.saved_tensors:
        leaf = saved.detach()
        leaf.requires_grad = saved.requires_grad
        fresh.append(leaf)
    return fresh


def _grads(args):
    return [getattr(a, "grad", None) for a in args]


@attempt("recompute_forward_state_too_late")
def _(ctx, function, anchor, *args):
    found = _keep(ctx, function, args)
    ctx.save_for_backward(*found)
    result = function(*args)
    ctx.rng_states = rng_states(found)
    return result


@attempt("recompute_forward_keeps_the_graph")
def _(ctx, function, anchor, *args):
    found = _keep(ctx, function, args)
    ctx.rng_states = rng_states(found)
    ctx.save_for_backward(*found)
    torch.set_grad_enabled(True)
    result = function(*args)
    torch.set_grad_enabled(False)
    ctx.result = result
    return result.detach()


@attempt("recompute_forward_hides_the_arguments")
def _(ctx, function, anchor, *args):
    found = _keep(ctx, function, args)
    ctx.rng_states = rng_states(found)
    ctx.others = args
    return function(*args)


@attempt("recompute_forward_runs_twice")
def _(ctx, function, anchor, *args):
    found = _keep(ctx, function, args)
    ctx.save_for_backward(*found)
    with torch.no_grad():
        function(*args)
        ctx.rng_states = rng_states(found)
        return function(*args)


@attempt("recompute_forward_saves_the_output")
def _(ctx, function, anchor, *args):
    found = _keep(ctx, function, args)
    ctx.rng_states = rng_states(found)
    with torch.no_grad():
        result = function(*args)
    ctx.save_for_backward(*[*found, result])
    return result


@attempt("recompute_backward_without_rng")
def _(ctx, grad_output):
    leaves = _leaves(ctx)
    args = join(leaves, ctx.others)
    before = rng_states(leaves)
    with ctx.autocast(), torch.set_grad_enabled(True):
        again = ctx.function(*args)
    set_rng_states(before)
    if again.grad_fn is not None:
        again.backward(grad_output)
    return (None, None, *_grads(args))


@attempt("recompute_backward_leaves_rng_behind")
def _(ctx, grad_output):
    leaves = _leaves(ctx)
    args = join(leaves, ctx.others)
    set_rng_states(ctx.rng_states)
    with ctx.autocast(), torch.set_grad_enabled(True):
        again = ctx.function(*args)
    if again.grad_fn is not None:
        again.backward(grad_output)
    return (None, None, *_grads(args))


@attempt("recompute_backward_without_grad")
def _(ctx, grad_output):
    leaves = _leaves(ctx)
    args = join(leaves, ctx.others)
    before = rng_states(leaves)
    set_rng_states(ctx.rng_states)
    with ctx.autocast():
        again = ctx.function(*args)
    set_rng_states(before)
    if again.grad_fn is not None:
        again.backward(grad_output)
    return (None, None, *_grads(args))


@attempt("recompute_backward_without_parameters")
def _(ctx, grad_output):
    leaves = _leaves(ctx)
    args = join(leaves, ctx.others)
    before = rng_states(leaves)
    set_rng_states(ctx.rng_states)
    with ctx.autocast(), torch.set_grad_enabled(True):
        again = ctx.function(*args)
    set_rng_states(before)
    needing = [leaf for leaf in leaves if leaf.requires_grad]
    if needing and again.requires_grad:
        again.backward(grad_output, inputs=needing)
    return (None, None, *_grads(args))


@attempt("recompute_backward_ignores_grad_output")
def _(ctx, grad_output):
    leaves = _leaves(ctx)
    args = join(leaves, ctx.others)
    before = rng_states(leaves)
    set_rng_states(ctx.rng_states)
    with ctx.autocast(), torch.set_grad_enabled(True):
        again = ctx.function(*args)
    set_rng_states(before)
    if again.grad_fn is not None:
        again.backward(torch.ones(again.shape, dtype=again.dtype))
    return (None, None, *_grads(args))


@attempt("recompute_backward_without_detaching")
def _(ctx, grad_output):
    args = join(ctx.saved_tensors, ctx.others)
    before = rng_states(ctx.saved_tensors)
    set_rng_states(ctx.rng_states)
    with ctx.autocast(), torch.set_grad_enabled(True):
        [t.retain_grad() for t in ctx.saved_tensors if t.requires_grad]
        again = ctx.function(*args)
    set_rng_states(before)
    if again.grad_fn is not None:
        again.backward(grad_output)
    return (None, None, *_grads(args))


@attempt("recompute_backward_stops_at_the_input")
def _(ctx, grad_output):
    leaves = [saved.clone().detach() for saved in ctx.saved_tensors]
    args = join(leaves, ctx.others)
    before = rng_states(leaves)
    set_rng_states(ctx.rng_states)
    with ctx.autocast(), torch.set_grad_enabled(True):
        again = ctx.function(*args)
    set_rng_states(before)
    if again.grad_fn is not None:
        again.backward(grad_output)
    return (None, None, *_grads(args))


@attempt("recompute_backward_without_autocast")
def _(ctx, grad_output):
    leaves = _leaves(ctx)
    args = join(leaves, ctx.others)
    before = rng_states(leaves)
    set_rng_states(ctx.rng_states)
    with torch.set_grad_enabled(True):
        again = ctx.function(*args)
    set_rng_states(before)
    if again.grad_fn is not None:
        again.backward(grad_output.type_as(again))
    return (None, None, *_grads(args))


@attempt("recompute_backward_always")
def _(ctx, grad_output):
    leaves = _leaves(ctx)
    args = join(leaves, ctx.others)
    before = rng_states(leaves)
    set_rng_states(ctx.rng_states)
    with ctx.autocast(), torch.set_grad_enabled(True):
        again = ctx.function(*args)
    set_rng_states(before)
    again.backward(grad_output)
    return (None, None, *_grads(args))
