"""LLM.int8(): by hand, loops in float64, laws of the split, and bitsandbytes' own product."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.solution import llm_int8
from shared import checks


def make(N, C, seed=0):
    return torch.randn(N, C, generator=torch.Generator().manual_seed(seed))


def make_weight(M, C, seed=1):
    """Codes and scales of M outputs; the sizes of the outputs differ a hundredfold."""
    g = torch.Generator().manual_seed(seed)
    codes = torch.randint(-127, 128, (M, C), generator=g, dtype=torch.int8)
    return codes, 10.0 ** (-2 * torch.rand(M, 1, generator=g) - 2)


@pytest.mark.exercise("4.9")
def test_columns_by_hand():
    x = torch.tensor([[0.0, 7.0, 1.0, -2.0, 5.9], [1.0, 0.5, -6.0, 6.0, -5.9]])
    kept = x.clone()
    found = llm_int8.outlier_columns(x)
    checks.equal(x, kept, "x after outlier_columns, left as it was")
    checks.equal(found, torch.tensor([1, 2, 3]), "columns of 7, -6 and 6")
    checks.equal(str(found.dtype), "torch.int64", "dtype of the columns")
    checks.equal(llm_int8.outlier_columns(x, 6.5), torch.tensor([1]), "columns from 6.5 on")


@pytest.mark.exercise("4.9")
def test_no_column_and_all_columns():
    found = llm_int8.outlier_columns(make(4, 6) / 10)
    checks.equal(tuple(found.shape), (0,), "shape where there is no outlier")
    checks.equal(str(found.dtype), "torch.int64", "dtype where there is no outlier")
    found = llm_int8.outlier_columns(torch.full((3, 4), -8.0))
    checks.equal(found, torch.arange(4), "columns where all are outliers")


@pytest.mark.exercise("4.9")
def test_a_product_by_hand():
    """The token's scale is 0.01 without its outlier; with it, 1.27 and 0.5 would be 2 and 1."""
    x = torch.tensor([[1.27, 0.5, 100.0]])
    codes = torch.tensor([[10, -20, 30], [1, 2, -3]], dtype=torch.int8)
    scale = torch.tensor([[0.1], [2.0]])
    kept = [x.clone(), codes.clone(), scale.clone()]
    found = llm_int8.matmul(x, codes, scale)
    checks.equal([x, codes, scale], kept, "the arguments after matmul, left as they were")
    outlier = torch.tensor([[100.0 * 3, 100.0 * -6]])
    whole = torch.tensor([[127 * 10 - 50 * 20, 127 * 1 + 50 * 2]])
    expected = outlier + whole * 0.01 * torch.tensor([0.1, 2.0])
    checks.close(found, expected, "x W^T with an outlier of 100")


@pytest.mark.exercise("4.9")
def test_without_outliers():
    x = torch.tensor([[1.27, -0.5], [-2.54, 0.031]])
    codes = torch.tensor([[100, 50], [0, -127], [3, 4]], dtype=torch.int8)
    scale = torch.tensor([[0.5], [0.1], [1.0]])
    expected = torch.tensor([[12700 - 2500, 6350, 381 - 200], [-12700 + 100, -254, -381 + 8]])
    expected = expected * torch.tensor([[0.01], [0.02]]) * scale.T
    checks.close(llm_int8.matmul(x, codes, scale), expected, "x W^T without outliers")


@pytest.mark.exercise("4.9")
@pytest.mark.parametrize(("N", "C", "M"), [(1, 8, 3), (5, 12, 7), (7, 33, 2)])
def test_against_loops_in_float64(N, C, M):
    x, (codes, scale) = make(N, C), make_weight(M, C)
    x[0, 2], x[-1, 5], x[0, 7] = 40.0, -9.0, 6.0
    outliers = {2, 5, 7}
    rows = x.double().tolist()
    expected = torch.zeros(N, M, dtype=torch.float64)
    for n, row in enumerate(rows):
        step = max(abs(v) for c, v in enumerate(row) if c not in outliers) / 127
        for m in range(M):
            w = codes[m].tolist()
            exact = sum(row[c] * w[c] for c in outliers)
            whole = sum(round(row[c] / step) * w[c] for c in range(C) if c not in outliers)
            expected[n, m] = (exact + whole * step) * scale[m].double()
    found = llm_int8.matmul(x, codes, scale)
    checks.equal(str(found.dtype), "torch.float32", "dtype of the product")
    # The terms of a sum cancel, so what it may lose is measured by the largest of the sums.
    checks.close(found, expected.float(), f"x W^T, {(N, C, M)}", atol=1e-6 * expected.abs().max())


@pytest.mark.exercise("4.9")
def test_sums_that_leave_small_integers():
    """600 products of 127 * 127: 9.7 million, far beyond int16, and beyond what float16 holds."""
    x, codes = torch.full((2, 600), 1.27), torch.full((3, 600), 127, dtype=torch.int8)
    found = llm_int8.matmul(x, codes, torch.ones(3, 1))
    expected = torch.full((2, 3), 600 * 127 * 1.27)
    checks.close(found, expected, "x W^T of 600 products of the largest codes", rtol=1e-5)


