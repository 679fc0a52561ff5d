"""Limits by hand and by brute force, rows alone and in a batch; then draws; then transformers."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.solution import sampling
from phase4_production.solution.randomness import uniform
from shared import checks

INF = math.inf
PROBS = torch.tensor([[0.1, 0.4, 0.2, 0.3]], dtype=torch.float64)  # ranks: 1, 3, 2, 0


def limits(top_k=99, top_p=1.0, min_p=0.0, rows=1):
    return (
        torch.full((rows,), top_k),
        torch.full((rows,), top_p, dtype=torch.float64),
        torch.full((rows,), min_p, dtype=torch.float64),
    )


def kept(logits, *wishes):
    """The ids that stay in the only row, or whatever came back that is no filtered row."""
    found = sampling.filter_logits(logits, *wishes)
    if not isinstance(found, torch.Tensor) or found.shape != logits.shape:
        return found
    checks.equal(found.dtype, logits.dtype, "dtype of the filtered logits")
    stays = found[0] > -INF
    checks.equal(found[0][stays], logits[0][stays], "logits of the tokens that stay")
    return stays.nonzero().flatten().tolist()


def by_hand(row, k, p, m):
    """One row in plain Python, one limit after another."""
    ranks = sorted(range(len(row)), key=lambda i: (-row[i], i))[:k]
    weight = [math.exp(row[i] - row[ranks[0]]) for i in ranks]
    share = [w / math.fsum(weight) for w in weight]
    n = next(n for n in range(1, len(ranks) + 1) if n == len(ranks) or math.fsum(share[:n]) >= p)
    stays = {i for i, s in zip(ranks[:n], share[:n], strict=True) if s >= m * share[0]}
    return [x if i in stays else -INF for i, x in enumerate(row)]


# -- limits -------------------------------------------------------------------------------------


@pytest.mark.exercise("4.17")
def test_top_k_by_hand():
    logits = PROBS.log()
    checks.equal(kept(logits, *limits(top_k=2)), [1, 3], "tokens that top_k = 2 keeps of four")
    checks.equal(kept(logits, *limits(top_k=1)), [1], "tokens that top_k = 1 keeps of four")
    checks.equal(kept(logits, *limits(top_k=9)), [0, 1, 2, 3], "tokens that top_k = 9 keeps")


@pytest.mark.exercise("4.17")
def test_arguments_stay_as_they_are():
    logits, wishes = PROBS.log(), limits(2, 0.5, 0.1)
    before = [t.clone() for t in (logits, *wishes)]
    found = sampling.filter_logits(logits, *wishes)
    checks.equal([logits, *wishes], before, "arguments of filter_logits afterwards")
    checks.law(found is not logits, "filter_logits returns a new tensor")
    half = sampling.filter_logits(logits.bfloat16(), *wishes)
    checks.equal(half.dtype, torch.bfloat16, "dtype of filtered bfloat16 logits")
    free = sampling.filter_logits(logits, *limits())
    checks.law(free is not logits, "filter_logits returns a new tensor, also without any limit")


@pytest.mark.exercise("4.17")
@pytest.mark.parametrize(
    ("top_p", "stays"), [(0.05, [1]), (0.5, [1, 3]), (0.85, [1, 2, 3]), (0.95, [0, 1, 2, 3])]
)
def test_top_p_by_hand(top_p, stays):
    """0.4, then 0.7, then 0.9 are the shares of the first one, two and three ranks."""
    found = kept(PROBS.log(), *limits(top_p=top_p))
    checks.equal(found, stays, f"tokens that top_p = {top_p} keeps of 0.1, 0.4, 0.2, 0.3")


@pytest.mark.exercise("4.17")
def test_top_p_reaches_exactly():
    logits = torch.tensor(
        [[0.25, 0.5, 0.25]], dtype=torch.float64
    ).log2()  # exact in floating point
    logits = logits * math.log(2)
    found = kept(logits, *limits(top_p=0.5))
    checks.equal(found, [1], "tokens that top_p = 0.5 keeps of 1/4, 1/2, 1/4")


@pytest.mark.exercise("4.17")
@pytest.mark.parametrize(("min_p", "stays"), [(0.2, [0, 1, 2, 3]), (0.3, [1, 2, 3]), (0.6, [1, 3])])
def test_min_p_by_hand(min_p, stays):
    found = kept(PROBS.log(), *limits(min_p=min_p))
    checks.equal(found, stays, f"tokens that min_p = {min_p} keeps of 0.1, 0.4, 0.2, 0.3")
    found = kept(torch.tensor([[0.0, 1.0, 1.0]]), *limits(min_p=1.0))
    checks.equal(found, [1, 2], "tokens that min_p = 1 keeps, two being the likeliest")


@pytest.mark.exercise("4.17")
def test_one_limit_after_another():
    """Of 0.4 and 0.3, which top_k = 2 leaves, the first has 0.57: enough for top_p = 0.55."""
    found = kept(PROBS.log(), *limits(top_k=2, top_p=0.55))
    checks.equal(found, [1], "tokens that top_k = 2, then top_p = 0.55 keep")
    found = kept(PROBS.log(), *limits(top_p=0.75, min_p=0.6))
    checks.equal(found, [1, 3], "tokens that top_p = 0.75, then min_p = 0.6 keep")


@pytest.mark.exercise("4.17")
def test_ties_go_to_the_smallest_ids():
    logits = torch.tensor([[1.0, 3.0, 3.0, 1.0, 3.0]])
    checks.equal(kept(logits, *limits(top_k=2)), [1, 2], "two of three equal largest logits")
    checks.equal(kept(logits, *limits(top_k=4)), [0, 1, 2, 4], "one of two equal smallest logits")
    same = torch.zeros(1, 64)
    checks.equal(kept(same, *limits(top_p=0.1)), list(range(7)), "a tenth of 64 equal tokens")


@pytest.mark.exercise("4.17")
def test_no_limit_loses_nothing():
    """The last tokens weigh less than the rounding of the sum of those before them."""
    logits = torch.tensor([[-60.0, 0.0, -50.0, 0.0, -70.0]])
    checks.equal(kept(logits, *limits()), [0, 1, 2, 3, 4], "tokens that stay without any limit")
    masked = torch.tensor([[-INF, 0.0, -INF, -1.0]])
    checks.equal(kept(masked, *limits()), [1, 3], "tokens that stay of two that are allowed")
    checks.equal(kept(masked, *limits(3, 0.99, 0.01)), [1, 3], "the same, with limits")


@pytest.mark.exercise("4.17")
def test_shares_are_finer_than_the_logits():
    """1/512 is a share that bfloat16 can write, and a sum of a few hundred of them is not."""
    logits = torch.zeros(1, 512, dtype=torch.bfloat16)
    found = kept(logits, *limits(top_k=512, top_p=0.5))
    checks.equal(found, list(range(256)), "half of 512 equal tokens, logits in bfloat16")


@pytest.mark.exercise("4.17")
def test_rows_have_their_own_limits():
    g = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(6, 11, generator=g, dtype=torch.float64)
    top_k = torch.tensor([11, 3, 11, 11, 5, 1])
    top_p = torch.tensor([1.0, 1.0, 0.6, 1.0, 0.8, 1.0], dtype=torch.float64)
    min_p = torch.tensor([0.0, 0.0, 0.0, 0.1, 0.2, 0.0], dtype=torch.float64)
    wishes = [w.tolist() for w in (top_k, top_p, min_p)]
    expected = [by_hand(row, *wish) for row, *wish in zip(logits.tolist(), *wishes, strict=True)]
    found = sampling.filter_logits(logits, top_k, top_p, min_p)
    checks.equal(found, torch.tensor(expected, dtype=torch.float64), "six rows of other limits")


@pytest.mark.exercise("4.17")
def test_many_rows_by_brute_force():
    g = torch.Generator().manual_seed(1)
    logits = 3 * torch.randn(40, 17, generator=g, dtype=torch.float64)
    top_k = torch.randint(1, 20, (40,), generator=g)
    top_p = torch.rand(40, generator=g, dtype=torch.float64) * 0.98 + 0.01
    min_p = torch.rand(40, generator=g, dtype=torch.float64) * 0.3
    wishes = [w.tolist() for w in (top_k, top_p, min_p)]
    expected = [by_hand(row, *wish) for row, *wish in zip(logits.tolist(), *wishes, strict=True)]
    found = sampling.filter_logits(logits, top_k, top_p, min_p)
    checks.equal(found, torch.tensor(expected, dtype=torch.float64), "forty rows")


# -- probabilities ------------------------------------------------------------------------------


def wanted(logits, temperature, **wishes):
    B = len(logits)
    return sampling.probabilities(logits, torch.tensor(temperature), *limits(**wishes, rows=B))


@pytest.mark.exercise("4.17")
def test_temperature_by_hand():
    """Temperature 1/2 squares probabilities, 2 takes their roots; then they sum to 1 again."""
    logits = PROBS.log().repeat(3, 1)
    found = wanted(logits, [1.0, 0.5, 2.0])
    powers = torch.cat([PROBS, PROBS**2, PROBS**0.5])
    expected = powers / powers.sum(-1, keepdim=True)
    checks.close(found, expected, "probabilities at the temperatures 1, 1/2 and 2")
    checks.equal(found.dtype, torch.float64, "dtype of probabilities")


@pytest.mark.exercise("4.17")
def test_probabilities_leave_their_arguments():
    wishes = [PROBS.log().repeat(2, 1), torch.tensor([0.0, 0.5]), *limits(3, 0.9, 0.1, rows=2)]
    before = [t.clone() for t in wishes]
    sampling.probabilities(*wishes)
    names = ("logits", "temperature", "top_k", "top_p", "min_p")
    for name, after, was in zip(names, wishes, before, strict=True):
        checks.equal(after, was, f"{name} after probabilities, one of two rows greedy")


@pytest.mark.exercise("4.17")
def test_probabilities_sum_to_one():
    """In float64's precision: what is drawn from is compared and subtracted later."""
    logits = 2 * torch.randn(3, 500, generator=torch.Generator().manual_seed(3))
    total = wanted(logits, [1.0, 0.7, 1.3]).sum(-1)
    one = torch.ones(3, dtype=torch.float64)
    # A thousand roundings of 1.1e-16 are far below 1e-12, one of float32 is far above.
    checks.close(total, one, "sums of three rows of 500 probabilities", rtol=0, atol=1e-12)


