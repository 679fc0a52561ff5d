"""Classic wrong answers for `solution/norms.py`."""

import torch

from shared.mistakes import mistake

# -- layer norm -------------------------------------------------------------------------------


@mistake(
    "1.11",
    "norms.layer_norm",
    "The variance is the unbiased one, divided by C - 1; LayerNorm describes this very token, so it divides by C.",
)
def layer_norm_unbiased(x, weight, bias, eps):
    centred = x - x.mean(dim=-1, keepdim=True)
    normed = centred / torch.sqrt(x.var(dim=-1, keepdim=True) + eps) * weight
    return normed if bias is None else normed + bias


@mistake(
    "1.11",
    "norms.layer_norm",
    "Without a bias it fails: bias may be None, and then nothing is added.",
)
def layer_norm_needs_a_bias(x, weight, bias, eps):
    centred = x - x.mean(dim=-1, keepdim=True)
    variance = centred.square().mean(dim=-1, keepdim=True)
    return centred * torch.rsqrt(variance + eps) * weight + bias


@mistake(
    "1.11",
    "norms.layer_norm",
    "Everything goes through float32, float64 too, and half of its digits are lost.",
)
def layer_norm_narrows_doubles(x, weight, bias, eps):
    wide = x.float()
    centred = wide - wide.mean(dim=-1, keepdim=True)
    out = centred * torch.rsqrt(centred.square().mean(dim=-1, keepdim=True) + eps) * weight
    return (out if bias is None else out + bias).to(x.dtype)


@mistake(
    "1.11",
    "norms.layer_norm",
    "The mean has lost its last axis, so it is spread over the wrong one; keepdim=True leaves an axis of size 1 there.",
)
def layer_norm_drops_the_axis(x, weight, bias, eps):
    centred = x - x.mean(dim=-1)
    out = centred * torch.rsqrt(centred.square().mean(dim=-1) + eps) * weight
    return out if bias is None else out + bias


@mistake(
    "1.11",
    "norms.layer_norm",
    "eps is added to the standard deviation; it belongs under the root, next to the variance.",
)
def layer_norm_eps_outside(x, weight, bias, eps):
    centred = x - x.mean(dim=-1, keepdim=True)
    normed = centred / (centred.square().mean(dim=-1, keepdim=True).sqrt() + eps) * weight
    return normed if bias is None else normed + bias


@mistake(
    "1.11",
    "norms.layer_norm",
    "eps is forgotten: a token whose numbers are all equal is divided by 0.",
)
def layer_norm_without_eps(x, weight, bias, eps):
    centred = x - x.mean(dim=-1, keepdim=True)
    normed = centred / centred.square().mean(dim=-1, keepdim=True).sqrt() * weight
    return normed if bias is None else normed + bias


@mistake(
    "1.11",
    "norms.layer_norm",
    "The mean is never taken away: that is RMSNorm; LayerNorm shifts to mean 0 first.",
)
def layer_norm_keeps_mean(x, weight, bias, eps):
    normed = x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + eps) * weight
    return normed if bias is None else normed + bias


@mistake(
    "1.11",
    "norms.layer_norm",
    "It divides by the variance; the root of it, the standard deviation, gives variance 1.",
)
def layer_norm_by_variance(x, weight, bias, eps):
    centred = x - x.mean(dim=-1, keepdim=True)
    normed = centred / (centred.square().mean(dim=-1, keepdim=True) + eps) * weight
    return normed if bias is None else normed + bias


@mistake(
    "1.11",
    "norms.layer_norm",
    "Mean and variance are taken over all tokens at once; each token is normalised by itself, over its channels.",
)
def layer_norm_over_everything(x, weight, bias, eps):
    centred = x - x.mean()
    normed = centred * torch.rsqrt(centred.square().mean() + eps) * weight
    return normed if bias is None else normed + bias


@mistake(
    "1.11",
    "norms.layer_norm",
    "The statistics run over axis 0, as in BatchNorm; LayerNorm takes them over the last axis, a token's channels.",
)
def layer_norm_over_batch(x, weight, bias, eps):
    centred = x - x.mean(dim=0, keepdim=True)
    normed = centred * torch.rsqrt(centred.square().mean(dim=0, keepdim=True) + eps) * weight
    return normed if bias is None else normed + bias


