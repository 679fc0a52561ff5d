"""The mistakes of `mistakes/clinic_sync.py`, as others would write them."""

import torch
import torch.distributed as dist

from phase2_scaling.solution.clinic_sync import Replica
from shared.mistakes import attempt


def learn(replica, tokens, weight):
    loss = replica(tokens[:, :-1], tokens[:, 1:])[1]
    torch.autograd.backward(loss * weight)
    return loss.item()


def move(model, lr):
    with torch.no_grad():
        for p in model.parameters():
            p -= lr * p.grad
    model.zero_grad()


def mean_over_ranks(values):
    mean = torch.tensor(sum(values) / len(values), dtype=torch.float64)
    dist.all_reduce(mean)
    return float(mean / dist.get_world_size())


def run(model, rows, lr, syncs, weigh=lambda k: 1 / k):
    """Train, with the flag that `syncs` gives for micro-batch i of k before its forward pass."""
    replica, told = Replica(model), []
    for step in rows:
        k, seen = len(step), []
        for i in range(k):
            replica.require_backward_grad_sync = syncs(i, k)
            seen.append(learn(replica, step[i], weigh(k)))
        move(model, lr)
        told.append(mean_over_ranks(seen))
    return told


@attempt("train_sets_the_flag_late")
def _(model, rows, lr):
    return run(model, rows, lr, lambda i, k: i == 0)


@attempt("train_always_syncs")
def _(model, rows, lr):
    return run(model, rows, lr, lambda i, k: True)


@attempt("train_syncs_the_first")
def _(model, rows, lr):
    return run(model, rows, lr, lambda i, k: k > 1 and not i)


@attempt("train_syncs_all_but_the_last")
def _(model, rows, lr):
    return run(model, rows, lr, lambda i, k: i + 1 != k)


@attempt("train_averages_parameters")
def _(model, rows, lr):
    told = []
    for step in rows:
        told += run(model, step[None], lr, lambda i, k: i == 0)
        for p in model.parameters():
            dist.all_reduce(p.detach())
            p.detach().div_(dist.get_world_size())
    return told


@attempt("train_steps_each_time")
def _(model, rows, lr):
    replica, told = Replica(model), []
    for step in rows:
        seen = []
        for tokens in step:
            seen.append(learn(replica, tokens, 1 / len(step)))
            move(model, lr)
        told.append(mean_over_ranks(seen))
    return told


@attempt("train_adds_losses")
def _(model, rows, lr):
    return run(model, rows, lr, lambda i, k: i == k - 1, lambda k: 1)


@attempt("train_blames_the_start")
def _():
    return "A"


@attempt("train_blames_the_sum")
def _():
    return "b".strip()


@attempt("train_blames_the_rows")
def _():
    letters = "abcde"
    return letters[2]


@attempt("train_blames_the_weights")
def _():
    return "E".lower()
