import math
from collections import Counter

import pytest
import torch
import torch.nn.functional as F

from phase1_transformers.solution import bigram
from shared import checks


def numbered_table():
    """A model of 3 tokens whose logit for j after i is 10 i + j."""
    model = bigram.Bigram(3)
    with torch.no_grad():
        model.table.weight.copy_(torch.tensor([[0.0, 1, 2], [10, 11, 12], [20, 21, 22]]))
    return model


def random_batch(V=5, B=3, T=7, seed=0):
    """Make a model with rows of very different sizes, ids and targets."""
    g = torch.Generator().manual_seed(seed)
    model = bigram.Bigram(V, g)
    with torch.no_grad():
        model.table.weight.copy_(
            torch.randn(V, V, generator=g) * torch.tensor([1.0, 30, 3, 9, 0.1])
        )
    return model, *(torch.randint(V, (B, T), generator=g) for _ in range(2))


def called(model, *arguments):
    """Call a model, after a check that a pair comes back."""
    pair = model(*arguments)
    checks.law(isinstance(pair, tuple) and len(pair) == 2, "forward gives (logits, loss)", pair)
    return pair


# -- the table, graded ------------------------------------------------------------------------


@pytest.mark.exercise("1.6")
def test_logits_are_rows_of_the_table():
    logits, loss = called(numbered_table(), torch.tensor([[0, 2]]))
    expected = torch.tensor([[[0.0, 1, 2], [20, 21, 22]]])
    checks.close(logits, expected, "logits after the tokens 0 and 2, table 10 i + j")
    checks.law(loss is None, "without targets the loss is None", loss)


@pytest.mark.exercise("1.6")
def test_loss_by_hand():
    # After token 0 the scores are 0, 1, 2: token 2 has e^2 / (1 + e + e^2).
    _, loss = called(numbered_table(), torch.tensor([[0]]), torch.tensor([[2]]))
    expected = math.log(1 + math.e + math.e**2) - 2
    checks.close(loss, expected, "loss of 2 after 0, scores 0, 1, 2", rtol=1e-5)


@pytest.mark.exercise("1.6")
def test_loss_is_torchs():
    model, idx, targets = random_batch()
    logits, loss = called(model, idx, targets)
    expected = model.table.weight[idx].detach()
    checks.close(logits, expected, "logits (3, 7, 5) of a random table, targets given")
    checks.close(loss, F.cross_entropy(expected.view(-1, 5), targets.view(-1)), "loss, nats")
    targets[0, 3:] = -100
    _, loss = called(model, idx, targets)
    expected = F.cross_entropy(expected.view(-1, 5), targets.view(-1))
    checks.close(loss, expected, "loss with targets that do not count, -100")


@pytest.mark.exercise("1.6")
def test_gradient_is_predicted_minus_seen():
    model, idx, targets = random_batch()
    idx[idx == 4] = 0  # token 4 is never seen
    _, loss = called(model, idx, targets)
    checks.law(isinstance(loss, torch.Tensor) and loss.requires_grad, "the loss has a gradient")
    loss.backward()
    p = model.table.weight.detach().double().softmax(dim=-1)
    expected = torch.zeros(5, 5, dtype=torch.float64)
    for i, j in zip(idx.flatten().tolist(), targets.flatten().tolist()):
        expected[i] += p[i] / 21
        expected[i, j] -= 1 / 21
    checks.close(model.table.weight.grad, expected.float(), "gradient of the table")


# -- counting, graded -------------------------------------------------------------------------


@pytest.mark.exercise("1.6")
def test_counts_by_hand():
    # 0 1, 1 1, 1 0, 0 1, 1 2: five pairs.
    tokens = torch.tensor([0, 1, 1, 0, 1, 2])
    counts = bigram.count_bigrams(tokens, 4)
    checks.equal(tokens, torch.tensor([0, 1, 1, 0, 1, 2]), "tokens after the count")
    expected = torch.tensor([[0, 2, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    checks.equal(counts, expected, "counts of the tokens 0 1 1 0 1 2, V = 4")
    checks.equal(str(counts.dtype), "torch.int64", "dtype of the counts")


@pytest.mark.exercise("1.6")
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_counts_are_those_of_a_counter(dtype):
    tokens = torch.randint(70, (3000,), generator=torch.Generator().manual_seed(0)).to(dtype)
    expected = torch.zeros(70, 70, dtype=torch.int64)
    for pair, count in Counter(zip(tokens[:-1].tolist(), tokens[1:].tolist())).items():
        expected[pair] = count
    checks.equal(bigram.count_bigrams(tokens, 70), expected, f"counts of 3,000 tokens, {dtype}")


@pytest.mark.exercise("1.6")
def test_short_rows_have_no_pairs():
    for n in (0, 1):
        tokens = torch.zeros(n, dtype=torch.long)
        checks.equal(bigram.count_bigrams(tokens, 2), torch.zeros(2, 2), f"counts of {n} tokens")
    table = torch.zeros(2, 2, dtype=torch.long)
    checks.raises(lambda: bigram.count_bigrams(table, 2), ValueError, "a table", match="one row")


# -- both -------------------------------------------------------------------------------------


def test_counting_is_the_optimum_of_training():
    tokens = torch.randint(4, (400,), generator=torch.Generator().manual_seed(1)) ** 2 % 5
    idx, targets = tokens[None, :-1], tokens[None, 1:]
    best = bigram.counted(bigram.count_bigrams(tokens, 5), smoothing=1e-9)(idx, targets)[1].item()
    model = bigram.Bigram(5, torch.Generator().manual_seed(0))
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=300, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = model(idx, targets)[1]
        loss.backward()
        return loss

    optimizer.step(closure)
    loss = model(idx, targets)[1].item()
    checks.at_least(loss, best - 1e-6, "loss of the trained table")
    checks.at_most(loss, best + 1e-3, "loss of the trained table")


def test_counted_is_the_conditional_entropy():
    tokens = torch.tensor([0, 1, 1, 0, 1, 2, 0])
    model = bigram.counted(bigram.count_bigrams(tokens, 3), smoothing=0)
    loss = model(tokens[None, :-1], tokens[None, 1:])[1]
    # 0 is followed by 1 twice; 1 by 0, 1 and 2 once each; 2 by 0: 3 of 6 pairs cost ln 3.
    checks.close(loss, math.log(3) / 2, "loss of the counted table", rtol=1e-6)


def test_a_new_table_knows_nothing():
    model = bigram.Bigram(65, torch.Generator().manual_seed(0))
    idx = torch.arange(65)[None]
    checks.close(model(idx, idx.flip(1))[1], math.log(65), "first loss, ln V", rtol=1e-2)
