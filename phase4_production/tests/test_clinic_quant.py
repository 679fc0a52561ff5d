"""The clinic of eight bits: products by hand and in float64, and the story of the patient."""

import pytest
import torch

from phase4_production.solution import clinic_quant
from shared import checks
from shared.checks import Sealed


def make(C_out, C_in, seed=0):
    """A weight whose rows and columns are of many different sizes."""
    g = torch.Generator().manual_seed(seed)
    rows, columns = torch.randn(C_out, 1, generator=g), torch.randn(1, C_in, generator=g)
    return torch.randn(C_out, C_in, generator=g) * (0.5 * rows).exp() * (0.5 * columns).exp()


def tokens(N, C, seed=1):
    return torch.randn(N, C, generator=torch.Generator().manual_seed(seed))


@pytest.mark.exercise("4.13")
def test_a_square_weight_by_hand():
    """Outputs have the scales 1 and 0.1, the token has 0.01; sums of codes are 15629, 8890."""
    x = torch.tensor([[1.27, -0.5]])
    weight = torch.tensor([[127.0, 10.0], [2.0, -12.7]])
    kept = [x.clone(), weight.clone()]
    found = clinic_quant.linear(x, weight)
    checks.equal([x, weight], kept, "the arguments after linear, left as they were")
    expected = torch.tensor([[15629 * 0.01, 8890 * 0.001]])
    checks.close(found, expected, "x W^T with a weight of 2 x 2")
    checks.equal(str(found.dtype), "torch.float32", "dtype of x W^T")


@pytest.mark.exercise("4.13")
@pytest.mark.parametrize(("N", "C_in", "C_out"), [(3, 6, 6), (4, 4, 4), (3, 8, 5), (1, 5, 9)])
def test_against_loops_in_float64(N, C_in, C_out):
    x, weight = tokens(N, C_in), make(C_out, C_in)

    def codes(row):
        step = max(map(abs, row)) / 127
        return [round(v / step) for v in row], step

    expected = torch.zeros(N, C_out, dtype=torch.float64)
    for n, token in enumerate(x.double().tolist()):
        token_codes, token_step = codes(token)
        for m, row in enumerate(weight.double().tolist()):
            row_codes, step = codes(row)
            total = sum(a * b for a, b in zip(token_codes, row_codes, strict=True))
            expected[n, m] = total * token_step * step
    found = clinic_quant.linear(x, weight)
    checks.close(found, expected.float(), f"x W^T with a weight of {C_out} x {C_in}")


@pytest.mark.exercise("4.13")
def test_outputs_do_not_share_scales():
    x, weight = tokens(3, 6), make(6, 6)
    expected = clinic_quant.linear(x, weight)
    weight[2] *= 1000
    found = clinic_quant.linear(x, weight)
    others = [0, 1, 3, 4, 5]
    checks.equal(found[:, others], expected[:, others], "outputs beside a larger one")
    x[1] *= 1000
    tall = clinic_quant.linear(x, weight)
    checks.equal(tall[[0, 2]], found[[0, 2]], "tokens beside a larger one")


@pytest.mark.exercise("4.13")
@pytest.mark.parametrize("C_out", [64, 96])
def test_it_costs_one_percent(C_out):
    x, weight = tokens(16, 64), make(C_out, 64)
    exact = x @ weight.T
    error = (clinic_quant.linear(x, weight) - exact).norm() / exact.norm()
    checks.at_most(error.item(), 0.02, f"error of x W^T with a weight of {C_out} x 64")


@pytest.mark.exercise("4.13")
def test_cause():
    checks.guess(clinic_quant.linear_cause(), CAUSE, "the cause")


CAUSE = Sealed("4.13", "c811eff79f2ab158")


# -- the story that the patient tells ---------------------------------------------------------


def patient(x, weight):
    """What is shipped: W rebuilt, x W^T in eight bits, and x W^T with codes of W only."""
    token_scale = x.abs().amax(dim=1, keepdim=True) / 127
    scale = weight.abs().amax(dim=0) / 127
    codes, x_codes = (weight / scale).round(), (x / token_scale).round()
    return codes * scale, x_codes @ codes.T * token_scale * scale, x @ codes.T * scale


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda w: w, [1.2, 92, 92]),
        (lambda w: w / w.abs().amax(dim=1, keepdim=True), [0.8, 58, 58]),
        (lambda w: w / w.abs().amax(dim=0), [1.1, 1.3, 1.1]),
    ],
    ids=["as it is", "rows", "columns"],
)
def test_the_story_is_true(change, expected):
    weight, x = change(make(256, 256)), tokens(64, 256)
    truths = [weight, x @ weight.T, x @ weight.T]
    found = patient(x, weight)
    errors = [(f - t).norm() / t.norm() * 100 for f, t in zip(found, truths, strict=True)]
    checks.close(torch.stack(errors), torch.tensor(expected), "the row, in percent", rtol=0.06)


def test_the_cure_works():
    weight, x = make(256, 256), tokens(64, 256)
    exact = x @ weight.T
    assert (clinic_quant.linear(x, weight) - exact).norm() / exact.norm() < 0.02
