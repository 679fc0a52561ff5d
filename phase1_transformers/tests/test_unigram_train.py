import math
import random
from itertools import pairwise

import numpy as np
import pytest

from phase1_transformers.solution import unigram, unigram_train
from phase1_transformers.solution.splitting import GPT4_PATTERN
from phase1_transformers.tests.test_unigram import random_pieces, segmentations
from shared import checks

TEXT = (
    "It is a truth universally acknowledged, that a single man in possession of a good fortune,"
    " must be in want of a wife. However little known the feelings or views of such a man may be on"
    " his first entering a neighbourhood, this truth is so well fixed in the minds of the"
    " surrounding families, that he is considered as the rightful property of some one or other of"
    " their daughters.\n"
) * 3


def random_problem(seed):
    """Make words with counts, and scores for single characters and some longer pieces."""
    rng = random.Random(seed)
    words = {"".join(rng.choices("abc", k=rng.randint(1, 8))): rng.randint(1, 5) for _ in range(6)}
    pieces = random_pieces("abc", 20, seed) | {"a": -2.0, "b": -2.5, "c": -1.5}
    total = math.log(sum(math.exp(score) for score in pieces.values()))
    return words, {piece: score - total for piece, score in pieces.items()}


@pytest.mark.parametrize("seed", range(5))
def test_expected_uses_are_those_of_all_segmentations(seed):
    words, log_probs = random_problem(seed)
    uses, log_likelihood = dict.fromkeys(log_probs, 0.0), 0.0
    for word, count in words.items():
        ways = [way for way in segmentations(word) if set(way) <= log_probs.keys()]
        probabilities = [math.exp(sum(log_probs[piece] for piece in way)) for way in ways]
        log_likelihood += count * math.log(sum(probabilities))
        for way, probability in zip(ways, probabilities):
            for piece in way:
                uses[piece] += count * probability / sum(probabilities)
    lattice = unigram_train.Lattice(words, log_probs)
    found, found_likelihood = lattice.expected_uses(np.array(list(log_probs.values())))
    checks.close(found, np.array(list(uses.values())), "expected uses", rtol=1e-10)
    checks.close(found_likelihood, log_likelihood, "log-likelihood", rtol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_em_never_makes_the_text_less_probable(seed):
    words, log_probs = random_problem(seed)
    lattice, likelihoods = unigram_train.Lattice(words, log_probs), []
    for _ in range(15):
        log_probs, log_likelihood = unigram_train.em_step(lattice, log_probs)
        likelihoods.append(log_likelihood)
        total = sum(math.exp(score) for score in log_probs.values())
        checks.close(total, 1.0, "sum of the probabilities")
    # MIN_USES takes a thousandth of a use from the others for each piece that is not used.
    slack = unigram_train.MIN_USES * len(log_probs)
    falls = max(before - after for before, after in pairwise(likelihoods))
    checks.at_most(falls, slack, "largest fall of the log-likelihood, nats")
    checks.at_least(likelihoods[-1] - likelihoods[0], 1.0, "rise of the log-likelihood, nats")


def test_words_are_cut_where_a_character_is_not_covered():
    long = "a" * (unigram_train.MAX_WORD + 6)
    words = unigram_train.count_words(f"abé cab {long}", GPT4_PATTERN, "abc ")
    expected = {"ab": 1, " cab": 1, " " + "a" * (unigram_train.MAX_WORD - 1): 1, "a" * 7: 1}
    checks.equal(dict(words), expected, "counted words")


def test_coverage():
    text = "é" * 90 + "ü" * 9 + "ö"
    covered = unigram_train.covered_characters(text, 0.99) - set(unigram.ASCII)
    checks.equal(covered, {"é", "ü"}, "characters that cover 99 %")
    covered = unigram_train.covered_characters(text, 1.0) - set(unigram.ASCII)
    checks.equal(covered, {"é", "ü", "ö"}, "characters that cover everything")


def test_prune_keeps_characters_and_what_is_missed_most():
    log_probs = {"a": -2.0, "b": -2.0, "c": -2.0, "ab": -1.0, "bc": -9.0, "abc": -2.9}
    # Without ab, its uses cost 3 more each; abc has ab c, 0.1 worse; bc has b c, which is better.
    kept = unigram_train.prune(log_probs, 4)
    checks.equal(set(kept), {"a", "b", "c", "ab"}, "4 pieces kept")
    checks.equal(set(unigram_train.prune(log_probs, 5)) - set(kept), {"abc"}, "the fifth")


def test_training():
    tokenizer = unigram_train.train_tokenizer(TEXT, 360)
    checks.equal(tokenizer.vocab_size, 360, "size of the vocabulary")
    ids = tokenizer.encode(TEXT)
    checks.equal(tokenizer.decode(ids), TEXT, "decoded")
    checks.at_most(len(ids), len(TEXT) / 2.5, "tokens of the text")
    again = unigram_train.train_tokenizer(TEXT, 360)
    checks.equal(again.encode(TEXT), ids, "the ids of a second training")
    crossing = [piece for piece in tokenizer.log_probs if " " in piece[1:] and piece.strip()]
    checks.equal(crossing, [], "pieces that reach over a cut")


def test_too_small_a_vocabulary():
    checks.raises(lambda: unigram_train.train("é", 256), ValueError, "no room", "at least 257")
    scores = unigram_train.train("é", 257)
    checks.equal(set(scores), {*unigram.ASCII, "é"}, "pieces of the smallest vocabulary")


def test_empty_text():
    checks.raises(lambda: unigram_train.train("", 300), ValueError, "no text", match="empty")
