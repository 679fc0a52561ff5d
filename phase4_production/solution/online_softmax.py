"""A softmax that reads its numbers once, and keeps what it needs of those that have gone by.

Milakov and Gimelshein 2018 (arXiv:1805.02867), algorithm 3, extended from the denominator to the
weighted sum: Rabe and Staats 2021 (arXiv:2112.05682), section 2. A row of attention is

    sum over keys of exp(s_j - m) v_j  /  sum over keys of exp(s_j - m),    m = max over keys of s_j

and neither sum has to wait until the whole row is known: when a larger m turns up, everything that
was summed so far is multiplied by exp(old m - new m).
"""

from typing import NamedTuple

import torch
from torch import Tensor


class State(NamedTuple):
    """What has been seen so far of each row of scores; float32 or float64.

    Attributes:
        m: (..., T_q), the largest score, -inf where none was finite.
        l: (..., T_q), the sum of exp(score - m), 0 where none was finite.
        o: (..., T_q, D), the sum of exp(score - m) * value, not divided by anything yet.
    """

    m: Tensor
    l: Tensor  # noqa: E741 - the papers' name
    o: Tensor


def empty(q: Tensor, D: int) -> State:
    """Return the state of rows that have seen no key.

    Args:
        q: (..., T_q, any), whose device and leading shape the state has. Its dtype is that of q,
            but at least float32: a sum of many terms needs the digits.
        D: columns of o.
    """
    dtype = torch.promote_types(q.dtype, torch.float32)
    zeros = torch.zeros(q.shape[:-1], dtype=dtype, device=q.device)
    return State(
        torch.full_like(zeros, -torch.inf), zeros, zeros[..., None].repeat_interleave(D, -1)
    )


def update(state: State, scores: Tensor, v: Tensor, factors: Tensor | None = None) -> State:
    """Let every row see n >= 1 more keys.

    With m' the new maximum: l' = exp(m - m') l + sum_j exp(s_j - m'), and o' likewise with
    exp(s_j - m') v_j. A score of -inf counts for nothing, also while no other has come.

    Args:
        state: of the keys before; stays as it is.
        scores: (..., T_q, n), the dtype of the state; may hold -inf, for keys that are not seen.
        v: (..., n, D), any floating dtype, finite.
        factors: (..., T_q, n), multiply each key's part of o, and not of l: dropout, which leaves
            out terms of the finished softmax and does not make it anew. None means 1.

    Returns:
        The new state, without NaN.

    Raises:
        ValueError: if scores and v do not speak of the same keys.
    """
    if scores.shape[-1] != v.shape[-2]:
        raise ValueError(f"scores of {scores.shape[-1]} keys, values of {v.shape[-2]}")
    m = torch.maximum(state.m, scores.amax(-1))
    pivot = m.where(m > -torch.inf, 0)  # -inf - -inf would be NaN
    decay = (state.m - pivot).exp()
    p = (scores - pivot[..., None]).exp()
    kept = p if factors is None else p * factors
    o = decay[..., None] * state.o + kept @ v.to(p.dtype)
    return State(m, decay * state.l + p.sum(-1), o)


def merge(a: State, b: State) -> State:
    """Join what two readers saw of the same rows: the state of one who saw the keys of both.

    The order does not matter, nor how many readers there are (flash-decoding splits a long cache
    among them). A reader who saw nothing changes nothing; two of them make a third.

    Args:
        a, b: of the same shapes; stay as they are.

    Raises:
        ValueError: if the shapes differ.
    """
    if a.o.shape != b.o.shape:
        raise ValueError(f"states of shapes {tuple(a.o.shape)} and {tuple(b.o.shape)}")
    m = torch.maximum(a.m, b.m)
    pivot = m.where(m > -torch.inf, 0)
    of_a, of_b = (a.m - pivot).exp(), (b.m - pivot).exp()
    o = of_a[..., None] * a.o + of_b[..., None] * b.o
    return State(m, of_a * a.l + of_b * b.l, o)


def finish(state: State) -> tuple[Tensor, Tensor]:
    """Divide once, at the end.

    Args:
        state: of all keys; stays as it is.

    Returns:
        O = o / l, (..., T_q, D), which is 0 for a row that saw no key, and L = m + ln l,
        (..., T_q), the logarithm of the sum of exp(score), which is -inf for it.
    """
    divisor = state.l.where(state.l > 0, 1)
    return state.o / divisor[..., None], state.m + state.l.log()
