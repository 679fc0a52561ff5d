"""The mistakes of `mistakes/norms.py`, as others would write them."""

import torch

from shared.mistakes import attempt


def affine(x, weight, bias):
    return x * weight + (0 if bias is None else bias)


@attempt("layer_norm_unbiased")
def _(x, weight, bias, eps):
    var, mean = torch.var_mean(x, dim=-1, keepdim=True)
    return affine((x - mean) / (var + eps).sqrt(), weight, bias)


@attempt("layer_norm_needs_a_bias")
def _(x, weight, bias, eps):
    mu, var = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
    return weight * (x - mu) / (var + eps) ** 0.5 + bias


@attempt("layer_norm_narrows_doubles")
def _(x, weight, bias, eps):
    h = x.to(torch.float32)
    mu, var = h.mean(-1, keepdim=True), h.var(-1, unbiased=False, keepdim=True)
    y = weight * ((h - mu) / torch.sqrt(var + eps))
    if bias is not None:
        y = y + bias
    return y.type_as(x)


@attempt("layer_norm_drops_the_axis")
def _(x, weight, bias, eps):
    mu, var = x.mean(-1), x.var(-1, unbiased=False)
    y = weight * ((x - mu) / torch.sqrt(var + eps))
    if bias is not None:
        y = y + bias
    return y


@attempt("layer_norm_eps_outside")
def _(x, weight, bias, eps):
    std = x.std(dim=-1, keepdim=True, correction=0)
    return affine((x - x.mean(-1, True)) / (std + eps), weight, bias)


@attempt("layer_norm_without_eps")
def _(x, weight, bias, eps):
    var, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
    return affine((x - mean) / var**0.5, weight, bias)


@attempt("layer_norm_keeps_mean")
def _(x, weight, bias, eps):
    size = (x**2).mean(-1, keepdim=True) + eps
    return affine(x / size**0.5, weight, bias)


@attempt("layer_norm_by_variance")
def _(x, weight, bias, eps):
    var, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
    return affine((x - mean) / (var + eps), weight, bias)


@attempt("layer_norm_over_everything")
def _(x, weight, bias, eps):
    var, mean = torch.var_mean(x, correction=0)
    return affine((x - mean) / (var + eps).sqrt(), weight, bias)


@attempt("layer_norm_over_batch")
def _(x, weight, bias, eps):
    var, mean = torch.var_mean(x, dim=0, correction=0)
    return affine((x - mean) / (var + eps).sqrt(), weight, bias)


@attempt("layer_norm_one_pass")
def _(x, weight, bias, eps):
    first, second = x.mean(-1, True), (x * x).mean(-1, True)
    var = torch.relu(second - first**2)
    return affine((x - first) / (var + eps).sqrt(), weight, bias)


@attempt("layer_norm_bias_first")
def _(x, weight, bias, eps):
    var, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
    x_hat = (x - mean) / (var + eps).sqrt()
    if bias is not None:
        x_hat = x_hat + bias
    return weight * x_hat


@attempt("layer_norm_without_parameters")
def _(x, weight, bias, eps):
    var, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
    return (x - mean) / torch.sqrt(var + eps)


@attempt("layer_norm_in_place")
def _(x, weight, bias, eps):
    x.sub_(x.mean(-1, keepdim=True))
    std = (x.pow(2).mean(-1, keepdim=True) + eps).sqrt()
    return affine(x / std, weight, bias)


@attempt("rms_norm_sums")
def _(x, weight, eps):
    h = x.double() if x.dtype == torch.float64 else x.float()
    return (weight * h / ((h * h).sum(-1, keepdim=True) + eps).sqrt()).to(x.dtype)


@attempt("rms_norm_centres")
def _(x, weight, eps):
    h = x.double() if x.dtype == torch.float64 else x.float()
    var, mean = torch.var_mean(h, dim=-1, keepdim=True, correction=0)
    return (weight * (h - mean) / (var + eps).sqrt()).to(x.dtype)


@attempt("rms_norm_eps_outside")
def _(x, weight, eps):
    h = x.double() if x.dtype == torch.float64 else x.float()
    rms = torch.sqrt(torch.mean(h * h, dim=-1, keepdim=True)) + eps
    return (weight * (h / rms)).to(x.dtype)


@attempt("rms_norm_without_root")
def _(x, weight, eps):
    h = x.double() if x.dtype == torch.float64 else x.float()
    square = torch.mean(h * h, dim=-1, keepdim=True) + eps
    return (weight * (h / square)).to(x.dtype)


@attempt("rms_norm_stays_narrow")
def _(x, weight, eps):
    scale = (x.pow(2).mean(-1, keepdim=True) + eps).rsqrt()
    return weight * (x * scale)


@attempt("rms_norm_stays_wide")
def _(x, weight, eps):
    h = x if x.dtype == torch.float64 else x.float()
    scale = (h.pow(2).mean(-1, keepdim=True) + eps).rsqrt()
    return weight * (h * scale)


@attempt("rms_norm_rounds_twice")
def _(x, weight, eps):
    dtype = x.dtype
    h = x if dtype == torch.float64 else x.to(torch.float32)
    h = h / torch.sqrt((h * h).mean(-1, keepdim=True) + eps)
    return weight * h.to(dtype)


@attempt("rms_norm_narrows_doubles")
def _(x, weight, eps):
    h = x.to(torch.float32)
    scale = (h.pow(2).mean(-1, keepdim=True) + eps).rsqrt()
    return (weight * (h * scale)).type_as(x)


@attempt("rms_norm_without_weight")
def _(x, weight, eps):
    h = x if x.dtype == torch.float64 else x.float()
    return (h / (h.pow(2).mean(-1, keepdim=True) + eps).sqrt()).type_as(x)


@attempt("rms_norm_one_plus_weight")
def _(x, weight, eps):
    h = x if x.dtype == torch.float64 else x.float()
    x_hat = h / (h.pow(2).mean(-1, keepdim=True) + eps).sqrt()
    return (x_hat + x_hat * weight).type_as(x)
