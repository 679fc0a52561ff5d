"""Classic wrong answers for `solution/masked.py`."""

import torch

from phase3_alignment.solution.masked import mean, variance
from shared.mistakes import mistake


@mistake(
    "3.17",
    "masked.whiten",
    "The variance is divided by n - 1; it is declared as the mean square distance, so divide by n.",
)
def whiten_unbiased(x, mask, shift_mean=True, eps=1e-8):
    x = x.where(mask, 0)
    n = mask.sum()
    center = mean(x, mask)
    unbiased = variance(x, mask) * n / (n - 1).clamp(min=1)
    white = (x - center) * torch.rsqrt(unbiased + eps)
    return (white if shift_mean else white + center).where(mask, 0)


@mistake(
    "3.17",
    "masked.whiten",
    "Mean and variance are taken over everything, padding included; only places where the mask is True count.",
)
def whiten_over_padding(x, mask, shift_mean=True, eps=1e-8):
    center, var = x.mean(), x.var(correction=0)
    white = (x - center) * torch.rsqrt(var + eps)
    return (white if shift_mean else white + center).where(mask, 0)


@mistake(
    "3.17",
    "masked.whiten",
    "Padding is set to 0 and then counted: zeros pull the mean towards 0. Divide the sums by the places that count.",
)
def whiten_counts_zeros(x, mask, shift_mean=True, eps=1e-8):
    x = x.where(mask, 0)
    center, var = x.mean(), x.var(correction=0)
    white = (x - center) * torch.rsqrt(var + eps)
    return (white if shift_mean else white + center).where(mask, 0)


@mistake(
    "3.17",
    "masked.whiten",
    "Padding is multiplied by 0, and 0 times NaN is NaN: choose with where instead.",
)
def whiten_multiplies(x, mask, shift_mean=True, eps=1e-8):
    n = mask.sum().clamp(min=1)
    center = (x * mask).sum() / n
    var = ((x - center).square() * mask).sum() / n
    white = (x - center) * torch.rsqrt(var + eps)
    return (white if shift_mean else white + center) * mask


@mistake(
    "3.17",
    "masked.whiten",
    "Each row is whitened by itself, so a good response looks like a bad one; one mean and one variance serve the batch.",
)
def whiten_each_row(x, mask, shift_mean=True, eps=1e-8):
    x = x.where(mask, 0)
    n = mask.sum(-1, keepdim=True).clamp(min=1)
    center = x.sum(-1, keepdim=True) / n
    var = (x - center).square().where(mask, 0).sum(-1, keepdim=True) / n
    white = (x - center) * torch.rsqrt(var + eps)
    return (white if shift_mean else white + center).where(mask, 0)


@mistake(
    "3.17",
    "masked.whiten",
    "What does not count is whitened along; it has to be exactly 0 in the result.",
)
def whiten_leaves_padding(x, mask, shift_mean=True, eps=1e-8):
    center = mean(x, mask)
    white = (x - center) * torch.rsqrt(variance(x, mask) + eps)
    return white if shift_mean else white + center


@mistake(
    "3.17",
    "masked.whiten",
    "shift_mean is not looked at: where it is False, the mean is put back after the division.",
)
def whiten_always_shifts(x, mask, shift_mean=True, eps=1e-8):
    x = x.where(mask, 0)
    white = (x - mean(x, mask)) * torch.rsqrt(variance(x, mask) + eps)
    return white.where(mask, 0)


@mistake(
    "3.17",
    "masked.whiten",
    "Without the shift the whole x is divided, its mean along with it; divide what is left over the mean, then put the mean back.",
)
def whiten_scales_the_mean(x, mask, shift_mean=True, eps=1e-8):
    x = x.where(mask, 0)
    if shift_mean:
        x = x - mean(x, mask)
    return (x * torch.rsqrt(variance(x, mask) + eps)).where(mask, 0)


@mistake(
    "3.17",
    "masked.whiten",
    "It is divided by the variance; its root has the unit of x.",
)
def whiten_by_variance(x, mask, shift_mean=True, eps=1e-8):
    x = x.where(mask, 0)
    center = mean(x, mask)
    white = (x - center) / (variance(x, mask) + eps)
    return (white if shift_mean else white + center).where(mask, 0)


@mistake(
    "3.17",
    "masked.whiten",
    "Equal numbers have the variance 0, and 0 / 0 is NaN: eps belongs under the root.",
)
def whiten_without_eps(x, mask, shift_mean=True, eps=1e-8):
    x = x.where(mask, 0)
    center = mean(x, mask)
    white = (x - center) / variance(x, mask).sqrt()
    return (white if shift_mean else white + center).where(mask, 0)


@mistake(
    "3.17",
    "masked.whiten",
    "eps is added to the deviation; it belongs to the variance, under the root, where it quiets what is only rounding.",
)
def whiten_eps_outside(x, mask, shift_mean=True, eps=1e-8):
    x = x.where(mask, 0)
    center = mean(x, mask)
    white = (x - center) / (variance(x, mask).sqrt() + eps)
    return (white if shift_mean else white + center).where(mask, 0)
