"""Classic wrong answers for `solution/training.py`: clipping."""

import torch
from phase1_transformers.solution.training import clip_grad_norm, micro_batch_loss
from shared.mistakes import mistake


@mistake(
    "1.19",
    "training.clip_grad_norm",
    "Gradients are always scaled to max_norm, so short ones are lengthened: a run that has converged would keep jumping.",
)
def clip_grad_norm_always(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
    for gradient in gradients:
        gradient.mul_(max_norm / (norm + 1e-6))
    return norm


@mistake(
    "1.19",
    "training.clip_grad_norm",
    "Each tensor is clipped by its own norm, which turns the direction; take one norm, of all of them together.",
)
def clip_grad_norm_each(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norms = torch.stack([gradient.norm() for gradient in gradients])
    for gradient, norm in zip(gradients, norms, strict=True):
        gradient.mul_((max_norm / norm).clamp(max=1))
    return norms.norm()


@mistake(
    "1.19",
    "training.clip_grad_norm",
    "The norms of the tensors are added up; lengths at right angles add as squares, under one root.",
)
def clip_grad_norm_sum_of_norms(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([gradient.norm() for gradient in gradients]).sum()
    for gradient in gradients:
        gradient.mul_((max_norm / norm).clamp(max=1))
    return norm


@mistake(
    "1.19",
    "training.clip_grad_norm",
    "That is the squared norm: the root is missing.",
)
def clip_grad_norm_without_root(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([gradient.square().sum() for gradient in gradients]).sum()
    for gradient in gradients:
        gradient.mul_((max_norm / norm).clamp(max=1))
    return norm


@mistake(
    "1.19",
    "training.clip_grad_norm",
    "Each number is cut off at max_norm, which turns the direction; scale the whole gradient by one factor.",
)
def clip_grad_norm_by_value(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
    for gradient in gradients:
        gradient.clamp_(-max_norm, max_norm)
    return norm


@mistake(
    "1.19",
    "training.clip_grad_norm",
    "The parameters came as an iterator, and the norm used it up: nothing was left to be clipped. Keep a list.",
)
def clip_grad_norm_uses_up(parameters, max_norm):
    norms = [p.grad.norm() for p in parameters if p.grad is not None]
    norm = torch.stack(norms).norm()
    for p in parameters:
        if p.grad is not None:
            p.grad.mul_((max_norm / norm).clamp(max=1))
    return norm


@mistake(
    "1.19",
    "training.clip_grad_norm",
    "What comes back is the norm after clipping; the one before tells how the run is doing.",
)
def clip_grad_norm_tells_after(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
    for gradient in gradients:
        gradient.mul_((max_norm / norm).clamp(max=1))
    return norm.clamp(max=max_norm)


@mistake(
    "1.19",
    "training.clip_grad_norm",
    "The gradients stay as long as they were: multiplying makes new tensors, and nobody keeps them. Change them in place.",
)
def clip_grad_norm_scales_copies(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
    for gradient in gradients:
        gradient = gradient * (max_norm / norm).clamp(max=1)
    return norm
