import time

import pytest
import torch
import torch.distributed as dist

from phase2_scaling.solution import collectives
from phase2_scaling.tests.groups import keep_sends, of_members, watch_sends
from shared import checks, ranks

SIZES = (12, 13, 7, 5, 1)  # a multiple of 2, 3 and 4; then others; then fewer numbers than ranks


def numbers(rank, size, dtype=torch.float64):
    """Values that differ from rank to rank, and whose sums are exact."""
    generator = torch.Generator().manual_seed(100 * rank + size)
    return torch.randint(-9, 10, (size,), generator=generator).to(dtype)


def total(n, size, dtype=torch.float64):
    return torch.stack([numbers(rank, size, dtype) for rank in range(n)]).sum(dim=0, dtype=dtype)


# -- exchange ---------------------------------------------------------------------------------


def swap(group=None):
    rank = dist.get_rank(group)
    sent, received = torch.tensor([10 * rank, 7]), torch.zeros(2, dtype=torch.int64)
    if dist.get_rank() == 0:
        time.sleep(0.1)
    works = keep_sends()
    returned = collectives.exchange(sent, received, group)
    got, left = received.tolist(), all(work.is_completed() for work in works)
    return {
        "received": got,
        "sent": sent.tolist(),
        "left": left,
        "returns it": returned is received,
    }


@pytest.mark.exercise("2.13")
def test_exchange_of_three():
    results = ranks.run(3, swap)
    checks.equal(results[1]["received"], [0, 7], "what rank 1 received from rank 0, which is late")
    checks.equal([r["received"] for r in results], [[20, 7], [0, 7], [10, 7]], "received, by rank")
    checks.equal([r["sent"] for r in results], [[0, 7], [10, 7], [20, 7]], "sent, afterwards")
    checks.equal([r["left"] for r in results], [True] * 3, "waited for what was sent, by rank")
    checks.equal([r["returns it"] for r in results], [True] * 3, "returns what it filled")


@pytest.mark.exercise("2.13")
def test_exchange_in_a_group():
    name = "received by the two ranks of a group within five"
    checks.equal([r["received"] for r in of_members(5, swap)], [[10, 7], [0, 7]], name)


# -- reduce-scatter ---------------------------------------------------------------------------


def scatter(tensors, group=None):
    rank, results = dist.get_rank(group), []
    for tensor in tensors(rank):
        before = tensor.clone()
        chunk = collectives.reduce_scatter(tensor, group)
        results.append((chunk, torch.equal(tensor, before)))
    return results


def scattered(n, tensors):
    """What each rank got of each tensor: a list by rank of lists, and whether inputs stayed."""
    results = ranks.run(n, scatter, tensors)
    return [[c for c, _ in row] for row in results], [[same for _, same in row] for row in results]


def powers(rank):
    yield torch.tensor([1.0, 2.0, 3.0]) * 10**rank


@pytest.mark.exercise("2.13")
def test_reduce_scatter_of_three_numbers():
    chunks, stayed = scattered(3, powers)
    # 1 + 10 + 100 of the first number, at rank 0; twice that of the second, at rank 1.
    expected = [[torch.tensor([value])] for value in (111.0, 222.0, 333.0)]
    checks.close(chunks, expected, "chunks of the sum of 1, 2, 3 times 1, 10, 100, by rank")
    checks.equal(stayed, [[True]] * 3, "the ranks' own tensors stay as they were")


@pytest.mark.exercise("2.13")
@pytest.mark.parametrize("n", [2, 3, 4])
def test_reduce_scatter_of_any_size(n):
    chunks, stayed = scattered(n, lambda rank: (numbers(rank, size) for size in SIZES))
    for i, size in enumerate(SIZES):
        expected = list(total(n, size).tensor_split(n))
        name = f"chunks of the sum of {size} numbers on {n} ranks"
        checks.close([row[i] for row in chunks], expected, name)
    checks.equal(stayed, [[True] * len(SIZES)] * n, f"the tensors of {n} ranks stay as they were")


def strange(rank):
    yield numbers(rank, 6, torch.int64).view(2, 3)
    yield numbers(rank, 7, torch.bfloat16)
    yield numbers(rank, 6).view(2, 3).T


@pytest.mark.exercise("2.13")
def test_reduce_scatter_of_any_kind():
    chunks, _ = scattered(2, strange)
    matrix, half, turned = (list(kind) for kind in zip(*chunks, strict=True))
    checks.equal(matrix, list(total(2, 6, torch.int64).tensor_split(2)), "int64 of shape (2, 3)")
    checks.close(half, list(total(2, 7, torch.bfloat16).tensor_split(2)), "bfloat16")
    checks.equal([str(chunk.dtype) for chunk in half], ["torch.bfloat16"] * 2, "dtype of its sum")
    expected = total(2, 6).view(2, 3).T.flatten().tensor_split(2)
    checks.close(turned, list(expected), "a transposed matrix")


def large_and_small(rank):
    # Added to 1e16, a 1 is lost: the order of a sum shows in its value.
    yield torch.tensor([1e16, 1.0, -1e16, 1.0], dtype=torch.float64)[rank].repeat(4)


