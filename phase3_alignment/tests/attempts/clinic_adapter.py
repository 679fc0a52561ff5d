"""The mistakes of `mistakes/clinic_adapter.py`, as others would write them."""

import torch

from phase3_alignment.solution.inject import inject
from shared.mistakes import attempt


def descend(model, batches, lr, moving, clear):
    """Train those that `moving()` gives; `clear()` what it gives after each step."""
    told = []
    for x, y in batches:
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        for p in moving():
            if p.grad is not None:
                p.data.sub_(p.grad, alpha=lr)
        for p in clear():
            p.grad = None
        told.append(float(loss))
    return told


@attempt("train_lists_too_early")
def _(model, config, batches, lr):
    everything = [*model.parameters()]
    inject(model, config)
    return descend(model, batches, lr, lambda: everything, lambda: everything)


@attempt("train_clears_and_does_not_move")
def _(model, config, batches, lr):
    everything = tuple(model.parameters())
    inject(model, config)
    return descend(model, batches, lr, lambda: everything, model.parameters)


@attempt("train_everything")
def _(model, config, batches, lr):
    inject(model, config)
    for p in model.parameters():
        p.requires_grad = True
    return descend(model, batches, lr, model.parameters, model.parameters)


@attempt("train_never_clears")
def _(model, config, batches, lr):
    inject(model, config)
    return descend(model, batches, lr, model.parameters, lambda: ())


@attempt("train_only_b")
def _(model, config, batches, lr):
    inject(model, config)
    b = [m.lora_B for m in model.modules() if hasattr(m, "lora_B")]
    return descend(model, batches, lr, lambda: b, model.parameters)


@attempt("train_without_heads")
def _(model, config, batches, lr):
    inject(model, config)
    pairs = [[m.lora_A, m.lora_B] for m in model.modules() if hasattr(m, "lora_A")]
    return descend(model, batches, lr, lambda: sum(pairs, []), model.parameters)


@attempt("train_blames_the_start")
def _():
    return "A"


@attempt("train_blames_freezing")
def _():
    return "abcde"[1]


@attempt("train_blames_the_switch")
def _():
    return " d"


@attempt("train_blames_the_rate")
def _():
    return "E".lower()
