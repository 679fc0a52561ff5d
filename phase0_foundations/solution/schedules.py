"""The learning rate as a function of the step: a warm-up, then a constant or half a cosine.

A schedule is a plain function of the step, so that a resumed run needs to remember nothing but the
step it had reached. The caller writes the value into the optimiser's groups before each step.
"""

import math


def constant(step: int, *, lr: float, warmup_steps: int = 0) -> float:
    """Rise in a straight line for `warmup_steps` steps, then stay at `lr`.

    Args:
        step: number of the step about to be taken, from 0.
        lr: learning rate after the warm-up.
        warmup_steps: the first step that gets the whole of `lr`; step 0 gets
            lr / (warmup_steps + 1), because a first step of size zero would be wasted.

    Raises:
        ValueError: if a number of steps is negative.
    """
    if step < 0 or warmup_steps < 0:
        raise ValueError(f"steps count from 0; got {step=}, {warmup_steps=}")
    return lr * min(1.0, (step + 1) / (warmup_steps + 1))


def warmup_cosine(
    step: int, *, lr: float, max_steps: int, warmup_steps: int = 0, min_lr: float = 0.0
) -> float:
    """Rise as `constant` does, then fall along half a cosine to `min_lr` at `max_steps`.

    Loshchilov and Hutter 2017 (arXiv:1608.03983), equation 5, with a single cycle.

    Args:
        step: number of the step about to be taken, from 0; `min_lr` from `max_steps` on.
        lr: learning rate at the top, reached at step `warmup_steps`.
        max_steps: the step at which the fall ends.
        warmup_steps: number of steps below `lr` at the start.
        min_lr: learning rate at the end.

    Raises:
        ValueError: if a number of steps is negative or the warm-up does not end before `max_steps`.
    """
    if warmup_steps >= max_steps:
        raise ValueError(
            f"the warm-up must end before max_steps; got {warmup_steps=}, {max_steps=}"
        )
    if step < warmup_steps:
        return constant(step, lr=lr, warmup_steps=warmup_steps)
    if step >= max_steps:
        return min_lr
    progress = (step - warmup_steps) / (max_steps - warmup_steps)  # 0 at the top, 1 at the end
    return min_lr + (lr - min_lr) * 0.5 * (1.0 + math.cos(math.pi * progress))
