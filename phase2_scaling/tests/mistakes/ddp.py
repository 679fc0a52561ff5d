"""Classic wrong answers for `solution/ddp.py`."""

import torch
import torch.distributed as dist

from phase2_scaling.solution.ddp import used_anywhere
from shared.mistakes import mistake


@mistake(
    "2.14",
    "ddp.broadcast_parameters",
    "Buffers stay different: running means and masks change what a model computes as much as its weights do.",
)
def broadcast_parameters_only(module, group=None, source=0):
    for p in module.parameters():
        dist.broadcast(p.detach(), group=group, group_src=source)


@mistake(
    "2.14",
    "ddp.broadcast_parameters",
    "Frozen parameters were left out: nobody trains them, but every rank has drawn its own.",
)
def broadcast_parameters_trained_ones(module, group=None, source=0):
    trained = [p for p in module.parameters() if p.requires_grad]
    for tensor in [*trained, *module.buffers()]:
        dist.broadcast(tensor.detach(), group=group, group_src=source)


@mistake(
    "2.14",
    "ddp.broadcast_parameters",
    "state_dict leaves out buffers that no checkpoint keeps; a rank has drawn those for itself, too.",
)
def broadcast_parameters_of_state_dict(module, group=None, source=0):
    for tensor in module.state_dict().values():
        dist.broadcast(tensor, group=group, group_src=source)


@mistake(
    "2.14",
    "ddp.broadcast_parameters",
    "The ranks end equal, but as the mean of all: they were to have the numbers of the source.",
)
def broadcast_parameters_as_mean(module, group=None, source=0):
    for tensor in [*module.parameters(), *module.buffers()]:
        total = tensor.detach().clone()
        dist.all_reduce(total, group=group)
        tensor.data.copy_(total / dist.get_world_size(group))


@mistake(
    "2.14",
    "ddp.broadcast_parameters",
    "The source is always rank 0, whichever was asked for.",
)
def broadcast_parameters_from_zero(module, group=None, source=0):
    for tensor in [*module.parameters(), *module.buffers()]:
        dist.broadcast(tensor.detach(), group=group, group_src=0)


@mistake(
    "2.14",
    "ddp.broadcast_parameters",
    "The source is a rank of the group, and `src` names one of the world: that one may not even be in the group.",
)
def broadcast_parameters_from_the_world(module, group=None, source=0):
    for tensor in [*module.parameters(), *module.buffers()]:
        dist.broadcast(tensor.detach(), source, group=group)


@mistake(
    "2.14",
    "ddp.broadcast_parameters",
    "Copies travel and are thrown away: the module's own tensors must be what the message is received into.",
)
def broadcast_parameters_into_copies(module, group=None, source=0):
    for tensor in [*module.parameters(), *module.buffers()]:
        copy = tensor.detach().clone()
        dist.broadcast(copy, group=group, group_src=source)


@mistake(
    "2.14",
    "ddp.average_gradients",
    "The gradients are summed and not averaged: the learning rate is multiplied by the number of ranks.",
)
def average_gradients_sum(module, group=None):
    trained = [p for p in module.parameters() if p.requires_grad]
    for p, used in zip(trained, used_anywhere(trained, group)):
        if used:
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad
            dist.all_reduce(p.grad, group=group)


@mistake(
    "2.14",
    "ddp.average_gradients",
    "A rank without a gradient sends nothing, so its next message meets another one of the others: all must send the same.",
)
def average_gradients_skips_absent(module, group=None):
    for p in module.parameters():
        if p.grad is not None:
            dist.all_reduce(p.grad, group=group)
            p.grad /= dist.get_world_size(group)


@mistake(
    "2.14",
    "ddp.average_gradients",
    "What no rank has a gradient of gets zeros: an optimiser with momentum or decay would move it, a single process would not.",
)
def average_gradients_fills_all(module, group=None):
    for p in module.parameters():
        if p.requires_grad:
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad
            dist.all_reduce(p.grad, group=group)
            p.grad /= dist.get_world_size(group)


@mistake(
    "2.14",
    "ddp.average_gradients",
    "The sum is divided by the ranks that have a gradient; one that does not use a parameter counts as zero, and counts.",
)
def average_gradients_over_users(module, group=None):
    trained = [p for p in module.parameters() if p.requires_grad]
    for p, used in zip(trained, used_anywhere(trained, group)):
        if used:
            users = torch.tensor(0 if p.grad is None else 1)
            dist.all_reduce(users, group=group)
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad
            dist.all_reduce(p.grad, group=group)
            p.grad /= users


