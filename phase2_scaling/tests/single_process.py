"""The oracle of every parallel test: the same model, trained by one process that has everything."""

import torch

from phase2_scaling.solution.clipping import clip_grad_norm
from phase2_scaling.solution.model import GPT, IGNORED, GPTConfig

MAX_NORM = 0.5  # below the length of the gradients here, so that clipping does something
CONFIG = GPTConfig(vocab_size=37, block_size=12, n_layer=4, n_head=4, n_embd=16)


def make_batch(seed, rows=(2, 1, 3, 2, 2), length=(9, 12, 5, 1, 7), V=CONFIG.vocab_size):
    """Make micro-batches (idx, targets) of different sizes, with different shares of targets."""
    generator = torch.Generator().manual_seed(seed)
    batch = []
    for i, shape in enumerate(zip(rows, length)):
        idx, targets = (torch.randint(V, shape, generator=generator) for _ in range(2))
        dropped = torch.rand(shape, generator=generator) < 0.25 * i
        batch.append((idx, targets.where(~dropped, IGNORED)))
    return batch


def make_optimizer(parameters):
    return torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.1)


def losses_and_gradients(config, state, batches, max_norm=MAX_NORM):
    """Train from `state`, a step for each batch, and tell the last step's gradients by name.

    With a `max_norm` they are clipped after that, and each loss comes with the norm before.
    """
    model = GPT(config).double()
    model.load_state_dict(state)
    optimizer, told = make_optimizer(model.parameters()), []
    for batch in batches:
        model.zero_grad()
        n_targets = sum(int((targets != IGNORED).sum()) for _, targets in batch)
        loss = sum(
            torch.nn.functional.cross_entropy(
                model(idx)[0].flatten(0, 1), targets.flatten(), reduction="sum"
            )
            for idx, targets in batch
        )
        (loss / n_targets).backward()
        gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
        mean = loss.item() / n_targets
        if max_norm is None:
            told.append(mean)
        else:
            told.append((mean, clip_grad_norm(model.parameters(), max_norm).item()))
        optimizer.step()
    return told, gradients
