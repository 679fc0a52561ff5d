"""Classic wrong answers for `solution/chunked_loss.py`: its gradients."""

import torch

from phase2_scaling.solution.model import IGNORED
from shared.mistakes import mistake


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.forward",
    "The loss is divided by `count`, its gradients are not: they are those of the sum.",
)
def chunked_forward_gradient_of_the_sum(ctx, hidden, weight, targets, chunk, count):
    wide = torch.promote_types(hidden.dtype, torch.float32)
    loss = torch.zeros((), dtype=wide, device=hidden.device)
    grad_hidden = torch.zeros_like(hidden)
    grad_weight = torch.zeros_like(weight, dtype=wide)
    for start in range(0, len(hidden), chunk):
        rows = slice(start, start + chunk)
        x, counts = hidden[rows], (targets[rows] != IGNORED)[:, None]
        y = targets[rows, None].where(counts, 0)
        log_probs = (x @ weight.T).to(wide).log_softmax(dim=-1)
        loss -= log_probs.gather(1, y).where(counts, 0).sum()
        grad = log_probs.exp_().scatter_add_(1, y, -torch.ones_like(y, dtype=wide))
        grad = grad.masked_fill_(~counts, 0).to(hidden.dtype)
        grad_hidden[rows] = grad @ weight
        grad_weight += grad.T @ x
    ctx.save_for_backward(grad_hidden, grad_weight)
    ctx.count, ctx.dtype = 1, weight.dtype
    return loss / count


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.forward",
    "The weight's gradient is that of the last chunk: every row has a part in it, so add.",
)
def chunked_forward_overwrites_the_weight(ctx, hidden, weight, targets, chunk, count):
    wide = torch.promote_types(hidden.dtype, torch.float32)
    loss = torch.zeros((), dtype=wide, device=hidden.device)
    grad_hidden = torch.zeros_like(hidden)
    grad_weight = torch.zeros_like(weight, dtype=wide)
    for start in range(0, len(hidden), chunk):
        rows = slice(start, start + chunk)
        x, counts = hidden[rows], (targets[rows] != IGNORED)[:, None]
        y = targets[rows, None].where(counts, 0)
        log_probs = (x @ weight.T).to(wide).log_softmax(dim=-1)
        loss -= log_probs.gather(1, y).where(counts, 0).sum()
        grad = log_probs.exp_().scatter_add_(1, y, -torch.ones_like(y, dtype=wide))
        grad = grad.masked_fill_(~counts, 0).to(hidden.dtype)
        grad_hidden[rows] = grad @ weight
        grad_weight = (grad.T @ x).to(wide)
    ctx.save_for_backward(grad_hidden, grad_weight)
    ctx.count, ctx.dtype = count, weight.dtype
    return loss / count


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.forward",
    "Ignored rows were given target 0 so that gather works, and then they push: their gradient must be 0.",
)
def chunked_forward_teaches_padding(ctx, hidden, weight, targets, chunk, count):
    wide = torch.promote_types(hidden.dtype, torch.float32)
    loss = torch.zeros((), dtype=wide, device=hidden.device)
    grad_hidden = torch.zeros_like(hidden)
    grad_weight = torch.zeros_like(weight, dtype=wide)
    for start in range(0, len(hidden), chunk):
        rows = slice(start, start + chunk)
        x, counts = hidden[rows], (targets[rows] != IGNORED)[:, None]
        y = targets[rows, None].where(counts, 0)
        log_probs = (x @ weight.T).to(wide).log_softmax(dim=-1)
        loss -= log_probs.gather(1, y).where(counts, 0).sum()
        grad = log_probs.exp_().scatter_add_(1, y, -torch.ones_like(y, dtype=wide))
        grad = grad.to(hidden.dtype)
        grad_hidden[rows] = grad @ weight
        grad_weight += grad.T @ x
    ctx.save_for_backward(grad_hidden, grad_weight)
    ctx.count, ctx.dtype = count, weight.dtype
    return loss / count


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.forward",
    "d loss / d logits is softmax minus onehot: this lacks the onehot, so every score is pushed down, the right one too.",
)
def chunked_forward_forgets_onehot(ctx, hidden, weight, targets, chunk, count):
    wide = torch.promote_types(hidden.dtype, torch.float32)
    loss = torch.zeros((), dtype=wide, device=hidden.device)
    grad_hidden = torch.zeros_like(hidden)
    grad_weight = torch.zeros_like(weight, dtype=wide)
    for start in range(0, len(hidden), chunk):
        rows = slice(start, start + chunk)
        x, counts = hidden[rows], (targets[rows] != IGNORED)[:, None]
        y = targets[rows, None].where(counts, 0)
        log_probs = (x @ weight.T).to(wide).log_softmax(dim=-1)
        loss -= log_probs.gather(1, y).where(counts, 0).sum()
        grad = log_probs.exp_()
        grad = grad.masked_fill_(~counts, 0).to(hidden.dtype)
        grad_hidden[rows] = grad @ weight
        grad_weight += grad.T @ x
    ctx.save_for_backward(grad_hidden, grad_weight)
    ctx.count, ctx.dtype = count, weight.dtype
    return loss / count


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.forward",
    "The sign of the gradients is wrong: onehot minus softmax leads up.",
)
def chunked_forward_sign(ctx, hidden, weight, targets, chunk, count):
    wide = torch.promote_types(hidden.dtype, torch.float32)
    loss = torch.zeros((), dtype=wide, device=hidden.device)
    grad_hidden = torch.zeros_like(hidden)
    grad_weight = torch.zeros_like(weight, dtype=wide)
    for start in range(0, len(hidden), chunk):
        rows = slice(start, start + chunk)
        x, counts = hidden[rows], (targets[rows] != IGNORED)[:, None]
        y = targets[rows, None].where(counts, 0)
        log_probs = (x @ weight.T).to(wide).log_softmax(dim=-1)
        loss -= log_probs.gather(1, y).where(counts, 0).sum()
        grad = log_probs.exp_().scatter_add_(1, y, -torch.ones_like(y, dtype=wide))
        grad = -grad.masked_fill_(~counts, 0).to(hidden.dtype)
        grad_hidden[rows] = grad @ weight
        grad_weight += grad.T @ x
    ctx.save_for_backward(grad_hidden, grad_weight)
    ctx.count, ctx.dtype = count, weight.dtype
    return loss / count


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.backward",
    "What comes from above is left out: the loss may be a part of a larger one, scaled, or divided by a number of micro-batches.",
)
def chunked_backward_ignores_grad_output(ctx, grad_output):
    grad_hidden, grad_weight = ctx.saved_tensors
    scale = 1 / float(ctx.count)
    return grad_hidden * scale, (grad_weight * scale).to(ctx.dtype), None, None, None


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.backward",
    "The saved gradients are multiplied in place: whoever goes backward a second time gets the factor twice.",
)
def chunked_backward_in_place(ctx, grad_output):
    grad_hidden, grad_weight = ctx.saved_tensors
    scale = grad_output / ctx.count
    grad_hidden.data.mul_(scale)
    grad_weight.data.mul_(scale)
    return grad_hidden.clone(), grad_weight.to(ctx.dtype, copy=True), None, None, None


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.backward",
    "The weight gets no gradient: the head never learns, and with a tied one the embedding learns from its inputs alone.",
)
def chunked_backward_without_weight(ctx, grad_output):
    grad_hidden, _ = ctx.saved_tensors
    return grad_hidden * (grad_output / ctx.count), None, None, None, None


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.backward",
    "The gradients come in the order of forward's arguments: hidden first, then weight.",
)
def chunked_backward_exchanged(ctx, grad_output):
    grad_hidden, grad_weight = ctx.saved_tensors
    scale = grad_output / ctx.count
    return (grad_weight * scale).to(ctx.dtype), grad_hidden * scale, None, None, None


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.forward",
    "The weight's gradient is added up in 16 bits: with many chunks, each one's part is rounded away. Add in float32.",
)
def chunked_forward_weight_in_half(ctx, hidden, weight, targets, chunk, count):
    wide = torch.promote_types(hidden.dtype, torch.float32)
    loss = torch.zeros((), dtype=wide, device=hidden.device)
    grad_hidden, grad_weight = torch.zeros_like(hidden), torch.zeros_like(weight)
    for start in range(0, len(hidden), chunk):
        rows = slice(start, start + chunk)
        x, counts = hidden[rows], (targets[rows] != IGNORED)[:, None]
        y = targets[rows, None].where(counts, 0)
        log_probs = (x @ weight.T).to(wide).log_softmax(dim=-1)
        loss -= log_probs.gather(1, y).where(counts, 0).sum()
        grad = log_probs.exp_().scatter_add_(1, y, -torch.ones_like(y, dtype=wide))
        grad = grad.masked_fill_(~counts, 0).to(hidden.dtype)
        grad_hidden[rows] = grad @ weight
        grad_weight += grad.T @ x
    ctx.save_for_backward(grad_hidden, grad_weight)
    ctx.count, ctx.dtype = count, weight.dtype
    return loss / count
