"""SmoothQuant: by hand, float64, and the law that nothing changes before rounding."""

import pytest
import torch
import torch.nn.functional as F

from phase4_production.solution import absmax, dynamic_int8, smoothquant
from shared import checks


def made(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.exercise("4.10")
def test_scales_by_hand():
    """Column maxima of both weights: 4, 4, 2, 0. sqrt(16 / 4) = 2, sqrt(1 / 4) = 1/2; else 1."""
    x_max = torch.tensor([16.0, 1.0, 0.0, 9.0])
    weights = [
        torch.tensor([[4.0, 1.0, 1.0, 0.0], [-1.0, 0.0, 2.0, 0.0]]),
        torch.tensor([[0.0, -4.0, 0.0, 0.0]]),
    ]
    kept = x_max.clone(), [w.clone() for w in weights]
    found = smoothquant.scales(x_max, weights)
    checks.equal((x_max, weights), kept, "the arguments of scales, left as they were")
    checks.close(found, torch.tensor([2.0, 0.5, 1.0, 1.0]), "scales of four columns, alpha 1/2")
    checks.equal(str(found.dtype), "torch.float32", "dtype of the scales")


@pytest.mark.exercise("4.10")
@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.75, 1.0])
def test_scales_against_float64(alpha):
    x_max, weights = made(5).abs() * 20, [made(5, 5, seed=1), made(7, 5, seed=2)]
    largest = [max(w[:, j].abs().max().item() for w in weights) for j in range(5)]
    expected = [x**alpha / w ** (1 - alpha) for x, w in zip(x_max.tolist(), largest, strict=True)]
    found = smoothquant.scales(x_max, weights, alpha)
    checks.close(found, torch.tensor(expected), f"scales, alpha {alpha}")


@pytest.mark.exercise("4.10")
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_ones_beside_zeros_whatever_alpha_is(alpha):
    """With alpha 0 or 1 one of the two maxima has no say, and its zero makes no infinity."""
    x_max, weight = torch.tensor([16.0, 0.0, 16.0]), torch.tensor([[4.0, 4.0, 0.0]])
    expected = torch.tensor([16.0**alpha / 4.0 ** (1 - alpha), 1.0, 1.0])
    found = smoothquant.scales(x_max, [weight], alpha)
    checks.close(found, expected, f"scales beside zeros, alpha {alpha}")


@pytest.mark.exercise("4.10")
def test_scales_of_sixteen_bit_numbers():
    x_max, weight = made(5).abs().bfloat16(), made(3, 5, seed=1).bfloat16().requires_grad_()
    found = smoothquant.scales(x_max, [weight], 0.3)
    checks.equal(str(found.dtype), "torch.float32", "dtype of the scales of bfloat16 numbers")
    checks.law(not found.requires_grad, "the scales of a weight that trains have no history")
    expected = smoothquant.scales(x_max.float(), [weight.detach().float()], 0.3)
    checks.close(found, expected, "scales of bfloat16 numbers")


@pytest.mark.exercise("4.10")
def test_fold_by_hand():
    scales = torch.tensor([2.0, 0.5])
    norm, bias = torch.tensor([6.0, 1.0]), torch.tensor([-4.0, 3.0])
    weight = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    before, after = [norm, bias, weight], [weight, torch.tensor([[10.0, 20.0]])]
    kept = [t.clone() for t in before], [t.clone() for t in after]
    found = smoothquant.fold(scales, before, after)
    checks.equal((before, after), kept, "the arguments of fold, left as they were")
    two = isinstance(found, tuple) and len(found) == 2
    checks.law(two, "fold returns what is before and what is after", found)
    expected = [torch.tensor([3.0, 2.0]), torch.tensor([-2.0, 6.0])]
    checks.close(list(found[0][:2]), expected, "weight and bias of a norm, divided")
    expected = torch.tensor([[0.5, 1.0], [6.0, 8.0]])
    checks.close(found[0][2], expected, "a linear layer before, its outputs divided")
    expected = [torch.tensor([[2.0, 1.0], [6.0, 2.0]]), torch.tensor([[20.0, 10.0]])]
    checks.close(list(found[1]), expected, "linear layers after, their inputs multiplied")


@pytest.mark.exercise("4.10")
def test_nothing_changes_before_rounding():
    x, norm, bias, weight = made(9, 6), made(6, seed=1), made(6, seed=2), made(4, 6, seed=3)
    scales = made(6, seed=4).exp()
    (n, b), (w,) = smoothquant.fold(scales, [norm, bias], [weight])
    expected = F.layer_norm(x, (6,), norm, bias) @ weight.T
    checks.close(F.layer_norm(x, (6,), n, b) @ w.T, expected, "norm and layer, folded")


@pytest.mark.exercise("4.10")
def test_what_does_not_fit_is_refused():
    x_max = torch.ones(3)
    checks.raises(lambda: smoothquant.scales(x_max, []), ValueError, "no weight")
    checks.raises(lambda: smoothquant.scales(x_max, [made(3, 4)]), ValueError, "other columns")
    checks.raises(lambda: smoothquant.scales(x_max, [made(4, 3)], 1.5), ValueError, "alpha 1.5")
    checks.raises(
        lambda: smoothquant.fold(x_max, [], [made(3, 4)]), ValueError, "fold does not fit"
    )


def test_eight_bits_are_five_times_as_good_beside_an_outlier():
    x, weight = made(200, 64), made(32, 64, seed=1)
    x[:, 7] *= 60
    target = x @ weight.T

    def error(x, weight):
        scale = absmax.scale(weight, 1, 64)
        found = dynamic_int8.linear(x, absmax.quantize(weight, scale), scale)
        return (found - target).square().mean().item()

    s = smoothquant.scales(x.abs().amax(0), [weight])
    _, (smooth,) = smoothquant.fold(s, [], [weight])
    assert error(x / s, smooth) < error(x, weight) / 5