@mistake(
    "2.14",
    "ddp.average_gradients",
    "The sum over the group is divided by the size of the world.",
)
def average_gradients_by_the_world(module, group=None):
    trained = [p for p in module.parameters() if p.requires_grad]
    for p, used in zip(trained, used_anywhere(trained, group)):
        if used:
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad
            dist.all_reduce(p.grad, group=group)
            p.grad /= dist.get_world_size()


@mistake(
    "2.14",
    "ddp.average_gradients",
    "A rank that had no gradient takes part, but throws the mean away: it must step as the others do.",
)
def average_gradients_keeps_none(module, group=None):
    trained = [p for p in module.parameters() if p.requires_grad]
    for p, used in zip(trained, used_anywhere(trained, group)):
        if used:
            gradient = torch.zeros_like(p) if p.grad is None else p.grad
            dist.all_reduce(gradient, group=group)
            gradient /= dist.get_world_size(group)


@mistake(
    "2.14",
    "ddp.average_gradients_flat",
    "The gradients were laid side by side and averaged there; the parameters never hear of it.",
)
def average_gradients_flat_stays_flat(module, group=None):
    trained = [p for p in module.parameters() if p.requires_grad]
    used = [p for p, is_used in zip(trained, used_anywhere(trained, group)) if is_used]
    for dtype in dict.fromkeys(p.dtype for p in used):
        members = [p for p in used if p.dtype == dtype]
        for p in members:
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad
        flat = torch.cat([p.grad.flatten() for p in members])
        dist.all_reduce(flat, group=group)
        flat /= dist.get_world_size(group)


@mistake(
    "2.14",
    "ddp.average_gradients_flat",
    "One message for all: torch.cat has made one dtype of all, and float32 gradients cannot take float64 back.",
)
def average_gradients_flat_mixes_dtypes(module, group=None):
    trained = [p for p in module.parameters() if p.requires_grad]
    used = [p for p, is_used in zip(trained, used_anywhere(trained, group)) if is_used]
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in used]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat, group=group)
    flat /= dist.get_world_size(group)
    for p, mean in zip(used, flat.split([p.numel() for p in used])):
        p.grad = mean.view(p.shape)


@mistake(
    "2.14",
    "ddp.average_gradients_flat",
    "Still a message for each parameter: lay the gradients of one dtype end to end and send them at once.",
)
def average_gradients_flat_one_by_one(module, group=None):
    trained = [p for p in module.parameters() if p.requires_grad]
    for p, used in zip(trained, used_anywhere(trained, group)):
        if used:
            flat = (torch.zeros_like(p) if p.grad is None else p.grad).flatten()
            dist.all_reduce(flat, group=group)
            p.grad = (flat / dist.get_world_size(group)).view(p.shape)


@mistake(
    "2.14",
    "ddp.average_gradients_flat",
    "The flat message is summed and not divided: each gradient is as many times too large as there are ranks.",
)
def average_gradients_flat_sum(module, group=None):
    trained = [p for p in module.parameters() if p.requires_grad]
    used = [p for p, is_used in zip(trained, used_anywhere(trained, group)) if is_used]
    for dtype in dict.fromkeys(p.dtype for p in used):
        members = [p for p in used if p.dtype == dtype]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in members]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat, group=group)
        for p, total in zip(members, flat.split([p.numel() for p in members])):
            p.grad = total.view(p.shape)


@mistake(
    "2.14",
    "ddp.global_mean_loss",
    "That is the rank's own mean: averaged over ranks, a token of a small batch weighs more than one of a large batch.",
)
def global_mean_loss_of_means(loss_sum, count, group=None):
    return loss_sum / count


@mistake(
    "2.14",
    "ddp.global_mean_loss",
    "The gradients will be divided by the number of ranks once more: they come out that many times too small.",
)
def global_mean_loss_without_n(loss_sum, count, group=None):
    total = count.detach().clone()
    dist.all_reduce(total, group=group)
    return loss_sum / total


@mistake(
    "2.14",
    "ddp.global_mean_loss",
    "The rank's own count was overwritten with the total: an all-reduce works in place, so give it a copy.",
)
def global_mean_loss_overwrites_count(loss_sum, count, group=None):
    dist.all_reduce(count, group=group)
    return dist.get_world_size(group) * loss_sum / count


@mistake(
    "2.14",
    "ddp.global_mean_loss",
    "The loss is the same on all ranks: their sums were added, and each rank's gradient is asked of what it has not computed.",
)
def global_mean_loss_of_all(loss_sum, count, group=None):
    total, everything = count.detach().clone(), loss_sum.detach().clone()
    dist.all_reduce(total, group=group)
    dist.all_reduce(everything, group=group)
    return loss_sum / loss_sum.detach().clamp(min=1e-9) * everything / total
