"""Muon against the singular value decomposition, and against its definition, one matrix a time."""

import math

import pytest
import torch
from torch import nn

from phase1_transformers.solution.muon import Muon, orthogonalize


def matrices(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(2, 8, 8), (3, 8, 24), (1, 24, 8), (4, 1, 5)])
def test_singular_values_come_near_one(shape):
    values = torch.linalg.svdvals(orthogonalize(matrices(*shape), steps=8))
    # The iteration's fixed band is 0.68 to 1.13; bfloat16 adds a little on either side.
    assert values.min() > 0.6
    assert values.max() < 1.25


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_directions_stay_whatever_the_size(size):
    X = matrices(5, 6, 20)
    U, _, Vh = torch.linalg.svd(X, full_matrices=False)
    aligned = (orthogonalize(size * X) * (U @ Vh)).sum((1, 2)) / 6
    # 1 for U V^T itself; the mean singular value otherwise.
    assert ((aligned > 0.7) & (aligned < 1.2)).all()


def test_a_matrix_is_not_moved_by_its_neighbours():
    X = matrices(3, 6, 10)
    together = orthogonalize(X)
    alone = torch.cat([orthogonalize(x[None]) for x in X])
    # bfloat16 products may be summed in another order: one unit in the last place is 2^-8.
    torch.testing.assert_close(together, alone, rtol=2e-2, atol=2e-2)


def test_zero_stays_zero():
    assert not orthogonalize(torch.zeros(2, 3, 4)).any()


def by_hand(p, gradients, lr, momentum, weight_decay):
    """The method of the post, step by step, for one matrix."""
    p, mean = p.clone(), torch.zeros_like(p)
    for gradient in gradients:
        mean = momentum * mean + (1 - momentum) * gradient
        update = orthogonalize(((1 - momentum) * gradient + momentum * mean)[None])[0]
        p = p * (1 - lr * weight_decay) - lr * max(1, p.shape[0] / p.shape[1]) ** 0.5 * update
    return p


def test_several_steps_by_hand():
    shapes = [(4, 6), (6, 4), (4, 6)]
    params = [nn.Parameter(matrices(*shape, seed=i)) for i, shape in enumerate(shapes)]
    before = [p.detach().clone() for p in params]
    gradients = [[matrices(*s, seed=10 * t + i) for t in range(1, 4)] for i, s in enumerate(shapes)]
    optimizer = Muon(params, lr=0.1, momentum=0.9, weight_decay=0.5)
    for t in range(3):
        for p, row in zip(params, gradients):
            p.grad = row[t]
        optimizer.step()
    for p, start, row in zip(params, before, gradients):
        expected = by_hand(start, row, 0.1, 0.9, 0.5)
        # Batches of matrices are multiplied in another order in bfloat16; an update is 0.1 long.
        torch.testing.assert_close(p.detach(), expected, rtol=0, atol=1e-2)


def test_parts_of_a_stacked_matrix_move_by_themselves():
    stacked, gradient = matrices(8, 4), matrices(8, 4, seed=1)
    whole = nn.Parameter(stacked.clone())
    whole.grad = gradient
    Muon([{"params": [whole], "rows": [4, 2, 2]}], lr=0.1).step()
    parts = [nn.Parameter(part.clone()) for part in stacked.split([4, 2, 2])]
    for part, piece in zip(parts, gradient.split([4, 2, 2])):
        part.grad = piece
    Muon(parts, lr=0.1).step()
    torch.testing.assert_close(whole.detach(), torch.cat([p.detach() for p in parts]))


def test_a_step_is_as_long_as_its_learning_rate():
    p = nn.Parameter(torch.zeros(16, 16))
    p.grad = 1e-6 * matrices(16, 16)
    Muon([p], lr=0.03).step()
    largest = torch.linalg.matrix_norm(p.detach(), ord=2)
    assert 0.7 * 0.03 < largest < 1.25 * 0.03


def test_without_a_gradient_nothing_moves():
    p = nn.Parameter(matrices(3, 3))
    before = p.detach().clone()
    Muon([p], weight_decay=0.1).step()
    torch.testing.assert_close(p.detach(), before, rtol=0, atol=0)


def test_a_rare_direction_moves_as_much_as_a_common_one():
    """What sets it apart from gradient descent: two gradients, one 1000 times the other."""
    U, V = torch.linalg.qr(matrices(6, 6))[0], torch.linalg.qr(matrices(6, 6, seed=1))[0]
    p = nn.Parameter(torch.zeros(6, 6))
    p.grad = U[:, :2] @ torch.diag(torch.tensor([1.0, 0.02])) @ V[:, :2].T
    Muon([p], lr=1.0).step()
    common, rare = (-(U[:, i] @ p.detach() @ V[:, i]).item() for i in range(2))
    assert math.isclose(common, rare, rel_tol=0.5)


def test_only_matrices():
    with pytest.raises(ValueError, match=r"moves matrices, got a parameter of \(3,\)"):
        Muon([nn.Parameter(torch.zeros(3))])