@pytest.mark.exercise("4.17")
def test_temperature_comes_before_the_limits():
    """Squared, the shares are 0.53, 0.3, 0.13 and 0.03: one token reaches a half, not two."""
    found = wanted(PROBS.log(), [0.5], top_p=0.5)
    expected = torch.tensor([[0.0, 1.0, 0.0, 0.0]], dtype=torch.float64)
    checks.close(found, expected, "probabilities at temperature 1/2 and top_p = 0.5")


@pytest.mark.exercise("4.17")
def test_temperature_zero_is_greedy():
    logits = torch.tensor([[1.0, 3.0, 3.0, -9.0], [0.0, 1.0, 2.0, 3.0], [2.0, 3.0, 0.0, 1.0]])
    temperature = torch.tensor([0.0, 1.0, 0.0])
    found = sampling.probabilities(logits, temperature, *limits(top_p=0.9, rows=3))
    checks.equal(found[0], torch.tensor([0.0, 1, 0, 0]).double(), "greedy row with a tie")
    weight = torch.tensor([0.0, 1, 2, 3], dtype=torch.float64).exp() * torch.tensor([0, 1, 1, 1])
    checks.close(found[1], weight / weight.sum(), "a row that is not greedy between two that are")
    checks.equal(found[2], torch.tensor([0.0, 1, 0, 0]).double(), "greedy row without a tie")


