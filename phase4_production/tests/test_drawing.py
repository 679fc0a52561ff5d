"""The quick draws are those of `sampling.probabilities` and `sampling.sample`, row by row."""

import pytest
import torch

from phase4_production.project import drawing
from phase4_production.solution import sampling
from phase4_production.solution.sampling_params import SamplingParams

V = 3000
WISHES = [
    SamplingParams(**wish)
    for wish in (
        {"temperature": 0},
        {},
        {"temperature": 0.7},
        {"top_k": 1},
        {"top_k": 40, "temperature": 1.5},
        {"top_k": 2999},
        {"top_p": 0.3},
        {"top_p": 0.9},
        {"top_p": 0.999, "temperature": 2.0},
        {"min_p": 0.1},
        {"min_p": 1e-9},
        {"top_k": 50, "top_p": 0.8, "min_p": 0.02},
        {"top_p": 0.95, "min_p": 0.05, "temperature": 0.8},
        {"temperature": 0, "top_k": 3},
    )
]


def expected(row, wish, u):
    """By the functions of the exercise."""
    limits = [wish.top_k or V], [wish.top_p], [wish.min_p]
    dtypes = torch.int64, torch.float64, torch.float64
    columns = [torch.tensor(x, dtype=d) for x, d in zip(limits, dtypes, strict=True)]
    weights = sampling.probabilities(row[None], torch.tensor([wish.temperature]), *columns)
    return int(sampling.sample(weights, torch.tensor([u], dtype=torch.float64)))


@pytest.mark.parametrize("scale", [0.5, 3.0])
@pytest.mark.parametrize("ties", [False, True])
def test_draws_are_those_of_the_exercise(scale, ties):
    g = torch.Generator().manual_seed(0)
    for _ in range(4):
        logits = torch.randn(len(WISHES), V, generator=g) * scale
        logits = logits.bfloat16().float() if ties else logits
        uniforms = torch.rand(len(WISHES), generator=g, dtype=torch.float64).tolist()
        found = drawing.draw(logits, WISHES, uniforms).tolist()
        rows = zip(logits, WISHES, uniforms, strict=True)
        assert found == [expected(*row) for row in rows]


def test_neighbours_change_nothing():
    g = torch.Generator().manual_seed(1)
    logits = torch.randn(len(WISHES), V, generator=g)
    uniforms = torch.rand(len(WISHES), generator=g, dtype=torch.float64).tolist()
    together = drawing.draw(logits, WISHES, uniforms).tolist()
    alone = [
        int(drawing.draw(logits[i : i + 1], WISHES[i : i + 1], uniforms[i : i + 1]))
        for i in range(len(WISHES))
    ]
    assert together == alone


def test_forbidden_tokens_are_never_drawn():
    logits = torch.full((2, V), -torch.inf)
    logits[:, [7, 900]] = torch.tensor([1.0, 2.0])
    wishes = [SamplingParams(top_p=0.99), SamplingParams(temperature=1.0)]
    for u in (0.0, 0.5, 1 - 2**-53):
        found = drawing.draw(logits, wishes, [u, u]).tolist()
        assert set(found) <= {7, 900}
