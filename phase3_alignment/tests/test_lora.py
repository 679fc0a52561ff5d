import math

import pytest
import torch
from torch.overrides import TorchFunctionMode

from phase3_alignment.solution import lora
from shared import checks


def make(n_in=5, n_out=7, r=2, alpha=3.0, seed=0, **options):
    """A LoRA whose A and B are both drawn."""
    generator = torch.Generator().manual_seed(seed)
    adapter = lora.LoRA(n_in, n_out, r=r, alpha=alpha, dtype=torch.float64, **options).eval()
    for p in adapter.parameters():
        p.data.copy_(torch.randn(p.shape, generator=generator, dtype=p.dtype))
    return adapter


def draw(*shape, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.mark.exercise("3.1")
def test_scaling():
    checks.close(lora.scaling(8, 16), 2.0, "scaling(r=8, alpha=16)")
    checks.close(lora.scaling(64, 16), 0.25, "scaling(r=64, alpha=16)")
    checks.close(lora.scaling(16, 6, rslora=True), 1.5, "scaling(r=16, alpha=6, rslora=True)")
    ratio = lora.scaling(4, 10, rslora=True) / lora.scaling(8, 10, rslora=True)
    checks.close(ratio, math.sqrt(2), "rsLoRA: the factor at rank 4 over that at rank 8")


@pytest.mark.exercise("3.1")
def test_by_hand():
    adapter = lora.LoRA(3, 2, r=1, alpha=0.5)
    adapter.lora_A.data.copy_(torch.tensor([[1.0, 2.0, -1.0]]))
    adapter.lora_B.data.copy_(torch.tensor([[4.0], [-2.0]]))
    # A x = 1 * 3 + 2 * 1 - 1 * 2 = 3; times B: 12, -6; times alpha / r = 0.5.
    x = torch.tensor([3.0, 1.0, 2.0])
    checks.close(adapter(x), torch.tensor([6.0, -3.0]), "the correction, worked by hand")


@pytest.mark.exercise("3.1")
@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 5), (1, 2, 3, 5)])
def test_is_the_product_with_the_large_matrix(shape):
    adapter, x = make(), draw(*shape)
    before = x.clone()
    matrix = 3.0 / 2 * torch.einsum("or,ri->oi", adapter.lora_B, adapter.lora_A)
    expected = torch.einsum("...i,oi->...o", x, matrix)
    checks.close(adapter(x), expected, f"the correction of x {shape}")
    checks.equal(x, before, "x, which is left as it is")


@pytest.mark.exercise("3.1")
def test_starts_at_nothing_and_can_learn():
    torch.manual_seed(0)
    adapter = lora.LoRA(48, 32, r=4)
    adapter.lora_A.data.fill_(7.0)
    adapter.lora_B.data.fill_(7.0)
    A, B = adapter.lora_A, adapter.lora_B
    adapter.reset_parameters()
    same = adapter.lora_A is A and adapter.lora_B is B
    checks.law(same, "A and B are the parameters of before, changed in place")
    checks.law(not B.any(), "B is 0 after reset_parameters", B[0, 0])
    checks.law(bool((A != 0).all()), "no element of A is 0 after reset_parameters", A[0, 0])
    checks.at_most(A.abs().max(), 1 / math.sqrt(48), "the largest element of A, in size")
    # 192 uniform numbers: their standard deviation is within 15 % of the distribution's.
    spread = A.std() * math.sqrt(3 * 48)
    checks.close(spread, 1.0, "how far A spreads, over what is right", rtol=0.15, atol=0)
    first = A.detach().clone()
    adapter.reset_parameters()
    checks.law(bool((first != A).any()), "a second call draws another A", A[0, 0])
    checks.law(A.requires_grad and A.is_leaf and B.is_leaf, "A and B are leaves that train")


@pytest.mark.exercise("3.1")
def test_gradients():
    adapter, x = make(), draw(3, 4, 5).requires_grad_()
    weights = draw(3, 4, 7, seed=2)
    y = adapter(x)
    checks.law(getattr(y, "requires_grad", False), "the correction has a gradient's history", y)
    (y * weights).sum().backward()
    # For L = sum(weights * s * B A x): dL/dB = s weights^T (A x), dL/dA = s (B^T weights^T) x.
    rows, upstream = x.detach().flatten(0, 1), weights.flatten(0, 1)
    A, B, s = adapter.lora_A.detach(), adapter.lora_B.detach(), 1.5
    checks.close(adapter.lora_B.grad, s * upstream.T @ (rows @ A.T), "the gradient of B")
    checks.close(adapter.lora_A.grad, s * (upstream @ B).T @ rows, "the gradient of A")
    checks.law(x.grad is not None, "the gradient reaches x, and with it the layers below", x.grad)
    checks.close(x.grad.flatten(0, 1), s * upstream @ B @ A, "the gradient of x")


