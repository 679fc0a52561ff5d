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


@attempt("warmup_cosine_arrives_early")
def _(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if warmup_steps > step:
        return lr / warmup_steps * (1 + step)
    if step >= max_steps:
        return min_lr
    angle = pi * (step - warmup_steps) / (max_steps - warmup_steps)
    return (lr + min_lr) / 2 + (lr - min_lr) / 2 * cos(angle)


@attempt("warmup_cosine_from_floor")
def _(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step >= max_steps:
        return min_lr
    if step < warmup_steps:
        share = (step + 1) / (warmup_steps + 1)
        return share * lr + (1 - share) * min_lr
    angle = pi * (step - warmup_steps) / (max_steps - warmup_steps)
    return (lr + min_lr) / 2 + (lr - min_lr) / 2 * cos(angle)


@attempt("warmup_cosine_floor_everywhere")
def _(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        rate = lr * (1 + step) / (1 + warmup_steps)
    else:
        done = min(step - warmup_steps, max_steps - warmup_steps) / (max_steps - warmup_steps)
        rate = min_lr + (lr - min_lr) * (1 + cos(done * pi)) / 2
    return rate if rate > min_lr else min_lr


@attempt("warmup_cosine_share_of_all")
def _(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1) * lr
    share = (1 + cos(pi * min((step - warmup_steps) / max_steps, 1))) / 2
    return share * lr + (1 - share) * min_lr


@attempt("warmup_cosine_ends_early")
def _(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    last = max_steps - 1
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1) * lr
    if step >= last:
        return min_lr if last > warmup_steps else lr
    share = (1 + cos(pi * (step - warmup_steps) / (last - warmup_steps))) / 2
    return share * lr + (1 - share) * min_lr


@attempt("warmup_stable_decay_arrives_early")
def _(step, *, lr, max_steps, decay_steps, warmup_steps=0, min_lr=0.0):
    start = max_steps - decay_steps
    if step < warmup_steps:
        return (1 + step) / warmup_steps * lr
    if step < start:
        return lr
    done = min(1, (step - start) / decay_steps)
    return (1 - done) * lr + done * min_lr


@attempt("warmup_stable_decay_one_ahead")
def _(step, *, lr, max_steps, decay_steps, warmup_steps=0, min_lr=0.0):
    start = max_steps - decay_steps
    if step < warmup_steps:
        return lr * (1 + step) / (warmup_steps + 1)
    if step < start:
        return lr
    done = min(1, (step + 1 - start) / decay_steps)
    return lr + (min_lr - lr) * done


@attempt("warmup_stable_decay_cosine_tail")
def _(step, *, lr, max_steps, decay_steps, warmup_steps=0, min_lr=0.0):
    start = max_steps - decay_steps
    if step < warmup_steps:
        return lr * (1 + step) / (warmup_steps + 1)
    if step < start:
        return lr
    done = min(1, (step - start) / decay_steps)
    return min_lr + (lr - min_lr) * (1 + cos(pi * done)) / 2
