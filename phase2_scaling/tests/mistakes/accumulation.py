"""Classic wrong answers for `solution/accumulation.py`."""

from phase2_scaling.solution.accumulation import summed_loss
from phase2_scaling.solution.clipping import clip_grad_norm
from phase2_scaling.solution.model import IGNORED
from shared.mistakes import mistake


@mistake(
    "2.8",
    "accumulation.accumulate",
    "A mean of means: each micro-batch weighs the same, however few targets it has. Divide by the targets of the whole batch.",
)
def accumulate_mean_of_means(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    total = 0.0
    for idx, targets in micro_batches:
        count = (targets != IGNORED).sum().clamp(min=1)
        share = loss_function(model, idx, targets) / count / len(micro_batches)
        share.backward()
        total = total + share.detach()
    if max_norm is not None:
        clip_grad_norm(model.parameters(), max_norm)
    return total.item()


@mistake(
    "2.8",
    "accumulation.accumulate",
    "Each micro-batch's mean goes backward as it is, and the gradients add up: with k micro-batches they are about k times too long.",
)
def accumulate_not_divided(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    total, counts = 0.0, 0
    for idx, targets in micro_batches:
        count = (targets != IGNORED).sum()
        loss = loss_function(model, idx, targets)
        (loss / count.clamp(min=1)).backward()
        total, counts = total + loss.detach(), counts + count
    if max_norm is not None:
        clip_grad_norm(model.parameters(), max_norm)
    return (total / counts.clamp(min=1)).item()


@mistake(
    "2.8",
    "accumulation.accumulate",
    "The sum goes backward: gradients of a sum grow with the batch, and the learning rate with them.",
)
def accumulate_sum(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    count = sum((targets != IGNORED).sum() for _, targets in micro_batches).clamp(min=1)
    total = 0.0
    for idx, targets in micro_batches:
        loss = loss_function(model, idx, targets)
        loss.backward()
        total = total + loss.detach()
    if max_norm is not None:
        clip_grad_norm(model.parameters(), max_norm)
    return (total / count).item()


@mistake(
    "2.8",
    "accumulation.accumulate",
    "All targets are counted, the ignored ones too; the mean is over those that count.",
)
def accumulate_counts_ignored(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    count = sum(targets.numel() for _, targets in micro_batches)
    total = 0.0
    for idx, targets in micro_batches:
        share = loss_function(model, idx, targets) / count
        share.backward()
        total = total + share.detach()
    if max_norm is not None:
        clip_grad_norm(model.parameters(), max_norm)
    return total.item()


@mistake(
    "2.8",
    "accumulation.accumulate",
    "The gradients are cleared before every micro-batch, so the last one decides alone; clear them once.",
)
def accumulate_clears_each_time(model, micro_batches, loss_function=summed_loss, max_norm=None):
    count = sum((targets != IGNORED).sum() for _, targets in micro_batches).clamp(min=1)
    total = 0.0
    for idx, targets in micro_batches:
        model.zero_grad()
        share = loss_function(model, idx, targets) / count
        share.backward()
        total = total + share.detach()
    if max_norm is not None:
        clip_grad_norm(model.parameters(), max_norm)
    return total.item()


@mistake(
    "2.8",
    "accumulation.accumulate",
    "The gradients are never cleared: those of the step before are still in this one.",
)
def accumulate_never_clears(model, micro_batches, loss_function=summed_loss, max_norm=None):
    count = sum((targets != IGNORED).sum() for _, targets in micro_batches).clamp(min=1)
    total = 0.0
    for idx, targets in micro_batches:
        share = loss_function(model, idx, targets) / count
        share.backward()
        total = total + share.detach()
    if max_norm is not None:
        clip_grad_norm(model.parameters(), max_norm)
    return total.item()


@mistake(
    "2.8",
    "accumulation.accumulate",
    "Clipping happens after each micro-batch: early ones are shortened again and again. Clip the gradient of the batch, once.",
)
def accumulate_clips_each_time(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    count = sum((targets != IGNORED).sum() for _, targets in micro_batches).clamp(min=1)
    total = 0.0
    for idx, targets in micro_batches:
        share = loss_function(model, idx, targets) / count
        share.backward()
        total = total + share.detach()
        if max_norm is not None:
            clip_grad_norm(model.parameters(), max_norm)
    return total.item()


@mistake(
    "2.8",
    "accumulation.accumulate",
    "Nothing is clipped: max_norm is not used.",
)
def accumulate_never_clips(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    count = sum((targets != IGNORED).sum() for _, targets in micro_batches).clamp(min=1)
    total = 0.0
    for idx, targets in micro_batches:
        share = loss_function(model, idx, targets) / count
        share.backward()
        total = total + share.detach()
    return total.item()


@mistake(
    "2.8",
    "accumulation.accumulate",
    "One backward pass at the end gives the right gradients and saves nothing: until then the activations of all micro-batches are alive.",
)
def accumulate_backward_at_the_end(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    count = sum((targets != IGNORED).sum() for _, targets in micro_batches).clamp(min=1)
    total = sum(loss_function(model, idx, targets) for idx, targets in micro_batches) / count
    total.backward()
    if max_norm is not None:
        clip_grad_norm(model.parameters(), max_norm)
    return total.item()


@mistake(
    "2.8",
    "accumulation.accumulate",
    "The gradients are right, but the loss returned is the last micro-batch's share alone.",
)
def accumulate_last_loss(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    count = sum((targets != IGNORED).sum() for _, targets in micro_batches).clamp(min=1)
    for idx, targets in micro_batches:
        share = loss_function(model, idx, targets) / count
        share.backward()
    if max_norm is not None:
        clip_grad_norm(model.parameters(), max_norm)
    return share.item()


@mistake(
    "2.8",
    "accumulation.accumulate",
    "With no target that counts this is 0 / 0, and NaN is in every weight after the next step; divide by at least 1.",
)
def accumulate_nan_if_empty(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    count = sum((targets != IGNORED).sum() for _, targets in micro_batches)
    total = 0.0
    for idx, targets in micro_batches:
        share = loss_function(model, idx, targets) / count
        share.backward()
        total = total + share.detach()
    if max_norm is not None:
        clip_grad_norm(model.parameters(), max_norm)
    return total.item()


@mistake(
    "2.8",
    "accumulation.accumulate",
    "The caller's loss_function is not called: summed_loss is only what is taken if there is no other.",
)
def accumulate_own_loss(model, micro_batches, loss_function=summed_loss, max_norm=None):
    model.zero_grad()
    count = sum((targets != IGNORED).sum() for _, targets in micro_batches).clamp(min=1)
    total = 0.0
    for idx, targets in micro_batches:
        share = summed_loss(model, idx, targets) / count
        share.backward()
        total = total + share.detach()
    if max_norm is not None:
        clip_grad_norm(model.parameters(), max_norm)
    return total.item()
