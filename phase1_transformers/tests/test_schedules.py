from itertools import pairwise

import numpy as np
import pytest
import torch

from phase1_transformers.solution import schedules
from shared import checks

COSINE = {"lr": 0.5, "warmup_steps": 4, "max_steps": 24, "min_lr": 0.1}
WSD = {**COSINE, "decay_steps": 8}
PLANS = {"warmup_cosine": COSINE, "warmup_stable_decay": WSD}


def cosine(steps):
    return [schedules.warmup_cosine(step, **COSINE) for step in steps]


def wsd(steps):
    return [schedules.warmup_stable_decay(step, **WSD) for step in steps]


@pytest.mark.exercise("1.18")
def test_corners_of_the_cosine():
    lr = cosine(range(30))
    checks.close(lr[:5], [0.1, 0.2, 0.3, 0.4, 0.5], "warm-up of 4 steps to 0.5, no step of size 0")
    checks.close(lr[14], 0.3, "half way down: the mean of lr and min_lr")
    checks.close(lr[24:], [0.1] * 6, "min_lr from max_steps on")


@pytest.mark.exercise("1.18")
def test_cosine_is_symmetric_and_falls():
    lr = cosine(range(4, 25))
    checks.law(all(a > b for a, b in pairwise(lr)), "lr falls after the warm-up")
    sums = [one + other for one, other in zip(lr, reversed(lr), strict=True)]
    checks.close(sums, [0.6] * 21, "what is lost before the middle is above it, behind it below")


@pytest.mark.exercise("1.18")
def test_cosine_is_a_squared_cosine():
    halves = np.cos(np.pi / 2 * (np.arange(4, 25) - 4) / 20) ** 2  # (1 + cos 2a) / 2
    checks.close(cosine(range(4, 25)), list(0.1 + 0.4 * halves), "lr from step 4 to 24")


@pytest.mark.exercise("1.18")
def test_no_warmup_starts_at_the_top():
    checks.close(schedules.warmup_cosine(0, lr=0.5, max_steps=10), 0.5, "cosine, lr at step 0")
    alone = schedules.warmup_stable_decay(0, lr=0.5, max_steps=10, decay_steps=2)
    checks.close(alone, 0.5, "warm-up, stable, decay: lr at step 0")


@pytest.mark.exercise("1.18")
def test_corners_of_warmup_stable_decay():
    lr = wsd(range(30))
    checks.close(lr[:5], [0.1, 0.2, 0.3, 0.4, 0.5], "warm-up of 4 steps to 0.5, no step of size 0")
    checks.close(lr[4:17], [0.5] * 13, "the plateau, from step 4 to step 16")
    checks.close(lr[20], 0.3, "half way down: the mean of lr and min_lr")
    checks.close(lr[24:], [0.1] * 6, "min_lr from max_steps on")


@pytest.mark.exercise("1.18")
@pytest.mark.parametrize(("warmup_steps", "decay_steps"), [(0, 1), (3, 21), (0, 24), (10, 5)])
def test_warmup_stable_decay_is_three_straight_lines(warmup_steps, decay_steps):
    plan = {"lr": 0.7, "max_steps": 24, "warmup_steps": warmup_steps, "min_lr": 0.05}
    steps = range(warmup_steps, 30)
    lr = [schedules.warmup_stable_decay(s, decay_steps=decay_steps, **plan) for s in steps]
    expected = np.interp(steps, [24 - decay_steps, 24], [0.7, 0.05])
    name = f"lr after {warmup_steps} steps of warm-up, {decay_steps} of decay"
    checks.close(lr, list(expected), name)


@pytest.mark.exercise("1.18")
@pytest.mark.parametrize("name", PLANS)
def test_warmup_knows_nothing_of_min_lr(name):
    function, plan = getattr(schedules, name), {**PLANS[name], "min_lr": 0.45}
    lr = [function(step, **plan) for step in range(5)]
    checks.close(lr, [0.1, 0.2, 0.3, 0.4, 0.5], f"{name}: warm-up to 0.5 where min_lr is 0.45")


@pytest.mark.parametrize("name", PLANS)
def test_steps_count_from_zero(name):
    function, plan = getattr(schedules, name), PLANS[name]
    checks.raises(lambda: function(-1, **plan), ValueError, "a negative step", match="step=-1")
    call = lambda: function(0, **{**plan, "warmup_steps": -1})  # noqa: E731
    checks.raises(call, ValueError, "a negative warm-up", match="warmup_steps=-1")


def test_both_need_room():
    call = lambda: schedules.warmup_cosine(0, lr=1.0, warmup_steps=5, max_steps=5)  # noqa: E731
    checks.raises(call, ValueError, "no step after the warm-up", match="max_steps=5")
    for decay_steps in (0, 21):
        call = lambda n=decay_steps: schedules.warmup_stable_decay(  # noqa: E731
            0, **{**COSINE, "decay_steps": n}
        )
        checks.raises(call, ValueError, f"{decay_steps} steps of decay", match="decay_steps")


def test_cosine_is_torchs():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20, eta_min=0.1)
    for step in range(4, 25):
        checks.close(cosine([step])[0], theirs.get_last_lr()[0], f"lr at step {step}")
        optimizer.step()
        theirs.step()
