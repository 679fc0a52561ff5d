"""Classic wrong answers for `solution/schedules.py`."""

import math

from shared.mistakes import mistake


@mistake(
    "1.18",
    "schedules.warmup_cosine",
    "Step 0 has a learning rate of 0: a step that moves nothing. Count the step about to be taken, step + 1.",
)
def warmup_cosine_from_zero(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return lr * step / warmup_steps
    progress = min(1.0, (step - warmup_steps) / (max_steps - warmup_steps))
    return min_lr + (lr - min_lr) * 0.5 * (1 + math.cos(math.pi * progress))


@mistake(
    "1.18",
    "schedules.warmup_cosine",
    "The warm-up has no room of its own in the cosine: progress is 0 at step warmup_steps, not at step 0.",
)
def warmup_cosine_progress_from_start(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return lr * (step + 1) / (warmup_steps + 1)
    progress = min(1.0, step / max_steps)
    return min_lr + (lr - min_lr) * 0.5 * (1 + math.cos(math.pi * progress))


@mistake(
    "1.18",
    "schedules.warmup_cosine",
    "A cosine goes on: past max_steps yours rises again. From there on the learning rate stays at min_lr.",
)
def warmup_cosine_rises_again(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return lr * (step + 1) / (warmup_steps + 1)
    progress = (step - warmup_steps) / (max_steps - warmup_steps)
    return min_lr + (lr - min_lr) * 0.5 * (1 + math.cos(math.pi * progress))


@mistake(
    "1.18",
    "schedules.warmup_cosine",
    "The fall ends at min_lr but starts too high: what is scaled by the cosine is lr - min_lr, not lr.",
)
def warmup_cosine_adds_floor(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return lr * (step + 1) / (warmup_steps + 1)
    progress = min(1.0, (step - warmup_steps) / (max_steps - warmup_steps))
    return min_lr + lr * 0.5 * (1 + math.cos(math.pi * progress))


@mistake(
    "1.18",
    "schedules.warmup_cosine",
    "The fall ends at 0 instead of min_lr.",
)
def warmup_cosine_ignores_floor(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return lr * (step + 1) / (warmup_steps + 1)
    progress = min(1.0, (step - warmup_steps) / (max_steps - warmup_steps))
    return lr * 0.5 * (1 + math.cos(math.pi * progress))


@mistake(
    "1.18",
    "schedules.warmup_cosine",
    "A whole cosine comes back up to lr at the end; half a cosine goes from angle 0 to pi.",
)
def warmup_cosine_whole(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return lr * (step + 1) / (warmup_steps + 1)
    if step >= max_steps:
        return min_lr
    progress = (step - warmup_steps) / (max_steps - warmup_steps)
    return min_lr + (lr - min_lr) * 0.5 * (1 + math.cos(2 * math.pi * progress))


@mistake(
    "1.18",
    "schedules.warmup_cosine",
    "The warm-up is at lr one step early: step warmup_steps is the first at the top, so the stairs are one more than warmup_steps.",
)
def warmup_cosine_arrives_early(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return lr * (step + 1) / warmup_steps
    progress = min(1.0, (step - warmup_steps) / (max_steps - warmup_steps))
    return min_lr + (lr - min_lr) * 0.5 * (1 + math.cos(math.pi * progress))


@mistake(
    "1.18",
    "schedules.warmup_cosine",
    "The warm-up climbs from min_lr; its line comes from 0, and min_lr is for the end alone.",
)
def warmup_cosine_from_floor(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return min_lr + (lr - min_lr) * (step + 1) / (warmup_steps + 1)
    progress = min(1.0, (step - warmup_steps) / (max_steps - warmup_steps))
    return min_lr + (lr - min_lr) * 0.5 * (1 + math.cos(math.pi * progress))


@mistake(
    "1.18",
    "schedules.warmup_cosine",
    "min_lr is a floor under the warm-up, too; it is for the end alone, and the warm-up may begin below it.",
)
def warmup_cosine_floor_everywhere(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return max(min_lr, lr * (step + 1) / (warmup_steps + 1))
    progress = min(1.0, (step - warmup_steps) / (max_steps - warmup_steps))
    return min_lr + (lr - min_lr) * 0.5 * (1 + math.cos(math.pi * progress))


@mistake(
    "1.18",
    "schedules.warmup_cosine",
    "Progress never gets to 1 in time: it is a share of the steps behind the warm-up, not of all steps.",
)
def warmup_cosine_share_of_all(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return lr * (step + 1) / (warmup_steps + 1)
    progress = min(1.0, (step - warmup_steps) / max_steps)
    return min_lr + (lr - min_lr) * 0.5 * (1 + math.cos(math.pi * progress))


@mistake(
    "1.18",
    "schedules.warmup_cosine",
    "The fall is over at max_steps - 1; it ends at max_steps.",
)
def warmup_cosine_ends_early(step, *, lr, max_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return lr * (step + 1) / (warmup_steps + 1)
    progress = min(1.0, (step - warmup_steps) / max(1, max_steps - 1 - warmup_steps))
    return min_lr + (lr - min_lr) * 0.5 * (1 + math.cos(math.pi * progress))


@mistake(
    "1.18",
    "schedules.warmup_stable_decay",
    "There is no plateau: the fall begins right behind the warm-up. It takes the last decay_steps steps only.",
)
def warmup_stable_decay_without_plateau(
    step, *, lr, max_steps, decay_steps, warmup_steps=0, min_lr=0.0
):
    if step < warmup_steps:
        return lr * (step + 1) / (warmup_steps + 1)
    remaining = max(0, max_steps - step) / (max_steps - warmup_steps)
    return min_lr + (lr - min_lr) * remaining


@mistake(
    "1.18",
    "schedules.warmup_stable_decay",
    "Past max_steps the line goes on, below min_lr and below 0: a run that goes on would climb the hill.",
)
def warmup_stable_decay_below_floor(
    step, *, lr, max_steps, decay_steps, warmup_steps=0, min_lr=0.0
):
    if step < warmup_steps:
        return lr * (step + 1) / (warmup_steps + 1)
    remaining = min(1.0, (max_steps - step) / decay_steps)
    return min_lr + (lr - min_lr) * remaining


@mistake(
    "1.18",
    "schedules.warmup_stable_decay",
    "The fall goes straight for 0 and is cut off at min_lr, so it arrives early; it should arrive at max_steps.",
)
def warmup_stable_decay_cut_off(step, *, lr, max_steps, decay_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return lr * (step + 1) / (warmup_steps + 1)
    return max(min_lr, lr * min(1.0, max(0, max_steps - step) / decay_steps))


@mistake(
    "1.18",
    "schedules.warmup_stable_decay",
    "The plateau is decay_steps long and the fall takes the rest; it is the fall that takes decay_steps.",
)
def warmup_stable_decay_long_fall(step, *, lr, max_steps, decay_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return lr * (step + 1) / (warmup_steps + 1)
    first = warmup_steps + decay_steps
    if step <= first:
        return lr
    remaining = max(0, max_steps - step) / max(1, max_steps - first)
    return min_lr + (lr - min_lr) * remaining


@mistake(
    "1.18",
    "schedules.warmup_stable_decay",
    "Step 0 has a learning rate of 0: a step that moves nothing. Count the step about to be taken, step + 1.",
)
def warmup_stable_decay_from_zero(step, *, lr, max_steps, decay_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return lr * step / warmup_steps
    remaining = min(1.0, max(0, max_steps - step) / decay_steps)
    return min_lr + (lr - min_lr) * remaining


@mistake(
    "1.18",
    "schedules.warmup_stable_decay",
    "The warm-up is at lr one step early: step warmup_steps is the first at the top, so the stairs are one more than warmup_steps.",
)
def warmup_stable_decay_arrives_early(
    step, *, lr, max_steps, decay_steps, warmup_steps=0, min_lr=0.0
):
    if step < warmup_steps:
        return lr * (step + 1) / warmup_steps
    remaining = min(1.0, max(0, max_steps - step) / decay_steps)
    return min_lr + (lr - min_lr) * remaining


@mistake(
    "1.18",
    "schedules.warmup_stable_decay",
    "The fall is one step ahead: at max_steps - decay_steps the learning rate is still lr, and at max_steps - 1 not yet min_lr.",
)
def warmup_stable_decay_one_ahead(step, *, lr, max_steps, decay_steps, warmup_steps=0, min_lr=0.0):
    if step < warmup_steps:
        return lr * (step + 1) / (warmup_steps + 1)
    remaining = min(1.0, max(0, max_steps - step - 1) / decay_steps)
    return min_lr + (lr - min_lr) * remaining


@mistake(
    "1.18",
    "schedules.warmup_stable_decay",
    "The fall is half a cosine; this schedule's is a straight line.",
)
def warmup_stable_decay_cosine_tail(
    step, *, lr, max_steps, decay_steps, warmup_steps=0, min_lr=0.0
):
    if step < warmup_steps:
        return lr * (step + 1) / (warmup_steps + 1)
    remaining = min(1.0, max(0, max_steps - step) / decay_steps)
    return min_lr + (lr - min_lr) * 0.5 * (1 - math.cos(math.pi * remaining))