@pytest.mark.exercise("4.17")
def test_large_logits_are_no_trouble():
    found = wanted(torch.tensor([[3000.0, 2990.0, -3000.0]]), [0.1])
    expected = torch.tensor([[1.0, math.exp(-100), 0.0]], dtype=torch.float64)
    checks.close(found, expected, "probabilities of logits of thousands")


@pytest.mark.exercise("4.17")
def test_a_temperature_may_be_tiny():
    """3 / 1e-39 is infinite in float32, and infinite less infinite is NaN."""
    found = wanted(torch.tensor([[1.0, 3.0, 2.0], [-2.0, -3.0, -4.0]]), [1e-39, 1e-39])
    expected = torch.tensor([[0.0, 1, 0], [1, 0, 0]], dtype=torch.float64)
    checks.equal(found, expected, "probabilities at a temperature of 1e-39")
    tiny = torch.tensor([1e-310, 1e-310], dtype=torch.float64)  # infinite in float64 as well
    logits = torch.tensor([[1.0, 3.0, 2.0], [-2.0, -3.0, -4.0]])
    found = sampling.probabilities(logits, tiny, *limits(rows=2))
    checks.equal(found, expected, "probabilities at a temperature of 1e-310, in float64")


@pytest.mark.exercise("4.17")
def test_only_zero_is_greedy():
    """Logits and temperature are both 2^-24 of what they were: nothing changes."""
    found = wanted(PROBS.log() * 2**-24, [2**-24])
    checks.close(found, PROBS, "probabilities at a small temperature, logits as close together")


# -- draws --------------------------------------------------------------------------------------


def draw(weights, uniforms):
    return sampling.sample(torch.as_tensor(weights), torch.tensor(uniforms, dtype=torch.float64))


@pytest.mark.exercise("4.17")
def test_draws_by_hand():
    """The parts of 1/2, 1/4, 0, 1/4 end at 1/2, 3/4, 3/4 and 1."""
    row = torch.tensor([0.5, 0.25, 0.0, 0.25], dtype=torch.float64)
    uniforms = [0.0, 0.4, 0.5, 0.7, 0.75, 0.9]
    found = draw(row.repeat(6, 1), uniforms)
    checks.equal(
        found, torch.tensor([0, 0, 1, 1, 3, 3]), f"tokens of 1/2, 1/4, 0, 1/4 at {uniforms}"
    )
    checks.equal(found.dtype, torch.int64, "dtype of the tokens")


