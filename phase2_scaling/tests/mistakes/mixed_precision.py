"""Classic wrong answers for `solution/mixed_precision.py`: masters, and the step."""

import torch

from phase2_scaling.solution.clipping import clip_grad_norm
from shared.mistakes import mistake


@mistake(
    "2.9",
    "mixed_precision.MasterWeights.collect_gradients",
    "The copies keep their gradients, so the next backward pass adds to those of this one.",
)
def collect_gradients_leaves_them(self):
    for master, copy in zip(self.masters, self.copies, strict=True):
        master.grad = None if copy.grad is None else copy.grad.float()


@mistake(
    "2.9",
    "mixed_precision.MasterWeights.collect_gradients",
    "The masters' gradients of the step before are still in the sum; each step begins with none.",
)
def collect_gradients_adds(self):
    for master, copy in zip(self.masters, self.copies, strict=True):
        if copy.grad is not None:
            gradient = copy.grad.float()
            master.grad = gradient if master.grad is None else master.grad + gradient
        copy.grad = None


@mistake(
    "2.9",
    "mixed_precision.MasterWeights.collect_gradients",
    "A master whose copy has no gradient keeps an old one, and moves by it once more.",
)
def collect_gradients_keeps_stale(self):
    for master, copy in zip(self.masters, self.copies, strict=True):
        if copy.grad is not None:
            master.grad = copy.grad.float()
            copy.grad = None


@mistake(
    "2.9",
    "mixed_precision.MasterWeights.publish",
    "The copy becomes the master itself: the model then computes in float32, in the same memory, and no half is left.",
)
def publish_shares(self):
    for master, copy in zip(self.masters, self.copies, strict=True):
        copy.data = master.data


@mistake(
    "2.9",
    "mixed_precision.MasterWeights.publish",
    "The direction is wrong: the rounded copies overwrite the masters, and every small step is lost.",
)
def publish_backwards(self):
    with torch.no_grad():
        for master, copy in zip(self.masters, self.copies, strict=True):
            master.copy_(copy)


@mistake(
    "2.9",
    "mixed_precision.MasterWeights.publish",
    "The masters are rounded together with the copies: what a step adds below 16 bits can then never add up.",
)
def publish_rounds_masters(self):
    with torch.no_grad():
        for master, copy in zip(self.masters, self.copies, strict=True):
            copy.copy_(master)
            master.copy_(copy)


@mistake(
    "2.9",
    "mixed_precision.training_step",
    "Clipped before it is unscaled: the limit is then that many times too small, and the scale decides how far a step goes.",
)
def scaled_step_clips_scaled(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    (loss * scaler.scale).backward()
    weights.collect_gradients()
    clip_grad_norm(weights.masters, max_norm)
    finite = scaler.unscale(weights.masters)
    if finite:
        optimizer_step()
        weights.publish()
    scaler.update(finite)
    return loss.item()


@mistake(
    "2.9",
    "mixed_precision.training_step",
    "The optimiser steps although a gradient overflowed: one infinity, and weights and moments are NaN for good.",
)
def scaled_step_never_skips(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    (loss * scaler.scale).backward()
    weights.collect_gradients()
    finite = scaler.unscale(weights.masters)
    clip_grad_norm(weights.masters, max_norm)
    optimizer_step()
    weights.publish()
    scaler.update(finite)
    return loss.item()


@mistake(
    "2.9",
    "mixed_precision.training_step",
    "The loss returned is the scaled one: a curve that jumps whenever the scale does.",
)
def scaled_step_logs_scaled(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function() * scaler.scale
    loss.backward()
    weights.collect_gradients()
    finite = scaler.unscale(weights.masters)
    if finite:
        clip_grad_norm(weights.masters, max_norm)
        optimizer_step()
        weights.publish()
    scaler.update(finite)
    return loss.item()


@mistake(
    "2.9",
    "mixed_precision.training_step",
    "The masters moved, but the copies were not told: the model computes with its old weights for ever.",
)
def scaled_step_never_publishes(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    (loss * scaler.scale).backward()
    weights.collect_gradients()
    finite = scaler.unscale(weights.masters)
    if finite:
        clip_grad_norm(weights.masters, max_norm)
        optimizer_step()
    scaler.update(finite)
    return loss.item()


@mistake(
    "2.9",
    "mixed_precision.training_step",
    "The scaler hears of good steps only: after an overflow the scale stays, and every later step is skipped, too.",
)
def scaled_step_updates_if_good(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    (loss * scaler.scale).backward()
    weights.collect_gradients()
    if scaler.unscale(weights.masters):
        clip_grad_norm(weights.masters, max_norm)
        optimizer_step()
        weights.publish()
        scaler.update(True)
    return loss.item()


@mistake(
    "2.9",
    "mixed_precision.training_step",
    "The loss goes backward unscaled, and the gradients are divided all the same: they vanish twice.",
)
def scaled_step_never_scales(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    loss.backward()
    weights.collect_gradients()
    finite = scaler.unscale(weights.masters)
    if finite:
        clip_grad_norm(weights.masters, max_norm)
        optimizer_step()
        weights.publish()
    scaler.update(finite)
    return loss.item()


@mistake(
    "2.9",
    "mixed_precision.training_step",
    "The gradients are unscaled while they have 16 bits: what the scale has saved underflows there. First float32, then divide.",
)
def scaled_step_unscales_in_half(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    (loss * scaler.scale).backward()
    finite = scaler.unscale(weights.copies)
    weights.collect_gradients()
    if finite:
        clip_grad_norm(weights.masters, max_norm)
        optimizer_step()
        weights.publish()
    scaler.update(finite)
    return loss.item()


@mistake(
    "2.9",
    "mixed_precision.training_step",
    "The scale is updated before the gradients are divided by it: they were made with the old one.",
)
def scaled_step_unscales_by_the_next(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    (loss * scaler.scale).backward()
    weights.collect_gradients()
    finite = all(bool(p.grad.isfinite().all()) for p in weights.masters if p.grad is not None)
    scaler.update(finite)
    scaler.unscale(weights.masters)
    if finite:
        clip_grad_norm(weights.masters, max_norm)
        optimizer_step()
        weights.publish()
    return loss.item()


@mistake(
    "2.9",
    "mixed_precision.training_step",
    "Nothing is unscaled: the step is as many times too long as the scale is large.",
)
def scaled_step_never_unscales(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    (loss * scaler.scale).backward()
    weights.collect_gradients()
    finite = all(bool(p.grad.isfinite().all()) for p in weights.masters if p.grad is not None)
    if finite:
        clip_grad_norm(weights.masters, max_norm)
        optimizer_step()
        weights.publish()
    scaler.update(finite)
    return loss.item()


@mistake(
    "2.9",
    "mixed_precision.training_step",
    "What is returned is a tensor with its graph: whoever collects such losses keeps the activations of every step. Return a number.",
)
def scaled_step_returns_the_graph(weights, scaler, loss_function, optimizer_step, max_norm):
    loss = loss_function()
    (loss * scaler.scale).backward()
    weights.collect_gradients()
    finite = scaler.unscale(weights.masters)
    if finite:
        clip_grad_norm(weights.masters, max_norm)
        optimizer_step()
        weights.publish()
    scaler.update(finite)
    return loss