@pytest.mark.exercise("3.1")
def test_at_the_first_step_only_b_learns():
    torch.manual_seed(0)
    adapter = lora.LoRA(5, 7, r=2)
    y = adapter(draw(4, 5).float())
    checks.close(y, torch.zeros(4, 7), "the correction before the first step", rtol=0, atol=0)
    checks.law(y.requires_grad, "the correction has a gradient's history", y)
    y.sum().backward()
    checks.law(adapter.lora_B.grad.any(), "the gradient of B is not 0", adapter.lora_B.grad[0, 0])
    checks.equal(adapter.lora_A.grad, torch.zeros(2, 5), "the gradient of A, while B is 0")


@pytest.mark.exercise("3.1")
def test_dropout():
    adapter = make(n_in=64, n_out=3, r=1, alpha=1.0, dropout=0.5)
    adapter.lora_A.data.fill_(1.0)
    adapter.lora_B.data.fill_(1.0)
    x = torch.ones(40, 64, dtype=torch.float64)
    checks.close(adapter(x), 64 + 0 * x[:, :3], "the correction in evaluation, with dropout 0.5")
    torch.manual_seed(0)
    y = adapter.train()(x)
    checks.equal(x, torch.ones_like(x), "x after the dropout, which leaves it as it is")
    checks.law(bool((y != 64).any()), "dropout 0.5 changes the correction in training", y[0, 0])
    checks.law(bool((y == y[:, :1]).all()), "dropout leaves the outputs of one row alike", y[0, :3])
    halves = bool(((y > 0) & (y < 128)).all())
    checks.law(halves, "every row of 64 elements keeps some and loses some", y[0, 0])
    # The mean of 40 rows of 64 elements is off by 1.3 as a standard deviation.
    checks.close(y.mean(), 64.0, "mean correction with dropout 0.5", rtol=0.08, atol=0)


@pytest.mark.exercise("3.1")
def test_the_large_matrix_is_never_made():
    adapter, x, largest = make(n_in=64, n_out=64, r=2), draw(1, 64), [0]

    class Watch(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                largest[0] = max(largest[0], result.numel())
            return result

    with Watch():
        adapter(x)
    name = "elements of the largest tensor, where A and B have 128 and B A has 4096"
    checks.at_most(largest[0], 128, name)


@pytest.mark.exercise("3.1")
def test_another_dtype():
    adapter = lora.LoRA(5, 7, r=2).eval()
    y = adapter(draw(4, 5).bfloat16())
    checks.equal(str(getattr(y, "dtype", None)), "torch.float32", "dtype for an x in bfloat16")
    checks.raises(lambda: lora.scaling(0, 1), ValueError, "rank 0")


def test_adapt_adds_in_the_dtype_of_the_output():
    base = torch.nn.Linear(5, 7).bfloat16()
    adapter, x = lora.LoRA(5, 7, r=2), draw(4, 5).bfloat16()
    adapter.lora_B.data.normal_()
    y = base(x)
    before = y.clone()
    expected = (y.float() + adapter(x)).bfloat16()
    torch.testing.assert_close(adapter.adapt(base, x, y), expected, rtol=0, atol=0)
    torch.testing.assert_close(y, before, rtol=0, atol=0)


def test_embedding_is_a_product_with_one_hot_vectors():
    table = torch.nn.Embedding(9, 6, padding_idx=0).double()
    adapter = lora.EmbeddingLoRA(table, r=2, alpha=3.0, dtype=torch.float64)
    assert not adapter.lora_A.any()
    assert adapter.lora_B.all()
    adapter.lora_A.data.normal_()
    ids = torch.tensor([[1, 0, 3], [3, 8, 2]])
    expected = lora.LoRA.forward(adapter, torch.nn.functional.one_hot(ids, 9).double())
    torch.testing.assert_close(adapter(ids), expected)
    adapter(ids).sum().backward()
    assert not adapter.lora_A.grad[:, 0].any()
    assert adapter.lora_A.grad[:, 3].all()
