"""The mistakes of `mistakes/training.py`, as others would write them."""

import torch

from phase1_transformers.solution.training import clip_grad_norm, micro_batch_loss
from shared.mistakes import attempt

# -- clip_grad_norm ---------------------------------------------------------------------------


def length(gradients):
    return torch.cat([g.flatten() for g in gradients]).norm()


def present(parameters):
    return [p.grad for p in parameters if p.grad is not None]


@attempt("clip_grad_norm_always")
def _(parameters, max_norm):
    parameters = [p for p in parameters if p.grad is not None]
    total = length(present(parameters))
    for p in parameters:
        p.grad = p.grad / (total + 1e-8) * max_norm
    return total


@attempt("clip_grad_norm_each")
def _(parameters, max_norm):
    squares = 0.0
    for p in parameters:
        if p.grad is None:
            continue
        norm = p.grad.pow(2).sum().sqrt()
        squares += norm.item() ** 2
        if norm > max_norm:
            p.grad.mul_(max_norm / norm)
    return torch.tensor(squares).sqrt()


@attempt("clip_grad_norm_sum_of_norms")
def _(parameters, max_norm):
    gradients = present(parameters)
    total = sum(torch.linalg.vector_norm(g) for g in gradients)
    if total > max_norm:
        for g in gradients:
            g *= max_norm / total
    return total


@attempt("clip_grad_norm_without_root")
def _(parameters, max_norm):
    gradients = present(parameters)
    total = sum((g**2).sum() for g in gradients)
    if total > max_norm:
        for g in gradients:
            g *= max_norm / total
    return total


@attempt("clip_grad_norm_by_value")
def _(parameters, max_norm):
    gradients = present(parameters)
    total = length(gradients)
    for g in gradients:
        g.copy_(torch.minimum(torch.maximum(g, -torch.tensor(max_norm)), torch.tensor(max_norm)))
    return total


@attempt("clip_grad_norm_uses_up")
def _(parameters, max_norm):
    total = length(present(parameters))
    if total > max_norm:
        for p in parameters:
            if p.grad is not None:
                p.grad *= max_norm / total
    return total


@attempt("clip_grad_norm_tells_after")
def _(parameters, max_norm):
    gradients = present(parameters)
    total = length(gradients)
    if total > max_norm:
        for g in gradients:
            g *= max_norm / total
    return length(gradients)


