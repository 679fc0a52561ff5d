"""The half-cures of `mistakes/clinic_leak.py`, as others would write them."""

import numpy as np

from phase0_foundations.solution.clinic import accuracy
from phase0_foundations.solution.clinic_leak import Outcome, fit, jittered
from shared.mistakes import attempt


def judged(train, validation, rng):
    net = fit(*train, rng)
    return Outcome(net, train[0], validation[0], accuracy(net, *train), accuracy(net, *validation))


@attempt("leak_splits_copies")
def _(pictures, labels, *, seed=0):
    random = np.random.default_rng(seed)
    many, many_labels = jittered(pictures, labels, random)
    order = random.permutation(len(many_labels))
    many, many_labels = many[order], many_labels[order]
    cut = len(many) // 5
    return judged((many[cut:], many_labels[cut:]), (many[:cut], many_labels[:cut]), random)


@attempt("leak_larger_validation")
def _(pictures, labels, *, seed=0):
    random = np.random.default_rng(seed)
    many, many_labels = jittered(pictures, labels, random)
    order = random.permutation(len(many_labels))
    aside, rest = np.split(order, 2)
    return judged((many[rest], many_labels[rest]), (many[aside], many_labels[aside]), random)


@attempt("leak_trains_on_all")
def _(pictures, labels, *, seed=0):
    random = np.random.default_rng(seed)
    aside = random.choice(len(pictures), len(pictures) // 5, replace=False)
    return judged(jittered(pictures, labels, random), (pictures[aside], labels[aside]), random)


@attempt("leak_without_copies")
def _(pictures, labels, *, seed=0):
    random = np.random.default_rng(seed)
    aside, rest = np.split(random.permutation(len(pictures)), [len(pictures) // 5])
    return judged((pictures[rest], labels[rest]), (pictures[aside], labels[aside]), random)


@attempt("leak_jitters_validation")
def _(pictures, labels, *, seed=0):
    random = np.random.default_rng(seed)
    aside, rest = np.split(random.permutation(len(pictures)), [len(pictures) // 5])
    train = jittered(pictures[rest], labels[rest], random)
    return judged(train, jittered(pictures[aside], labels[aside], random), random)


@attempt("leak_trains_on_all")
def _(pictures, labels, *, seed=0):
    random = np.random.default_rng(seed)
    aside = random.choice(len(pictures), len(pictures) // 5, replace=False)
    many, many_labels = jittered(pictures, labels, random)
    some = random.choice(len(many), len(many) * 4 // 5, replace=False)
    return judged((many[some], many_labels[some]), (pictures[aside], labels[aside]), random)


@attempt("leak_judges_by_all_originals")
def _(pictures, labels, *, seed=0):
    random = np.random.default_rng(seed)
    return judged(jittered(pictures, labels, random), (pictures, labels), random)


@attempt("leak_blames_size")
def _():
    return chr(97)


@attempt("leak_blames_overfitting")
def _():
    return "abcde"[1]


@attempt("leak_blames_mode")
def _():
    cause = "C"
    return cause.lower()


@attempt("leak_blames_noise")
def _():
    return "E".casefold()
