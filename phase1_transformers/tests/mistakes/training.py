"""Classic wrong answers for `solution/training.py`: the step."""

from phase1_transformers.solution.losses import IGNORED
from phase1_transformers.solution.training import clip_grad_norm, micro_batch_loss
from shared.mistakes import mistake


@mistake(
    "1.19",
    "training.training_step",
    "A mean of means: each piece weighs the same, however few targets it has. Weigh a piece by its targets that count.",
)
def training_step_mean_of_means(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    total = 0.0
    for x, y in batches:
        loss = micro_batch_loss(model, x, y, autocast) / len(batches)
        loss.backward()
        total = total + loss.detach()
    grad_norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": total, "grad_norm": grad_norm}


@mistake(
    "1.19",
    "training.training_step",
    "The gradients of the pieces are added up and never divided: k pieces make a gradient k times as long.",
)
def training_step_not_divided(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    counts = [(y != IGNORED).sum() for _, y in batches]
    total = 0.0
    for (x, y), count in zip(batches, counts, strict=True):
        loss = micro_batch_loss(model, x, y, autocast)
        loss.backward()
        total = total + loss.detach() * count / sum(counts).clamp(min=1)
    grad_norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": total, "grad_norm": grad_norm}


@mistake(
    "1.19",
    "training.training_step",
    "Pieces are weighed by all their targets, the ignored ones too; only those that count are in a piece's mean.",
)
def training_step_counts_ignored(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    counts = [y.numel() for _, y in batches]
    total = 0.0
    for (x, y), count in zip(batches, counts, strict=True):
        share = micro_batch_loss(model, x, y, autocast) * count / sum(counts)
        share.backward()
        total = total + share.detach()
    grad_norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": total, "grad_norm": grad_norm}


@mistake(
    "1.19",
    "training.training_step",
    "The gradients are cleared before every piece, so the last one decides alone; clear them once, at the start.",
)
def training_step_clears_each_time(model, optimizer, batches, grad_clip, autocast=None):
    counts = [(y != IGNORED).sum() for _, y in batches]
    total = 0.0
    for (x, y), count in zip(batches, counts, strict=True):
        optimizer.zero_grad()
        share = micro_batch_loss(model, x, y, autocast) * count / sum(counts).clamp(min=1)
        share.backward()
        total = total + share.detach()
    grad_norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": total, "grad_norm": grad_norm}


@mistake(
    "1.19",
    "training.training_step",
    "The gradients are never cleared: those of the last step are still in this one.",
)
def training_step_never_clears(model, optimizer, batches, grad_clip, autocast=None):
    counts = [(y != IGNORED).sum() for _, y in batches]
    total = 0.0
    for (x, y), count in zip(batches, counts, strict=True):
        share = micro_batch_loss(model, x, y, autocast) * count / sum(counts).clamp(min=1)
        share.backward()
        total = total + share.detach()
    grad_norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": total, "grad_norm": grad_norm}


@mistake(
    "1.19",
    "training.training_step",
    "Clipping happens after each piece, so early pieces are shortened and later ones are not; clip once, at the end.",
)
def training_step_clips_each_time(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    counts = [(y != IGNORED).sum() for _, y in batches]
    total = 0.0
    for (x, y), count in zip(batches, counts, strict=True):
        share = micro_batch_loss(model, x, y, autocast) * count / sum(counts).clamp(min=1)
        share.backward()
        grad_norm = clip_grad_norm(model.parameters(), grad_clip)
        total = total + share.detach()
    optimizer.step()
    return {"loss": total, "grad_norm": grad_norm}


@mistake(
    "1.19",
    "training.training_step",
    "The optimiser steps after every piece: k small steps in place of one on the whole batch.",
)
def training_step_steps_each_time(model, optimizer, batches, grad_clip, autocast=None):
    counts = [(y != IGNORED).sum() for _, y in batches]
    total = 0.0
    for (x, y), count in zip(batches, counts, strict=True):
        optimizer.zero_grad()
        share = micro_batch_loss(model, x, y, autocast) * count / sum(counts).clamp(min=1)
        share.backward()
        grad_norm = clip_grad_norm(model.parameters(), grad_clip)
        optimizer.step()
        total = total + share.detach()
    return {"loss": total, "grad_norm": grad_norm}


@mistake(
    "1.19",
    "training.training_step",
    "The optimiser has stepped before the gradient is clipped: the clipping comes too late to matter.",
)
def training_step_clips_late(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    counts = [(y != IGNORED).sum() for _, y in batches]
    total = 0.0
    for (x, y), count in zip(batches, counts, strict=True):
        share = micro_batch_loss(model, x, y, autocast) * count / sum(counts).clamp(min=1)
        share.backward()
        total = total + share.detach()
    optimizer.step()
    return {"loss": total, "grad_norm": clip_grad_norm(model.parameters(), grad_clip)}


@mistake(
    "1.19",
    "training.training_step",
    "One backward for all pieces: right numbers, but every piece's activations wait in memory, which pieces are to spare.",
)
def training_step_one_backward(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    counts = [(y != IGNORED).sum() for _, y in batches]
    losses = [micro_batch_loss(model, x, y, autocast) for x, y in batches]
    weighed = [loss * count for loss, count in zip(losses, counts, strict=True)]
    total = sum(weighed) / sum(counts).clamp(min=1)
    total.backward()
    grad_norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": total.detach(), "grad_norm": grad_norm}


@mistake(
    "1.19",
    "training.training_step",
    "The loss that is told is the last piece's, not that of the whole batch.",
)
def training_step_tells_last_loss(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    counts = [(y != IGNORED).sum() for _, y in batches]
    for (x, y), count in zip(batches, counts, strict=True):
        loss = micro_batch_loss(model, x, y, autocast)
        (loss * count / sum(counts).clamp(min=1)).backward()
    grad_norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": loss.detach(), "grad_norm": grad_norm}


@mistake(
    "1.19",
    "training.training_step",
    "The loss that is told still hangs on its graph: whoever keeps it keeps every activation of the step. Detach it.",
)
def training_step_keeps_graph(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    counts = [(y != IGNORED).sum() for _, y in batches]
    total = 0.0
    for (x, y), count in zip(batches, counts, strict=True):
        share = micro_batch_loss(model, x, y, autocast) * count / sum(counts).clamp(min=1)
        share.backward()
        total = total + share
    grad_norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": total, "grad_norm": grad_norm}


@mistake(
    "1.19",
    "training.training_step",
    "Nothing is weighed: the pieces' losses are added up, and so are their gradients. The mean is over all targets that count.",
)
def training_step_adds_up(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    total = 0.0
    for x, y in batches:
        loss = micro_batch_loss(model, x, y, autocast)
        loss.backward()
        total = total + loss.detach()
    grad_norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": total, "grad_norm": grad_norm}


@mistake(
    "1.19",
    "training.training_step",
    "The step is right, but the loss that is told is a mean of means; weigh it as you weigh the gradients.",
)
def training_step_tells_mean_of_means(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    counts = [(y != IGNORED).sum() for _, y in batches]
    total = 0.0
    for (x, y), count in zip(batches, counts, strict=True):
        loss = micro_batch_loss(model, x, y, autocast)
        (loss * count / sum(counts).clamp(min=1)).backward()
        total = total + loss.detach() / len(batches)
    grad_norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": total, "grad_norm": grad_norm}


@mistake(
    "1.19",
    "training.training_step",
    "The loss that is told is the last piece's share alone; the shares of all pieces add up to the loss.",
)
def training_step_tells_last_share(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    counts = [(y != IGNORED).sum() for _, y in batches]
    for (x, y), count in zip(batches, counts, strict=True):
        share = micro_batch_loss(model, x, y, autocast) * count / sum(counts).clamp(min=1)
        share.backward()
    grad_norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": share.detach(), "grad_norm": grad_norm}


@mistake(
    "1.19",
    "training.training_step",
    "Where no target counts at all, the number of them is 0, and you divide by it.",
)
def training_step_divides_by_zero(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    counts = [(y != IGNORED).sum() for _, y in batches]
    total = 0.0
    for (x, y), count in zip(batches, counts, strict=True):
        share = micro_batch_loss(model, x, y, autocast) * count / sum(counts)
        share.backward()
        total = total + share.detach()
    grad_norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": total, "grad_norm": grad_norm}


@mistake(
    "1.19",
    "training.training_step",
    "autocast is never handed on, so every product is made in float32.",
)
def training_step_without_autocast(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    counts = [(y != IGNORED).sum() for _, y in batches]
    total = 0.0
    for (x, y), count in zip(batches, counts, strict=True):
        share = micro_batch_loss(model, x, y) * count / sum(counts).clamp(min=1)
        share.backward()
        total = total + share.detach()
    grad_norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": total, "grad_norm": grad_norm}


@mistake(
    "1.19",
    "training.training_step",
    "The loss comes back as a Python number. Asking a tensor for its value makes a GPU wait; hand the tensor on, detached.",
)
def training_step_tells_numbers(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    counts = [(y != IGNORED).sum() for _, y in batches]
    total = 0.0
    for (x, y), count in zip(batches, counts, strict=True):
        share = micro_batch_loss(model, x, y, autocast) * count / sum(counts).clamp(min=1)
        share.backward()
        total += share.item()
    grad_norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": total, "grad_norm": grad_norm}


@mistake(
    "1.19",
    "training.training_step",
    "Pieces are weighed by their rows; rows have different numbers of targets that count, and a mean is over targets.",
)
def training_step_counts_rows(model, optimizer, batches, grad_clip, autocast=None):
    optimizer.zero_grad()
    rows = sum(len(y) for _, y in batches)
    total = 0.0
    for x, y in batches:
        share = micro_batch_loss(model, x, y, autocast) * len(y) / rows
        share.backward()
        total = total + share.detach()
    grad_norm = clip_grad_norm(model.parameters(), grad_clip)
    optimizer.step()
    return {"loss": total, "grad_norm": grad_norm}
