"""Pairs and labels in one form, and batches in which little is padded."""

import pytest
import torch
import torch.nn.functional as F

from phase3_alignment.project import calibration, comparisons, records
from phase3_alignment.project.comparisons import EVEN
from phase3_alignment.project.records import Conversation, Corpus, Labelled, Pair
from phase3_alignment.solution.chat import Message
from phase3_alignment.solution.reward_model import bradley_terry
from shared import checks
from shared.texts import DataError

TEXTS = [Labelled("good", 1), Labelled("bad film", 0), Labelled("fine tea", 1), Labelled("no", 2)]


class Letters:
    """A reader that needs no tokenizer: a token for each letter."""

    def text(self, text):
        return torch.tensor([ord(letter) for letter in text])

    def answer(self, prompt, answer):
        return self.text("".join(m.content for m in prompt) + answer)


def make_pairs(n=3):
    return [Pair((Message("user", f"q{i}"),), "yes" * i, "no") for i in range(1, n + 1)]


def test_pairs():
    found = comparisons.of_pairs(make_pairs(2), Letters())
    checks.equal(found.texts, ("yes", "no", "yesyes", "no"), "the answers, without the prompts")
    checks.equal(found.ids[2], Letters().text("q2yesyes"), "ids, with the prompt")
    checks.equal(found.better.tolist(), [0, 2], "the chosen ones")
    checks.equal(found.worse.tolist(), [1, 3], "the rejected ones")
    checks.equal(found.n_tokens.tolist(), [5, 8], "tokens of the longer side")
    scores = torch.tensor([1.0, 2, 3, 0])
    checks.equal([s.tolist() for s in found.sides(scores)], [[1, 3], [2, 0]], "both sides")


def test_a_report_of_pairs_is_calibrations():
    """The same numbers as `calibration.report` finds, which has a model of its own to ask."""
    found = comparisons.of_pairs(make_pairs(9), Letters())
    scores = torch.randn(18, generator=torch.Generator().manual_seed(0))
    better, worse = scores.view(-1, 2).T
    lengths = torch.tensor([[3 * i for i in range(1, 10)], [2] * 9])
    report = found.judged(scores)
    checks.equal(report.bins, calibration.reliability(better, worse), "bins")
    checks.equal(report.accuracy, calibration.right(better, worse).mean().item(), "accuracy")
    bias = calibration.length_bias(better, worse, *lengths)
    checks.equal(report.length_bias, bias, "length bias")


def test_the_loss_of_a_label_is_binary_cross_entropy():
    found = comparisons.of_labels(TEXTS, 1, Letters())
    checks.equal(found.better.tolist(), [0, EVEN, 2, EVEN], "the better sides")
    checks.equal(found.worse.tolist(), [EVEN, 1, EVEN, 3], "the worse sides")
    scores = torch.tensor([0.5, -1, -2, 3], requires_grad=True)
    loss = bradley_terry(*found.sides(scores))
    targets = torch.tensor([1.0, 0, 1, 0])
    expected = F.binary_cross_entropy_with_logits(scores, targets)
    checks.close(loss, expected, "loss of labels")
    gradients = [torch.autograd.grad(x, scores, retain_graph=True)[0] for x in (loss, expected)]
    checks.close(*gradients, "its gradient")
    report = found.judged(scores.detach())
    checks.equal(report.accuracy, 0.5, "accuracy: the first two are right")
    checks.equal(found.n_tokens.tolist(), [4, 8, 8, 2], "tokens of each text")


def test_a_label_has_a_length_bias_about_the_mean_length():
    texts = [Labelled("x" * n, int(n > 10)) for n in (1, 9, 11, 19)]
    found = comparisons.of_labels(texts, 1, Letters())
    bias = found.judged(found.lengths[:-1] - 10).length_bias
    checks.close(bias.scores, 1.0, "a score that is the length, less the mean", rtol=1e-6)
    checks.equal((bias.n_better, bias.longer_is_better), (4, 1.0), "longer texts are positive")


@pytest.mark.parametrize("name", ["pairs", "labels"])
def test_validation_shares_no_opening_and_is_not_empty(name):
    """Nor is it empty where a test part was held out before: another hash decides."""
    if name == "pairs":
        of = [Pair((Message("user", f"q{i % 400}"),), "a", "b") for i in range(800)]
    else:
        of = [Labelled(f"text {i % 400}", 0) for i in range(800)]
    train, test = records.held_out(of, 0.2)
    corpus = comparisons.with_validation(Corpus(train, test, "here"))
    openings = [{records.opening(r) for r in part} for part in (corpus.train, corpus.validation)]
    checks.law(not openings[0] & openings[1], "no opening on both sides")
    checks.equal(len(corpus.train) + len(corpus.validation), len(train), "nothing is lost")
    # 320 openings, a tenth of them: 32, give or take 5.4.
    checks.law(16 <= len(openings[1]) <= 48, "about a tenth")
    checks.equal(comparisons.with_validation(corpus), corpus, "a part that is there already")


def test_the_positive_class():
    corpus = Corpus(tuple(TEXTS), (), "here", names=("negative", "positive", "none"))
    checks.equal(comparisons.positive_class(corpus, "negative"), "negative", "the named class")
    checks.equal(comparisons.positive_class(corpus, "happy"), "positive", "the commonest")
    pairs = Corpus(tuple(make_pairs()), (), "here")
    checks.equal(comparisons.positive_class(pairs, "positive"), None, "pairs have no classes")
    talk = Corpus((Conversation((Message("user", "Hi"),)),), (), "here")
    checks.raises(
        lambda: comparisons.positive_class(talk, "positive"), DataError, "talk", "conversations"
    )


def test_batches_deal_out_everything_once_with_little_padding():
    g = torch.Generator().manual_seed(0)
    lengths = torch.randint(3, 60, (1000,), generator=g)
    found = comparisons.batches(lengths, 16, g)
    checks.equal(torch.cat(found).sort().values, torch.arange(1000), "all numbers, once")
    checks.law(all(len(batch) <= 16 for batch in found), "no batch is too large")
    rectangles = sum(int(lengths[batch].max()) * len(batch) for batch in found)
    checks.at_most(rectangles / int(lengths.sum()), 1.1, "tokens with padding, for each without")
    means = torch.stack([lengths[batch].float().mean() for batch in found])
    checks.law((means.diff() > 0).float().mean() < 0.7, "batches are not sorted")
    again = comparisons.batches(lengths, 16, torch.Generator().manual_seed(1))
    checks.law(not torch.equal(torch.cat(again), torch.cat(found)), "another epoch, another order")


def test_halves_are_parted_by_their_openings():
    pairs = [Pair((Message("user", f"q{i // 2}"),), "yes", f"no{i}") for i in range(400)]
    corpus = Corpus(tuple(pairs), tuple(pairs[:3]), "a test")
    checks.equal(comparisons.half(corpus, "both"), corpus, "both")
    first, second = (comparisons.half(corpus, which) for which in ("first", "second"))
    checks.equal({*first.train} | {*second.train}, {*pairs}, "nothing is lost")
    asked = [{records.opening(pair) for pair in part.train} for part in (first, second)]
    assert not asked[0] & asked[1], "a prompt is in one half only"
    checks.at_least(min(map(len, asked)), 75, "prompts of 200 in the smaller half")
    checks.equal((first.test, second.test), (corpus.test, corpus.test), "one test part")
    validation = [len(comparisons.with_validation(part).validation) for part in (first, second)]
    checks.at_least(min(validation), 5, "pairs to choose by, of about 20: another hash")
