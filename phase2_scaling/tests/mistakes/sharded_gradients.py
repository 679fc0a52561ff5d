"""Classic wrong answers for `solution/sharded_gradients.py`."""

import torch
import torch.distributed as dist

from shared.mistakes import mistake


@mistake(
    "2.19",
    "sharded_gradients.clip_grad_norm",
    "Each rank takes the length of its own share. It scales it by its own factor, and the direction of the whole changes.",
)
def clip_grad_norm_of_the_share(parameters, max_norm, group):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
    for gradient in gradients:
        gradient.mul_((max_norm / norm).clamp(max=1))
    return norm


@mistake(
    "2.19",
    "sharded_gradients.clip_grad_norm",
    "The ranks' lengths are added up. Lengths do not add, their squares do (Pythagoras).",
)
def clip_grad_norm_adds_norms(parameters, max_norm, group):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
    dist.all_reduce(norm, group=group)
    for gradient in gradients:
        gradient.mul_((max_norm / norm).clamp(max=1))
    return norm


@mistake(
    "2.19",
    "sharded_gradients.clip_grad_norm",
    "The longest share is taken for the whole.",
)
def clip_grad_norm_takes_the_longest(parameters, max_norm, group):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
    dist.all_reduce(norm, op=dist.ReduceOp.MAX, group=group)
    for gradient in gradients:
        gradient.mul_((max_norm / norm).clamp(max=1))
    return norm


@mistake(
    "2.19",
    "sharded_gradients.clip_grad_norm",
    "The squares are averaged over the ranks. Shares are parts of one vector: their squares add up.",
)
def clip_grad_norm_averages(parameters, max_norm, group):
    gradients = [p.grad for p in parameters if p.grad is not None]
    squares = torch.stack([gradient.square().sum() for gradient in gradients]).sum()
    dist.all_reduce(squares, group=group)
    norm = (squares / dist.get_world_size(group)).sqrt()
    for gradient in gradients:
        gradient.mul_((max_norm / norm).clamp(max=1))
    return norm


@mistake(
    "2.19",
    "sharded_gradients.clip_grad_norm",
    "A short gradient is stretched to max_norm. Clipping only ever shortens.",
)
def clip_grad_norm_stretches(parameters, max_norm, group):
    gradients = [p.grad for p in parameters if p.grad is not None]
    squares = torch.stack([gradient.square().sum() for gradient in gradients]).sum()
    dist.all_reduce(squares, group=group)
    norm = squares.sqrt()
    for gradient in gradients:
        gradient.mul_(max_norm / norm)
    return norm


@mistake(
    "2.19",
    "sharded_gradients.clip_grad_norm",
    "All ranks there are add their squares, not those of the group.",
)
def clip_grad_norm_forgets_the_group(parameters, max_norm, group):
    gradients = [p.grad for p in parameters if p.grad is not None]
    squares = torch.stack([gradient.square().sum() for gradient in gradients]).sum()
    dist.all_reduce(squares)
    norm = squares.sqrt()
    for gradient in gradients:
        gradient.mul_((max_norm / norm).clamp(max=1))
    return norm


@mistake(
    "2.19",
    "sharded_gradients.clip_grad_norm",
    "What comes back is the length after clipping. Before is what one wants to see: it tells when training goes astray.",
)
def clip_grad_norm_tells_the_new_one(parameters, max_norm, group):
    gradients = [p.grad for p in parameters if p.grad is not None]
    squares = torch.stack([gradient.square().sum() for gradient in gradients]).sum()
    dist.all_reduce(squares, group=group)
    norm = squares.sqrt()
    for gradient in gradients:
        gradient.mul_((max_norm / norm).clamp(max=1))
    return norm.clamp(max=max_norm)


@mistake(
    "2.19",
    "sharded_gradients.clip_grad_norm",
    "The root is never taken: that is the square of the length.",
)
def clip_grad_norm_is_squared(parameters, max_norm, group):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([gradient.square().sum() for gradient in gradients]).sum()
    dist.all_reduce(norm, group=group)
    for gradient in gradients:
        gradient.mul_((max_norm / norm).clamp(max=1))
    return norm


@mistake(
    "2.19",
    "sharded_gradients.clip_grad_norm",
    "The length comes back as a Python number. Asking a tensor for its value makes a GPU wait in every step.",
)
def clip_grad_norm_asks_for_the_value(parameters, max_norm, group):
    gradients = [p.grad for p in parameters if p.grad is not None]
    squares = torch.stack([gradient.square().sum() for gradient in gradients]).sum()
    dist.all_reduce(squares, group=group)
    norm = squares.sqrt().item()
    for gradient in gradients:
        gradient.mul_(min(1.0, max_norm / norm))
    return norm


@mistake(
    "2.19",
    "sharded_gradients.clip_grad_norm",
    "A comparison asks the length for its value, and a GPU has to finish all it does. Let the factor be 1 at most instead.",
)
def clip_grad_norm_compares(parameters, max_norm, group):
    gradients = [p.grad for p in parameters if p.grad is not None]
    squares = torch.stack([gradient.square().sum() for gradient in gradients]).sum()
    dist.all_reduce(squares, group=group)
    norm = squares.sqrt()
    if norm > max_norm:
        for gradient in gradients:
            gradient.mul_(max_norm / norm)
    return norm


@mistake(
    "2.19",
    "sharded_gradients.clip_grad_norm",
    "Nothing is scaled: the parameters may be an iterator, and the first walk has used it up. Keep the gradients in a list.",
)
def clip_grad_norm_walks_twice(parameters, max_norm, group):
    squares = sum(p.grad.square().sum() for p in parameters if p.grad is not None)
    dist.all_reduce(squares, group=group)
    norm = squares.sqrt()
    for p in parameters:
        if p.grad is not None:
            p.grad.mul_((max_norm / norm).clamp(max=1))
    return norm
