import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phase1_transformers.solution import sampling
from phase1_transformers.solution.sampling import Sampling
from shared import checks

DROPPED = -math.inf
PROBS = [0.1, 0.5, 0.15, 0.25]  # of tokens 0, 1, 2, 3


def logits_of(probs):
    return torch.tensor(probs).log() + 3  # softmax does not see a constant


def random_logits(*shape, seed=0):
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def kept_ids(filtered):
    """List the ids that a filter has left in one row, or say what came back in its place."""
    return filtered.isfinite().nonzero().flatten().tolist() if _is_row(filtered) else filtered


def _is_row(filtered):
    return isinstance(filtered, torch.Tensor) and filtered.ndim == 1


def by_hand(keep, logits):
    """Apply a rule `list of logits -> ids to keep` to each row, in plain Python."""
    filtered = logits.clone()
    for row in filtered.view(-1, logits.shape[-1]):
        kept = keep(row.tolist())
        row[[i for i in range(len(row)) if i not in kept]] = DROPPED
    return filtered


def softmax_list(row):
    weights = [math.exp(x - max(row)) for x in row]
    return [weight / sum(weights) for weight in weights]


def ranked(row):
    return sorted(range(len(row)), key=lambda i: (-row[i], i))


# -- top k ------------------------------------------------------------------------------------


@pytest.mark.exercise("1.23")
def test_top_k_keeps_the_highest():
    logits = logits_of(PROBS)
    expected = logits.clone()
    expected[[0, 2]] = DROPPED
    checks.equal(sampling.top_k(logits, 2), expected, "probabilities .1 .5 .15 .25, top_k 2")
    checks.equal(logits, logits_of(PROBS), "logits, which must stay as they are")


@pytest.mark.exercise("1.23")
def test_top_k_of_equal_logits():
    logits = torch.tensor([1.0, 2.0, 2.0, 0.0, 2.0, 2.0])
    checks.equal(kept_ids(sampling.top_k(logits, 2)), [1, 2], "ids kept of 1 2 2 0 2 2, top_k 2")
    kept = kept_ids(sampling.top_k(torch.zeros(5000), 3))
    checks.equal(kept, [0, 1, 2], "ids kept of 5000 equal logits, top_k 3")


@pytest.mark.exercise("1.23")
@pytest.mark.parametrize("k", [1, 4, 6, 7, 100])
def test_top_k_of_each_row(k):
    logits = random_logits(2, 3, 7)
    expected = by_hand(lambda row: ranked(row)[:k], logits)
    checks.equal(sampling.top_k(logits, k), expected, f"logits (2, 3, 7), top_k {k}")


# -- top p ------------------------------------------------------------------------------------


@pytest.mark.exercise("1.23")
def test_top_p_keeps_the_crossing_token():
    logits = logits_of(PROBS)
    kept = {p: kept_ids(sampling.top_p(logits, p)) for p in (0.6, 0.8, 0.95)}
    expected = {0.6: [1, 3], 0.8: [1, 2, 3], 0.95: [0, 1, 2, 3]}
    checks.equal(kept, expected, "probabilities .1 .5 .15 .25: ids kept by p")
    expected = logits.clone()
    expected[[0, 2]] = DROPPED
    checks.equal(sampling.top_p(logits, 0.6), expected, "probabilities .1 .5 .15 .25, top_p 0.6")
    checks.equal(logits, logits_of(PROBS), "logits, which must stay as they are")


@pytest.mark.exercise("1.23")
def test_top_p_keeps_at_least_one():
    checks.equal(kept_ids(sampling.top_p(logits_of(PROBS), 1e-6)), [1], "ids kept, top_p 1e-6")
    sure = torch.tensor([0.0, 0.0, 1e4])
    checks.equal(kept_ids(sampling.top_p(sure, 0.5)), [2], "ids kept of 0 0 10000, top_p 0.5")


@pytest.mark.exercise("1.23")
def test_top_p_of_equal_logits():
    kept = kept_ids(sampling.top_p(torch.zeros(4), 0.5))
    checks.equal(kept, [0, 1], "ids kept of 4 equal logits, top_p 0.5")


