"""The half-cures of `mistakes/clinic_leak.py`, as others would write them."""

import torch

from phase1_transformers.solution.clinic import END, Momentum, Reader
from phase1_transformers.solution.clinic_leak import LR, Outcome, loss_on
from phase1_transformers.solution.losses import next_token_loss
from shared.mistakes import attempt


def run(rows, look, seed, steps=80):
    random = torch.Generator().manual_seed(seed)
    judges, train = rows[: len(rows) // 5], rows[len(rows) // 5 :]
    reader = Reader(look, random)
    descent = Momentum(reader, LR)
    for _ in range(steps):
        chosen = torch.randperm(len(train), generator=random)[:32]
        descent.descend(loss_on(reader, train[chosen]))
    reader.requires_grad_(False)
    return Outcome(reader, float(loss_on(reader, train)), float(loss_on(reader, judges)))


def numbers(idx):
    return torch.nn.functional.pad(torch.cumsum(idx == END, 1), (1, 0))[:, :-1]


def together(idx):
    return numbers(idx).unsqueeze(2) == numbers(idx).unsqueeze(1)


def order(idx):
    i = torch.arange(idx.shape[1])
    return i.unsqueeze(1), i.unsqueeze(0)


@attempt("leak_whole_document")
def _(rows, *, seed=0):
    return run(rows, lambda idx: together(idx).bool(), seed)


@attempt("leak_past_of_others")
def _(rows, *, seed=0):
    def look(idx):
        query, key = order(idx)
        return (query >= key) | torch.zeros(len(idx), 1, 1, dtype=torch.bool)

    return run(rows, look, seed)


@attempt("leak_not_at_itself")
def _(rows, *, seed=0):
    def look(idx):
        query, key = order(idx)
        return together(idx) & (query > key)

    return run(rows, look, seed)


@attempt("leak_only_at_itself")
def _(rows, *, seed=0):
    def look(idx):
        query, key = order(idx)
        return together(idx) & (query == key)

    return run(rows, look, seed)


@attempt("leak_mirrored")
def _(rows, *, seed=0):
    def look(idx):
        query, key = order(idx)
        return together(idx) & (query <= key)

    return run(rows, look, seed)


@attempt("leak_honest_validation")
def _(rows, *, seed=0):
    def look(idx):
        query, key = order(idx)
        return together(idx) | (query >= key)

    done = run(rows, look, seed)
    judges = rows[: len(rows) // 5]
    total = 0.0
    for t in range(judges.shape[1] - 1):
        total += next_token_loss(done.model(judges[:, : t + 1])[:, -1], judges[:, t + 1]).item()
    return Outcome(done.model, done.train_loss, total / (judges.shape[1] - 1))


@attempt("leak_trains_less")
def _(rows, *, seed=0):
    def look(idx):
        query, key = order(idx)
        return together(idx) | (query >= key)

    return run(rows, look, seed, steps=16)


@attempt("leak_same_or_past")
def _(rows, *, seed=0):
    def look(idx):
        query, key = order(idx)
        return ~(~together(idx) & (query < key))

    return run(rows, look, seed)


@attempt("leak_blames_split")
def _():
    return chr(97)


@attempt("leak_blames_shift")
def _():
    return "abcde"[1]


@attempt("leak_blames_other_documents")
def _():
    cause = "C"
    return cause.lower()


@attempt("leak_blames_ends")
def _():
    return "E".casefold()