@pytest.mark.exercise("2.13")
def test_reduce_scatter_adds_in_the_order_of_the_ring():
    chunks, _ = scattered(4, large_and_small)
    values = [1e16, 1.0, -1e16, 1.0]
    expected = []
    for home in range(4):
        so_far = values[(home + 1) % 4]
        for step in (2, 3, 4):
            so_far += values[(home + step) % 4]
        expected.append([torch.tensor([so_far], dtype=torch.float64)])
    checks.equal(chunks, expected, "sums of 1e16, 1, -1e16, 1 in the order of the ring, by rank")


def share_memory():
    tensor = torch.arange(4.0)
    collectives.reduce_scatter(tensor).zero_()
    chunk = torch.arange(4.0)
    collectives.all_gather(chunk, 4).zero_()
    return [tensor, chunk]


@pytest.mark.exercise("2.13")
def test_on_a_single_rank_nothing_is_shared():
    tensor, chunk = ranks.run(1, share_memory)[0]
    name = "after what {} returned on a single rank was zeroed"
    checks.equal(tensor, torch.arange(4.0), f"the tensor, {name.format('reduce_scatter')}")
    checks.equal(chunk, torch.arange(4.0), f"the chunk, {name.format('all_gather')}")


# -- all-gather -------------------------------------------------------------------------------


def gather(sizes, dtype=torch.float64, group=None):
    n, rank, results = dist.get_world_size(group), dist.get_rank(group), []
    for size in sizes:
        chunk = numbers(0, size, dtype).tensor_split(n)[rank].clone()
        before = chunk.clone()
        results.append((collectives.all_gather(chunk, size, group), torch.equal(chunk, before)))
    return results


@pytest.mark.exercise("2.13")
def test_all_gather_of_a_dozen():
    wholes = [row[0][0] for row in ranks.run(3, gather, (12,))]
    checks.equal(wholes, [numbers(0, 12)] * 3, "12 numbers from 3 ranks, by rank")


@pytest.mark.exercise("2.13")
@pytest.mark.parametrize("n", [2, 3, 4])
def test_all_gather_of_any_size(n):
    results = ranks.run(n, gather, SIZES)
    for i, size in enumerate(SIZES):
        name = f"{size} numbers from {n} ranks, by rank"
        checks.equal([row[i][0] for row in results], [numbers(0, size)] * n, name)
    stayed = [[same for _, same in row] for row in results]
    checks.equal(stayed, [[True] * len(SIZES)] * n, f"the chunks of {n} ranks stay as they were")


@pytest.mark.exercise("2.13")
def test_all_gather_of_any_dtype():
    dtypes = (torch.int64, torch.bfloat16)
    wholes = ranks.run(2, lambda: [gather((5,), dtype)[0][0] for dtype in dtypes])[0]
    for dtype, whole in zip(dtypes, wholes, strict=True):
        checks.equal(str(getattr(whole, "dtype", None)), str(dtype), f"dtype of {dtype} gathered")
        checks.equal(whole, numbers(0, 5, dtype), f"5 numbers of {dtype} from 2 ranks")


# -- all-reduce -------------------------------------------------------------------------------


def all_reduced(shape, group=None, turned=False):
    """The sum, the bytes of each message that this rank sent for it, and what was returned."""
    sizes = watch_sends()
    size = torch.Size(shape).numel()
    tensor = numbers(dist.get_rank(group), size, torch.float32).view(shape)
    tensor = tensor.T if turned else tensor
    returned = collectives.ring_all_reduce(tensor, group)
    return tensor, sizes, returned


@pytest.mark.exercise("2.13")
@pytest.mark.parametrize("n", [1, 3])
def test_all_reduce(n):
    results = ranks.run(n, all_reduced, (3, 5))
    expected = total(n, 15, torch.float32).view(3, 5)
    checks.close([r[0] for r in results], [expected] * n, f"(3, 5) numbers on {n} ranks, in place")


@pytest.mark.exercise("2.13")
def test_all_reduce_of_a_view():
    results = ranks.run(2, all_reduced, (3, 5), None, True)
    expected = total(2, 15, torch.float32).view(3, 5).T
    checks.close([r[0] for r in results], [expected] * 2, "the transpose of (3, 5), in place")


@pytest.mark.exercise("2.13")
def test_all_reduce_in_a_group():
    def within(group):
        return all_reduced((7,), group)

    sums = [result[0] for result in of_members(5, within)]
    name = "7 numbers of the two ranks of a group within five"
    checks.close(sums, [total(2, 7, torch.float32)] * 2, name)


@pytest.mark.exercise("2.13")
@pytest.mark.parametrize("n", [3, 4])
def test_bytes_that_a_rank_sends(n):
    sent = [sizes for _, sizes, _ in ranks.run(n, all_reduced, (1200,))]
    each = 2 * (n - 1) * 4800 // n  # float32
    name = f"bytes that each of {n} ranks sends to sum 4800"
    checks.equal([sum(sizes) for sizes in sent], [each] * n, name)
    largest = [max(sizes) for sizes in sent]
    checks.equal(largest, [4800 // n] * n, f"bytes of the largest message among {n} ranks")


def thirds():
    tensor = torch.rand(1000, dtype=torch.float32) / 3  # each rank draws its own
    collectives.ring_all_reduce(tensor)
    return tensor


@pytest.mark.exercise("2.13")
def test_all_ranks_have_the_same_bits():
    first, *others = ranks.run(4, thirds)
    checks.equal(others, [first] * 3, "sums of random numbers on ranks 1 to 3, against rank 0's")
