"""The mistakes of `mistakes/batches.py`, as others would write them."""

import numpy as np
import torch

from shared.mistakes import attempt


def windows(data, positions, size):
    """Return rows of `size` tokens as int64."""
    index = positions.reshape(-1, 1) + torch.arange(size)
    return torch.from_numpy(np.asarray(data)[index.numpy()].astype(np.int64))


@attempt("get_batch_without_shift")
def _(data, block_size, batch_size, generator):
    positions = torch.randint(0, len(data) - block_size, (batch_size,), generator=generator)
    x = windows(data, positions, block_size)
    y = x.clone()
    return x, y


@attempt("get_batch_rolls")
def _(data, block_size, batch_size, generator):
    positions = torch.randint(0, len(data) - block_size, (batch_size,), generator=generator)
    x = windows(data, positions, block_size)
    return x, torch.cat([x[:, 1:], x[:, :1]], dim=1)


@attempt("get_batch_shifts_back")
def _(data, block_size, batch_size, generator):
    positions = torch.randint(0, len(data) - block_size, (batch_size,), generator=generator)
    both = windows(data, positions, block_size + 1)
    return both[:, 1:], both[:, :-1]


@attempt("get_batch_misses_last")
def _(data, block_size, batch_size, generator):
    last = len(data) - block_size - 1
    positions = torch.zeros(batch_size, dtype=torch.long)
    if last:
        positions = torch.randint(0, last, (batch_size,), generator=generator)
    both = windows(data, positions, block_size + 1)
    return both[:, :-1], both[:, 1:]


@attempt("get_batch_repeats_window")
def _(data, block_size, batch_size, generator):
    i = int(torch.randint(len(data) - block_size, (), generator=generator))
    window = torch.tensor([int(token) for token in data[i : i + block_size + 1]])
    x, y = window[:-1], window[1:]
    return x.repeat(batch_size, 1), y.repeat(batch_size, 1)


@attempt("get_batch_on_a_grid")
def _(data, block_size, batch_size, generator):
    n = (len(data) - 1) // block_size
    which = torch.randint(0, n, (batch_size,), generator=generator)
    both = windows(data, which * block_size, block_size + 1)
    return both[:, :-1], both[:, 1:]


@attempt("get_batch_without_generator")
def _(data, block_size, batch_size, generator):
    positions = torch.randint(0, len(data) - block_size, size=(batch_size,))
    both = windows(data, positions, block_size + 1)
    return both[:, :-1], both[:, 1:]


@attempt("get_batch_keeps_dtype")
def _(data, block_size, batch_size, generator):
    if isinstance(data, np.ndarray):
        data = torch.from_numpy(data)
    positions = torch.randint(0, len(data) - block_size, (batch_size,), generator=generator)
    x = torch.stack([data[i : i + block_size] for i in positions])
    y = torch.stack([data[i + 1 : i + 1 + block_size] for i in positions])
    return x, y


@attempt("get_batch_reads_all")
def _(data, block_size, batch_size, generator):
    everything = np.array(data, dtype=np.int64)
    positions = torch.randint(0, len(data) - block_size, (batch_size,), generator=generator)
    both = windows(everything, positions, block_size + 1)
    return both[:, :-1], both[:, 1:]
