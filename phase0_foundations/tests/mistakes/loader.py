"""Classic wrong answers for `solution/loader.py`."""

import numpy as np

from shared.mistakes import mistake


@mistake(
    "0.17",
    "loader.batches",
    "Every array is shuffled by a permutation of its own: an image no longer meets its label; draw one order for all.",
)
def loader_shuffles_apart(
    arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0
):
    rng = np.random.default_rng([seed, epoch])
    n = len(arrays[0])
    orders = [rng.permutation(n) if shuffle else np.arange(n) for _ in arrays]
    end = n // batch_size * batch_size if drop_last else n
    for i in range(start * batch_size, end, batch_size):
        yield tuple(a[order[i : i + batch_size]] for a, order in zip(arrays, orders))


@mistake(
    "0.17",
    "loader.batches",
    "The epoch does not enter the generator: every epoch has the same order.",
)
def loader_same_every_epoch(
    arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0
):
    n = len(arrays[0])
    order = np.random.default_rng(seed).permutation(n) if shuffle else np.arange(n)
    end = n // batch_size * batch_size if drop_last else n
    for i in range(start * batch_size, end, batch_size):
        yield tuple(a[order[i : i + batch_size]] for a in arrays)


@mistake(
    "0.17",
    "loader.batches",
    "seed + epoch: epoch 1 of seed 1 is epoch 0 of seed 2, so runs with other seeds are no independent repeats.",
)
def loader_adds_seed_and_epoch(
    arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0
):
    n = len(arrays[0])
    order = np.random.default_rng(seed + epoch).permutation(n) if shuffle else np.arange(n)
    end = n // batch_size * batch_size if drop_last else n
    for i in range(start * batch_size, end, batch_size):
        yield tuple(a[order[i : i + batch_size]] for a in arrays)


@mistake(
    "0.17",
    "loader.batches",
    "The last batch is always left out when it is not full; without drop_last its rows are part of the epoch.",
)
def loader_always_drops_last(
    arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0
):
    n = len(arrays[0])
    order = np.random.default_rng([seed, epoch]).permutation(n) if shuffle else np.arange(n)
    for k in range(start, n // batch_size):
        yield tuple(a[order[k * batch_size : (k + 1) * batch_size]] for a in arrays)


@mistake(
    "0.17",
    "loader.batches",
    "drop_last is ignored: with it, a last batch that is not full must not come.",
)
def loader_never_drops_last(
    arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0
):
    n = len(arrays[0])
    order = np.random.default_rng([seed, epoch]).permutation(n) if shuffle else np.arange(n)
    for i in range(start * batch_size, n, batch_size):
        yield tuple(a[order[i : i + batch_size]] for a in arrays)


@mistake(
    "0.17",
    "loader.batches",
    "Rows are drawn with replacement: some come twice and about a third never; an epoch is a permutation.",
)
def loader_draws_with_replacement(
    arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0
):
    n = len(arrays[0])
    order = np.random.default_rng([seed, epoch]).integers(0, n, n) if shuffle else np.arange(n)
    end = n // batch_size * batch_size if drop_last else n
    for i in range(start * batch_size, end, batch_size):
        yield tuple(a[order[i : i + batch_size]] for a in arrays)


@mistake(
    "0.17",
    "loader.batches",
    "Every batch is drawn from all rows anew: rows come back within the epoch; permute once, then cut into batches.",
)
def loader_reshuffles_each_batch(
    arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0
):
    rng = np.random.default_rng([seed, epoch])
    n = len(arrays[0])
    end = n // batch_size * batch_size if drop_last else n
    for i in range(0, end, batch_size):
        order = rng.permutation(n) if shuffle else np.arange(n)
        if i >= start * batch_size:
            yield tuple(a[order[i : i + batch_size]] for a in arrays)


@mistake(
    "0.17",
    "loader.batches",
    "start is taken as a number of rows; it counts batches.",
)
def loader_starts_at_row(
    arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0
):
    n = len(arrays[0])
    order = np.random.default_rng([seed, epoch]).permutation(n) if shuffle else np.arange(n)
    end = n // batch_size * batch_size if drop_last else n
    for i in range(start, end, batch_size):
        yield tuple(a[order[i : i + batch_size]] for a in arrays)


@mistake(
    "0.17",
    "loader.batches",
    "The order comes from a generator without the seed: no run can be repeated or resumed.",
)
def loader_without_seed(
    arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0
):
    n = len(arrays[0])
    order = np.random.default_rng().permutation(n) if shuffle else np.arange(n)
    end = n // batch_size * batch_size if drop_last else n
    for i in range(start * batch_size, end, batch_size):
        yield tuple(a[order[i : i + batch_size]] for a in arrays)
