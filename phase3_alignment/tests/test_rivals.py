"""Rivals that find what was planted, and nothing where there is nothing."""

import random

from phase3_alignment.project import comparisons, rivals
from phase3_alignment.project.records import Labelled, Pair
from phase3_alignment.solution.chat import Message
from phase3_alignment.tests.test_comparisons import Letters
from shared import checks


def parts(make, n=120):
    return [make([random.Random(seed * n + i) for i in range(n)]) for seed in range(3)]


def sentence(rng, *more):
    words = [*(rng.choice(["alpha", "beta", "gamma", "delta"]) for _ in range(6)), *more]
    return " ".join(rng.sample(words, len(words)))


def polite(rngs):
    prompt = (Message("user", "?"),)
    pairs = [Pair(prompt, sentence(rng, "please"), sentence(rng, "now")) for rng in rngs]
    return comparisons.of_pairs(pairs, Letters())


def talkative(rngs):
    prompt = (Message("user", "?"),)
    pairs = [Pair(prompt, " ".join(sentence(rng) for _ in range(2)), sentence(rng)) for rng in rngs]
    return comparisons.of_pairs(pairs, Letters())


def mostly_positive(rngs):
    labels = [Labelled(sentence(rng), int(rng.random() < 0.8)) for rng in rngs]
    return comparisons.of_labels(labels, 1, Letters())


def accuracies(make):
    return {name: report.accuracy for name, report in rivals.rivals(*parts(make)).items()}


def test_a_word_is_found_by_counting_words_alone():
    found = accuracies(polite)
    checks.equal(found[rivals.BLIND], 0.5, "without reading, a coin for each pair")
    checks.equal(found[rivals.WORDS], 1.0, "counting words")


def test_length_is_found():
    found = accuracies(talkative)
    checks.equal(found[rivals.LENGTH], 1.0, "the longer answer is better")
    checks.equal(found[rivals.BLIND], 0.5, "without reading")


def test_without_reading_one_says_what_is_commoner():
    train, validation, test = parts(mostly_positive)
    share = (test.better != comparisons.EVEN).double().mean().item()
    report = rivals.rivals(train, validation, test)[rivals.BLIND]
    checks.equal(report.accuracy, share, "accuracy: the share of positive texts")
    # Trained on 120 texts, of which 80 % are positive, give or take 4 %.
    checks.at_most(report.calibration_error, 0.15, "it knows how common they are")
