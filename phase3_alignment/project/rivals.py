"""What a reward model has to beat: no opinion, counting characters, counting words.

The three are one: a logistic regression on the difference of two texts' features, that is, the loss
of Bradley and Terry with a linear score. Its regularisation is chosen by the validation part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from phase3_alignment.project.calibration import Report
from phase3_alignment.project.comparisons import Comparisons

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Features = Callable[[Sequence[str]], "csr_matrix"]  # (N) texts to (N, F) numbers

STRENGTHS = (0.1, 1.0, 10.0, 100.0)  # C of the regression: the larger, the freer
TOKENS = r"\w+|[^\w\s]"  # words and single signs
BLIND, LENGTH, WORDS = "without reading", "length alone", "bag of words"


def rivals(train: Comparisons, validation: Comparisons, test: Comparisons) -> dict[str, Report]:
    """Train and check all three; `BLIND` says what is commoner, and of pairs it knows nothing."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=TOKENS)
    words.fit(train.texts)
    features = {BLIND: _ones, LENGTH: _length, WORDS: words.transform}
    return {name: linear(f, train, validation, test) for name, f in features.items()}


def linear(
    features: Features, train: Comparisons, validation: Comparisons, test: Comparisons
) -> Report:
    """Score texts by a weighted sum of features and 1, and check that on the test part."""
    from sklearn.linear_model import LogisticRegression

    def score(part: Comparisons, weights: np.ndarray) -> Report:
        return part.judged(torch.from_numpy(_with_one(features, part) @ weights))

    lead = _lead(train, _with_one(features, train))
    both = _stack([lead, -lead])  # each comparison from both sides, so there are two classes
    targets = np.repeat([1, 0], len(train))
    found = [
        LogisticRegression(C=C, fit_intercept=False, max_iter=1000).fit(both, targets).coef_[0]
        for C in STRENGTHS
    ]
    return score(test, max(found, key=lambda weights: score(validation, weights).accuracy))


def _lead(part: Comparisons, x: csr_matrix) -> csr_matrix:
    """Features of the better texts less those of the worse ones, (M, F); EVEN has none."""
    x = _stack([x, x[:1] * 0])
    return x[part.better.numpy()] - x[part.worse.numpy()]


def _with_one(features: Features, part: Comparisons) -> csr_matrix:
    from scipy.sparse import hstack

    return hstack([_ones(part.texts), features(part.texts)], format="csr")


def _stack(parts: Sequence[csr_matrix]) -> csr_matrix:
    from scipy.sparse import vstack

    return vstack(parts, format="csr")


def _ones(texts: Sequence[str]) -> csr_matrix:
    from scipy.sparse import csr_matrix

    return csr_matrix(np.ones((len(texts), 1)))


def _length(texts: Sequence[str]) -> csr_matrix:
    from scipy.sparse import csr_matrix

    return csr_matrix([[len(text) / 100] for text in texts])  # about 1, for the regularisation