@pytest.mark.exercise("1.23")
def test_top_p_of_one_keeps_all():
    logits = torch.tensor([0.0, 1.0, -60.0, DROPPED])
    checks.equal(sampling.top_p(logits, 1.0), logits, "logits 0 1 -60 -inf, top_p 1")


@pytest.mark.exercise("1.23")
@pytest.mark.parametrize("p", [0.2, 0.7, 0.99])
def test_top_p_of_each_row(p):
    def nucleus(row):
        probs, kept, total = softmax_list(row), [], 0.0
        for i in ranked(row):
            if total >= p:
                break
            kept.append(i)
            total += probs[i]
        return kept

    logits = random_logits(2, 3, 9)
    name = f"logits (2, 3, 9), top_p {p}"
    checks.equal(sampling.top_p(logits, p), by_hand(nucleus, logits), name)


# -- min p ------------------------------------------------------------------------------------


@pytest.mark.exercise("1.23")
def test_min_p_is_relative_to_the_likeliest():
    logits = logits_of(PROBS)
    kept = {p: kept_ids(sampling.min_p(logits, p)) for p in (0.25, 0.4, 0.6)}
    expected = {0.25: [1, 2, 3], 0.4: [1, 3], 0.6: [1]}
    checks.equal(kept, expected, "probabilities .1 .5 .15 .25: ids kept by min_p")
    expected = logits.clone()
    expected[[0, 2]] = DROPPED
    checks.equal(sampling.min_p(logits, 0.4), expected, "probabilities .1 .5 .15 .25, min_p 0.4")
    checks.equal(logits, logits_of(PROBS), "logits, which must stay as they are")


@pytest.mark.exercise("1.23")
def test_min_p_at_its_ends():
    logits = torch.tensor([2.0, -300.0, 2.0, 1.9, DROPPED])
    checks.equal(sampling.min_p(logits, 0.0), logits, "logits 2 -300 2 1.9 -inf, min_p 0")
    kept = kept_ids(sampling.min_p(logits, 1.0))
    checks.equal(kept, [0, 2], "ids kept of 2 -300 2 1.9 -inf, min_p 1")


@pytest.mark.exercise("1.23")
@pytest.mark.parametrize("p", [0.05, 0.3])
def test_min_p_of_each_row(p):
    def likely(row):
        probs = softmax_list(row)
        return [i for i, prob in enumerate(probs) if prob >= p * max(probs)]

    logits = random_logits(2, 3, 9) - 5  # negative, as a model's logits often are
    name = f"logits (2, 3, 9), min_p {p}"
    checks.equal(sampling.min_p(logits, p), by_hand(likely, logits), name)


# -- sample -----------------------------------------------------------------------------------

N = 20_000


def frequencies(probs, how, seed=0):
    """Sample N rows with the same probabilities; return how often each id came."""
    logits = logits_of(probs).expand(N, -1)
    ids = sampling.sample(logits, how, torch.Generator().manual_seed(seed))
    good = isinstance(ids, torch.Tensor) and ids.shape == (N,) and ids.dtype == torch.int64
    checks.law(good, f"sample of logits ({N}, {len(probs)}) gives {N} int64 ids", ids)
    return ids.bincount(minlength=len(probs)) / N


def check_frequencies(probs, how, expected, name):
    sigma = math.sqrt(0.25 / N)  # the largest there is
    checks.close(frequencies(probs, how), torch.tensor(expected), name, rtol=0, atol=5 * sigma)


@pytest.mark.exercise("1.23")
def test_sample_greedily():
    logits = torch.tensor([[0.0, 3.0, 1.0], [5.0, 2.0, 5.0], [-1.0, DROPPED, -0.5]])
    generator = torch.Generator().manual_seed(0)
    state = generator.get_state()
    ids = sampling.sample(logits, Sampling(temperature=0), generator)
    checks.equal(ids, torch.tensor([1, 0, 2]), "temperature 0: ids of the highest logits")
    checks.equal(generator.get_state(), state, "temperature 0 draws nothing from the generator")


