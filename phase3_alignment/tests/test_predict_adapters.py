import pytest
import torch

from phase3_alignment.solution import predict_adapters
from shared import checks
from shared.checks import Near, Sealed


@pytest.mark.exercise("3.4")
def test_parameters_of_c_attn():
    actual = predict_adapters.parameters_of_c_attn()
    checks.guess(actual, Sealed("3.4a", "74c47e89cbf5449a"), "parameters that train")


@pytest.mark.exercise("3.4")
def test_gradient_at_the_first_step():
    actual = predict_adapters.gradient_at_the_first_step()
    checks.guess(actual, Sealed("3.4b", "0112f8ab56df6d95"), "where the first gradient is not 0")


@pytest.mark.exercise("3.4")
def test_rank_of_two_adapters():
    actual = predict_adapters.rank_of_two_adapters()
    checks.guess(actual, Sealed("3.4c", "eb38997c65d7c211"), "rank of the sum of two corrections")


@pytest.mark.exercise("3.4")
def test_bytes_of_adam():
    answer = Near(124_439_808 / (12 * 4 * (768 + 3 * 768)), rtol=0.03)
    actual = predict_adapters.bytes_of_adam()
    checks.guess(actual, answer, "bytes of gradients and moments, full over adapted")


@pytest.mark.exercise("3.4")
def test_bits_of_a_weight():
    answer = Near(4 + 8 / 64 + 32 / (64 * 256), rtol=0.0002)
    checks.guess(predict_adapters.bits_of_a_weight(), answer, "bits of a weight in QLoRA")


def test_gradient_of_a_by_finite_differences():
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(2, 4, generator=generator, dtype=torch.float64)
    x = torch.randn(4, generator=generator, dtype=torch.float64)

    def loss(A, B):
        return (B @ A @ x).sum()

    B, step = torch.zeros(3, 2, dtype=torch.float64), 1e-6
    nudge = torch.zeros_like(A)
    nudge[0, 0] = step
    assert loss(A + nudge, B) == loss(A, B)
    nudge = torch.zeros_like(B)
    nudge[0, 0] = step
    assert loss(A, B + nudge) != loss(A, B)
