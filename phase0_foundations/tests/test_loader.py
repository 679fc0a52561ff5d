from itertools import chain

import numpy as np
import pytest

from phase0_foundations.solution import loader
from shared import checks


def numbered(n):
    """Images whose pixels are their own number, and labels that are that number too."""
    numbers = np.arange(n)
    return np.repeat(numbers[:, None], 3, axis=1).astype(np.float32), numbers


def taken(n=10, batch_size=4, **options):
    """Run through one epoch; return the batches, each checked to be a pair."""
    epoch = list(loader.batches(numbered(n), batch_size, **options))
    for pair in epoch:
        checks.equal(len(pair), 2, "arrays in a batch of (images, labels)")
    return epoch


def labels_of(epoch):
    return [labels.tolist() for _, labels in epoch]


def order(**options):
    """List the labels of 100 rows in the order of one epoch."""
    return list(chain.from_iterable(labels_of(taken(100, 32, **options))))


@pytest.mark.exercise("0.17")
def test_in_order():
    epoch = labels_of(taken(shuffle=False))
    checks.equal(
        epoch, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]], "labels of 10 rows by 4, no shuffling"
    )
    epoch = labels_of(taken(n=8, shuffle=False, drop_last=True))
    checks.equal(epoch, [[0, 1, 2, 3], [4, 5, 6, 7]], "labels of 8 rows by 4, drop_last")


@pytest.mark.exercise("0.17")
def test_drop_last():
    epoch = labels_of(taken(shuffle=False, drop_last=True))
    checks.equal(epoch, [[0, 1, 2, 3], [4, 5, 6, 7]], "labels of 10 rows by 4, drop_last")
    checks.equal(labels_of(taken(n=3, drop_last=True)), [], "3 rows by 4, drop_last")


@pytest.mark.exercise("0.17")
def test_start_counts_batches():
    epoch = labels_of(taken(shuffle=False, start=1))
    checks.equal(epoch, [[4, 5, 6, 7], [8, 9]], "labels of 10 rows by 4 from batch 1 on")


@pytest.mark.exercise("0.17")
def test_features_stay_with_their_labels():
    epoch = taken(n=100, batch_size=32)
    aligned = all((images[:, 0] == labels).all() for images, labels in epoch)
    checks.law(aligned, "shuffled: image i and label i in the same place")


@pytest.mark.exercise("0.17")
def test_no_row_twice_in_a_batch():
    fewest = min(len(set(labels)) - len(labels) for labels in labels_of(taken(200, 100)))
    checks.law(fewest == 0, "shuffled: the rows of one batch all differ")


@pytest.mark.exercise("0.17")
def test_every_row_once_in_an_epoch():
    sizes = [len(labels) for labels in labels_of(taken(100, 32))]
    checks.equal(sizes, [32, 32, 32, 4], "sizes of the batches of 100 rows by 32, shuffled")
    rows = sorted(order())
    checks.law(rows == list(range(100)), "shuffled: an epoch has every row exactly once")


@pytest.mark.exercise("0.17")
def test_shuffles():
    rows = order()
    checks.law(rows != sorted(rows), "shuffled: the order is not the given one")


@pytest.mark.exercise("0.17")
def test_order_is_decided_by_seed_and_epoch():
    first = order(seed=1, epoch=0)
    checks.law(order(seed=1, epoch=0) == first, "same seed, same epoch: the same order")
    checks.law(order(seed=1, epoch=1) != first, "same seed, next epoch: another order")
    checks.law(order(seed=2, epoch=0) != first, "another seed: another order")
    # seed + epoch would make epoch 1 of seed 1 the epoch 0 of seed 2.
    checks.law(order(seed=2, epoch=0) != order(seed=1, epoch=1), "two seeds share no epoch's order")


@pytest.mark.exercise("0.17")
def test_start_continues_the_same_order():
    whole = labels_of(taken(100, 32, seed=3, epoch=2))
    rest = labels_of(taken(100, 32, seed=3, epoch=2, start=2))
    checks.equal(rest, whole[2:], "shuffled: batches from batch 2 on")


def test_arrays_keep_their_dtype():
    images, labels = taken()[0]
    checks.equal((str(images.dtype), labels.dtype.kind), ("float32", "i"), "dtypes of a batch")


def test_wrong_arguments():
    images, labels = numbered(4)
    uneven = lambda: list(loader.batches((images, labels[:3]), 2))  # noqa: E731
    checks.raises(uneven, ValueError, "arrays of two lengths", match="one length")
    checks.raises(lambda: list(loader.batches((images,), 0)), ValueError, "batches of no rows")


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("n", [8, 9, 11])
def test_length(n, drop_last):
    loading = loader.DataLoader(*numbered(n), batch_size=4, drop_last=drop_last)
    checks.equal(len(loading), len(list(loading)), "len of a loader")


def test_epochs_follow_each_other():
    loading = loader.DataLoader(*numbered(100), batch_size=32, seed=5)
    for epoch in range(2):
        checks.equal(labels_of(loading), labels_of(taken(100, 32, seed=5, epoch=epoch)), "an epoch")


@pytest.mark.parametrize("stop_after", [0, 1, 4, 6])
def test_resumes_in_the_middle_of_an_epoch(stop_after):
    def endless(loading):
        while True:
            yield from loading

    whole = endless(loader.DataLoader(*numbered(100), batch_size=32, seed=5))
    expected = labels_of(next(whole) for _ in range(12))

    stopped = loader.DataLoader(*numbered(100), batch_size=32, seed=5)
    before = endless(stopped)
    seen = labels_of(next(before) for _ in range(stop_after))
    resumed = loader.DataLoader(*numbered(100), batch_size=32, seed=5)
    resumed.load_state_dict(stopped.state_dict())
    after = endless(resumed)
    seen += labels_of(next(after) for _ in range(12 - stop_after))
    checks.equal(seen, expected, f"12 batches, stopped after {stop_after}")
