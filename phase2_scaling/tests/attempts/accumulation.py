"""The mistakes of `mistakes/accumulation.py`, as others would write them."""

from phase2_scaling.solution.accumulation import summed_loss
from phase2_scaling.solution.clipping import clip_grad_norm
from shared.mistakes import attempt


def _n(targets):
    """How many targets count."""
    return int((targets != -100).sum())


def _clip(model, max_norm):
    if max_norm:
        clip_grad_norm(list(model.parameters()), max_norm)


@attempt("accumulate_mean_of_means")
def _(model, micro_batches, loss_function=summed_loss, max_norm=None):
    for p in model.parameters():
        p.grad = None
    k, losses = len(micro_batches), []
    for x, y in micro_batches:
        mean = loss_function(model, x, y) / max(_n(y), 1)
        (mean / k).backward()
        losses.append(mean.item())
    _clip(model, max_norm)
    return sum(losses) / k


@attempt("accumulate_not_divided")
def _(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad(set_to_none=True)
    nats = 0.0
    for x, y in micro_batches:
        mean = loss_function(model, x, y) / max(_n(y), 1)
        mean.backward()
        nats += mean.item() * _n(y)
    _clip(model, max_norm)
    return nats / max(sum(_n(y) for _, y in micro_batches), 1)


@attempt("accumulate_sum")
def _(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    nats, n = 0.0, 0
    for x, y in micro_batches:
        loss = loss_function(model, x, y)
        loss.backward()
        nats += float(loss.detach())
        n += _n(y)
    _clip(model, max_norm)
    return nats / max(n, 1)


@attempt("accumulate_counts_ignored")
def _(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    tokens = sum(len(row) for _, y in micro_batches for row in y)
    mean = 0.0
    for x, y in micro_batches:
        loss = loss_function(model, x, y).div(tokens)
        loss.backward()
        mean += loss.item()
    _clip(model, max_norm)
    return mean


@attempt("accumulate_clears_each_time")
def _(model, micro_batches, loss_function=summed_loss, max_norm=None):
    n = max(sum(_n(y) for _, y in micro_batches), 1)
    nats = 0.0
    for x, y in micro_batches:
        for p in model.parameters():
            p.grad = None
        loss = loss_function(model, x, y)
        (loss / n).backward()
        nats += loss.item()
    _clip(model, max_norm)
    return nats / n


@attempt("accumulate_never_clears")
def _(model, micro_batches, loss_function=summed_loss, max_norm=None):
    n = max(sum(_n(y) for _, y in micro_batches), 1)
    nats = 0.0
    for x, y in micro_batches:
        loss = loss_function(model, x, y)
        (loss * (1 / n)).backward()
        nats += loss.item()
    _clip(model, max_norm)
    return nats / n


@attempt("accumulate_clips_each_time")
def _(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    n = max(sum(_n(y) for _, y in micro_batches), 1)
    nats = 0.0
    for x, y in micro_batches:
        loss = loss_function(model, x, y)
        (loss / n).backward()
        _clip(model, max_norm)
        nats += loss.item()
    return nats / n


@attempt("accumulate_never_clips")
def _(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    n = max(sum(_n(y) for _, y in micro_batches), 1)
    nats = []
    for x, y in micro_batches:
        loss = loss_function(model, x, y) / n
        loss.backward()
        nats.append(loss.item())
    return sum(nats)


@attempt("accumulate_backward_at_the_end")
def _(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    n, loss = 0, 0
    for x, y in micro_batches:
        loss = loss + loss_function(model, x, y)
        n += _n(y)
    loss = loss / max(n, 1)
    loss.backward()
    _clip(model, max_norm)
    return float(loss.detach())


@attempt("accumulate_last_loss")
def _(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    n = max(sum(_n(y) for _, y in micro_batches), 1)
    last = 0.0
    for x, y in micro_batches:
        loss = loss_function(model, x, y)
        loss.div(n).backward()
        last = loss.item() / n
    _clip(model, max_norm)
    return last


@attempt("accumulate_nan_if_empty")
def _(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    n = sum((y != -100).sum() for _, y in micro_batches).float().to(next(model.parameters()).dtype)
    mean = 0.0
    for x, y in micro_batches:
        loss = loss_function(model, x, y) / n
        loss.backward()
        mean += loss.item()
    _clip(model, max_norm)
    return mean


@attempt("accumulate_own_loss")
def _(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    n = max(sum(_n(y) for _, y in micro_batches), 1)
    mean = 0.0
    for x, y in micro_batches:
        loss = summed_loss(model, x, y).div(n)
        loss.backward()
        mean += loss.item()
    _clip(model, max_norm)
    return mean
