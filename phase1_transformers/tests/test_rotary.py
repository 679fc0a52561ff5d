"""Rotary positions: complex numbers, laws of rotation, and the layout of published checkpoints."""

import math

import pytest
import torch

from phase1_transformers.solution import rotary
from phase1_transformers.tests.random_tensors import (
    check_arguments_are_left,
    check_dtype,
    check_shape,
    gradients,
    normal,
)
from shared import checks

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


# -- angles -----------------------------------------------------------------------------------


@pytest.mark.exercise("1.12")
def test_angles_by_hand():
    # theta = 100, D = 4: the pairs turn by 100^0 = 1 and 100^(-1/2) = 0.1 a token.
    actual = rotary.rotary_angles(torch.tensor([0, 1, 3]), 4, 100.0)
    check_shape(actual, (3, 2), "shape of the angles of 3 positions, head_dim 4")
    expected = tensor([0.0, 0.0], [1.0, 0.1], [3.0, 0.3])
    checks.close(actual, expected, "angles at positions 0, 1, 3, head_dim 4, theta 100", **EXACT)


@pytest.mark.exercise("1.12")
def test_angles_of_any_positions():
    positions = torch.tensor([7, 2, 2])  # as after a cache of two tokens, and in no order
    actual = rotary.rotary_angles(positions, 2, 10_000.0)
    checks.close(actual, tensor([7.0], [2.0], [2.0]), "angles at positions 7, 2, 2, head_dim 2")


@pytest.mark.exercise("1.12")
def test_angles_leave_the_positions():
    call = lambda positions: rotary.rotary_angles(positions, 4, 100.0)  # noqa: E731
    check_arguments_are_left(call, "rotary_angles", positions=torch.tensor([3, 1]))


@pytest.mark.exercise("1.12")
@pytest.mark.parametrize(("D", "theta"), [(8, 10_000.0), (6, 1e6), (64, 500_000.0)])
def test_angles_are_the_definition(D, theta):
    positions = [0, 1, 17, 100_003]
    expected = [[p * theta ** (-2 * i / D) for i in range(D // 2)] for p in positions]
    actual = rotary.rotary_angles(torch.tensor(positions), D, theta)
    check_dtype(actual, torch.float64, "dtype of the angles")
    name = f"angles up to position 100003, head_dim {D}, theta {theta:g}"
    checks.close(actual, tensor(*expected), name, **EXACT)


def test_angles_refuse_an_odd_width():
    call = lambda: rotary.rotary_angles(torch.arange(2), 5, 10_000.0)  # noqa: E731
    checks.raises(call, ValueError, "head_dim 5", match="even")


# -- turning ----------------------------------------------------------------------------------


def turned(x, angles):
    return rotary.apply_rotary(x, angles.cos(), angles.sin())


@pytest.mark.exercise("1.12")
def test_turn_by_hand():
    # The pairs are (1, 3) and (2, 4). A quarter turn takes (1, 3) to (-3, 1); (2, 4) stays.
    x, cos, sin = tensor(1, 2, 3, 4).view(1, 1, 1, 4), tensor([0.0, 1.0]), tensor([1.0, 0.0])
    actual = rotary.apply_rotary(x, cos, sin)
    check_shape(actual, (1, 1, 1, 4), "shape of apply_rotary")
    expected = tensor(-3, 2, 1, 4).view(1, 1, 1, 4)
    checks.close(actual, expected, "(1, 2, 3, 4), its first pair turned by 90 degrees", **EXACT)


@pytest.mark.exercise("1.12")
def test_turn_leaves_its_arguments():
    given = {"x": normal(2, 2, 3, 4), "cos": normal(3, 2, seed=1), "sin": normal(3, 2, seed=2)}
    check_arguments_are_left(rotary.apply_rotary, "apply_rotary", **given)


@pytest.mark.exercise("1.12")
@pytest.mark.parametrize(("B", "H", "T", "D"), [(2, 3, 5, 8), (2, 3, 3, 6), (1, 1, 1, 2)])
def test_turn_is_a_complex_product(B, H, T, D):
    x, angles = normal(B, H, T, D), normal(T, D // 2, seed=1)
    spin = torch.polar(torch.ones_like(angles), angles)  # e^(i angle)

    def product(x):
        z = torch.complex(*x.tensor_split(2, dim=-1)) * spin
        return torch.cat([z.real, z.imag], dim=-1)

    name = f"against complex numbers, x {(B, H, T, D)}"
    checks.close(turned(x, angles), product(x), f"apply_rotary {name}", **EXACT)
    (ours,), (theirs,) = gradients(lambda x: turned(x, angles), x), gradients(product, x)
    checks.close(ours, theirs, f"gradient {name}", **EXACT)


@pytest.mark.exercise("1.12")
def test_turn_keeps_lengths():
    x, angles = normal(2, 3, 5, 8), normal(5, 4, seed=1)
    actual = turned(x, angles)
    checks.close(actual.norm(dim=-1), x.norm(dim=-1), "lengths of the turned vectors", **EXACT)
    checks.close(turned(x, 0 * angles), x, "vectors turned by 0", **EXACT)
    checks.close(turned(actual, -angles), x, "vectors turned there and back", **EXACT)


@pytest.mark.exercise("1.12")
def test_only_distances_matter():
    q, k = normal(1, 1, 6, 8), normal(1, 1, 6, 8, seed=1)
    scores = []
    for start in (0, 1, 1000):
        angles = rotary.rotary_angles(torch.arange(start, start + 6), 8, 10_000.0)
        scores.append(turned(q, angles) @ turned(k, angles).transpose(-2, -1))
    for start, shifted in zip((1, 1000), scores[1:]):
        name = f"scores of six tokens, {start} further along the text"
        checks.close(shifted, scores[0], name, **EXACT)


@pytest.mark.exercise("1.12")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_turn_keeps_the_dtype(dtype):
    x, angles = normal(1, 2, 3, 4, dtype=dtype), normal(3, 2, seed=1)
    actual = turned(x, angles)
    check_dtype(actual, dtype, f"dtype of apply_rotary for {dtype}, cos and sin in float64")
    exact = turned(x.double(), angles).to(dtype)
    # Terms of size 1 may cancel, so what matters is the rounding of the terms.
    checks.close(actual, exact, f"apply_rotary in {dtype}", atol=4 * torch.finfo(dtype).eps)


def test_turn_refuses_what_does_not_fit():
    x, angles = normal(1, 2, 3, 4), normal(1, 2)
    checks.raises(lambda: turned(x, angles), ValueError, "one angle for three", match="needs cos")


def test_the_layout_is_that_of_published_checkpoints():
    llama = pytest.importorskip("transformers.models.llama.modeling_llama")
    q, k = normal(2, 3, 5, 8), normal(2, 1, 5, 8, seed=1)
    angles = rotary.rotary_angles(torch.arange(5), 8, 10_000.0)
    cos, sin = (torch.cat([t, t], dim=-1)[None] for t in (angles.cos(), angles.sin()))
    for ours, theirs in zip((q, k), llama.apply_rotary_pos_emb(q, k, cos, sin)):
        checks.close(turned(ours, angles), theirs, "against transformers' Llama", **EXACT)


def test_angles_far_out_keep_their_digits():
    # In float32 the angle of the first pair at position 2^24 + 1 is off by a whole radian.
    angles = rotary.rotary_angles(torch.tensor([2**24 + 1]), 2, 10_000.0)
    checks.close(angles.cos().item(), math.cos(2**24 + 1), "cosine far out", rtol=1e-9)
