"""The mistakes of `mistakes/mixed_precision.py`, as others would write them."""

import math

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


@attempt("unscale_multiplies")
def _(self, parameters):
    finite = True
    for p in parameters:
        if p.grad is not None:
            p.grad *= self.scale
            finite &= bool(torch.isfinite(p.grad).all())
    return finite


@attempt("unscale_misses_nan")
def _(self, parameters):
    finite = True
    for p in parameters:
        if p.grad is not None:
            p.grad *= 1 / self.scale
            finite = finite and not torch.isinf(p.grad).any().item()
    return finite


@attempt("unscale_misses_inf")
def _(self, parameters):
    finite = True
    for p in parameters:
        if p.grad is not None:
            p.grad /= self.scale
            finite = finite and bool((p.grad == p.grad).all())
    return finite


@attempt("unscale_looks_at_the_last")
def _(self, parameters):
    with_gradient = [p for p in parameters if p.grad is not None]
    for p in with_gradient:
        p.grad = p.grad / self.scale
    return not with_gradient or torch.isfinite(with_gradient[-1].grad).all().item()


@attempt("unscale_any")
def _(self, parameters):
    found = []
    for p in parameters:
        if p.grad is not None:
            p.grad /= self.scale
            found.append(torch.isfinite(p.grad).any().item())
    return any(found)


@attempt("unscale_sums")
def _(self, parameters):
    norm = 0.0
    for p in parameters:
        if p.grad is not None:
            norm = norm + (p.grad**2).sum().item()
            p.grad /= self.scale
    return math.isfinite(norm)


@attempt("scale_update_not_in_a_row")
def _(self, finite):
    if finite:
        self.good_steps += 1
        if self.good_steps >= self.growth_interval:
            self.scale, self.good_steps = self.scale * 2, 0
    else:
        self.scale *= 0.5


@attempt("scale_update_grows_once")
def _(self, finite):
    if finite:
        self.good_steps += 1
        if self.good_steps == self.growth_interval:
            self.scale = 2 * self.scale
    else:
        self.good_steps = 0
        self.scale = self.scale / 2


@attempt("scale_update_grows_each_step")
def _(self, finite):
    if not finite:
        self.good_steps, self.scale = 0, self.scale / 2
        return
    self.good_steps += 1
    if not self.good_steps < self.growth_interval:
        self.scale = self.scale * 2


@attempt("scale_update_never_grows")
def _(self, finite):
    if finite:
        self.good_steps += 1
    else:
        self.scale, self.good_steps = self.scale * 0.5, 0


@attempt("scale_update_never_halves")
def _(self, finite):
    if not finite:
        self.good_steps = 0
        return
    self.good_steps += 1
    if self.good_steps >= self.growth_interval:
        self.scale, self.good_steps = self.scale * 2, 0


@attempt("scale_update_off_by_one")
def _(self, finite):
    if not finite:
        self.good_steps, self.scale = 0, self.scale / 2
        return
    self.good_steps += 1
    if self.good_steps == self.growth_interval + 1:
        self.good_steps, self.scale = 0, self.scale * 2


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
