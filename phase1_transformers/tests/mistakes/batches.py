"""Classic wrong answers for `solution/batches.py`."""

import numpy as np
import torch

from shared.mistakes import mistake


def cut(data, starts, block_size, shift):
    rows = [torch.as_tensor(np.array(data[i + shift : i + shift + block_size])) for i in starts]
    return torch.stack(rows).long()


@mistake(
    "1.6",
    "batches.get_batch",
    "y is x: the model is asked for the token that it sees, and the loss falls to 0 by copying; shift the targets by one.",
)
def get_batch_without_shift(data, block_size, batch_size, generator):
    starts = torch.randint(len(data) - block_size, (batch_size,), generator=generator).tolist()
    return cut(data, starts, block_size, 0), cut(data, starts, block_size, 0)


@mistake(
    "1.6",
    "batches.get_batch",
    "y is turned around within the window: its last target is the window's first token, not the one that follows.",
)
def get_batch_rolls(data, block_size, batch_size, generator):
    starts = torch.randint(len(data) - block_size, (batch_size,), generator=generator).tolist()
    x = cut(data, starts, block_size, 0)
    return x, x.roll(-1, dims=1)


@mistake(
    "1.6",
    "batches.get_batch",
    "The targets come before their inputs: y is one token earlier than x, and one reads a text forward.",
)
def get_batch_shifts_back(data, block_size, batch_size, generator):
    starts = torch.randint(len(data) - block_size, (batch_size,), generator=generator).tolist()
    return cut(data, starts, block_size, 1), cut(data, starts, block_size, 0)


@mistake(
    "1.6",
    "batches.get_batch",
    "randint leaves out its upper bound: with n - T - 1 the last window is never drawn.",
)
def get_batch_misses_last(data, block_size, batch_size, generator):
    high = max(1, len(data) - block_size - 1)
    starts = torch.randint(high, (batch_size,), generator=generator).tolist()
    return cut(data, starts, block_size, 0), cut(data, starts, block_size, 1)


@mistake(
    "1.6",
    "batches.get_batch",
    "One start serves the whole batch: B copies of one window teach what one would; draw B starts.",
)
def get_batch_repeats_window(data, block_size, batch_size, generator):
    start = torch.randint(len(data) - block_size, (1,), generator=generator).tolist()
    return cut(data, start * batch_size, block_size, 0), cut(
        data, start * batch_size, block_size, 1
    )


@mistake(
    "1.6",
    "batches.get_batch",
    "Windows start at multiples of T only: their borders are the same in every epoch; any place may be a start.",
)
def get_batch_on_a_grid(data, block_size, batch_size, generator):
    n_windows = (len(data) - 1) // block_size
    starts = torch.randint(n_windows, (batch_size,), generator=generator) * block_size
    return cut(data, starts.tolist(), block_size, 0), cut(data, starts.tolist(), block_size, 1)


@mistake(
    "1.6",
    "batches.get_batch",
    "The draw does not use the generator that was given, but the global one: no run can be repeated by its seed.",
)
def get_batch_without_generator(data, block_size, batch_size, generator):
    starts = torch.randint(len(data) - block_size, (batch_size,)).tolist()
    return cut(data, starts, block_size, 0), cut(data, starts, block_size, 1)


@mistake(
    "1.6",
    "batches.get_batch",
    "The ids keep the data's dtype: embeddings and losses need int64, and small integers overflow.",
)
def get_batch_keeps_dtype(data, block_size, batch_size, generator):
    starts = torch.randint(len(data) - block_size, (batch_size,), generator=generator).tolist()
    x = np.stack([np.asarray(data[i : i + block_size]) for i in starts])
    y = np.stack([np.asarray(data[i + 1 : i + block_size + 1]) for i in starts])
    return torch.as_tensor(x), torch.as_tensor(y)


@mistake(
    "1.6",
    "batches.get_batch",
    "All of the data is converted for each batch: a file larger than memory cannot be; convert the windows.",
)
def get_batch_reads_all(data, block_size, batch_size, generator):
    tokens = torch.as_tensor(data).long().clone()
    starts = torch.randint(len(data) - block_size, (batch_size,), generator=generator).tolist()
    return cut(tokens, starts, block_size, 0), cut(tokens, starts, block_size, 1)
