"""The mistakes of `mistakes/rotary.py`, as others would write them."""

import torch

from shared.mistakes import attempt


@attempt("rotary_angles_half_exponent")
def _(positions, head_dim, theta):
    freq = 1.0 / theta ** (torch.arange(0, head_dim // 2).double() / head_dim)
    return torch.outer(positions.double(), freq)


@attempt("rotary_angles_double_exponent")
def _(positions, head_dim, theta):
    inv = 1.0 / theta ** (2 * torch.arange(0, head_dim, 2).double() / head_dim)
    return torch.outer(positions.double(), inv)


@attempt("rotary_angles_fixed_base")
def _(positions, head_dim, theta):
    inv = 1.0 / 10_000 ** (torch.arange(0, head_dim, 2).double() / head_dim)
    return torch.outer(positions.double(), inv)


@attempt("rotary_angles_faster")
def _(positions, head_dim, theta):
    freq = theta ** (torch.arange(0, head_dim, 2).double() / head_dim)
    return torch.outer(positions.double(), freq)


@attempt("rotary_angles_from_one")
def _(positions, head_dim, theta):
    freq = 1.0 / theta ** (torch.arange(2, head_dim + 1, 2).double() / head_dim)
    return torch.outer(positions.double(), freq)


@attempt("rotary_angles_restart")
def _(positions, head_dim, theta):
    freq = 1.0 / theta ** (torch.arange(0, head_dim, 2).double() / head_dim)
    return torch.outer(torch.arange(positions.shape[0]).double(), freq)


@attempt("rotary_angles_consecutive")
def _(positions, head_dim, theta):
    inv = theta ** -(torch.arange(0, head_dim, 2).double() / head_dim)
    start = int(positions[0])
    return torch.outer(torch.arange(start, start + positions.numel()).double(), inv)


@attempt("rotary_angles_positions_from_one")
def _(positions, head_dim, theta):
    freq = 1.0 / theta ** (torch.arange(0, head_dim, 2).double() / head_dim)
    return torch.outer(positions.double(), freq) + freq


@attempt("rotary_angles_in_float32")
def _(positions, head_dim, theta):
    freq = 1.0 / theta ** (torch.arange(0, head_dim, 2).float() / head_dim)
    return torch.outer(positions.float(), freq)


@attempt("rotary_angles_for_each_coordinate")
def _(positions, head_dim, theta):
    freq = 1.0 / theta ** (torch.arange(0, head_dim, 2).double() / head_dim)
    angles = torch.outer(positions.double(), freq)
    return torch.cat((angles, angles), dim=-1)


@attempt("rotary_angles_linear")
def _(positions, head_dim, theta):
    freq = 1 / (1 + theta * torch.arange(0, head_dim, 2).double() / head_dim)
    return torch.outer(positions.double(), freq)


@attempt("apply_rotary_interleaved")
def _(x, cos, sin):
    out = torch.empty_like(x)
    even, odd = x[..., ::2], x[..., 1::2]
    out[..., ::2] = even * cos.to(x) - odd * sin.to(x)
    out[..., 1::2] = even * sin.to(x) + odd * cos.to(x)
    return out


@attempt("apply_rotary_interleaved_halves")
def _(x, cos, sin):
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1).type_as(x)


@attempt("apply_rotary_clockwise")
def _(x, cos, sin):
    half = x.shape[-1] // 2
    c, s = torch.cat([cos, cos], -1).to(x), torch.cat([sin, -sin], -1).to(x)
    return x * c + torch.roll(x, half, dims=-1) * s


@attempt("apply_rotary_both_plus")
def _(x, cos, sin):
    half = x.shape[-1] // 2
    c, s = torch.cat([cos, cos], -1).to(x), torch.cat([sin, sin], -1).to(x)
    return x * c + torch.roll(x, half, dims=-1) * s


@attempt("apply_rotary_both_minus")
def _(x, cos, sin):
    half = x.shape[-1] // 2
    c, s = torch.cat([cos, cos], -1).to(x), torch.cat([sin, sin], -1).to(x)
    return x * c - torch.roll(x, half, dims=-1) * s


@attempt("apply_rotary_overwrites")
def _(x, cos, sin):
    out, half = x.clone(), x.shape[-1] // 2
    out[..., :half] = out[..., :half] * cos.to(x) - out[..., half:] * sin.to(x)
    out[..., half:] = out[..., half:] * cos.to(x) + out[..., :half] * sin.to(x)
    return out


@attempt("apply_rotary_halves_swapped")
def _(x, cos, sin):
    a, b = x.tensor_split(2, dim=-1)
    c, s = cos.to(x), sin.to(x)
    return torch.concat((a * s + b * c, a * c - b * s), dim=-1)


@attempt("apply_rotary_reordered")
def _(x, cos, sin):
    a, b = x.tensor_split(2, dim=-1)
    out = torch.empty_like(x)
    out[..., ::2] = a * cos.to(x) - b * sin.to(x)
    out[..., 1::2] = a * sin.to(x) + b * cos.to(x)
    return out


@attempt("apply_rotary_sin_for_cos")
def _(x, cos, sin):
    cos, sin = sin.to(x), cos.to(x)
    a, b = x.tensor_split(2, dim=-1)
    return torch.concat((a * cos - b * sin, a * sin + b * cos), dim=-1)


@attempt("apply_rotary_widens")
def _(x, cos, sin):
    a, b = x.tensor_split(2, dim=-1)
    return torch.concat((cos * a - sin * b, sin * a + cos * b), dim=-1)


@attempt("apply_rotary_in_place")
def _(x, cos, sin):
    a, b = (part.clone() for part in x.tensor_split(2, dim=-1))
    x.copy_(torch.concat((a * cos.to(x) - b * sin.to(x), a * sin.to(x) + b * cos.to(x)), dim=-1))
    return x
