"""AWQ: by hand, brute force in float64, and the outputs that it is for."""

import pytest
import torch

from phase4_production.solution import awq, int4
from shared import checks


def made(rows, columns, seed=0):
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def rounded(weight, group):
    """Four bits and back in float64, group by group."""
    pieces = []
    for piece in weight.double().split(group, 1):
        low, high = piece.amin(1, True).clamp(max=0), piece.amax(1, True).clamp(min=0)
        scale = (high - low) / 15
        zero = torch.round(-low / scale)
        codes = (torch.round(piece / scale) + zero).clamp(0, 15)
        pieces.append((codes - zero) * scale)
    return torch.cat(pieces, 1)


def brute_force(weight, inputs, group, n_grid):
    x, w = inputs.double(), weight.double()
    found = []
    for step in range(n_grid + 1):
        s = torch.stack([max(c.abs().mean(), torch.tensor(1e-4)) for c in x.T]) ** (step / n_grid)
        s = s / (s.max() * s.min()) ** 0.5
        error = ((x / s) @ rounded(w * s, group).T - x @ w.T).square().mean()
        found.append((error.item(), step, s))
    return min(found, key=lambda one: one[:2])[2].float()


@pytest.mark.exercise("4.10")
def test_equal_inputs_ask_for_no_scales():
    weight, inputs = made(3, 4), torch.tensor([[2.0, -2.0, 2.0, 2.0], [2.0, 2.0, -2.0, 2.0]])
    kept = weight.clone(), inputs.clone()
    found = awq.search(weight, inputs, group=4)
    checks.equal((weight, inputs), kept, "weight and inputs after search, left as they were")
    checks.close(found, torch.ones(4), "scales where all inputs are equally large")
    checks.equal(str(found.dtype), "torch.float32", "dtype of the scales")


@pytest.mark.exercise("4.10")
def test_of_equally_good_scales_those_of_the_smallest_alpha():
    """A weight of zeros is rounded without error whatever the scales are; alpha 0 gives ones."""
    found = awq.search(torch.zeros(2, 4), torch.tensor([[1.0, 2.0, 4.0, 8.0]]), group=4)
    checks.close(found, torch.ones(4), "scales of a weight of zeros")


@pytest.mark.exercise("4.10")
def test_two_candidates_by_hand():
    """Importances 4 and 1: alpha 1 gives 4 and 1 over sqrt(4 * 1), so 2 and 1/2.

    Rounded at once, (0.4, 15) is (0, 15). Times 2 and 1/2 it is (0.8, 7.5): in steps of a half,
    (1, 7.5). So 0.4 becomes 0.5, and 15 stays.
    """
    weight, inputs = torch.tensor([[0.4, 15.0]]), torch.tensor([[4.0, 1.0], [-4.0, 1.0]])
    found = awq.search(weight, inputs, group=2, n_grid=1)
    checks.close(found, torch.tensor([2.0, 0.5]), "scales of two columns, the better of two steps")


@pytest.mark.exercise("4.10")
@pytest.mark.parametrize(
    ("rows", "columns", "group", "n_grid"), [(6, 16, 8, 20), (24, 32, 16, 20), (5, 12, 8, 7)]
)
def test_scales_are_those_of_brute_force(rows, columns, group, n_grid):
    weight = made(rows, columns, seed=columns)
    sizes = 1 + 30 * made(1, columns, seed=3).abs() ** 4
    inputs = made(19, columns, seed=2).abs() ** 1.5 * made(19, columns, seed=4).sign() * sizes
    expected = brute_force(weight, inputs, group, n_grid)
    found = awq.search(weight, inputs, group=group, n_grid=n_grid)
    # The float32 powers and means here are good to about seven digits.
    checks.close(found, expected, f"scales of {rows} x {columns}, {n_grid} steps", rtol=1e-4)


@pytest.mark.exercise("4.10")
def test_columns_that_are_always_zero_do_no_harm():
    weight, inputs = made(8, 16), made(32, 16, seed=1) * 4
    inputs[:, 3] = 0
    found = awq.search(weight, inputs, group=8)
    checks.law(bool(torch.isfinite(found).all()), "scales are finite", found)
    checks.close(found, brute_force(weight, inputs, 8, 20), "scales beside a zero column", 1e-4)


@pytest.mark.exercise("4.10")
def test_outputs_are_five_times_as_good_beside_an_outlier():
    weight, inputs = made(40, 96), made(400, 96, seed=1)
    inputs[:, 5] *= 50
    target = inputs @ weight.T
    s = awq.search(weight, inputs, group=32)
    plain = int4.dequantize(*int4.quantize(weight, 32), 32)
    scaled = int4.dequantize(*int4.quantize(weight * s, 32), 32)
    before = (inputs @ plain.T - target).square().mean()
    after = ((inputs / s) @ scaled.T - target).square().mean()
    checks.at_most((after / before).item(), 0.2, "squared error of the outputs, of that without")


@pytest.mark.exercise("4.10")
def test_gradients_and_other_shapes_stay_outside():
    weight = made(3, 4).requires_grad_()
    found = awq.search(weight, made(5, 4, seed=1), group=4, n_grid=4)
    checks.law(not found.requires_grad, "the scales of a weight that trains have no history")
    checks.raises(lambda: awq.search(made(3, 4), made(5, 3)), ValueError, "columns that differ")
