"""Classic wrong answers for `solution/rotary.py`."""

import torch

from shared.mistakes import mistake

# -- angles -----------------------------------------------------------------------------------


@mistake(
    "1.12",
    "rotary.rotary_angles",
    "The exponent is -i / D; it is -2 i / D, so that the D / 2 pairs span the whole range of speeds.",
)
def rotary_angles_half_exponent(positions, head_dim, theta):
    pairs = torch.arange(head_dim // 2, dtype=torch.float64)
    return positions[:, None].double() * theta ** (-pairs / head_dim)


@mistake(
    "1.12",
    "rotary.rotary_angles",
    "The 2 of -2 i / D comes in twice: an arange in steps of two holds 2 i already.",
)
def rotary_angles_double_exponent(positions, head_dim, theta):
    pairs = torch.arange(0, head_dim, 2, dtype=torch.float64)
    return positions[:, None].double() * theta ** (-2 * pairs / head_dim)


@mistake(
    "1.12",
    "rotary.rotary_angles",
    "theta is not used: 10,000 is the paper's base, and others have another.",
)
def rotary_angles_fixed_base(positions, head_dim, theta):
    pairs = torch.arange(head_dim // 2, dtype=torch.float64)
    return positions[:, None].double() * 10_000.0 ** (-2 * pairs / head_dim)


@mistake(
    "1.12",
    "rotary.rotary_angles",
    "The exponent has the wrong sign: later pairs must turn more slowly, not faster.",
)
def rotary_angles_faster(positions, head_dim, theta):
    pairs = torch.arange(head_dim // 2, dtype=torch.float64)
    return positions[:, None].double() * theta ** (2 * pairs / head_dim)


@mistake(
    "1.12",
    "rotary.rotary_angles",
    "The pairs are counted from 1; the first one turns by one radian a token, theta^0.",
)
def rotary_angles_from_one(positions, head_dim, theta):
    pairs = torch.arange(1, head_dim // 2 + 1, dtype=torch.float64)
    return positions[:, None].double() * theta ** (-2 * pairs / head_dim)


@mistake(
    "1.12",
    "rotary.rotary_angles",
    "The positions are counted anew from 0; with a cache the tokens come later in the text, and positions says where.",
)
def rotary_angles_restart(positions, head_dim, theta):
    pairs = torch.arange(head_dim // 2, dtype=torch.float64)
    return torch.arange(len(positions))[:, None].double() * theta ** (-2 * pairs / head_dim)


@mistake(
    "1.12",
    "rotary.rotary_angles",
    "The positions are counted on from the first one; they may come in any order, so take each as it is.",
)
def rotary_angles_consecutive(positions, head_dim, theta):
    pairs = torch.arange(head_dim // 2, dtype=torch.float64)
    counted = positions[0] + torch.arange(len(positions), dtype=torch.float64)
    return counted[:, None] * theta ** (-2 * pairs / head_dim)


@mistake(
    "1.12",
    "rotary.rotary_angles",
    "The positions are counted from 1: at position 0 nothing turns.",
)
def rotary_angles_positions_from_one(positions, head_dim, theta):
    pairs = torch.arange(head_dim // 2, dtype=torch.float64)
    return (positions[:, None].double() + 1) * theta ** (-2 * pairs / head_dim)


@mistake(
    "1.12",
    "rotary.rotary_angles",
    "The angles are in float32: at position 100003 they have few digits left after the point. Use float64.",
)
def rotary_angles_in_float32(positions, head_dim, theta):
    pairs = torch.arange(head_dim // 2, dtype=torch.float32)
    return (positions[:, None].float() * theta ** (-2 * pairs / head_dim)).double()


@mistake(
    "1.12",
    "rotary.rotary_angles",
    "There are D angles for a token; two coordinates share one, so D / 2.",
)
def rotary_angles_for_each_coordinate(positions, head_dim, theta):
    pairs = torch.arange(head_dim // 2, dtype=torch.float64).repeat(2)
    return positions[:, None].double() * theta ** (-2 * pairs / head_dim)


@mistake(
    "1.12",
    "rotary.rotary_angles",
    "theta multiplies where it must be raised to a power: speeds form a geometric series, from 1 to almost 1 / theta.",
)
def rotary_angles_linear(positions, head_dim, theta):
    pairs = torch.arange(head_dim // 2, dtype=torch.float64)
    return positions[:, None].double() / (1 + theta * 2 * pairs / head_dim)


# -- turning ----------------------------------------------------------------------------------


@mistake(
    "1.12",
    "rotary.apply_rotary",
    "Neighbours are paired, (x_0, x_1), as in the paper; checkpoints of Llama and Qwen3 pair x_i with x_(i + D/2).",
)
def apply_rotary_interleaved(x, cos, sin):
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, b * cos + a * sin], dim=-1).flatten(-2)


@mistake(
    "1.12",
    "rotary.apply_rotary",
    "Neighbours are paired, (x_0, x_1), and come back half a head apart: pair x_i with x_(i + D/2), and leave both where they were.",
)
def apply_rotary_interleaved_halves(x, cos, sin):
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = torch.cat((even * cos - odd * sin, odd * cos + even * sin), dim=-1)
    return turned.to(x.dtype)


@mistake(
    "1.12",
    "rotary.apply_rotary",
    "The pairs turn clockwise: the sine has the wrong sign. Distances still come out right, but no checkpoint does.",
)
def apply_rotary_clockwise(x, cos, sin):
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos + second * sin, second * cos - first * sin], dim=-1)


@mistake(
    "1.12",
    "rotary.apply_rotary",
    "Both halves have a plus before the sine: that is no rotation, and lengths change.",
)
def apply_rotary_both_plus(x, cos, sin):
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos + second * sin, second * cos + first * sin], dim=-1)


@mistake(
    "1.12",
    "rotary.apply_rotary",
    "Both halves have a minus before the sine: that is no rotation, and lengths change.",
)
def apply_rotary_both_minus(x, cos, sin):
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos - first * sin], dim=-1)


@mistake(
    "1.12",
    "rotary.apply_rotary",
    "The second half is computed from the first half that has already been turned; both need the old one.",
)
def apply_rotary_overwrites(x, cos, sin):
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    first = first * cos - second * sin
    return torch.cat([first, second * cos + first * sin], dim=-1)


@mistake(
    "1.12",
    "rotary.apply_rotary",
    "The two halves come back in the wrong order.",
)
def apply_rotary_halves_swapped(x, cos, sin):
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([second * cos + first * sin, first * cos - second * sin], dim=-1)


@mistake(
    "1.12",
    "rotary.apply_rotary",
    "The pairs are cut at the halves but come back side by side: coordinate i must stay coordinate i.",
)
def apply_rotary_reordered(x, cos, sin):
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    turned = [first * cos - second * sin, second * cos + first * sin]
    return torch.stack(turned, dim=-1).flatten(-2)


@mistake(
    "1.12",
    "rotary.apply_rotary",
    "sin and cos are exchanged: at position 0, where nothing must turn, everything makes a quarter turn.",
)
def apply_rotary_sin_for_cos(x, cos, sin):
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * sin - second * cos, second * sin + first * cos], dim=-1)


@mistake(
    "1.12",
    "rotary.apply_rotary",
    "The result is as wide as cos and sin; queries and keys must keep their dtype, or the whole model becomes float64.",
)
def apply_rotary_widens(x, cos, sin):
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


@mistake(
    "1.12",
    "rotary.apply_rotary",
    "The caller's x is turned in place: write the result into a new tensor.",
)
def apply_rotary_in_place(x, cos, sin):
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    first, second = x.clone().chunk(2, dim=-1)
    x[..., : x.shape[-1] // 2] = first * cos - second * sin
    x[..., x.shape[-1] // 2 :] = second * cos + first * sin
    return x
