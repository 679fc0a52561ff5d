"""Half-cures for `solution/clinic_leak.py` and for the illness itself."""

import numpy as np

from phase0_foundations.solution.clinic import accuracy
from phase0_foundations.solution.clinic_leak import VALIDATION_SHARE, Outcome, fit, jittered
from shared.mistakes import mistake


@mistake(
    "0.20",
    "clinic_leak.run_leak",
    "A larger validation set, the same illness: not how many pictures judge is the matter, but which.",
)
def leak_larger_validation(pictures, labels, *, seed=0):
    rng = np.random.default_rng(seed)
    pictures, labels = jittered(pictures, labels, rng)
    order = rng.permutation(len(pictures))
    held_out, kept = order[: len(order) // 2], order[len(order) // 2 :]
    net = fit(pictures[kept], labels[kept], rng)
    return Outcome(
        net,
        pictures[kept],
        pictures[held_out],
        accuracy(net, pictures[kept], labels[kept]),
        accuracy(net, pictures[held_out], labels[held_out]),
    )


@mistake(
    "0.20",
    "clinic_leak.run_leak",
    "Half a cure: the validation pictures have no jitter now, but copies of them are still in the training set.",
)
def leak_trains_on_all(pictures, labels, *, seed=0):
    rng = np.random.default_rng(seed)
    held_out = rng.permutation(len(pictures))[: int(len(pictures) * VALIDATION_SHARE)]
    train_pictures, train_labels = jittered(pictures, labels, rng)
    net = fit(train_pictures, train_labels, rng)
    return Outcome(
        net,
        train_pictures,
        pictures[held_out],
        accuracy(net, train_pictures, train_labels),
        accuracy(net, pictures[held_out], labels[held_out]),
    )


@mistake(
    "0.20",
    "clinic_leak.run_leak",
    "The leak is closed, but by leaving the augmentation out; train on COPIES jittered copies of each picture.",
)
def leak_without_copies(pictures, labels, *, seed=0):
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(pictures))
    n_validation = int(len(pictures) * VALIDATION_SHARE)
    held_out, kept = order[:n_validation], order[n_validation:]
    net = fit(pictures[kept], labels[kept], rng)
    return Outcome(
        net,
        pictures[kept],
        pictures[held_out],
        accuracy(net, pictures[kept], labels[kept]),
        accuracy(net, pictures[held_out], labels[held_out]),
    )


@mistake(
    "0.20",
    "clinic_leak.run_leak",
    "The leak is closed, but the validation pictures are jittered too: judge by the pictures as they are.",
)
def leak_jitters_validation(pictures, labels, *, seed=0):
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(pictures))
    n_validation = int(len(pictures) * VALIDATION_SHARE)
    held_out, kept = order[:n_validation], order[n_validation:]
    train_pictures, train_labels = jittered(pictures[kept], labels[kept], rng)
    validation_pictures, validation_labels = jittered(pictures[held_out], labels[held_out], rng)
    net = fit(train_pictures, train_labels, rng)
    return Outcome(
        net,
        train_pictures,
        validation_pictures,
        accuracy(net, train_pictures, train_labels),
        accuracy(net, validation_pictures, validation_labels),
    )


@mistake(
    "0.20",
    "clinic_leak.run_leak",
    "Half a cure: the judges have no jitter now, but the network has trained on copies of every one of them.",
)
def leak_judges_by_all_originals(pictures, labels, *, seed=0):
    rng = np.random.default_rng(seed)
    many, many_labels = jittered(pictures, labels, rng)
    net = fit(many, many_labels, rng)
    return Outcome(
        net,
        many,
        pictures,
        accuracy(net, many, many_labels),
        accuracy(net, pictures, labels),
    )


# After the half-cures: where two fit as well, a learner has changed something.


@mistake(
    "0.20",
    "clinic_leak.run_leak",
    "Still the patient you were given: take one validation picture and look for the training picture that is nearest to it.",
)
def leak_splits_copies(pictures, labels, *, seed=0):
    rng = np.random.default_rng(seed)
    pictures, labels = jittered(pictures, labels, rng)
    order = rng.permutation(len(pictures))
    n_validation = int(len(pictures) * VALIDATION_SHARE)
    held_out, kept = order[:n_validation], order[n_validation:]
    net = fit(pictures[kept], labels[kept], rng)
    return Outcome(
        net,
        pictures[kept],
        pictures[held_out],
        accuracy(net, pictures[kept], labels[kept]),
        accuracy(net, pictures[held_out], labels[held_out]),
    )


@mistake(
    "0.20",
    "clinic_leak.leak_cause",
    "500 pictures leave an uncertainty of 2 %; that does not explain 32.",
)
def leak_blames_size():
    return "a"


@mistake(
    "0.20",
    "clinic_leak.leak_cause",
    "It does know its training pictures by heart; but why does it know the validation pictures too?",
)
def leak_blames_overfitting():
    return "b"


@mistake(
    "0.20",
    "clinic_leak.leak_cause",
    "This network has no layer that behaves differently in training.",
)
def leak_blames_mode():
    return "c"


@mistake(
    "0.20",
    "clinic_leak.leak_cause",
    "More noise makes a picture harder, not easier; look at whose copies they are.",
)
def leak_blames_noise():
    return "e"
