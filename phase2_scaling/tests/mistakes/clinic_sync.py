"""What `solution/clinic_sync.py` suffered from, and half-cures."""

import torch
import torch.distributed as dist

from phase2_scaling.solution.clinic_sync import Replica
from shared.mistakes import mistake


@mistake(
    "2.16",
    "clinic_sync.train",
    "With several micro-batches the ranks drift apart, though as many messages travel as should: whose gradients do they carry?",
)
def train_sets_the_flag_late(model, rows, lr):
    replica, losses = Replica(model), []
    for step in rows:
        total = rows.new_zeros((), dtype=torch.float64)
        for i, micro_batch in enumerate(step):
            _, loss = replica(micro_batch[:, :-1], micro_batch[:, 1:])
            replica.require_backward_grad_sync = i == len(step) - 1
            (loss / len(step)).backward()
            total += loss.detach() / len(step)
        for p in model.parameters():
            p.data.sub_(p.grad, alpha=lr)
            p.grad = None
        dist.all_reduce(total)
        losses.append(total.item() / dist.get_world_size())
    return losses


@mistake(
    "2.16",
    "clinic_sync.train",
    "Every micro-batch speaks now: the result is right, and each gradient travels as often as there are micro-batches.",
)
def train_always_syncs(model, rows, lr):
    replica, losses = Replica(model), []
    for step in rows:
        total = rows.new_zeros((), dtype=torch.float64)
        for micro_batch in step:
            _, loss = replica(micro_batch[:, :-1], micro_batch[:, 1:])
            (loss / len(step)).backward()
            total += loss.detach() / len(step)
        for p in model.parameters():
            p.data.sub_(p.grad, alpha=lr)
            p.grad = None
        dist.all_reduce(total)
        losses.append(total.item() / dist.get_world_size())
    return losses


@mistake(
    "2.16",
    "clinic_sync.train",
    "Now the first micro-batch speaks alone: what the others add to the gradient stays where it is.",
)
def train_syncs_the_first(model, rows, lr):
    replica, losses = Replica(model), []
    for step in rows:
        total = rows.new_zeros((), dtype=torch.float64)
        for i, micro_batch in enumerate(step):
            replica.require_backward_grad_sync = i == 0 and len(step) > 1
            _, loss = replica(micro_batch[:, :-1], micro_batch[:, 1:])
            (loss / len(step)).backward()
            total += loss.detach() / len(step)
        for p in model.parameters():
            p.data.sub_(p.grad, alpha=lr)
            p.grad = None
        dist.all_reduce(total)
        losses.append(total.item() / dist.get_world_size())
    return losses


@mistake(
    "2.16",
    "clinic_sync.train",
    "The condition is upside down: all micro-batches speak but the last, whose gradient stays on its rank.",
)
def train_syncs_all_but_the_last(model, rows, lr):
    replica, losses = Replica(model), []
    for step in rows:
        total = rows.new_zeros((), dtype=torch.float64)
        for i, micro_batch in enumerate(step):
            replica.require_backward_grad_sync = i < len(step) - 1
            _, loss = replica(micro_batch[:, :-1], micro_batch[:, 1:])
            (loss / len(step)).backward()
            total += loss.detach() / len(step)
        for p in model.parameters():
            p.data.sub_(p.grad, alpha=lr)
            p.grad = None
        dist.all_reduce(total)
        losses.append(total.item() / dist.get_world_size())
    return losses


@mistake(
    "2.16",
    "clinic_sync.train",
    "The drift is wiped off at the end of each step, by averaging once more: the illness stays, and twice as much travels.",
)
def train_averages_parameters(model, rows, lr):
    replica, losses = Replica(model), []
    for step in rows:
        total = rows.new_zeros((), dtype=torch.float64)
        for i, micro_batch in enumerate(step):
            _, loss = replica(micro_batch[:, :-1], micro_batch[:, 1:])
            replica.require_backward_grad_sync = i == len(step) - 1
            (loss / len(step)).backward()
            total += loss.detach() / len(step)
        for p in model.parameters():
            p.data.sub_(p.grad, alpha=lr)
            p.grad = None
            dist.all_reduce(p.data)
            p.data /= dist.get_world_size()
        dist.all_reduce(total)
        losses.append(total.item() / dist.get_world_size())
    return losses


@mistake(
    "2.16",
    "clinic_sync.train",
    "A step after each micro-batch is another training: smaller batches, more steps; the gradients were to be added up.",
)
def train_steps_each_time(model, rows, lr):
    replica, losses = Replica(model), []
    for step in rows:
        total = rows.new_zeros((), dtype=torch.float64)
        for micro_batch in step:
            _, loss = replica(micro_batch[:, :-1], micro_batch[:, 1:])
            (loss / len(step)).backward()
            total += loss.detach() / len(step)
            for p in model.parameters():
                p.data.sub_(p.grad, alpha=lr)
                p.grad = None
        dist.all_reduce(total)
        losses.append(total.item() / dist.get_world_size())
    return losses


@mistake(
    "2.16",
    "clinic_sync.train",
    "The losses of micro-batches are added up, not averaged: the step is as many times too long.",
)
def train_adds_losses(model, rows, lr):
    replica, losses = Replica(model), []
    for step in rows:
        total = rows.new_zeros((), dtype=torch.float64)
        for i, micro_batch in enumerate(step):
            replica.require_backward_grad_sync = i == len(step) - 1
            _, loss = replica(micro_batch[:, :-1], micro_batch[:, 1:])
            loss.backward()
            total += loss.detach() / len(step)
        for p in model.parameters():
            p.data.sub_(p.grad, alpha=lr)
            p.grad = None
        dist.all_reduce(total)
        losses.append(total.item() / dist.get_world_size())
    return losses


@mistake(
    "2.16",
    "clinic_sync.train_cause",
    "`Replica` broadcasts when it is made; and what begins apart would also be apart with one micro-batch a step.",
)
def train_blames_the_start():
    return "a"


@mistake(
    "2.16",
    "clinic_sync.train_cause",
    "A sum in place of a mean would harm two ranks with one micro-batch a step as well, and those are right.",
)
def train_blames_the_sum():
    return "b"


@mistake(
    "2.16",
    "clinic_sync.train_cause",
    "With the same rows on both, the ranks would not end apart; and the story says that no row is on two.",
)
def train_blames_the_rows():
    return "c"


@mistake(
    "2.16",
    "clinic_sync.train_cause",
    "A single process with four micro-batches a step is right, so they are weighed as they should be.",
)
def train_blames_the_weights():
    return "e"
