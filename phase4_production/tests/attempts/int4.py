"""The mistakes of `mistakes/int4.py`, as others would write them."""

import torch

from shared.mistakes import attempt


def _pairs(codes):
    """The even and the odd columns, as whole numbers."""
    pairs = codes.int().unflatten(-1, (-1, 2))
    return pairs[..., 0], pairs[..., 1]


def _groups(weight, group):
    """The parts of each row, as a list of (R, group) or smaller."""
    return weight.detach().float().split(group, dim=1)


def _by_groups(weight, group, one):
    """Quantise each group by `one`, and put the parts together."""
    parts = [one(part) for part in _groups(weight, group)]
    return tuple(torch.cat(tensors, dim=1) for tensors in zip(*parts, strict=True))


def _range(part):
    """Both ends of a range that holds zero."""
    low = torch.clip(part.min(1, keepdim=True).values, max=0)
    return low, torch.clip(part.max(1, keepdim=True).values, min=0)


def _step(low, high, n=15):
    """A step; 1 where there is no range."""
    step = (high - low) / n
    step[step == 0] = 1
    return step


@attempt("pack_swaps_nibbles")
def _(codes):
    first, second = _pairs(codes)
    return (16 * first + second).byte()


@attempt("pack_pairs_halves")
def _(codes):
    first, second = codes.int().chunk(2, dim=-1)
    return (first + 16 * second).byte()


@attempt("pack_without_a_shift")
def _(codes):
    first, second = _pairs(codes)
    return torch.bitwise_or(first, second).byte()


@attempt("pack_multiplies_by_15")
def _(codes):
    first, second = _pairs(codes)
    return (first + (2**4 - 1) * second).byte()


@attempt("pack_in_wide_integers")
def _(codes):
    first, second = _pairs(codes)
    return (first + 16 * second).long()


@attempt("unpack_swaps_nibbles")
def _(packed):
    out = packed.new_empty(*packed.shape[:-1], 2 * packed.shape[-1])
    out[..., 1::2], out[..., 0::2] = packed % 16, packed // 16
    return out


@attempt("unpack_in_halves")
def _(packed):
    n = packed.shape[-1]
    out = packed.new_empty(*packed.shape[:-1], 2 * n)
    out[..., :n], out[..., n:] = packed % 16, packed // 16
    return out


@attempt("unpack_with_a_sign")
def _(packed):
    out = packed.new_empty(*packed.shape[:-1], 2 * packed.shape[-1], dtype=torch.int8)
    out[..., 0::2], out[..., 1::2] = (packed % 16).char(), (packed // 16).char()
    return (out ^ 8) - 8


@attempt("unpack_without_a_mask")
def _(packed):
    out = packed.repeat_interleave(2, dim=-1)
    out[..., 1::2] //= 16
    return out


@attempt("unpack_with_a_short_mask")
def _(packed):
    out = packed.repeat_interleave(2, dim=-1)
    out[..., 0::2] %= 8
    out[..., 1::2] //= 16
    return out


@attempt("int4_groups_down_the_columns")
def _(weight, group):
    def one(part):
        low, high = _range(part)
        step = _step(low, high)
        zero = torch.round(-low / step)
        return torch.clip(torch.round(part / step) + zero, 0, 15).byte(), step, zero

    return tuple(found.T for found in _by_groups(weight.T, group, one))


@attempt("int4_without_groups")
def _(weight, group):
    weight = weight.detach().float()
    low, high = _range(weight)
    step = _step(low, high)
    zero = torch.round(-low / step)
    n = len(_groups(weight, group))
    codes = torch.clip(torch.round(weight / step) + zero, 0, 15).byte()
    return codes, step.repeat(1, n), zero.repeat(1, n)


@attempt("int4_without_zero")
def _(weight, group):
    def one(part):
        low, high = part.aminmax(dim=1, keepdim=True)
        step = _step(low, high)
        zero = torch.clip(torch.round(-low / step), 0, 15)
        return torch.clip(torch.round(part / step) + zero, 0, 15).byte(), step, zero

    return _by_groups(weight, group, one)


@attempt("int4_with_a_broken_zero")
def _(weight, group):
    def one(part):
        low, high = _range(part)
        step = _step(low, high)
        codes = torch.round(part / step - low / step)
        return torch.clip(codes, 0, 15).byte(), step, -low / step

    return _by_groups(weight, group, one)


@attempt("int4_over_16")
def _(weight, group):
    def one(part):
        low, high = _range(part)
        step = _step(low, high, n=2**4)
        zero = torch.round(-low / step)
        return torch.clip(torch.round(part / step) + zero, 0, 15).byte(), step, zero

    return _by_groups(weight, group, one)


@attempt("int4_without_a_clamp")
def _(weight, group):
    def one(part):
        low, high = _range(part)
        step = _step(low, high)
        zero = torch.round(-low / step)
        return (torch.round(part / step) + zero).byte(), step, zero

    return _by_groups(weight, group, one)


@attempt("int4_is_symmetric")
def _(weight, group):
    def one(part):
        step = _step(torch.zeros(len(part), 1), part.abs().amax(1, keepdim=True), n=7)
        codes = torch.clip(torch.round(part / step), -8, 7) + 8
        return codes.byte(), step, torch.full_like(step, 8.0)

    return _by_groups(weight, group, one)


@attempt("int4_truncates")
def _(weight, group):
    def one(part):
        low, high = _range(part)
        step = _step(low, high)
        zero = torch.round(-low / step)
        codes = (part / step).int() + zero
        return torch.clip(codes, 0, 15).byte(), step, zero

    return _by_groups(weight, group, one)
