"""The mistakes of `mistakes/chunked_loss.py`, as others would write them."""

import torch
import torch.nn.functional as F

from shared.mistakes import attempt


def _wide(dtype):
    return torch.float64 if dtype == torch.float64 else torch.float32


def _chunk_of(x, weight, y, reduction="sum"):
    """Loss and gradients of a few rows, by PyTorch's own backward pass."""
    with torch.enable_grad():
        x, w = x.detach().requires_grad_(), weight.detach().requires_grad_()
        logits = (x @ w.t()).to(_wide(x.dtype))
        loss = F.cross_entropy(logits, y, ignore_index=-100, reduction=reduction)
    return loss.detach(), *torch.autograd.grad(loss, (x, w))


def _walk(hidden, weight, targets, chunk):
    """Add up the losses of all chunks, and their gradients."""
    loss, gw, gh = 0.0, 0.0, []
    for x, y in zip(hidden.split(chunk), targets.split(chunk)):
        piece, dx, dw = _chunk_of(x, weight, y)
        loss, gw = loss + piece, gw + dw.to(_wide(dw.dtype))
        gh.append(dx)
    return loss, torch.cat(gh), gw


def _done(ctx, loss, gh, gw, weight, count):
    ctx.save_for_backward(gh, gw)
    ctx.dtype, ctx.count = weight.dtype, count
    return loss


