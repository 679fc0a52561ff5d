"""Accuracy, calibration and length bias: by hand, by simulation, against scikit-learn."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from phase3_alignment.project import calibration
from phase3_alignment.solution.reward_model import RewardModel
from shared import checks


def log_odds(p):
    return math.log(p / (1 - p))


def test_ties_count_a_half():
    chosen, rejected = torch.tensor([1.0, 2, 3, 4]), torch.tensor([0.0, 2, 3, 5])
    checks.equal(calibration.right(chosen, rejected), torch.tensor([1, 0.5, 0.5, 0]), "right")


def test_calibration_by_hand():
    """Ten pairs at 0.72, of which 7 are right, and five at 0.93, all right."""
    lead = torch.tensor([log_odds(0.72)] * 7 + [-log_odds(0.72)] * 3 + [log_odds(0.93)] * 5)
    bins = calibration.reliability(lead, torch.zeros(15))
    checks.equal([b.n for b in bins], [10, 5], "pairs in each bin")
    checks.close([b.confidence for b in bins], [0.72, 0.93], "confidence", rtol=1e-6)
    checks.close([b.accuracy for b in bins], [0.7, 1.0], "accuracy", rtol=1e-6)
    expected = (10 * 0.02 + 5 * 0.07) / 15
    checks.close(calibration.calibration_error(bins), expected, "calibration error", rtol=1e-6)


def test_the_surest_pair_has_a_bin():
    bins = calibration.reliability(torch.tensor([1000.0, 0]), torch.tensor([0.0, 0]))
    checks.equal(
        [(b.n, b.confidence, b.accuracy) for b in bins], [(1, 0.5, 0.5), (1, 1, 1)], "bins"
    )


def simulate(n, scale=1.0, seed=0):
    """Scores whose differences are true log-odds times `scale`, and people who follow them."""
    g = torch.Generator().manual_seed(seed)
    one, other = torch.randn(2, n, generator=g, dtype=torch.float64)
    prefer_one = torch.rand(n, generator=g, dtype=torch.float64) < (one - other).sigmoid()
    chosen = torch.where(prefer_one, one, other)
    return scale * chosen, scale * torch.where(prefer_one, other, one)


def test_a_model_that_knows_how_sure_to_be():
    chosen, rejected = simulate(100_000)
    error = calibration.calibration_error(calibration.reliability(chosen, rejected))
    # Ten bins of thousands of coins each: 0.005 is the chance of it.
    checks.at_most(error, 0.01, "calibration error of true log-odds")
    error = calibration.calibration_error(calibration.reliability(*simulate(100_000, scale=4.0)))
    checks.at_least(error, 0.15, "calibration error of log-odds four times too large")


def test_bins_are_scikit_learns():
    sklearn = pytest.importorskip("sklearn.calibration", reason="needs scikit-learn")
    chosen, rejected = simulate(3000)
    bins = calibration.reliability(chosen, rejected)
    lead = chosen - rejected
    # Its bins are of [0, 1]: twenty of those are ten of ours and ten without any pair.
    share, confidence = sklearn.calibration_curve(
        (lead > 0).numpy(), lead.abs().sigmoid().numpy(), n_bins=20
    )
    checks.close([b.accuracy for b in bins], share.tolist(), "accuracy in each bin", rtol=1e-9)
    checks.close([b.confidence for b in bins], confidence.tolist(), "confidence", rtol=1e-9)


def test_a_model_that_counts_words():
    lengths = torch.tensor([[9, 3, 4, 8], [2, 5, 6, 8]])
    found = calibration.length_bias(*lengths.float(), *lengths)
    expected = calibration.LengthBias(
        scores=1.0,
        labels=(7 - 2 - 2) / math.sqrt(4 * (49 + 4 + 4)),
        longer_is_better=1.0,
        longer_is_worse=0.0,
        n_better=1,
        n_worse=2,
    )
    for name in vars(expected):
        checks.close(getattr(found, name), getattr(expected, name), name, rtol=1e-6)


def test_correlation_is_numpys_without_each_pairs_mean():
    g = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 50, generator=g, dtype=torch.float64)
    lengths = torch.randint(3, 99, (2, 50), generator=g)
    found = calibration.length_bias(*scores, *lengths)
    within = [(x - x.double().mean(0)).flatten().numpy() for x in (scores, lengths)]
    checks.close(found.scores, np.corrcoef(*within)[0, 1], "correlation", rtol=1e-9)
    swapped = calibration.length_bias(*scores.flip(0), *lengths.flip(0))
    checks.close(swapped.scores, found.scores, "correlation, chosen and rejected swapped")
    checks.close(swapped.labels, -found.labels, "correlation with the labels, swapped")


def test_no_lengths_to_compare():
    found = calibration.length_bias(torch.ones(2), torch.zeros(2), torch.ones(2), torch.ones(2))
    expected = calibration.LengthBias(0.0, 0.0, None, None, 0, 0)
    checks.equal(found, expected, "length bias where all are of one length")


class Sum(nn.Module):
    """A backbone whose hidden state is what it has read so far, times ten."""

    def __init__(self):
        super().__init__()
        self.config = type("Config", (), {"hidden_size": 1})

    def forward(self, input_ids, attention_mask):
        read = (input_ids * attention_mask).cumsum(1)[..., None].float() / 10
        return type("Output", (), {"last_hidden_state": read})


def test_a_report_and_its_picture(tmp_path):
    model = RewardModel(Sum())
    model.head.weight.data.fill_(1.0)
    g = torch.Generator().manual_seed(0)
    texts = [torch.randint(1, 9, (int(n),), generator=g) for n in torch.randint(1, 9, (40,))]
    chosen, rejected = texts[:20], texts[20:]
    lengths = [torch.tensor([len(text) for text in side]) for side in (chosen, rejected)]
    scores = torch.tensor([text.sum() / 10 for text in texts])
    checks.close(calibration.score(model, texts, batch_size=7), scores, "scores, in order")
    checks.equal(model.training, True, "a model that trains goes on training")
    found = calibration.report(model, chosen, rejected, *lengths, batch_size=7)
    better, worse = scores.view(2, -1)
    checks.equal(found.accuracy, calibration.right(better, worse).mean().item(), "accuracy")
    error = calibration.calibration_error(calibration.reliability(better, worse))
    checks.close(found.calibration_error, error, "calibration error", rtol=1e-5)
    model.normalise(calibration.score(model, texts))
    again = calibration.report(model, chosen, rejected, *lengths)
    checks.close(again.calibration_error, error, "after normalisation", rtol=1e-4)
    checks.equal(again.length_bias.n_worse, found.length_bias.n_worse, "longer and worse")
    path = calibration.draw(found, tmp_path / "calibration.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="are no pairs"):
        calibration.report(model, chosen, rejected[1:], *lengths)
