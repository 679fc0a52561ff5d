"""The mistakes of `mistakes/mixed_precision.py`, as others would write them."""

import torch

from phase2_scaling.solution.clipping import clip_grad_norm
from shared.mistakes import attempt


@attempt("collect_gradients_leaves_them")
def _(self):
    for i, p in enumerate(self.copies):
        self.masters[i].grad = p.grad.to(torch.float32) if p.grad is not None else None


@attempt("collect_gradients_adds")
def _(self):
    for copy, master in zip(self.copies, self.masters):
        if copy.grad is None:
            continue
        if master.grad is None:
            master.grad = torch.zeros_like(master)
        master.grad += copy.grad
        copy.grad = None


@attempt("collect_gradients_keeps_stale")
def _(self):
    for copy, master in zip(self.copies, self.masters):
        if copy.grad is None:
            continue
        master.grad, copy.grad = copy.grad.to(master.dtype), None


@attempt("publish_shares")
def _(self):
    for i, master in enumerate(self.masters):
        self.copies[i].data = master.detach()


@attempt("publish_backwards")
def _(self):
    for copy, master in zip(self.copies, self.masters):
        master.data = copy.data.float()


@attempt("publish_rounds_masters")
def _(self):
    for copy, master in zip(self.copies, self.masters):
        rounded = master.data.to(copy.dtype)
        copy.data.copy_(rounded)
        master.data.copy_(rounded)


@attempt("scaled_step_clips_scaled")
def _(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    torch.autograd.backward(scaler.scale * loss)
    weights.collect_gradients()
    clip_grad_norm(weights.masters, max_norm)
    good = scaler.unscale(weights.masters)
    scaler.update(good)
    if good:
        optimizer_step()
        weights.publish()
    return float(loss.detach())


@attempt("scaled_step_never_skips")
def _(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    torch.autograd.backward(scaler.scale * loss)
    weights.collect_gradients()
    scaler.update(scaler.unscale(weights.masters))
    clip_grad_norm(weights.masters, max_norm)
    optimizer_step()
    weights.publish()
    return float(loss.detach())


@attempt("scaled_step_logs_scaled")
def _(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = scaler.scale * loss_function()
    loss.backward()
    weights.collect_gradients()
    value = float(loss.detach())
    good = scaler.unscale(weights.masters)
    scaler.update(good)
    if good:
        clip_grad_norm(weights.masters, max_norm)
        optimizer_step()
        weights.publish()
    return value


@attempt("scaled_step_never_publishes")
def _(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    torch.autograd.backward(scaler.scale * loss)
    weights.collect_gradients()
    good = scaler.unscale(weights.masters)
    scaler.update(good)
    if good:
        clip_grad_norm(weights.masters, max_norm)
        optimizer_step()
    return float(loss.detach())


@attempt("scaled_step_updates_if_good")
def _(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    torch.autograd.backward(scaler.scale * loss)
    weights.collect_gradients()
    if not scaler.unscale(weights.masters):
        return float(loss.detach())
    clip_grad_norm(weights.masters, max_norm)
    optimizer_step()
    weights.publish()
    scaler.update(finite=True)
    return float(loss.detach())


@attempt("scaled_step_never_scales")
def _(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    torch.autograd.backward(loss)
    weights.collect_gradients()
    good = scaler.unscale(weights.masters)
    scaler.update(good)
    if good:
        clip_grad_norm(weights.masters, max_norm)
        optimizer_step()
        weights.publish()
    return float(loss.detach())


@attempt("scaled_step_unscales_in_half")
def _(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    torch.autograd.backward(scaler.scale * loss)
    good = scaler.unscale(weights.copies)
    scaler.update(good)
    weights.collect_gradients()
    if good:
        clip_grad_norm(weights.masters, max_norm)
        optimizer_step()
        weights.publish()
    return float(loss.detach())


@attempt("scaled_step_unscales_by_the_next")
def _(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    torch.autograd.backward(scaler.scale * loss)
    weights.collect_gradients()
    found = [p.grad for p in weights.masters if p.grad is not None]
    good = all(torch.isfinite(g).all().item() for g in found)
    scaler.update(good)
    if good:
        scaler.unscale(weights.masters)
        clip_grad_norm(weights.masters, max_norm)
        optimizer_step()
        weights.publish()
    return float(loss.detach())


@attempt("scaled_step_never_unscales")
def _(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    torch.autograd.backward(scaler.scale * loss)
    weights.collect_gradients()
    found = [p.grad for p in weights.masters if p.grad is not None]
    good = not any((g.isnan() | g.isinf()).any().item() for g in found)
    if good:
        clip_grad_norm(weights.masters, max_norm)
        optimizer_step()
        weights.publish()
    scaler.update(good)
    return float(loss.detach())


@attempt("scaled_step_returns_the_graph")
def _(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    torch.autograd.backward(scaler.scale * loss)
    weights.collect_gradients()
    good = scaler.unscale(weights.masters)
    scaler.update(good)
    if good:
        clip_grad_norm(weights.masters, max_norm)
        optimizer_step()
        weights.publish()
    return loss.detach()