@attempt("chunked_forward_drops_the_rest")
def _(ctx, hidden, weight, targets, chunk, count):
    loss, gh, gw = 0.0, torch.zeros_like(hidden), torch.zeros(weight.shape).to(_wide(weight.dtype))
    for i in range(len(hidden) // chunk):
        rows = slice(i * chunk, i * chunk + chunk)
        piece, gh[rows], dw = _chunk_of(hidden[rows], weight, targets[rows])
        loss, gw = loss + piece, gw + dw
    loss = torch.as_tensor(loss, dtype=_wide(hidden.dtype))
    return _done(ctx, loss / count, gh, gw, weight, count)


@attempt("chunked_forward_means_of_chunks")
def _(ctx, hidden, weight, targets, chunk, count):
    loss, gw, gh = 0.0, 0.0, []
    xs, ys = hidden.split(chunk), targets.split(chunk)
    for x, y in zip(xs, ys):
        n = max(int((y != -100).sum()), 1)
        piece, dx, dw = _chunk_of(x, weight, y)
        loss, gw = loss + piece / n / len(xs), gw + dw.to(_wide(dw.dtype)) / n / len(xs)
        gh.append(dx / n / len(xs))
    return _done(ctx, loss, torch.cat(gh), gw, weight, 1)


@attempt("chunked_forward_divides_by_all")
def _(ctx, hidden, weight, targets, chunk, count):
    n = targets.shape[0]
    loss, gh, gw = _walk(hidden, weight, targets, chunk)
    return _done(ctx, loss / n, gh, gw, weight, n)


@attempt("chunked_forward_never_divides")
def _(ctx, hidden, weight, targets, chunk, count):
    return _done(ctx, *_walk(hidden, weight, targets, chunk), weight, 1)


@attempt("chunked_forward_gradient_of_the_sum")
def _(ctx, hidden, weight, targets, chunk, count):
    loss, gh, gw = _walk(hidden, weight, targets, chunk)
    return _done(ctx, loss / count, gh, gw, weight, 1)


@attempt("chunked_forward_overwrites_the_weight")
def _(ctx, hidden, weight, targets, chunk, count):
    loss, gh = 0.0, []
    for x, y in zip(hidden.split(chunk), targets.split(chunk)):
        piece, dx, gw = _chunk_of(x, weight, y)
        loss += piece
        gh.append(dx)
    return _done(ctx, loss / count, torch.cat(gh), gw.to(_wide(gw.dtype)), weight, count)


@attempt("chunked_forward_teaches_padding")
def _(ctx, hidden, weight, targets, chunk, count):
    loss, _, _ = _walk(hidden, weight, targets, chunk)
    _, gh, gw = _walk(hidden, weight, targets.clamp(min=0), chunk)
    return _done(ctx, loss / count, gh, gw, weight, count)


@attempt("chunked_forward_counts_padding")
def _(ctx, hidden, weight, targets, chunk, count):
    loss, _, _ = _walk(hidden, weight, targets.clamp(min=0), chunk)
    _, gh, gw = _walk(hidden, weight, targets, chunk)
    return _done(ctx, loss / count, gh, gw, weight, count)


@attempt("chunked_forward_forgets_onehot")
def _(ctx, hidden, weight, targets, chunk, count):
    loss, gh, gw = 0.0, [], 0.0
    for x, y in zip(hidden.split(chunk), targets.split(chunk)):
        loss = loss + _chunk_of(x, weight, y)[0]
        probs = F.softmax((x @ weight.t()).to(_wide(x.dtype)), dim=1)
        probs = (probs * (y != -100).unsqueeze(1)).to(x.dtype)
        gh.append(probs @ weight)
        gw = gw + (probs.t() @ x).to(_wide(x.dtype))
    return _done(ctx, loss / count, torch.cat(gh), gw, weight, count)


@attempt("chunked_forward_sign")
def _(ctx, hidden, weight, targets, chunk, count):
    loss, gh, gw = _walk(hidden, weight, targets, chunk)
    return _done(ctx, loss / count, gh.neg(), gw.neg(), weight, count)


@attempt("chunked_forward_raw_exp")
def _(ctx, hidden, weight, targets, chunk, count):
    _, gh, gw = _walk(hidden, weight, targets, chunk)
    loss = 0.0
    for x, y in zip(hidden.split(chunk), targets.split(chunk)):
        scores = (x @ weight.t()).to(_wide(x.dtype))
        nats = torch.log(torch.exp(scores).sum(1)) - scores.gather(1, y.clamp(min=0)[:, None])[:, 0]
        loss = loss + nats[y != -100].sum()
    return _done(ctx, loss / count, gh, gw, weight, count)


@attempt("chunked_forward_in_half")
def _(ctx, hidden, weight, targets, chunk, count):
    loss, gw, gh = hidden.new_zeros(()), torch.zeros_like(weight), []
    for x, y in zip(hidden.split(chunk), targets.split(chunk)):
        scores = F.log_softmax(x @ weight.t(), dim=1)
        keep = (y != -100)[:, None]
        loss = loss - (scores.gather(1, y.clamp(min=0)[:, None]) * keep).sum()
        hot = F.one_hot(y.clamp(min=0), len(weight)).to(x.dtype)
        d = (scores.exp() - hot) * keep
        gh.append(d @ weight)
        gw = gw + d.t() @ x
    return _done(ctx, loss / count, torch.cat(gh), gw, weight, count)


@attempt("chunked_forward_all_logits")
def _(ctx, hidden, weight, targets, chunk, count):
    logits, gw, gh, loss = hidden.matmul(weight.t()), 0.0, [], 0.0
    for s, x, y in zip(logits.split(chunk), hidden.split(chunk), targets.split(chunk)):
        scores = s.to(_wide(s.dtype)).log_softmax(1)
        keep = (y != -100)[:, None]
        loss = loss - (scores.gather(1, y.clamp(min=0)[:, None]) * keep).sum()
        hot = F.one_hot(y.clamp(min=0), len(weight))
        d = ((scores.exp() - hot) * keep).to(x.dtype)
        gh.append(d @ weight)
        gw = gw + (d.t() @ x).to(_wide(x.dtype))
    return _done(ctx, loss / count, torch.cat(gh), gw, weight, count)


@attempt("chunked_forward_keeps_every_chunk")
def _(ctx, hidden, weight, targets, chunk, count):
    ctx.kept, loss, gw, gh = [], 0.0, 0.0, []
    for x, y in zip(hidden.split(chunk), targets.split(chunk)):
        scores = (x @ weight.t()).to(_wide(x.dtype)).log_softmax(1)
        keep = (y != -100)[:, None]
        loss = loss - (scores.gather(1, y.clamp(min=0)[:, None]) * keep).sum()
        hot = F.one_hot(y.clamp(min=0), len(weight))
        d = ((scores.exp() - hot) * keep).to(x.dtype)
        ctx.kept.append(d)
        gh.append(d @ weight)
        gw = gw + (d.t() @ x).to(_wide(x.dtype))
    return _done(ctx, loss / count, torch.cat(gh), gw, weight, count)


@attempt("chunked_forward_all_logits")
def _(ctx, hidden, weight, targets, chunk, count):
    loss, gh, gw = _chunk_of(hidden, weight, targets)
    return _done(ctx, loss / count, gh, gw, weight, count)


@attempt("chunked_backward_ignores_grad_output")
def _(ctx, grad_output):
    gh, gw = ctx.saved_tensors
    n = int(ctx.count)
    return gh / n, (gw / n).to(ctx.dtype), None, None, None


@attempt("chunked_backward_in_place")
def _(ctx, grad_output):
    gh, gw = (t.data for t in ctx.saved_tensors)
    for t in (gh, gw):
        t *= grad_output / ctx.count
    return gh + 0, (gw + 0).to(ctx.dtype), None, None, None


@attempt("chunked_backward_without_weight")
def _(ctx, grad_output):
    gh = ctx.saved_tensors[0]
    return gh * grad_output / ctx.count, None, None, None, None


@attempt("chunked_backward_exchanged")
def _(ctx, grad_output):
    gw, gh = ((t * grad_output / ctx.count).to(ctx.dtype) for t in ctx.saved_tensors)
    return gh, gw, None, None, None


@attempt("chunked_forward_number_of_chunks")
def _(ctx, hidden, weight, targets, chunk, count):
    loss, gh, gw = _walk(hidden, weight, targets, -(-len(hidden) // chunk))
    return _done(ctx, loss / count, gh, gw, weight, count)


@attempt("chunked_forward_weight_in_half")
def _(ctx, hidden, weight, targets, chunk, count):
    loss, gw, gh = 0.0, torch.zeros_like(weight), []
    for x, y in zip(hidden.split(chunk), targets.split(chunk)):
        piece, dx, dw = _chunk_of(x, weight, y)
        loss, gw = loss + piece, gw + dw
        gh.append(dx)
    return _done(ctx, loss / count, torch.cat(gh), gw, weight, count)
