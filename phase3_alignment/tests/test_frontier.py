"""What the axes of the frontier hold."""

import math

import pytest
import torch

from phase3_alignment.project import frontier
from shared import checks


def test_best_of_points_end_at_the_best_of_all():
    scores = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    points = frontier.best_of_points(scores)
    checks.close(points[0], (0.0, scores.mean().item()), "best of 1")
    pairs = torch.combinations(torch.arange(6), 2)
    best_of_two = scores[:, pairs].amax(dim=-1).mean().item()
    checks.close(points[1], (math.sqrt(math.log(2) - 1 / 2), best_of_two), "best of 2")
    last = math.sqrt(math.log(6) - 5 / 6), scores.amax(dim=1).mean().item()
    checks.close(points[-1], last, "best of 6")
    checks.equal(len(points), 4, "1, 2, 4 and 6")


def test_a_kl_that_was_estimated_below_zero_has_a_root():
    metrics = [{"step": 0, "val_kl": -1e-7, "val_score": 1.0}, {"step": 1, "score": 9.0},
               {"step": 2, "val_kl": 4.0, "val_score": 2.0}]  # fmt: skip
    assert frontier.policy_points(metrics) == [(0.0, 1.0), (2.0, 2.0)]


@pytest.mark.parametrize("n", [1, 2, 8])
def test_the_picture_is_drawn(n, tmp_path):
    metrics = [{"step": 0, "val_kl": 0.0, "val_score": 1.0}]
    path = frontier.draw(metrics, torch.rand(3, n), "ppo", tmp_path / "frontier.png")
    assert path.stat().st_size > 0
