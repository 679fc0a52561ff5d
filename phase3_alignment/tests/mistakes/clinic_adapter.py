"""What `solution/clinic_adapter.py` suffered from, and half-cures."""

import torch
import torch.nn.functional as F

from phase3_alignment.solution.inject import inject
from shared.mistakes import mistake


@mistake(
    "3.9",
    "clinic_adapter.train",
    "The adapter stays where it began, though its gradient grows from step to step: who should use it up?",
)
def train_lists_too_early(model, config, batches, lr):
    parameters = list(model.parameters())
    inject(model, config)
    losses = []
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        with torch.no_grad():
            for p in parameters:
                if p.grad is not None:
                    p -= lr * p.grad
                    p.grad = None
        losses.append(loss.item())
    return losses


@mistake(
    "3.9",
    "clinic_adapter.train",
    "The gradients are cleared now and no longer pile up; the adapter still does not move.",
)
def train_clears_and_does_not_move(model, config, batches, lr):
    parameters = list(model.parameters())
    inject(model, config)
    losses = []
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        with torch.no_grad():
            for p in parameters:
                if p.grad is not None:
                    p -= lr * p.grad
        model.zero_grad()
        losses.append(loss.item())
    return losses


@mistake(
    "3.9",
    "clinic_adapter.train",
    "Now everything trains, the base too: that is full fine-tuning with an adapter on top.",
)
def train_everything(model, config, batches, lr):
    inject(model, config)
    model.requires_grad_(True)
    losses = []
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        with torch.no_grad():
            for p in model.parameters():
                if p.grad is not None:
                    p -= lr * p.grad
                    p.grad = None
        losses.append(loss.item())
    return losses


@mistake(
    "3.9",
    "clinic_adapter.train",
    "Gradients are never cleared: each step repeats all steps before it.",
)
def train_never_clears(model, config, batches, lr):
    inject(model, config)
    parameters = [p for p in model.parameters() if p.requires_grad]
    losses = []
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        with torch.no_grad():
            for p in parameters:
                p -= lr * p.grad
        losses.append(loss.item())
    return losses


@mistake(
    "3.9",
    "clinic_adapter.train",
    "Only B steps: after the first step A has a gradient as well, and it is to be used.",
)
def train_only_b(model, config, batches, lr):
    inject(model, config)
    parameters = [p for p in model.parameters() if p.requires_grad]
    moving = [p for name, p in model.named_parameters() if name.endswith("lora_B")]
    losses = []
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        with torch.no_grad():
            for p in moving:
                p -= lr * p.grad
            for p in parameters:
                p.grad = None
        losses.append(loss.item())
    return losses


@mistake(
    "3.9",
    "clinic_adapter.train",
    "Only what is called lora steps: the heads that the config names train as well.",
)
def train_without_heads(model, config, batches, lr):
    inject(model, config)
    losses = []
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        with torch.no_grad():
            for name, p in model.named_parameters():
                if "lora_" in name:
                    p -= lr * p.grad
                p.grad = None
        losses.append(loss.item())
    return losses


@mistake(
    "3.9",
    "clinic_adapter.train_cause",
    "Were A and B both zero, B's gradient would be zero as well; it is not.",
)
def train_blames_the_start():
    return "a"


@mistake(
    "3.9",
    "clinic_adapter.train_cause",
    "What is frozen gets no gradient, and the summary counts 416 that train.",
)
def train_blames_freezing():
    return "b"


@mistake(
    "3.9",
    "clinic_adapter.train_cause",
    "A correction that is switched off is not in the graph: B would get no gradient.",
)
def train_blames_the_switch():
    return "d"


@mistake(
    "3.9",
    "clinic_adapter.train_cause",
    "A small step still changes some digit, and ten times the lr changes none.",
)
def train_blames_the_rate():
    return "e"
