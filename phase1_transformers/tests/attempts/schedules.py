"""The mistakes of `mistakes/schedules.py`, as others would write them."""

from math import cos, pi

from shared.mistakes import attempt


@attempt("warmup_cosine_from_zero")
def _(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if warmup_steps and step < warmup_steps:
        return step / warmup_steps * lr
    if step > max_steps:
        return min_lr
    angle = pi * (step - warmup_steps) / (max_steps - warmup_steps)
    return (lr + min_lr) / 2 + (lr - min_lr) / 2 * cos(angle)


@attempt("warmup_cosine_progress_from_start")
def _(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1) * lr
    if step > max_steps:
        return min_lr
    return min_lr + 0.5 * (1 + cos(pi * step / max_steps)) * (lr - min_lr)


@attempt("warmup_cosine_rises_again")
def _(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step >= warmup_steps:
        angle = pi * (step - warmup_steps) / (max_steps - warmup_steps)
        return (lr + min_lr) / 2 + (lr - min_lr) / 2 * cos(angle)
    return (step + 1) / (warmup_steps + 1) * lr


@attempt("warmup_cosine_adds_floor")
def _(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1) * lr
    if step >= max_steps:
        return min_lr
    return lr / 2 * (1 + cos(pi * (step - warmup_steps) / (max_steps - warmup_steps))) + min_lr


@attempt("warmup_cosine_ignores_floor")
def _(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1) * lr
    if step >= max_steps:
        return 0.0
    return lr / 2 * (1 + cos(pi * (step - warmup_steps) / (max_steps - warmup_steps)))


@attempt("warmup_cosine_whole")
def _(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1) * lr
    if step >= max_steps:
        return min_lr
    angle = 2 * pi * (step - warmup_steps) / (max_steps - warmup_steps)
    return (lr + min_lr) / 2 + (lr - min_lr) / 2 * cos(angle)


@attempt("warmup_stable_decay_without_plateau")
def _(step, *, lr, max_steps, decay_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1) * lr
    if step > max_steps:
        return min_lr
    done = (step - warmup_steps) / (max_steps - warmup_steps)
    return (1 - done) * lr + done * min_lr


@attempt("warmup_stable_decay_below_floor")
def _(step, *, lr, max_steps, decay_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1) * lr
    start = max_steps - decay_steps
    if step < start:
        return lr
    return lr + (min_lr - lr) * (step - start) / decay_steps


@attempt("warmup_stable_decay_cut_off")
def _(step, *, lr, max_steps, decay_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1) * lr
    start = max_steps - decay_steps
    if step < start:
        return lr
    return max(lr * (1 - (step - start) / decay_steps), min_lr)


@attempt("warmup_stable_decay_long_fall")
def _(step, *, lr, max_steps, decay_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1) * lr
    start = warmup_steps + decay_steps
    if step < start:
        return lr
    if step >= max_steps:
        return min_lr
    return lr + (min_lr - lr) * (step - start) / (max_steps - start)


@attempt("warmup_stable_decay_from_zero")
def _(step, *, lr, max_steps, decay_steps, warmup_steps=0, min_lr=0.0):
    start = max_steps - decay_steps
    if step < warmup_steps:
        return lr * (step / warmup_steps)
    if step < start:
        return lr
    done = min(1, (step - start) / decay_steps)
    return (1 - done) * lr + done * min_lr
