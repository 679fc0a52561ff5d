"""The mistakes of `mistakes/zero_point.py`, as others would write them."""

import torch

from shared.mistakes import attempt


def _step(low, high, steps=255):
    """The size of a step; 1 where there is no range."""
    step = (high - low) / steps
    return torch.where(step == 0, torch.ones_like(step), step)


def _to_zero(low, high):
    """A range that holds zero."""
    return torch.minimum(low, low * 0).float(), torch.maximum(high, high * 0).float()


@attempt("affine_without_zero")
def _(x, low, high):
    step = _step(low.float(), high.float())
    zero = torch.round(-low / step)
    codes = torch.clip(torch.round(x / step) + zero, 0, 255).byte()
    return codes, step, zero


@attempt("affine_with_a_broken_zero")
def _(x, low, high):
    low, high = _to_zero(low, high)
    step = _step(low, high)
    codes = torch.round(x / step - low / step).clip(0, 255)
    return codes.byte(), step, -low / step


@attempt("affine_wraps_around")
def _(x, low, high):
    low, high = _to_zero(low, high)
    step = _step(low, high)
    zero = torch.round(-low / step)
    codes = (torch.round(x / step) + zero) % 256
    return codes.byte(), step, zero


@attempt("affine_clamps_before_rounding")
def _(x, low, high):
    low, high = _to_zero(low, high)
    step = _step(low, high)
    zero = torch.round(-low / step)
    x = torch.minimum(torch.maximum(x, low), high)
    codes = (torch.round(x / step) + zero).int() & 255
    return codes.byte(), step, zero


@attempt("affine_over_256")
def _(x, low, high):
    low, high = _to_zero(low, high)
    step = _step(low, high, steps=2**8)
    zero = torch.round(-low / step)
    return torch.clip(torch.round(x / step) + zero, 0, 255).byte(), step, zero


@attempt("affine_with_the_wrong_sign")
def _(x, low, high):
    low, high = _to_zero(low, high)
    step = _step(low, high)
    zero = torch.round(low / step)
    return torch.clip(torch.round(x / step) - zero, 0, 255).byte(), step, zero


@attempt("affine_truncates")
def _(x, low, high):
    low, high = _to_zero(low, high)
    step = _step(low, high)
    zero = torch.round(-low / step)
    codes = (x / step).int() + zero
    return codes.clip(0, 255).byte(), step, zero


@attempt("affine_ignores_the_range")
def _(x, low, high):
    rows = x if low.ndim else x[None]
    low, high = _to_zero(rows.amin(1).view(low.shape), rows.amax(1).view(high.shape))
    step = _step(low, high)
    zero = torch.round(-low / step)
    return torch.clip(torch.round(x / step) + zero, 0, 255).byte(), step, zero


@attempt("affine_divides_by_zero")
def _(x, low, high):
    low, high = _to_zero(low, high)
    step = (high - low) / 255
    zero = torch.round(-low / step)
    return torch.clip(torch.round(x / step) + zero, 0, 255).byte(), step, zero


@attempt("affine_rounds_the_sum")
def _(x, low, high):
    low, high = _to_zero(low.detach(), high.detach())
    step = _step(low, high)
    zero = torch.round(-low / step)
    return torch.clip(torch.round(zero + x.detach() / step), 0, 255).byte(), step, zero