@pytest.mark.exercise("4.17")
def test_a_token_without_weight_is_never_drawn():
    last = 1 - 2**-53  # the largest number below 1
    weights = torch.tensor([[0.0, 0.3, 0.0, 0.7, 0.0]] * 2)
    checks.equal(
        draw(weights, [0.0, last]), torch.tensor([1, 3]), "tokens at both ends of the line"
    )
    third = torch.full((1, 3), 1 / 3, dtype=torch.float64)
    checks.equal(draw(third, [last]), torch.tensor([2]), "the last of three thirds")
    # Ten times 0.1 are summed up to 1 - 2^-53.
    tenth = torch.tensor([[*[1.0] * 10, 0.0]], dtype=torch.float64)
    checks.equal(draw(tenth, [last]), torch.tensor([9]), "the last of ten equal tokens, then a 0")


@pytest.mark.exercise("4.17")
def test_each_row_has_its_own_line_and_number():
    weights = torch.tensor([[1.0, 1.0, 2.0], [6.0, 3.0, 3.0], [0.0, 0.1, 0.1]])
    before = weights.clone()
    found = draw(weights, [0.4, 0.4, 0.6])
    checks.equal(weights, before, "weights afterwards")
    checks.equal(found, torch.tensor([1, 0, 2]), "tokens of three rows that do not sum to 1")
    found = draw([[2.0**24, 1.0, 1.0]], [1 - 1.5 / (2**24 + 2)])  # 2^24 + 1 is no float32
    checks.equal(found, torch.tensor([1]), "the token at 2^24 + 0.5 of 2^24, 1 and 1, in float32")


@pytest.mark.exercise("4.17")
def test_the_share_of_each_token():
    """A grid of 1000 numbers is split as the weights are."""
    row = torch.tensor([0.125, 0.5, 0.25, 0.125])
    grid = ((torch.arange(1000) + 0.5) / 1000).tolist()
    counts = torch.bincount(draw(row.expand(1000, 4), grid), minlength=4)
    checks.equal(
        counts, torch.tensor([125, 500, 250, 125]), "how often each token of four is drawn"
    )


# -- laws and peers -----------------------------------------------------------------------------


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_a_row_alone_is_the_row_in_a_batch(seed):
    g = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(5, 23, generator=g)
    wishes = (
        torch.rand(5, generator=g) * (torch.rand(5, generator=g) < 0.7),
        torch.randint(1, 30, (5,), generator=g),
        torch.rand(5, generator=g).clamp(min=0.05),
        torch.rand(5, generator=g) / 2,
    )
    uniforms = torch.rand(5, generator=g, dtype=torch.float64)
    together = sampling.sample(sampling.probabilities(logits, *wishes), uniforms)
    for i in range(5):
        row = sampling.probabilities(logits[i : i + 1], *(w[i : i + 1] for w in wishes))
        checks.equal(sampling.sample(row, uniforms[i : i + 1]), together[i : i + 1], f"row {i}")


def test_the_limits_of_transformers():
    transformers = pytest.importorskip("transformers", reason="compared with transformers")
    g = torch.Generator().manual_seed(2)
    logits = 3 * torch.randn(20, 300, generator=g, dtype=torch.float64)
    for k, p, m in [(40, 1.0, 0.0), (300, 0.8, 0.0), (300, 1.0, 0.05), (50, 0.9, 0.02)]:
        expected = logits / 0.7
        for one in (
            transformers.TopKLogitsWarper(k),
            transformers.TopPLogitsWarper(p),
            transformers.MinPLogitsWarper(m),
        ):
            expected = one(None, expected)
        found = sampling.filter_logits(logits / 0.7, *limits(k, p, m, rows=20))
        checks.equal(found, expected, f"logits at top_k {k}, top_p {p}, min_p {m}")


def test_draws_have_the_right_shares():
    """Chi-square with 7 degrees of freedom: 24.3 is passed once in a thousand times."""
    weights = torch.tensor([1.0, 2, 3, 4, 5, 6, 7, 8]).double()
    u = torch.tensor([uniform(7, i) for i in range(40_000)], dtype=torch.float64)
    counts = torch.bincount(sampling.sample(weights.expand(40_000, 8), u), minlength=8)
    expected = 40_000 * weights / weights.sum()
    checks.at_most(((counts - expected) ** 2 / expected).sum(), 24.3, "chi-square of the shares")


def test_bad_shapes_are_refused():
    logits = torch.zeros(2, 3)
    checks.raises(
        lambda: sampling.filter_logits(logits, *limits()), ValueError, "limits of one row"
    )
    checks.raises(lambda: wanted(logits, [1.0]), ValueError, "one temperature for two rows")
    checks.raises(lambda: draw(logits, [0.5]), ValueError, "one number for two rows")
