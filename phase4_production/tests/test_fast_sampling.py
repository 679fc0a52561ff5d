"""The short way gives what the long way gives, also where it must not be taken."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.project import fast_sampling
from phase4_production.solution import sampling
from shared import checks


def wishes(rows, V, g):
    """Limits of all kinds, each of them off in some rows."""

    def off(values, none, share):
        return torch.where(torch.rand(rows, generator=g) < share, none, values)

    return (
        off(0.3 + torch.rand(rows, generator=g), 0.0, 0.2),
        off(torch.randint(1, V, (rows,), generator=g), V, 0.5),
        off(torch.rand(rows, generator=g).clamp(min=0.01), 1.0, 0.4).double(),
        off(torch.rand(rows, generator=g) / 3, 0.0, 0.5).double(),
    )


@given(st.integers(0, 100_000), st.sampled_from([7, 40, 300]), st.sampled_from([0.3, 3.0, 9.0]))
@settings(max_examples=80, deadline=None)
def test_the_same_probabilities(seed, V, spread):
    """With 8 candidates, so that many rows are not decided by them."""
    g = torch.Generator().manual_seed(seed)
    logits = spread * torch.randn(9, V, generator=g)
    logits[::2] = logits[::2].round()  # ties
    logits[1, V // 3 :] = -torch.inf  # a constraint
    limits = wishes(9, V, g)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_sampling, "N_CANDIDATES", 8)
        found = fast_sampling.probabilities(logits, *limits)
    checks.close(found, sampling.probabilities(logits, *limits), "probabilities")


def test_a_whole_vocabulary():
    g = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(6, 50_257, generator=g)
    limits = (
        torch.tensor([1.0, 0.7, 0.0, 1.0, 1.0, 1.0]),
        torch.tensor([50_257, 50, 50_257, 50_257, 50_257, 200]),
        torch.tensor([0.2, 0.9, 1.0, 1.0, 0.999, 0.9], dtype=torch.float64),
        torch.tensor([0.0, 0.0, 0.0, 0.1, 0.0, 0.0], dtype=torch.float64),
    )
    before = [t.clone() for t in (logits, *limits)]
    found = fast_sampling.probabilities(logits, *limits)
    checks.close(found, sampling.probabilities(logits, *limits), "probabilities of six requests")
    checks.equal([logits, *limits], before, "the arguments afterwards")
