import sys

import numpy as np
import pytest
import torch

from phase1_transformers.solution import batches
from shared import checks


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn(data, block_size=4, batch_size=5, seed=0):
    """Draw one batch, after checks of its shapes and dtypes."""
    pair = batches.get_batch(data, block_size, batch_size, generator(seed))
    is_pair = isinstance(pair, tuple | list) and len(pair) == 2
    checks.law(is_pair, "get_batch gives the pair (x, y)", type(pair).__name__)
    for name, tensor in zip("xy", pair):
        checks.law(isinstance(tensor, torch.Tensor), f"{name} is a tensor", tensor)
        checks.equal(tuple(tensor.shape), (batch_size, block_size), f"shape of {name}, (B, T)")
        checks.equal(str(tensor.dtype), "torch.int64", f"dtype of {name}")
    return pair


def starts(n, block_size, n_windows):
    """Draw windows from the tokens 0 .. n - 1, where a window's first token is its position."""
    x, _ = drawn(torch.arange(n), block_size, n_windows)
    return x[:, 0]


@pytest.mark.exercise("1.6")
def test_a_row_of_two_windows():
    # First of all: with an upper bound that is too low, one window leaves nothing to draw from.
    # 0 1 2 3 or 1 2 3 4, in x; no other window has a target for its last token.
    found = sorted(set(starts(n=6, block_size=4, n_windows=40).tolist()))
    checks.equal(found, [0, 1], "first positions of 40 windows of 4 from 6 tokens")


@pytest.mark.exercise("1.6")
def test_a_row_with_room_for_one_window():
    data = torch.tensor([3, 1, 4, 1, 5])
    x, y = drawn(data, block_size=4, batch_size=2)
    checks.equal(x[0], torch.tensor([3, 1, 4, 1]), "x from the tokens 3 1 4 1 5, T = 4")
    checks.equal(y[0], torch.tensor([1, 4, 1, 5]), "y from the tokens 3 1 4 1 5, T = 4")


@pytest.mark.exercise("1.6")
def test_windows_are_consecutive_and_y_is_one_later():
    x, y = drawn(torch.arange(1000), block_size=7, batch_size=9)
    steps = sorted(set((x[:, 1:] - x[:, :-1]).flatten().tolist()))
    checks.equal(steps, [1], "distances between neighbours in x, from the tokens 0 1 2 3 ...")
    steps = sorted(set((y - x).flatten().tolist()))
    checks.equal(steps, [1], "y - x, from the tokens 0 1 2 3 ...")


@pytest.mark.exercise("1.6")
def test_each_window_has_a_start_of_its_own():
    first = starts(n=10_000, block_size=8, n_windows=50)
    apart = first.sort().values.diff()
    checks.law(len(first.unique()) > 40, "50 windows start in more than 40 places", first[:4])
    # Half of all gaps differ from all others when the starts are free; a grid has one gap.
    checks.law(len(apart.unique()) > 20, "the windows do not lie on a grid", apart[:4])
    checks.law((first % 8 != 0).any(), "a window may start anywhere, not only at multiples of T")


@pytest.mark.exercise("1.6")
def test_starts_are_uniform():
    n_windows, places = 4000, 10
    found = starts(n=places + 6, block_size=6, n_windows=n_windows)
    counts = torch.bincount(found, minlength=places).double()
    checks.equal(len(counts), places, "number of first positions of T = 6 in 16 tokens")
    # Chi-square with 9 degrees of freedom exceeds 33.7 once in 10,000.
    expected = n_windows / places
    chi_square = ((counts - expected) ** 2 / expected).sum().item()
    checks.at_most(chi_square, 33.7, "chi-square of 4,000 first positions over 10 places")


@pytest.mark.exercise("1.6")
def test_the_generator_decides():
    data = torch.arange(10_000)
    torch.manual_seed(1)
    x, _ = drawn(data, seed=3)
    torch.manual_seed(2)
    again, _ = drawn(data, seed=3)
    checks.law((x == again).all(), "the same generator state gives the same batch")
    state = torch.get_rng_state()
    g = generator()
    one, other = (batches.get_batch(data, 4, 5, g)[0] for _ in range(2))
    checks.law((one != other).any(), "the generator's next batch is another one")
    checks.law((torch.get_rng_state() == state).all(), "the global generator is left alone")


@pytest.mark.exercise("1.6")
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_arrays_of_any_integer_dtype(dtype):
    data = (np.arange(250) % 251).astype(dtype)
    before = data.copy()
    x, y = drawn(data, batch_size=60)
    checks.equal(data, before, "the data after the draw")
    checks.law((y - x == 1).all(), f"y - x = 1 for an array 0 .. 249 of {dtype.__name__}", y - x)


@pytest.mark.exercise("1.6")
def test_a_memory_map_is_not_read_as_a_whole(tmp_path):
    if sys.platform == "win32":
        return  # no way to ask for the peak memory
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    n = 30_000_000
    data = np.memmap(tmp_path / "tokens.bin", np.uint16, "w+", shape=(n,))  # sparse: takes no room
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    x, _ = drawn(data)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit
    checks.equal(int(x.sum()), 0, "sum of a batch of zeros")
    told = "little memory is taken for a batch from a map of 60 MB (int64 would be 240 MB)"
    checks.law(grown < 50e6, told, "more than 50 MB")


@pytest.mark.exercise("1.6")
def test_too_few_tokens():
    short = torch.arange(4)
    checks.raises(lambda: drawn(short), ValueError, "4 tokens for T = 4", match="more than 4")
    table = torch.zeros(20, 2, dtype=torch.long)
    checks.raises(lambda: drawn(table), ValueError, "a table for data", match="one row")


def test_read_only_arrays():
    data = np.arange(100, dtype=np.uint16)
    data.flags.writeable = False
    x, y = drawn(data)
    checks.law(x.is_contiguous() and y.is_contiguous(), "a batch can be viewed as one row")
    x += 1
    checks.equal(data, np.arange(100, dtype=np.uint16), "the data after x was changed")
