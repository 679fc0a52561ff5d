"""The learning rate as a function of the step: up in a straight line, then down in one of two ways.

A schedule is a plain function of the step, so that a resumed run needs to remember nothing but the
step it had reached. The caller writes the value into the optimiser's groups before each step.
"""

import math


def warmup_cosine(
    step: int, *, lr: float, max_steps: int, warmup_steps: int = 0, min_lr: float = 0.0
) -> float:
    """Rise in a straight line to `lr`, then fall along half a cosine to `min_lr`.

    Loshchilov and Hutter 2017 (arXiv:1608.03983), equation 5, with a single cycle.

    Args:
        step: number of the step about to be taken, from 0; `min_lr` from `max_steps` on.
        lr: learning rate at the top, at step `warmup_steps`.
        max_steps: the step at which the fall ends.
        warmup_steps: steps below `lr` at the start. Step 0 gets lr / (warmup_steps + 1), because a
            first step of size zero would be wasted.
        min_lr: learning rate at the end; the warm-up knows nothing of it.

    Raises:
        ValueError: if a number of steps is negative or the warm-up does not end before `max_steps`.
    """
    if step < 0 or not 0 <= warmup_steps < max_steps:
        raise ValueError(
            f"need 0 <= warmup_steps < max_steps; {step=} {warmup_steps=} {max_steps=}"
        )
    if step < warmup_steps:
        return lr * (step + 1) / (warmup_steps + 1)
    progress = min(1.0, (step - warmup_steps) / (max_steps - warmup_steps))  # 0 top, 1 end
    return min_lr + (lr - min_lr) * 0.5 * (1 + math.cos(math.pi * progress))


def warmup_stable_decay(
    step: int,
    *,
    lr: float,
    max_steps: int,
    decay_steps: int,
    warmup_steps: int = 0,
    min_lr: float = 0.0,
) -> float:
    """Rise in a straight line to `lr`, stay there, and fall in a straight line to `min_lr`.

    WSD for short; Hu et al. 2024 (arXiv:2404.06395), section 4.2. Until the fall begins nothing
    depends on `max_steps`: a run can be prolonged, or branch off into several endings.

    Args:
        step: number of the step about to be taken, from 0; `min_lr` from `max_steps` on.
        lr: learning rate from step `warmup_steps` to step `max_steps - decay_steps`.
        max_steps: the step at which the fall ends.
        decay_steps: steps from the plateau's end to `max_steps`, at least 1.
        warmup_steps: steps below `lr` at the start. Step 0 gets lr / (warmup_steps + 1).
        min_lr: learning rate at the end; the warm-up knows nothing of it.

    Raises:
        ValueError: if a number of steps is negative or warm-up and fall take more than `max_steps`.
    """
    if step < 0 or warmup_steps < 0 or not 1 <= decay_steps <= max_steps - warmup_steps:
        raise ValueError(
            "need 1 <= decay_steps <= max_steps - warmup_steps; "
            f"{step=} {warmup_steps=} {decay_steps=} {max_steps=}"
        )
    if step < warmup_steps:
        return lr * (step + 1) / (warmup_steps + 1)
    remaining = min(1.0, max(0, max_steps - step) / decay_steps)  # 1 on the plateau, 0 at the end
    return min_lr + (lr - min_lr) * remaining