@mistake(
    "1.11",
    "norms.layer_norm",
    "The variance is mean(x^2) - mean(x)^2: far from zero both are huge and their difference has no digits left.",
)
def layer_norm_one_pass(x, weight, bias, eps):
    mean = x.mean(dim=-1, keepdim=True)
    variance = x.square().mean(dim=-1, keepdim=True) - mean.square()
    normed = (x - mean) * torch.rsqrt(variance.clamp(min=0) + eps) * weight
    return normed if bias is None else normed + bias


@mistake(
    "1.11",
    "norms.layer_norm",
    "The bias is added before the weight multiplies, so it is scaled too; what was learned is weight * x_hat + bias.",
)
def layer_norm_bias_first(x, weight, bias, eps):
    centred = x - x.mean(dim=-1, keepdim=True)
    normed = centred * torch.rsqrt(centred.square().mean(dim=-1, keepdim=True) + eps)
    return (normed if bias is None else normed + bias) * weight


@mistake(
    "1.11",
    "norms.layer_norm",
    "The learned weight and bias are not used: the result always has mean 0 and variance 1.",
)
def layer_norm_without_parameters(x, weight, bias, eps):
    centred = x - x.mean(dim=-1, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(dim=-1, keepdim=True) + eps)


@mistake(
    "1.11",
    "norms.layer_norm",
    "The mean is taken away in place, from the caller's x; the residual stream still needs it.",
)
def layer_norm_in_place(x, weight, bias, eps):
    x -= x.mean(dim=-1, keepdim=True)
    normed = x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + eps) * weight
    return normed if bias is None else normed + bias


# -- rms norm ---------------------------------------------------------------------------------


@mistake(
    "1.11",
    "norms.rms_norm",
    "The squares are summed; root *mean* square divides by the number of channels.",
)
def rms_norm_sums(x, weight, eps):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    normed = wide * torch.rsqrt(wide.square().sum(dim=-1, keepdim=True) + eps)
    return (normed * weight).to(x.dtype)


@mistake(
    "1.11",
    "norms.rms_norm",
    "The mean is taken away, as in LayerNorm; RMSNorm only scales.",
)
def rms_norm_centres(x, weight, eps):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    wide = wide - wide.mean(dim=-1, keepdim=True)
    normed = wide * torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + eps)
    return (normed * weight).to(x.dtype)


@mistake(
    "1.11",
    "norms.rms_norm",
    "eps is added to the root; it belongs under it, next to the mean square.",
)
def rms_norm_eps_outside(x, weight, eps):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    normed = wide / (wide.square().mean(dim=-1, keepdim=True).sqrt() + eps)
    return (normed * weight).to(x.dtype)


@mistake(
    "1.11",
    "norms.rms_norm",
    "The root is missing: x is divided by its mean square, so its size still shows in the result.",
)
def rms_norm_without_root(x, weight, eps):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    normed = wide / (wide.square().mean(dim=-1, keepdim=True) + eps)
    return (normed * weight).to(x.dtype)


@mistake(
    "1.11",
    "norms.rms_norm",
    "The squares are taken in the dtype of x: in float16 the square of 300 is infinite. Widen to float32 first.",
)
def rms_norm_stays_narrow(x, weight, eps):
    return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + eps) * weight


@mistake(
    "1.11",
    "norms.rms_norm",
    "The result is wider than x: what went in as float16 must come out as float16.",
)
def rms_norm_stays_wide(x, weight, eps):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return wide * torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + eps) * weight


@mistake(
    "1.11",
    "norms.rms_norm",
    "It is rounded before the weight, as in Llama's code, and once more after it: narrow once, at the end.",
)
def rms_norm_rounds_twice(x, weight, eps):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    normed = wide * torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + eps)
    return normed.to(x.dtype) * weight


@mistake(
    "1.11",
    "norms.rms_norm",
    "Everything goes through float32, float64 too, and half of its digits are lost: float32 *at least*.",
)
def rms_norm_narrows_doubles(x, weight, eps):
    wide = x.float()
    normed = wide * torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + eps)
    return (normed * weight).to(x.dtype)


@mistake(
    "1.11",
    "norms.rms_norm",
    "The learned weight is not used.",
)
def rms_norm_without_weight(x, weight, eps):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return (wide * torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + eps)).to(x.dtype)


@mistake(
    "1.11",
    "norms.rms_norm",
    "The weight is added to 1, as some models store it; here it starts at 1 and multiplies as it is.",
)
def rms_norm_one_plus_weight(x, weight, eps):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    normed = wide * torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + eps)
    return (normed * (1 + weight)).to(x.dtype)
