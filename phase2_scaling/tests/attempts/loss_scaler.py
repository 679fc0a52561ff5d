"""The mistakes of `mistakes/loss_scaler.py`, as others would write them."""

import math

import torch

from shared.mistakes import attempt


@attempt("unscale_multiplies")
def _(self, parameters):
    finite = True
    for p in parameters:
        if p.grad is not None:
            p.grad *= self.scale
            finite &= bool(torch.isfinite(p.grad).all())
    return finite


@attempt("unscale_misses_nan")
def _(self, parameters):
    finite = True
    for p in parameters:
        if p.grad is not None:
            p.grad *= 1 / self.scale
            finite = finite and not torch.isinf(p.grad).any().item()
    return finite


@attempt("unscale_misses_inf")
def _(self, parameters):
    finite = True
    for p in parameters:
        if p.grad is not None:
            p.grad /= self.scale
            finite = finite and bool((p.grad == p.grad).all())
    return finite


@attempt("unscale_looks_at_the_last")
def _(self, parameters):
    with_gradient = [p for p in parameters if p.grad is not None]
    for p in with_gradient:
        p.grad = p.grad / self.scale
    return not with_gradient or torch.isfinite(with_gradient[-1].grad).all().item()


@attempt("unscale_walks_twice")
def _(self, parameters):
    for p in filter(lambda p: p.grad is not None, parameters):
        p.grad /= self.scale
    for p in parameters:
        if p.grad is not None and not torch.isfinite(p.grad).all():
            return False
    return True


@attempt("unscale_any")
def _(self, parameters):
    found = []
    for p in parameters:
        if p.grad is not None:
            p.grad /= self.scale
            found.append(torch.isfinite(p.grad).any().item())
    return any(found)


@attempt("unscale_sums")
def _(self, parameters):
    norm = 0.0
    for p in parameters:
        if p.grad is not None:
            norm = norm + (p.grad**2).sum().item()
            p.grad /= self.scale
    return math.isfinite(norm)


@attempt("scale_update_not_in_a_row")
def _(self, finite):
    if finite:
        self.good_steps += 1
        if self.good_steps >= self.growth_interval:
            self.scale, self.good_steps = self.scale * 2, 0
    else:
        self.scale *= 0.5


@attempt("scale_update_grows_once")
def _(self, finite):
    if finite:
        self.good_steps += 1
        if self.good_steps == self.growth_interval:
            self.scale = 2 * self.scale
    else:
        self.good_steps = 0
        self.scale = self.scale / 2


@attempt("scale_update_grows_each_step")
def _(self, finite):
    if not finite:
        self.good_steps, self.scale = 0, self.scale / 2
        return
    self.good_steps += 1
    if not self.good_steps < self.growth_interval:
        self.scale = self.scale * 2


@attempt("scale_update_never_grows")
def _(self, finite):
    if finite:
        self.good_steps += 1
    else:
        self.scale, self.good_steps = self.scale * 0.5, 0


@attempt("scale_update_never_halves")
def _(self, finite):
    if not finite:
        self.good_steps = 0
        return
    self.good_steps += 1
    if self.good_steps >= self.growth_interval:
        self.scale, self.good_steps = self.scale * 2, 0


@attempt("scale_update_off_by_one")
def _(self, finite):
    if not finite:
        self.good_steps, self.scale = 0, self.scale / 2
        return
    self.good_steps += 1
    if self.good_steps == self.growth_interval + 1:
        self.good_steps, self.scale = 0, self.scale * 2