@pytest.mark.exercise("1.23")
def test_sample_follows_the_probabilities():
    check_frequencies(PROBS, Sampling(), PROBS, "how often each id is drawn")


@pytest.mark.exercise("1.23")
def test_sample_draws_each_row_from_its_own_logits():
    sure_of = torch.tensor([3, 0, 4, 1, 2])
    logits = torch.zeros(5, 5).scatter(1, sure_of[:, None], 50.0)  # the others: e^-50 each
    ids = sampling.sample(logits, Sampling(), torch.Generator().manual_seed(0))
    checks.equal(ids, sure_of, "ids of 5 rows, each of which is sure of another token")


@pytest.mark.exercise("1.23")
def test_sample_divides_by_the_temperature():
    expected = [0.2**2 / 0.68, 0.8**2 / 0.68]
    check_frequencies([0.2, 0.8], Sampling(temperature=0.5), expected, "temperature 0.5")
    check_frequencies([0.2, 0.8], Sampling(temperature=2.0), [1 / 3, 2 / 3], "temperature 2")


@pytest.mark.exercise("1.23")
def test_sample_applies_each_filter():
    first_two = [0.0, 2 / 3, 0.0, 1 / 3]
    check_frequencies(PROBS, Sampling(top_k=2), first_two, "top_k 2")
    check_frequencies(PROBS, Sampling(top_p=0.6), first_two, "top_p 0.6")
    check_frequencies(PROBS, Sampling(min_p=0.4), first_two, "min_p 0.4")
    check_frequencies(PROBS, Sampling(min_p=0.0, top_p=1.0), PROBS, "min_p 0 and top_p 1")


@pytest.mark.exercise("1.23")
def test_sample_keeps_the_order():
    roots = [math.sqrt(0.6), math.sqrt(0.3)]
    expected = [roots[0] / sum(roots), roots[1] / sum(roots), 0.0]
    how = Sampling(temperature=2.0, top_p=0.55)
    check_frequencies([0.6, 0.3, 0.1], how, expected, "temperature 2, then top_p 0.55")
    how = Sampling(top_k=2, top_p=0.5)
    name = "top_k 2, then top_p 0.5 of what is left"
    check_frequencies([0.4, 0.3, 0.2, 0.1], how, [1.0, 0.0, 0.0, 0.0], name)


@pytest.mark.exercise("1.23")
def test_sample_takes_chance_from_its_generator_only():
    logits, everywhere = random_logits(64, 50), torch.get_rng_state()

    def draw(seed):
        how = Sampling(temperature=0.8, top_k=40, top_p=0.99, min_p=0.001)
        return sampling.sample(logits, how, torch.Generator().manual_seed(seed))

    checks.equal(draw(1), draw(1), "ids drawn twice with one seed")
    checks.law(not torch.equal(draw(1), draw(2)), "ids drawn with another seed differ", draw(2))
    untouched = torch.equal(torch.get_rng_state(), everywhere)
    checks.law(untouched, "torch's global generator stays as it is")
    checks.equal(logits, random_logits(64, 50), "logits, which must stay as they are")


@pytest.mark.exercise("1.23")
def test_sample_computes_in_float32():
    logits, how = random_logits(500, 300).bfloat16(), Sampling(temperature=0.7, top_p=0.9)
    narrow, wide = (
        sampling.sample(x, how, torch.Generator().manual_seed(0)) for x in (logits, logits.float())
    )
    checks.equal(narrow, wide, "ids from bfloat16 logits, against those of the same in float32")


# -- proofs of the solution -------------------------------------------------------------------


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10_000), st.integers(1, 40), st.floats(0.01, 0.999))
def test_filters_agree_with_transformers(seed, k, p):
    from transformers import MinPLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    logits = random_logits(3, 40, seed=seed)
    pairs = [
        (sampling.top_k(logits, k), TopKLogitsWarper(k)),
        (sampling.top_p(logits, p), TopPLogitsWarper(p)),
        (sampling.min_p(logits, p), MinPLogitsWarper(p)),
    ]
    for ours, theirs in pairs:
        checks.equal(ours, theirs(None, logits), type(theirs).__name__)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.floats(0.5, 2.0))
