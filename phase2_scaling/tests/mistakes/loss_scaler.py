"""Classic wrong answers for `solution/mixed_precision.py`: the scaler of the loss."""

import torch

from phase2_scaling.solution.clipping import clip_grad_norm
from shared.mistakes import mistake


@mistake(
    "2.9",
    "mixed_precision.LossScaler.unscale",
    "Multiplied once more: the loss was multiplied by the scale, so the gradients are divided by it.",
)
def unscale_multiplies(self, parameters):
    gradients = [p.grad for p in parameters if p.grad is not None]
    for gradient in gradients:
        gradient.mul_(self.scale)
    return all(bool(gradient.isfinite().all()) for gradient in gradients)


@mistake(
    "2.9",
    "mixed_precision.LossScaler.unscale",
    "Only infinities are looked for; inf - inf is NaN, and a NaN is no gradient either.",
)
def unscale_misses_nan(self, parameters):
    gradients = [p.grad for p in parameters if p.grad is not None]
    for gradient in gradients:
        gradient.div_(self.scale)
    return not any(bool(gradient.isinf().any()) for gradient in gradients)


@mistake(
    "2.9",
    "mixed_precision.LossScaler.unscale",
    "Only NaN is looked for; a gradient that overflows becomes an infinity first.",
)
def unscale_misses_inf(self, parameters):
    gradients = [p.grad for p in parameters if p.grad is not None]
    for gradient in gradients:
        gradient.div_(self.scale)
    return not any(bool(gradient.isnan().any()) for gradient in gradients)


@mistake(
    "2.9",
    "mixed_precision.LossScaler.unscale",
    "What it tells is about the last gradient only: one bad number anywhere spoils the step.",
)
def unscale_looks_at_the_last(self, parameters):
    finite = True
    for p in parameters:
        if p.grad is not None:
            p.grad.div_(self.scale)
            finite = bool(p.grad.isfinite().all())
    return finite


@mistake(
    "2.9",
    "mixed_precision.LossScaler.unscale",
    "`any` asks for a single finite number among all of them; every one has to be finite.",
)
def unscale_any(self, parameters):
    gradients = [p.grad for p in parameters if p.grad is not None]
    for gradient in gradients:
        gradient.div_(self.scale)
    return any(bool(gradient.isfinite().any()) for gradient in gradients)


@mistake(
    "2.9",
    "mixed_precision.LossScaler.unscale",
    "`parameters` may be a generator, such as module.parameters(): the first walk uses it up, and the second one looks at nothing.",
)
def unscale_walks_twice(self, parameters):
    for p in parameters:
        if p.grad is not None:
            p.grad.div_(self.scale)
    return all(bool(p.grad.isfinite().all()) for p in parameters if p.grad is not None)


@mistake(
    "2.9",
    "mixed_precision.LossScaler.unscale",
    "A sum of squares overflows where no gradient does, and the step is skipped for nothing: look at each number.",
)
def unscale_sums(self, parameters):
    gradients = [p.grad for p in parameters if p.grad is not None]
    total = sum(gradient.square().sum() for gradient in gradients)
    for gradient in gradients:
        gradient.div_(self.scale)
    return bool(torch.as_tensor(total).isfinite())


@mistake(
    "2.9",
    "mixed_precision.LossScaler.update",
    "Good steps are counted since the last growth, not in a row: an overflow begins the count again.",
)
def scale_update_not_in_a_row(self, finite):
    if not finite:
        self.scale /= 2
        return
    self.good_steps += 1
    if self.good_steps == self.growth_interval:
        self.scale *= 2
        self.good_steps = 0


@mistake(
    "2.9",
    "mixed_precision.LossScaler.update",
    "After the scale has grown, the count goes on: it never reaches the interval again. Begin at 0.",
)
def scale_update_grows_once(self, finite):
    self.good_steps = self.good_steps + 1 if finite else 0
    if not finite:
        self.scale /= 2
    elif self.good_steps == self.growth_interval:
        self.scale *= 2


@mistake(
    "2.9",
    "mixed_precision.LossScaler.update",
    "Once enough good steps are behind, every further one doubles the scale: begin the count again after each growth.",
)
def scale_update_grows_each_step(self, finite):
    self.good_steps = self.good_steps + 1 if finite else 0
    if not finite:
        self.scale /= 2
    elif self.good_steps >= self.growth_interval:
        self.scale *= 2


@mistake(
    "2.9",
    "mixed_precision.LossScaler.update",
    "The scale only ever falls: small gradients vanish for good after a few overflows.",
)
def scale_update_never_grows(self, finite):
    self.good_steps = self.good_steps + 1 if finite else 0
    if not finite:
        self.scale /= 2


@mistake(
    "2.9",
    "mixed_precision.LossScaler.update",
    "The scale never falls: the next step overflows just as this one did.",
)
def scale_update_never_halves(self, finite):
    self.good_steps = self.good_steps + 1 if finite else 0
    if self.good_steps == self.growth_interval:
        self.scale *= 2
        self.good_steps = 0


@mistake(
    "2.9",
    "mixed_precision.LossScaler.update",
    "One step late: the interval's last good step is the one after which the scale doubles.",
)
def scale_update_off_by_one(self, finite):
    self.good_steps = self.good_steps + 1 if finite else 0
    if not finite:
        self.scale /= 2
    elif self.good_steps > self.growth_interval:
        self.scale *= 2
        self.good_steps = 0
