"""GPTQ: by hand, autograd, the least squares that it solves step by step, and laws."""

import pytest
import torch

from phase4_production.solution import gptq, int4
from shared import checks


def correlated(n, columns, seed=0):
    """Inputs whose columns have much in common, and are not equally large."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(columns, columns, generator=generator, dtype=torch.float64)
    sizes = torch.linspace(0.2, 2, columns, dtype=torch.float64)[
        torch.randperm(columns, generator=generator)
    ]
    return torch.randn(n, columns, generator=generator, dtype=torch.float64) @ mix * sizes


def curvature(inputs, damp=0.01):
    H = 2 * torch.einsum("ni,nj->ij", inputs, inputs) / len(inputs)
    return H + damp * H.trace() / len(H) * torch.eye(len(H), dtype=H.dtype)


def weights(rows, columns, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, generator=generator) + 0.3


def brute_force(weight, H, group, order):
    """At each step, the free weights are the least-squares answer to those that are fixed."""
    w, (rows, columns) = weight.double(), weight.shape
    codes, fixed = torch.zeros(rows, columns, dtype=torch.int64), w.clone()
    low = torch.stack([g.amin(1).clamp(max=0) for g in w.split(group, 1)], 1)
    high = torch.stack([g.amax(1).clamp(min=0) for g in w.split(group, 1)], 1)
    scale = ((high - low) / 15).float().double()
    zero = (-low / scale).round()
    for step, j in enumerate(order):
        done, free = order[:step], order[step:]
        moved = fixed[:, done] - w[:, done]
        shift = torch.linalg.solve(H[free][:, free], H[free][:, done] @ moved.T).T
        now = (w[:, free] - shift)[:, 0]
        s, z = scale[:, j // group], zero[:, j // group]
        codes[:, j] = (torch.round(now / s) + z).clamp(0, 15).long()
        fixed[:, j] = (codes[:, j] - z) * s
    return codes


def quantized(*arguments, **options):
    """Call `gptq.quantize`; say so if it does not return three things."""
    found = gptq.quantize(*arguments, **options)
    three = isinstance(found, tuple) and len(found) == 3
    checks.law(three, "quantize returns codes, scales and zero points", found)
    return found


@pytest.mark.exercise("4.11")
def test_a_hessian_by_hand():
    """X^T X is (10, 2; 2, 4), times 2/3; the mean of the diagonal is 14/3, a hundredth 0.14/3."""
    inputs = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 0.0]])
    kept = inputs.clone()
    expected = torch.tensor([[20.14, 4.0], [4.0, 8.14]], dtype=torch.float64) / 3
    found = gptq.hessian(inputs)
    checks.close(found, expected, "H of the tokens (1, 2), (3, 0) and (0, 0)")
    checks.equal(str(found.dtype), "torch.float64", "dtype of H")
    checks.equal(inputs, kept, "the inputs after hessian, left as they were")


@pytest.mark.exercise("4.11")
@pytest.mark.parametrize("damp", [1e-6, 0.1])
def test_it_is_the_second_derivative(damp):
    inputs = correlated(7, 4)

    def error(w):
        return (inputs @ w).square().mean()

    H = torch.autograd.functional.hessian(error, torch.zeros(4, dtype=torch.float64))
    expected = H + damp * H.diagonal().mean() * torch.eye(4, dtype=torch.float64)
    checks.close(gptq.hessian(inputs, damp), expected, f"H against autograd, damp {damp}")


@pytest.mark.exercise("4.11")
def test_what_one_column_loses_its_twin_makes_up_for():
    """Scale 1, zero 0. Inputs 1 and 2 are always equal: 0.4 and 0.4 add up to 0.8, not to 0."""
    weight = torch.tensor([[15.0, 0.4, 0.4]])
    H = torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.02, 2.0], [0.0, 2.0, 2.02]], dtype=torch.float64)
    kept = weight.clone(), H.clone()
    codes, scale, zero = quantized(weight, H, group=3)
    checks.equal((weight, H), kept, "weight and H after quantize, left as they were")
    expected = torch.tensor([[15, 0, 1]], dtype=torch.uint8)
    checks.equal(codes, expected, "codes of (15, 0.4, 0.4) where the last two inputs are equal")
    checks.equal(str(codes.dtype), "torch.uint8", "dtype of the codes")
    checks.equal(scale, torch.tensor([[1.0]]), "the scale of (15, 0.4, 0.4)")
    checks.equal(zero, torch.tensor([[0.0]]), "the zero point of (15, 0.4, 0.4)")


CASES = [(3, 8, 8), (5, 12, 4), (4, 10, 4), (2, 14, 64)]


@pytest.mark.exercise("4.11")
@pytest.mark.parametrize(("rows", "columns", "group"), CASES)
def test_codes_are_those_of_least_squares(rows, columns, group):
    weight, H = weights(rows, columns), curvature(correlated(40, columns))
    codes, scale, zero = quantized(weight, H, group=group)
    expected = brute_force(weight, H, group, list(range(columns)))
    checks.equal(codes.long(), expected, f"codes of {rows} x {columns} in groups of {group}")
    _, plain_scale, plain_zero = int4.quantize(weight, group)
    checks.equal((scale, zero), (plain_scale, plain_zero), "scales and zeros, those of int4")


@pytest.mark.exercise("4.11")
@pytest.mark.parametrize(("rows", "columns", "group"), CASES)
def test_codes_in_the_order_of_importance(rows, columns, group):
    weight, H = weights(rows, columns), curvature(correlated(40, columns))
    sizes = H.diagonal().tolist()
    order = sorted(range(columns), key=lambda j: -sizes[j])
    codes, _, _ = quantized(weight, H, group=group, act_order=True)
    expected = brute_force(weight, H, group, order)
    checks.equal(codes.long(), expected, f"codes with act_order, {rows} x {columns}, {group}")


@pytest.mark.exercise("4.11")
def test_of_equally_important_columns_the_first_comes_first():
    weight, H = weights(4, 12), curvature(correlated(40, 12))
    sizes = H.diagonal().sqrt()
    H = (H / torch.outer(sizes, sizes)).fill_diagonal_(1.0)
    kept = weight.double()
    quantized(kept, H, group=4)
    codes, _, _ = quantized(kept, H, group=4, act_order=True)
    checks.equal(kept, weight.double(), "a weight of float64 after quantize, left as it was")
    expected = brute_force(weight, H, 4, list(range(12)))
    checks.equal(codes.long(), expected, "codes with act_order where all are equally important")


@pytest.mark.exercise("4.11")
@pytest.mark.parametrize("act_order", [False, True])
def test_columns_without_relations_are_rounded_to_the_nearest(act_order):
    weight, H = weights(4, 8), torch.arange(1.0, 9.0).diag().double()
    codes, _, _ = quantized(weight, H, group=4, act_order=act_order)
    checks.equal(codes, int4.quantize(weight, 4)[0], "codes for a diagonal H")


@pytest.mark.exercise("4.11")
@pytest.mark.parametrize("act_order", [False, True])
def test_the_outputs_are_closer_than_by_rounding_alone(act_order):
    inputs, weight = correlated(200, 32), weights(16, 32)
    target = inputs @ weight.double().T

    def error(codes, scale, zero):
        found = int4.dequantize(codes, scale, zero, 16).double()
        return (inputs @ found.T - target).square().mean().item()

    plain = error(*int4.quantize(weight, 16))
    found = error(*quantized(weight, curvature(inputs), group=16, act_order=act_order))
    checks.at_most(found / plain, 0.7, "squared error of the outputs, of that of plain rounding")


@pytest.mark.exercise("4.11")
def test_what_does_not_fit_is_refused():
    checks.raises(lambda: gptq.hessian(torch.zeros(3, 2)), ValueError, "inputs of zeros")
    checks.raises(lambda: gptq.hessian(torch.ones(3, 2), 0.0), ValueError, "no damping")
    wrong = torch.eye(3)
    checks.raises(lambda: gptq.quantize(torch.ones(3, 2), wrong), ValueError, "H of the outputs")