def test_repetition_penalty_agrees_with_transformers(seed, penalty):
    from transformers import RepetitionPenaltyLogitsProcessor

    logits = random_logits(3, 20, seed=seed)
    idx = torch.randint(20, (3, 9), generator=torch.Generator().manual_seed(seed))
    theirs = RepetitionPenaltyLogitsProcessor(penalty)(idx, logits.clone())
    checks.equal(sampling.repetition_penalty(logits, idx, penalty), theirs, "penalised logits")
    checks.equal(logits, random_logits(3, 20, seed=seed), "logits, which must stay as they are")


def test_repetition_penalty_by_hand():
    logits, idx = torch.tensor([[2.0, -2.0, 1.0]]), torch.tensor([[0, 1, 1, 0]])
    expected = torch.tensor([[1.0, -4.0, 1.0]])
    checks.equal(sampling.repetition_penalty(logits, idx, 2.0), expected, "2 -2 1, the first two")


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.sampled_from([-math.inf, -2.0, -1.0, 0.0, 0.5]), min_size=1, max_size=9),
    st.floats(0.01, 1.0),
    st.integers(1, 12),
)
def test_laws_of_the_filters(row, p, k):
    """Ties and -inf everywhere: at least one token stays, no value changes, order is kept."""
    logits = torch.tensor([0.25, *row])
    for name, filtered in [
        ("top_k", sampling.top_k(logits, k)),
        ("top_p", sampling.top_p(logits, p)),
        ("min_p", sampling.min_p(logits, p)),
    ]:
        kept = filtered.isfinite()
        checks.at_least(int(kept.sum()), 1, f"{name}: tokens kept")
        checks.equal(filtered[kept], logits[kept], f"{name}: kept logits")
        lowest, highest = filtered[kept].min(), logits[~kept].max() if (~kept).any() else -math.inf
        checks.law(lowest >= highest, f"{name}: no dropped token is likelier than a kept one")
    checks.at_most(int(sampling.top_k(logits, k).isfinite().sum()), k, "tokens kept by top_k")
    mass = logits.softmax(-1)[sampling.top_p(logits, p).isfinite()].sum()
    checks.at_least(mass, p - 1e-6, "probability kept by top_p")  # float32 sums of 10 terms


def test_frequencies_by_chi_square():
    """All filters at once, 8 tokens, against the analytic distribution."""
    probs = torch.tensor([0.3, 0.2, 0.15, 0.12, 0.1, 0.06, 0.04, 0.03])
    how = Sampling(temperature=1.5, top_k=6, top_p=0.95, min_p=0.3)
    left = (probs.double() ** (1 / 1.5))[:6]  # top_p: the last of the six crosses 0.95
    left = torch.where(left >= 0.3 * left[0], left, 0)
    expected = torch.cat([left / left.sum(), torch.zeros(2)])
    seen = frequencies(probs.tolist(), how).double()
    kept = expected > 0
    chi_square = N * ((seen - expected)[kept] ** 2 / expected[kept]).sum()
    checks.equal(seen[~kept].sum().item(), 0.0, "dropped tokens drawn")
    degrees = int(kept.sum()) - 1
    bound = degrees + 4 * math.sqrt(2 * degrees)  # mean and 4 sigma of chi-square
    checks.at_most(chi_square, bound, "chi-square of the frequencies")


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1.0},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"min_p": -0.1},
        {"min_p": math.nan},
        {"repetition_penalty": 0.0},
    ],
)
def test_bad_settings_are_refused(wrong):
    (field,) = wrong
    checks.raises(lambda: Sampling(**wrong), ValueError, f"{wrong}", match=field)


def test_bad_arguments_are_refused():
    logits = torch.zeros(3)
    for name, call in [
        ("top_k 0", lambda: sampling.top_k(logits, 0)),
        ("top_p 0", lambda: sampling.top_p(logits, 0.0)),
        ("top_p 1.5", lambda: sampling.top_p(logits, 1.5)),
        ("min_p -1", lambda: sampling.min_p(logits, -1.0)),
    ]:
        checks.raises(call, ValueError, name)
