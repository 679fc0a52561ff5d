import functools
import math

import numpy as np
import pytest

from phase0_foundations.solution import clinic, clinic_leak, clinic_stuck
from phase0_foundations.solution.losses import cross_entropy
from phase0_foundations.solution.tensor import Tensor
from shared import checks
from shared.checks import Sealed


def pictures_by_class(n, seed, noise):
    """Make pictures sorted by label, as they come out of a folder for each class."""
    pictures, labels = clinic.make_pictures(n, np.random.default_rng(seed), noise)
    order = np.argsort(labels, kind="stable")
    return pictures[order], labels[order]


# -- stuck at ln 10 ---------------------------------------------------------------------------


def mean_loss(net, pictures, labels):
    return cross_entropy(net(Tensor(pictures)), labels).item()


@pytest.mark.exercise("0.19")
def test_stuck_learns():
    pictures, labels = pictures_by_class(640, seed=1, noise=1.5)
    _, losses = clinic_stuck.train_stuck(pictures, labels)
    checks.equal(len(losses), 100, "losses of 5 epochs, 640 pictures by 32")
    checks.close(losses[0], math.log(10), "loss of the first step", rtol=0.1)
    checks.at_most(np.mean(losses[-20:], dtype=np.float32), 0.2, "mean loss of the last epoch")


@pytest.mark.exercise("0.19")
def test_stuck_shuffles_pairs():
    pictures, labels = pictures_by_class(640, seed=1, noise=1.5)
    net, losses = clinic_stuck.train_stuck(pictures, labels, epochs=2, lr=0.0)
    first, second = losses[:20], losses[20:]  # the network stays as it is, the batches change
    name = "lr = 0: mean loss of the second epoch, against the first's"
    checks.close(np.mean(second), np.mean(first), name, rtol=1e-5)
    given = [mean_loss(net, pictures[i : i + 32], labels[i : i + 32]) for i in range(0, 640, 32)]
    shuffled = not np.allclose(first, given)
    checks.law(shuffled, "lr = 0: the batches of an epoch are not those of the given order")
    checks.law(first != second, "lr = 0: two epochs have different batches")


@pytest.mark.exercise("0.19")
def test_stuck_reads_new_pictures():
    pictures, labels = pictures_by_class(640, seed=1, noise=1.5)
    net, _ = clinic_stuck.train_stuck(pictures, labels, epochs=30)
    new = clinic.make_pictures(1000, np.random.default_rng(2), noise=1.5)
    checks.at_least(clinic.accuracy(net, *new), 0.9, "accuracy on new pictures after 30 epochs")


@pytest.mark.exercise("0.19")
def test_stuck_leaves_its_arguments_alone():
    given = pictures_by_class(64, seed=1, noise=1.5)
    copies = [array.copy() for array in given]
    clinic_stuck.train_stuck(*given, epochs=1)
    changed = [name for name, a, b in zip(("pictures", "labels"), given, copies) if (a != b).any()]
    checks.law(not changed, "the caller's pictures and labels stay as they are", changed)


@pytest.mark.exercise("0.19")
def test_stuck_cause():
    answer = Sealed("stuck", "f6cd687bfa63c076")
    checks.guess(clinic_stuck.stuck_cause(), answer, "what follows from the cause you name")


# -- too good to be true ----------------------------------------------------------------------


@functools.cache
def leak_outcome():
    pictures, labels = clinic.make_pictures(500, np.random.default_rng(1), noise=3.0)
    return pictures, clinic_leak.run_leak(pictures, labels)


def originals(some, pictures):
    """Find, for each of some pictures, the given one that it is or was copied from."""
    squares = (some**2).sum(1)[:, None] - 2 * some @ pictures.T + (pictures**2).sum(1)
    return squares.argmin(axis=1)


@pytest.mark.exercise("0.20")
def test_validation_tells_the_truth():
    _, outcome = leak_outcome()
    truth = clinic.accuracy(
        outcome.net, *clinic.make_pictures(2000, np.random.default_rng(2), noise=3.0)
    )
    # 100 validation pictures: sigma is 0.047.
    near = abs(outcome.validation_accuracy - truth) < 0.15
    shown = round(outcome.validation_accuracy, 1)
    checks.law(near, "the validation accuracy is near that on 2000 new pictures", shown)
    checks.at_least(outcome.train_accuracy, 0.95, "training accuracy")


@pytest.mark.exercise("0.20")
def test_validation_pictures_have_no_relatives_in_training():
    pictures, outcome = leak_outcome()
    trained_on = set(originals(outcome.train_pictures, pictures))
    judged_by = originals(outcome.validation_pictures, pictures)
    related = sum(original in trained_on for original in judged_by)
    share = round(related / len(judged_by), 1)
    name = "share of validation pictures that the network was trained on, in some copy"
    checks.law(related == 0, f"{name}, is 0", share)


@pytest.mark.exercise("0.20")
def test_training_is_still_augmented():
    pictures, outcome = leak_outcome()
    checks.equal(outcome.train_pictures.shape, (2000, 64), "training pictures: 5 copies of 400")
    copied = np.bincount(originals(outcome.train_pictures, pictures), minlength=500)
    checks.law(sorted(set(copied)) == [0, 5], "each picture trained on has 5 copies", set(copied))


@pytest.mark.exercise("0.20")
def test_validation_is_by_given_pictures():
    pictures, outcome = leak_outcome()
    checks.equal(outcome.validation_pictures.shape, (100, 64), "validation pictures: 100 of 500")
    given = pictures[originals(outcome.validation_pictures, pictures)]
    distance = np.abs(outcome.validation_pictures - given).max()
    checks.at_most(distance, 0.0, "distance of the validation pictures from given ones")


@pytest.mark.exercise("0.20")
def test_leak_cause():
    answer = Sealed("leak", "da6f578e8c203669")
    checks.guess(clinic_leak.leak_cause(), answer, "what follows from the cause you name")


def test_pictures_are_spread_evenly():
    pictures, labels = clinic.make_pictures(50, np.random.default_rng(0), noise=0.0)
    checks.equal(np.bincount(labels), np.full(10, 5), "pictures of each class")
    same = pictures[labels == 3]
    checks.equal(same, np.repeat(same[:1], 5, axis=0), "pictures of one class, no noise")
