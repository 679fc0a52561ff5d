"""The mistakes of `mistakes/loader.py`, as others would write them."""

import numpy as np

from shared.mistakes import attempt


def chunks(n, size, drop_last, first):
    cuts = [(k * size, min((k + 1) * size, n)) for k in range(-(-n // size))]
    return [slice(*cut) for cut in cuts if not drop_last or cut[1] - cut[0] == size][first:]


@attempt("loader_shuffles_apart")
def _(arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0):
    if shuffle:
        random = np.random.default_rng([seed, epoch])
        arrays = [array[random.permutation(len(array))] for array in arrays]
    for rows in chunks(len(arrays[0]), batch_size, drop_last, start):
        yield tuple(array[rows] for array in arrays)


@attempt("loader_same_every_epoch")
def _(arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0):
    indices = np.arange(len(arrays[0]))
    if shuffle:
        np.random.default_rng(seed).shuffle(indices)
    parts = chunks(len(indices), batch_size, drop_last, start)
    return [tuple(array[indices[part]] for array in arrays) for part in parts]


@attempt("loader_adds_seed_and_epoch")
def _(arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0):
    indices = np.arange(len(arrays[0]))
    if shuffle:
        generator = np.random.default_rng(epoch + seed)
        generator.shuffle(indices)
    for part in chunks(len(indices), batch_size, drop_last, start):
        yield tuple(array[indices[part]] for array in arrays)


@attempt("loader_always_drops_last")
def _(arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0):
    indices = list(range(len(arrays[0])))
    if shuffle:
        np.random.default_rng([seed, epoch]).shuffle(indices)
    for part in chunks(len(indices), batch_size, True, start):
        yield tuple(array[indices[part]] for array in arrays)


@attempt("loader_never_drops_last")
def _(arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0):
    indices = np.arange(len(arrays[0]))
    if shuffle:
        indices = np.random.default_rng([seed, epoch]).permutation(indices)
    for part in chunks(len(indices), batch_size, False, start):
        yield tuple(np.take(array, indices[part], axis=0) for array in arrays)


@attempt("loader_draws_with_replacement")
def _(arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0):
    n = len(arrays[0])
    indices = np.random.default_rng((seed, epoch)).choice(n, size=n) if shuffle else np.arange(n)
    for part in chunks(n, batch_size, drop_last, start):
        yield tuple(array[indices[part]] for array in arrays)


@attempt("loader_reshuffles_each_batch")
def _(arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0):
    random, n = np.random.default_rng((seed, epoch)), len(arrays[0])
    for part in chunks(n, batch_size, drop_last, start):
        size = part.stop - part.start
        rows = random.choice(n, size=size, replace=False) if shuffle else part
        yield tuple(array[rows] for array in arrays)


@attempt("loader_starts_at_row")
def _(arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0):
    indices = np.arange(len(arrays[0]))
    if shuffle:
        np.random.default_rng([seed, epoch]).shuffle(indices)
    indices = indices[start:]
    for part in chunks(len(indices), batch_size, drop_last, 0):
        yield tuple(array[indices[part]] for array in arrays)


@attempt("loader_without_seed")
def _(arrays, batch_size, *, seed=0, epoch=0, shuffle=True, drop_last=False, start=0):
    indices = np.arange(len(arrays[0]))
    if shuffle:
        np.random.shuffle(indices)
    for part in chunks(len(indices), batch_size, drop_last, start):
        yield tuple(array[indices[part]] for array in arrays)