@pytest.mark.exercise("4.9")
def test_tokens_do_not_share_scales():
    """A token a thousand times as small keeps its digits."""
    x, (codes, scale) = make(4, 16), make_weight(5, 16)
    alone = llm_int8.matmul(x[:1] / 1000, codes, scale)
    together = llm_int8.matmul(torch.cat([x[:1] / 1000, x[1:]]), codes, scale)
    checks.close(together[:1], alone, "a small token among larger ones", atol=1e-9)


@pytest.mark.exercise("4.9")
def test_outliers_alone():
    x, (codes, scale) = make(3, 6).sign() * 10, make_weight(4, 6)
    expected = x @ (codes * scale).T
    checks.close(llm_int8.matmul(x, codes, scale), expected, "x W^T where all are outliers")
    found = llm_int8.matmul(torch.zeros(2, 6), codes, scale)
    checks.equal(found, torch.zeros(2, 4), "x W^T of zeros")


@pytest.mark.exercise("4.9")
def test_the_split_is_worth_it():
    """One column sixty times as large: without a split its tokens keep four codes or so."""
    x, (codes, scale) = make(64, 128), make_weight(32, 128)
    x[:, 77] *= 60
    exact = x @ (codes * scale).T

    def error(threshold):
        return ((llm_int8.matmul(x, codes, scale, threshold) - exact).norm() / exact.norm()).item()

    checks.at_most(error(6.0), 0.01, "error with outliers apart")
    checks.at_least(error(1e9) / error(6.0), 10, "error without a split over that with one")


@pytest.mark.exercise("4.9")
def test_sixteen_bit_activations():
    x, (codes, scale) = make(3, 16), make_weight(5, 16)
    x[1, 3] = 20.0
    half = x.to(torch.bfloat16)
    expected = llm_int8.matmul(half.float(), codes, scale)
    found = llm_int8.matmul(half, codes, scale)
    checks.equal(str(found.dtype), "torch.float32", "dtype of a product with bfloat16 activations")
    checks.close(found, expected, "x W^T with bfloat16 activations")


@pytest.mark.exercise("4.9")
@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.integers(1, 6), st.sampled_from([1.0, 2.0, 6.0]), st.integers(0, 10**6))
def test_the_error_is_half_a_step_of_what_is_left(N, threshold, seed):
    x, (codes, scale) = make(N, 24, seed), make_weight(5, 24, seed)
    x[:, 7] *= 30
    weight = (codes * scale).double()
    rest = (x.abs() < threshold).all(dim=0)
    step = (x.abs() * rest).amax(dim=1, keepdim=True).double() / 127
    exact = x.double() @ weight.T
    error = (llm_int8.matmul(x, codes, scale, threshold) - exact).abs()
    # Beyond the law: float32 loses a few parts in ten million of each term.
    float_error = 1e-6 * (x.double().abs() @ weight.abs().T)
    bound = step / 2 * (weight.abs() * rest).sum(dim=1) + float_error
    law = "the error is at most half a token's step for each weight that is not an outlier's"
    checks.law((error <= bound).all(), law, error.max())


# -- proofs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("N", "C", "M"), [(5, 64, 96), (33, 129, 17), (2, 100, 1)])
def test_the_product_is_that_of_bitsandbytes(N, C, M):
    pytest.importorskip("bitsandbytes", reason="the oracle")
    x, (codes, scale) = make(N, C), make_weight(M, C)
    x[:, 2] *= 20
    x[0, 40] = -9.0
    outliers = llm_int8.outlier_columns(x)
    bnb = torch.ops.bitsandbytes
    x_codes, largest, columns = bnb.int8_vectorwise_quant(x.clone(), 6.0)
    assert columns.tolist() == outliers.tolist()
    arguments = x, x_codes, codes, largest, scale.flatten() * 127
    expected, _ = bnb.int8_mixed_scaled_mm(*arguments, columns)
    found = llm_int8.matmul(x, codes, scale)
    # bitsandbytes multiplies by 127 / max where we divide: a code in a thousand is a neighbour.
    assert (found - expected).norm() / expected.norm() < 5e-3


def test_integer_sums_are_exact():
    g = torch.Generator().manual_seed(0)
    a = torch.randint(-127, 128, (3, 70_000), generator=g, dtype=torch.int8)
    expected = a.long() @ a.long().T
    assert torch.equal(llm_int8.int_matmul(a, a).long(), expected)


def test_what_does_not_fit_is_named():
    codes, scale = make_weight(3, 4)
    with pytest.raises(ValueError, match=r"got \[\(2, 5\), \(3, 4\), \(3, 1\)\]"):
        llm_int8.matmul(torch.ones(2, 5), codes, scale)
    with pytest.raises(ValueError, match=r"\(3,\)\]"):
        llm_int8.matmul(torch.ones(2, 4), codes, scale.flatten())
    with pytest.raises(ValueError, match=r"floating \(N, C\), got \(4,\)"):
        llm_int8.outlier_columns(torch.ones(4))
