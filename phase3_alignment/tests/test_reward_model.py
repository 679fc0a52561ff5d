"""The last real token and the Bradley-Terry loss; then a model that learns a preference."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from phase3_alignment.solution import reward_model
from shared import checks

NAN = math.nan


def make_mask(*rows):
    """Rows such as ".xx.": x is a real token, a dot is padding."""
    return torch.tensor([[c == "x" for c in row] for row in rows])


# -- the last token -----------------------------------------------------------------------------


@pytest.mark.exercise("3.13")
def test_padding_on_the_right_and_on_the_left():
    x = torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]])
    found = reward_model.last_token(x, make_mask("xxxx", "xx..", "xxx."))
    checks.equal(found, torch.tensor([4.0, 6, 11]), "the last tokens of xxxx, xx.. and xxx.")
    found = reward_model.last_token(x, make_mask("xxxx", "..xx", ".xxx"))
    checks.equal(found, torch.tensor([4.0, 8, 12]), "the last tokens of xxxx, ..xx and .xxx")


@pytest.mark.exercise("3.13")
def test_padding_on_both_sides_and_within():
    """A prompt is padded on its left, an answer on its right, and here there is a gap, too."""
    x = torch.tensor([[1.0, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12, 13, 14, 15]])
    found = reward_model.last_token(x, make_mask(".xxx.", ".x...", "x.xx."))
    checks.equal(found, torch.tensor([4.0, 7, 14]), "the last tokens of .xxx., .x... and x.xx.")


@pytest.mark.exercise("3.13")
def test_a_text_of_nothing_but_padding_gives_zeros():
    x = torch.tensor([[3.0, 2, 3], [4, 5, 6]])
    found = reward_model.last_token(x, make_mask("...", "xx."))
    checks.equal(found, torch.tensor([0.0, 5]), "the last tokens of ... and xx.")
    vectors = torch.stack([x, -x], dim=-1)
    found = reward_model.last_token(vectors, make_mask("...", "xx."))
    expected = torch.tensor([[0.0, 0], [5, -5]])
    checks.equal(found, expected, "the same, a vector for each token")


@pytest.mark.exercise("3.13")
def test_padding_is_not_looked_at():
    x = torch.tensor([[NAN, 2, 3, NAN], [5, 6, NAN, NAN], [NAN] * 4])
    mask = make_mask(".xx.", "xx..", "....")
    kept = x.clone(), mask.clone()
    found = reward_model.last_token(x, mask)
    checks.equal(found, torch.tensor([3.0, 6, 0]), "the last tokens where padding is NaN")
    checks.equal((x, mask), kept, "x and mask after the call, left as they were")


@pytest.mark.exercise("3.13")
def test_only_the_last_token_gets_a_gradient():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(3, 4, 2, generator=g, dtype=torch.float64).requires_grad_()
    found = reward_model.last_token(x, make_mask("xxx.", "..xx", "...."))
    checks.equal(found, torch.stack([x[0, 2], x[1, 3], 0 * x[2, 0]]), "three last vectors")
    weights = torch.tensor([[1.0, 2], [3, 4], [5, 6]], dtype=torch.float64)
    (gradient,) = torch.autograd.grad((weights * found).sum(), x)
    expected = torch.zeros_like(x)
    expected[0, 2], expected[1, 3] = weights[0], weights[1]
    checks.equal(gradient, expected, "gradient of x: the last real tokens alone")


# -- the loss -----------------------------------------------------------------------------------


@pytest.mark.exercise("3.13")
def test_pairs_by_hand():
    """A score that is log 3 higher wins three times in four."""
    rejected = torch.tensor([0.5, -1.0])
    loss = reward_model.bradley_terry(rejected.clone(), rejected)
    checks.close(loss, torch.tensor(math.log(2)), "loss of equal scores: ln 2")
    loss = reward_model.bradley_terry(rejected + math.log(3), rejected)
    checks.close(loss, torch.tensor(-math.log(3 / 4)), "loss where the chosen ones lead by ln 3")
    loss = reward_model.bradley_terry(rejected - math.log(3), rejected)
    checks.close(loss, torch.tensor(-math.log(1 / 4)), "loss where the chosen ones lag by ln 3")


@pytest.mark.exercise("3.13")
def test_the_mean_over_unequal_pairs():
    lead = torch.tensor([math.log(3), -math.log(3), 0.0])
    rejected = torch.tensor([7.0, -2.0, 1.0])
    chosen = rejected + lead
    kept = chosen.clone(), rejected.clone()
    loss = reward_model.bradley_terry(chosen, rejected)
    expected = -(math.log(3 / 4) + math.log(1 / 4) + math.log(1 / 2)) / 3
    checks.close(loss, torch.tensor(expected), "mean loss of leads of ln 3, -ln 3 and 0")
    checks.equal((chosen, rejected), kept, "the scores after the call, left as they were")
    shifted = reward_model.bradley_terry(chosen + 50, rejected + 50)
    # float32 scores of 50 are 4e-6 apart.
    checks.close(shifted, torch.tensor(expected), "the same with 50 added to all", atol=1e-5)


@pytest.mark.exercise("3.13")
@pytest.mark.parametrize("lead", [-1000.0, -100.0, 100.0])
def test_far_apart(lead):
    chosen = torch.tensor([lead]).requires_grad_()
    rejected = torch.zeros(1).requires_grad_()
    loss = reward_model.bradley_terry(chosen, rejected)
    checks.close(loss, torch.tensor(max(-lead, 0.0)), f"loss at a difference of {lead:.0f}")
    found = torch.autograd.grad(loss, (chosen, rejected), allow_unused=True)
    pull = float(lead < 0)
    expected = torch.tensor([-pull]), torch.tensor([pull])
    checks.close(found, expected, f"gradients at a difference of {lead:.0f}")


@pytest.mark.exercise("3.13")
def test_gradients_in_closed_form():
    g = torch.Generator().manual_seed(0)
    chosen, rejected = (3 * torch.randn(2, 7, generator=g, dtype=torch.float64)).unbind()
    chosen.requires_grad_(), rejected.requires_grad_()
    loss = reward_model.bradley_terry(chosen, rejected)
    found = torch.autograd.grad(loss, (chosen, rejected))
    pull = 1 / (1 + (chosen - rejected).detach().exp()) / 7
    checks.close(found[0], -pull, "gradient of chosen: -sigmoid(-d) / B")
    checks.close(found[1], pull, "gradient of rejected: sigmoid(-d) / B")


# -- proofs -------------------------------------------------------------------------------------


def test_the_loss_is_torchs_cross_entropy_of_two_classes():
    chosen, rejected = torch.randn(2, 9, dtype=torch.float64)
    both = torch.stack([chosen, rejected], dim=1)
    expected = F.cross_entropy(both, torch.zeros(9, dtype=torch.int64))
    checks.close(reward_model.bradley_terry(chosen, rejected), expected, "loss")


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="not 1:1"):
        reward_model.bradley_terry(torch.zeros(3, 1), torch.zeros(3))
    with pytest.raises(ValueError, match="does not fit a mask"):
        reward_model.last_token(torch.zeros(2, 3, 4), make_mask("xx", "xx"))


class Config:
    hidden_size = 8


class Counter(nn.Module):
    """A backbone that a test can train in a second: the mean of embeddings so far."""

    def __init__(self):
        super().__init__()
        self.config, self.table = Config(), nn.Embedding(10, Config.hidden_size)

    def forward(self, input_ids, attention_mask):
        x = self.table(input_ids) * attention_mask[..., None]
        seen = attention_mask.cumsum(dim=1).clamp(min=1)[..., None]
        return type("Output", (), {"last_hidden_state": x.cumsum(dim=1) / seen})


def preferences(n, seed, shuffled=False):
    """Pairs of texts of digits; the better one has more sevens for its length."""
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(10, (2, n, 12), generator=g)
    mask = torch.arange(12) < torch.randint(6, 13, (2, n, 1), generator=g)
    share = ((ids == 7) & mask).sum(-1) / mask.sum(-1)
    keep = share[0] != share[1]
    worse = (share[0] < share[1]) if not shuffled else torch.rand(n, generator=g) < 0.5
    order = torch.stack([worse.long(), 1 - worse.long()])[:, keep]
    rows = torch.arange(n)[keep]
    return ids[order, rows], mask[order, rows]


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_model_learns_a_preference(shuffled):
    torch.manual_seed(0)
    model = reward_model.RewardModel(Counter())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    ids, mask = preferences(512, seed=1, shuffled=shuffled)
    for _ in range(60):
        scores = model(ids.flatten(0, 1), mask.flatten(0, 1)).view(2, -1)
        optimizer.zero_grad()
        reward_model.bradley_terry(*scores).backward()
        optimizer.step()
    ids, mask = preferences(2000, seed=2, shuffled=shuffled)
    chosen, rejected = model(ids.flatten(0, 1), mask.flatten(0, 1)).view(2, -1)
    accuracy = (chosen > rejected).double().mean()
    if shuffled:
        # 1,500 fair coins: four standard deviations are 0.05.
        checks.law(abs(accuracy - 0.5) < 0.05, "accuracy of 0.5 on labels that mean nothing")
    else:
        checks.at_least(accuracy, 0.95, "accuracy on held-out pairs")


def test_padding_goes_to_the_right():
    ids = torch.tensor([[0, 1, 2, 0, 0], [0, 0, 3, 4, 0], [5, 0, 6, 7, 0]])
    mask = make_mask(".xx..", "..xx.", "x.xx.")
    found = reward_model.pad_right(ids, mask)
    expected = torch.tensor([[1, 2, 0], [3, 4, 0], [5, 6, 7]]), make_mask("xx.", "xx.", "xxx")
    checks.equal(found[1], expected[1], "mask")
    checks.equal(found[0] * found[1], expected[0], "ids")
    checks.equal(reward_model.pad_right(ids, mask & False)[1], make_mask(".", ".", "."), "empty")


def test_normalised_scores():
    model = reward_model.RewardModel(Counter())
    ids, mask = preferences(20, seed=0)
    ids, mask = ids.flatten(0, 1), mask.flatten(0, 1)
    raw = model(ids, mask).detach()
    for _ in range(2):  # what is normalised twice is normalised
        model.normalise(model(ids, mask).detach())
        scores = model(ids, mask).detach()
        checks.close(scores.mean(), torch.zeros(()), "mean")
        checks.close(scores.std(correction=0), torch.ones(()), "standard deviation")
        checks.close(scores.diff() / model.gain, raw.diff(), "log-odds, scaled back")
    with pytest.raises(ValueError, match="all alike"):
        model.normalise(torch.ones(3))