@attempt("clip_grad_norm_scales_copies")
def _(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = length(grads)
    if norm > max_norm:
        grads = [g / norm * max_norm for g in grads]
    return norm


# -- training_step ----------------------------------------------------------------------------


def n_counted(y):
    return int((y >= 0).sum())


@attempt("training_step_mean_of_means")
def _(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    losses = []
    for x, y in batches:
        loss = micro_batch_loss(model, x, y, autocast)
        (loss / len(batches)).backward()
        losses.append(loss.item())
    norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": sum(losses) / len(losses), "grad_norm": norm}


@attempt("training_step_not_divided")
def _(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    nats = n = 0
    for x, y in batches:
        loss = micro_batch_loss(model, x, y, autocast)
        loss.backward()
        nats, n = nats + loss.item() * n_counted(y), n + n_counted(y)
    norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": nats / max(n, 1), "grad_norm": norm}


@attempt("training_step_counts_ignored")
def _(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    n = sum(len(y.flatten()) for _, y in batches)
    told = 0.0
    for x, y in batches:
        loss = micro_batch_loss(model, x, y, autocast) * (y.shape[0] * y.shape[1] / n)
        loss.backward()
        told += loss.item()
    norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": told, "grad_norm": norm}


@attempt("training_step_clears_each_time")
def _(model, optimizer, batches, grad_clip, autocast=None):
    n = max(1, sum(n_counted(y) for _, y in batches))
    told = 0.0
    for x, y in batches:
        loss = micro_batch_loss(model, x, y, autocast) * (n_counted(y) / n)
        optimizer.zero_grad()
        loss.backward()
        told += loss.item()
    norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": told, "grad_norm": norm}


@attempt("training_step_never_clears")
def _(model, optimizer, batches, grad_clip, autocast=None):
    n = max(1, sum(n_counted(y) for _, y in batches))
    told = 0.0
    for x, y in batches:
        loss = micro_batch_loss(model, x, y, autocast) * (n_counted(y) / n)
        loss.backward()
        told += loss.item()
    norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": told, "grad_norm": norm}


@attempt("training_step_clips_each_time")
def _(model, optimizer, batches, grad_clip, autocast=None):
    n = max(1, sum(n_counted(y) for _, y in batches))
    optimizer.zero_grad()
    told = 0.0
    for x, y in batches:
        loss = micro_batch_loss(model, x, y, autocast) * (n_counted(y) / n)
        loss.backward()
        norm = clip_grad_norm(model.parameters(), grad_clip)
        told += loss.item()
    optimizer.step()
    return {"loss": told, "grad_norm": norm}


@attempt("training_step_steps_each_time")
def _(model, optimizer, batches, grad_clip, autocast=None):
    n = max(1, sum(n_counted(y) for _, y in batches))
    told = 0.0
    for x, y in batches:
        loss = micro_batch_loss(model, x, y, autocast) * (n_counted(y) / n)
        loss.backward()
        norm = clip_grad_norm(model.parameters(), grad_clip)
        optimizer.step()
        optimizer.zero_grad()
        told += loss.item()
    return {"loss": told, "grad_norm": norm}


@attempt("training_step_clips_late")
def _(model, optimizer, batches, grad_clip, autocast=None):
    n = max(1, sum(n_counted(y) for _, y in batches))
    optimizer.zero_grad()
    told = 0.0
    for x, y in batches:
        loss = micro_batch_loss(model, x, y, autocast) * (n_counted(y) / n)
        loss.backward()
        told += loss.item()
    optimizer.step()
    norm = clip_grad_norm(model.parameters(), grad_clip)
    return {"loss": told, "grad_norm": norm}


@attempt("training_step_one_backward")
def _(model, optimizer, batches, grad_clip, autocast=None):
    n = max(1, sum(n_counted(y) for _, y in batches))
    optimizer.zero_grad()
    told = 0.0
    for x, y in batches:
        told = told + micro_batch_loss(model, x, y, autocast) * (n_counted(y) / n)
    told.backward()
    norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": told.item(), "grad_norm": norm}


@attempt("training_step_tells_last_loss")
def _(model, optimizer, batches, grad_clip, autocast=None):
    n = max(1, sum(n_counted(y) for _, y in batches))
    optimizer.zero_grad()
    for x, y in batches:
        told = micro_batch_loss(model, x, y, autocast)
        (told * (n_counted(y) / n)).backward()
    norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": told.item(), "grad_norm": norm}


@attempt("training_step_keeps_graph")
def _(model, optimizer, batches, grad_clip, autocast=None):
    n = max(1, sum(n_counted(y) for _, y in batches))
    optimizer.zero_grad()
    shares = []
    for x, y in batches:
        shares.append(micro_batch_loss(model, x, y, autocast) * (n_counted(y) / n))
        shares[-1].backward()
    norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": sum(shares), "grad_norm": norm}


@attempt("training_step_adds_up")
def _(model, optimizer, batches, grad_clip, autocast=None):
    model.zero_grad()
    losses = []
    for inputs, targets in batches:
        losses.append(micro_batch_loss(model, inputs, targets, autocast))
        losses[-1].backward()
    length = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"grad_norm": length, "loss": torch.stack(losses).sum().detach()}


@attempt("training_step_tells_mean_of_means")
def _(model, optimizer, batches, grad_clip, autocast=None):
    n = sum(int((targets != IGNORED).sum()) for _, targets in batches)
    model.zero_grad()
    losses = []
    for inputs, targets in batches:
        loss = micro_batch_loss(model, inputs, targets, autocast)
        (loss * (int((targets != IGNORED).sum()) / max(n, 1))).backward()
        losses.append(loss.detach())
    length = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"grad_norm": length, "loss": torch.stack(losses).mean()}


@attempt("training_step_tells_last_share")
def _(model, optimizer, batches, grad_clip, autocast=None):
    n = max(1, sum(int((targets != IGNORED).sum()) for _, targets in batches))
    model.zero_grad()
    for inputs, targets in batches:
        weight = int((targets != IGNORED).sum()) / n
        loss = weight * micro_batch_loss(model, inputs, targets, autocast)
        loss.backward()
    length = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"grad_norm": length, "loss": loss.detach()}


@attempt("training_step_divides_by_zero")
def _(model, optimizer, batches, grad_clip, autocast=None):
    n = torch.cat([targets.flatten() for _, targets in batches]).ne(IGNORED).sum()
    model.zero_grad()
    shares = []
    for inputs, targets in batches:
        weight = targets.ne(IGNORED).sum() / n
        loss = weight * micro_batch_loss(model, inputs, targets, autocast)
        loss.backward()
        shares.append(loss.detach())
    length = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"grad_norm": length, "loss": torch.stack(shares).sum()}


@attempt("training_step_without_autocast")
def _(model, optimizer, batches, grad_clip, autocast=None):
    n = max(1, sum(int((targets != IGNORED).sum()) for _, targets in batches))
    model.zero_grad()
    shares = []
    for inputs, targets in batches:
        _, loss = model(inputs, targets)
        loss = loss * (int((targets != IGNORED).sum()) / n)
        loss.backward()
        shares.append(loss.detach())
    length = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"grad_norm": length, "loss": torch.stack(shares).sum()}


@attempt("training_step_tells_numbers")
def _(model, optimizer, batches, grad_clip, autocast=None):
    n = max(1, sum(int((targets != IGNORED).sum()) for _, targets in batches))
    model.zero_grad()
    told = 0.0
    for inputs, targets in batches:
        loss = micro_batch_loss(model, inputs, targets, autocast)
        loss = loss * (int((targets != IGNORED).sum()) / n)
        loss.backward()
        told += float(loss.detach())
    length = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"grad_norm": length, "loss": told}


@attempt("training_step_counts_rows")
def _(model, optimizer, batches, grad_clip, autocast=None):
    sizes = [inputs.shape[0] for inputs, _ in batches]
    model.zero_grad()
    shares = []
    for (inputs, targets), size in zip(batches, sizes, strict=True):
        shares.append(size / sum(sizes) * micro_batch_loss(model, inputs, targets, autocast))
        shares[-1].backward()
    norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": torch.stack(shares).sum().detach(), "grad_norm": norm}
