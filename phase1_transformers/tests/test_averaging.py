import pytest
import torch

from phase1_transformers.solution import averaging
from shared import checks

WAYS = ("average_loops", "average_matrix", "average_softmax")


def averaged(way, x):
    """Call one of the three ways, after a check that it left x alone."""
    before = x.detach().clone()
    out = getattr(averaging, way)(x)
    checks.equal(x.detach(), before, f"x after {way}(x)")
    return out


def values(*shape, dtype=torch.float64, seed=0):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


@pytest.mark.exercise("1.7")
@pytest.mark.parametrize("way", WAYS)
def test_three_numbers(way):
    x = torch.tensor([[[1.0], [3.0], [8.0]]])
    # The first alone; two numbers, sum 4; three, sum 12.
    checks.close(averaged(way, x), torch.tensor([[[1.0], [2.0], [4.0]]]), f"{way} of 1, 3, 8")


@pytest.mark.exercise("1.7")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(2, 5, 3), (3, 17, 2), (4, 1, 6)])
def test_running_mean(way, shape):
    x = values(*shape)
    steps = torch.arange(1, shape[1] + 1, dtype=torch.float64)[:, None]
    checks.close(averaged(way, x), x.cumsum(dim=1) / steps, f"{way} of random numbers {shape}")


@pytest.mark.exercise("1.7")
@pytest.mark.parametrize("way", WAYS)
def test_the_future_does_not_leak(way):
    x = values(2, 6, 3)
    other = x.clone()
    other[:, 4:] += 100
    before, after = averaged(way, x), averaged(way, other)
    checks.equal(tuple(before.shape), (2, 6, 3), f"shape of {way} of (2, 6, 3)")
    checks.close(after[:, :4], before[:, :4], f"{way} at 0 .. 3 when x changes from 4 on")


@pytest.mark.exercise("1.7")
@pytest.mark.parametrize("way", WAYS)
def test_dtype(way):
    for dtype in (torch.float32, torch.float64):
        out = averaged(way, values(2, 4, 3, dtype=dtype))
        checks.equal(str(out.dtype), str(dtype), f"dtype of {way} of {dtype}")


@pytest.mark.exercise("1.7")
@pytest.mark.parametrize("way", WAYS[1:])
def test_gradient(way):
    x = values(1, 3, 1).requires_grad_()
    averaged(way, x).sum().backward()
    # x[0] is in all three means, with 1, 1/2 and 1/3; x[2] in the last one only.
    expected = torch.tensor([11 / 6, 5 / 6, 2 / 6], dtype=torch.float64).view(1, 3, 1)
    checks.close(x.grad, expected, f"gradient of the sum of {way}")
