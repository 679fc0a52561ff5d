from itertools import pairwise

import pytest
import torch

from phase0_foundations.solution import schedules
from shared import checks

PLAN = {"lr": 0.5, "warmup_steps": 4, "max_steps": 24, "min_lr": 0.1}


def test_corners_of_the_cosine():
    lr = [schedules.warmup_cosine(step, **PLAN) for step in range(30)]
    checks.close(lr[:5], [0.1, 0.2, 0.3, 0.4, 0.5], "a straight line up to lr, no step of size 0")
    checks.close(lr[14], 0.3, "half way down: the mean of lr and min_lr")
    checks.close(lr[24:], [0.1] * 6, "min_lr from max_steps on")
    checks.law(all(a > b for a, b in pairwise(lr[4:25])), "lr falls after the warm-up")


def test_cosine_is_torchs():
    weight = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.SGD([weight], lr=0.5)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=20, eta_min=0.1)
    for step in range(4, 25):
        ours = schedules.warmup_cosine(step, **PLAN)
        checks.close(ours, theirs.get_last_lr()[0], f"lr at step {step}")
        optimiser.step()
        theirs.step()


def test_no_warmup_starts_at_the_top():
    checks.equal(schedules.warmup_cosine(0, lr=0.5, max_steps=10), 0.5, "lr at step 0")
    checks.equal(schedules.constant(0, lr=0.5), 0.5, "lr at step 0")


def test_constant():
    lr = [schedules.constant(step, lr=0.6, warmup_steps=2) for step in range(5)]
    checks.close(lr, [0.2, 0.4, 0.6, 0.6, 0.6], "up, then level")


@pytest.mark.parametrize("options", [{"warmup_steps": 5, "max_steps": 5}, {"max_steps": 0}])
def test_cosine_needs_room(options):
    call = lambda: schedules.warmup_cosine(0, lr=1.0, **options)  # noqa: E731
    checks.raises(call, ValueError, "no step after the warm-up", match="max_steps")


def test_steps_count_from_zero():
    checks.raises(lambda: schedules.constant(-1, lr=1.0), ValueError, "a negative step")
    call = lambda: schedules.warmup_cosine(-1, lr=1.0, max_steps=3)  # noqa: E731
    checks.raises(call, ValueError, "a negative step")
