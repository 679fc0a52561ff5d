"""Classic wrong answers for `solution/chunked_loss.py`: the loss, and what is alive."""

import torch

from phase2_scaling.solution.model import IGNORED
from shared.mistakes import mistake


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.forward",
    "The last rows are lost where the chunk does not divide their number: the last chunk may be shorter.",
)
def chunked_forward_drops_the_rest(ctx, hidden, weight, targets, chunk, count):
    wide = torch.promote_types(hidden.dtype, torch.float32)
    loss = torch.zeros((), dtype=wide, device=hidden.device)
    grad_hidden = torch.zeros_like(hidden)
    grad_weight = torch.zeros_like(weight, dtype=wide)
    for start in range(0, len(hidden) // chunk * chunk, chunk):
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


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.forward",
    "A mean of the chunks' means: a chunk with few targets then weighs as much as a full one. Add sums, divide once.",
)
def chunked_forward_means_of_chunks(ctx, hidden, weight, targets, chunk, count):
    wide = torch.promote_types(hidden.dtype, torch.float32)
    loss = torch.zeros((), dtype=wide, device=hidden.device)
    grad_hidden = torch.zeros_like(hidden)
    grad_weight = torch.zeros_like(weight, dtype=wide)
    pieces = -(-len(hidden) // chunk)
    for start in range(0, len(hidden), chunk):
        rows = slice(start, start + chunk)
        x, counts = hidden[rows], (targets[rows] != IGNORED)[:, None]
        y = targets[rows, None].where(counts, 0)
        log_probs = (x @ weight.T).to(wide).log_softmax(dim=-1)
        here = counts.sum().clamp(min=1) * pieces
        loss -= log_probs.gather(1, y).where(counts, 0).sum() / here
        grad = log_probs.exp_().scatter_add_(1, y, -torch.ones_like(y, dtype=wide))
        grad = (grad.masked_fill_(~counts, 0) / here).to(hidden.dtype)
        grad_hidden[rows] = grad @ weight
        grad_weight += grad.T @ x
    ctx.save_for_backward(grad_hidden, grad_weight)
    ctx.count, ctx.dtype = 1, weight.dtype
    return loss


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.forward",
    "The sum is divided by the number of rows, ignored ones included; `count` is given.",
)
def chunked_forward_divides_by_all(ctx, hidden, weight, targets, chunk, count):
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
    ctx.count, ctx.dtype = len(hidden), weight.dtype
    return loss / len(hidden)


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.forward",
    "Nothing is divided by `count`: this is the sum, whichever reduction was asked for.",
)
def chunked_forward_never_divides(ctx, hidden, weight, targets, chunk, count):
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
    return loss


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.forward",
    "Ignored rows add the loss of token 0 to the sum.",
)
def chunked_forward_counts_padding(ctx, hidden, weight, targets, chunk, count):
    wide = torch.promote_types(hidden.dtype, torch.float32)
    loss = torch.zeros((), dtype=wide, device=hidden.device)
    grad_hidden = torch.zeros_like(hidden)
    grad_weight = torch.zeros_like(weight, dtype=wide)
    for start in range(0, len(hidden), chunk):
        rows = slice(start, start + chunk)
        x, counts = hidden[rows], (targets[rows] != IGNORED)[:, None]
        y = targets[rows, None].where(counts, 0)
        log_probs = (x @ weight.T).to(wide).log_softmax(dim=-1)
        loss -= log_probs.gather(1, y).sum()
        grad = log_probs.exp_().scatter_add_(1, y, -torch.ones_like(y, dtype=wide))
        grad = grad.masked_fill_(~counts, 0).to(hidden.dtype)
        grad_hidden[rows] = grad @ weight
        grad_weight += grad.T @ x
    ctx.save_for_backward(grad_hidden, grad_weight)
    ctx.count, ctx.dtype = count, weight.dtype
    return loss / count


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.forward",
    "exp of a raw score overflows: take the largest score of a row out first, or use log_softmax.",
)
def chunked_forward_raw_exp(ctx, hidden, weight, targets, chunk, count):
    wide = torch.promote_types(hidden.dtype, torch.float32)
    loss = torch.zeros((), dtype=wide, device=hidden.device)
    grad_hidden = torch.zeros_like(hidden)
    grad_weight = torch.zeros_like(weight, dtype=wide)
    for start in range(0, len(hidden), chunk):
        rows = slice(start, start + chunk)
        x, counts = hidden[rows], (targets[rows] != IGNORED)[:, None]
        y = targets[rows, None].where(counts, 0)
        scores = (x @ weight.T).to(wide)
        log_probs = scores - scores.exp().sum(dim=-1, keepdim=True).log()
        loss -= log_probs.gather(1, y).where(counts, 0).sum()
        grad = log_probs.exp_().scatter_add_(1, y, -torch.ones_like(y, dtype=wide))
        grad = grad.masked_fill_(~counts, 0).to(hidden.dtype)
        grad_hidden[rows] = grad @ weight
        grad_weight += grad.T @ x
    ctx.save_for_backward(grad_hidden, grad_weight)
    ctx.count, ctx.dtype = count, weight.dtype
    return loss / count


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.forward",
    "The softmax is taken, and the losses are added, in the dtype of the arguments: in 16 bits a long sum stops growing.",
)
def chunked_forward_in_half(ctx, hidden, weight, targets, chunk, count):
    wide = hidden.dtype
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
    ctx.count, ctx.dtype = count, weight.dtype
    return loss / count


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.forward",
    "The table of all logits is made at once; what is done with it in chunks comes too late. It is the table that does not fit.",
)
def chunked_forward_all_logits(ctx, hidden, weight, targets, chunk, count):
    wide = torch.promote_types(hidden.dtype, torch.float32)
    loss = torch.zeros((), dtype=wide, device=hidden.device)
    grad_hidden = torch.zeros_like(hidden)
    grad_weight = torch.zeros_like(weight, dtype=wide)
    logits = hidden @ weight.T
    for start in range(0, len(hidden), chunk):
        rows = slice(start, start + chunk)
        x, counts = hidden[rows], (targets[rows] != IGNORED)[:, None]
        y = targets[rows, None].where(counts, 0)
        log_probs = logits[rows].to(wide).log_softmax(dim=-1)
        loss -= log_probs.gather(1, y).where(counts, 0).sum()
        grad = log_probs.exp_().scatter_add_(1, y, -torch.ones_like(y, dtype=wide))
        grad = grad.masked_fill_(~counts, 0).to(hidden.dtype)
        grad_hidden[rows] = grad @ weight
        grad_weight += grad.T @ x
    ctx.save_for_backward(grad_hidden, grad_weight)
    ctx.count, ctx.dtype = count, weight.dtype
    return loss / count


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.forward",
    "Each chunk's scores are kept for the backward pass: together they are the whole table again.",
)
def chunked_forward_keeps_every_chunk(ctx, hidden, weight, targets, chunk, count):
    wide = torch.promote_types(hidden.dtype, torch.float32)
    loss, ctx.pieces = torch.zeros((), dtype=wide, device=hidden.device), []
    for start in range(0, len(hidden), chunk):
        rows = slice(start, start + chunk)
        x, counts = hidden[rows], (targets[rows] != IGNORED)[:, None]
        y = targets[rows, None].where(counts, 0)
        log_probs = (x @ weight.T).to(wide).log_softmax(dim=-1)
        loss -= log_probs.gather(1, y).where(counts, 0).sum()
        grad = log_probs.exp().scatter_add(1, y, -torch.ones_like(y, dtype=wide))
        ctx.pieces.append((x, grad.masked_fill(~counts, 0).to(hidden.dtype)))
    grad_hidden = torch.cat([grad @ weight for _, grad in ctx.pieces])
    grad_weight = sum((grad.T @ x).to(wide) for x, grad in ctx.pieces)
    ctx.save_for_backward(grad_hidden, grad_weight)
    ctx.count, ctx.dtype = count, weight.dtype
    return loss / count


@mistake(
    "2.8",
    "chunked_loss.ChunkedCrossEntropy.forward",
    "`chunk` is a number of rows, not of chunks: here the pieces grow with the batch.",
)
def chunked_forward_number_of_chunks(ctx, hidden, weight, targets, chunk, count):
    wide = torch.promote_types(hidden.dtype, torch.float32)
    loss = torch.zeros((), dtype=wide, device=hidden.device)
    grad_hidden = torch.zeros_like(hidden)
    grad_weight = torch.zeros_like(weight, dtype=wide)
    start = 0
    for x in hidden.chunk(chunk):
        rows = slice(start, start + len(x))
        start += len(x)
        counts = (targets[rows] != IGNORED)[:, None]
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
