import pytest
import torch
from torch import nn

from phase2_scaling.solution import buckets
from shared import checks


def parameter(size, dtype=torch.float32, trained=True):
    return nn.Parameter(torch.zeros(size, dtype=dtype), requires_grad=trained)


def names(parameters, bucket_bytes):
    """Assign buckets and name what is in them by the keys of a dict of parameters."""
    found = buckets.assign_buckets(parameters.values(), bucket_bytes)
    name = {id(p): key for key, p in parameters.items()}
    return [[name.get(id(p), "?") for p in bucket] for bucket in found or []]


@pytest.mark.exercise("2.15")
def test_four_parameters():
    sizes = {"a": 1, "b": 2, "c": 3, "d": 1}  # numbers of 4 bytes
    parameters = {name: parameter(size) for name, size in sizes.items()}
    name = "buckets of parameters a to d of 4, 8, 12, 4 bytes"
    checks.equal(names(parameters, 16), [["d", "c"], ["b", "a"]], f"{name}, 16 at most")
    checks.equal(names(parameters, 12), [["d"], ["c"], ["b", "a"]], f"{name}, 12 at most")
    checks.equal(names(parameters, 8), [["d"], ["c"], ["b"], ["a"]], f"{name}, 8 at most")
    checks.equal(names(parameters, 100), [["d", "c", "b", "a"]], f"{name}, 100 at most")
    parameters = {"a": parameter(1), "b": parameter(9), "c": parameter(1)}
    name = "buckets of parameters a to c of 4, 36, 4 bytes, 16 at most"
    checks.equal(names(parameters, 16), [["c"], ["b"], ["a"]], name)
    checks.equal(names({}, 100), [], "buckets of no parameters")


@pytest.mark.exercise("2.15")
def test_a_frozen_parameter_takes_no_room():
    parameters = {"a": parameter(1), "frozen": parameter(9, trained=False), "b": parameter(1)}
    checks.equal(names(parameters, 8), [["b", "a"]], "buckets of 4 bytes, frozen 36, 4; 8 at most")


@pytest.mark.exercise("2.15")
def test_a_tied_parameter_is_taken_once():
    a, b, c = parameter(1), parameter(2), parameter(3)
    found = buckets.assign_buckets([a, b, c, a], 100)
    name = {id(a): "a", id(b): "b", id(c): "c"}
    got = [[name[id(p)] for p in bucket] for bucket in found or []]
    checks.equal(got, [["c", "b", "a"]], "bucket of a, b, c and a once more")


@pytest.mark.exercise("2.15")
def test_a_dtype_has_buckets_of_its_own():
    half = torch.bfloat16
    kinds = {"a": (2, half), "b": (1, None), "c": (2, half), "d": (3, None), "e": (2, half)}
    parameters = {k: parameter(size, dtype or torch.float32) for k, (size, dtype) in kinds.items()}
    # bfloat16: e, c and a have 4 bytes each; float32: d has 12, b has 4.
    name = "buckets of a, c, e in bfloat16, 4 bytes each, and b, d in float32, 4 and 12"
    expected = [["d", "b"], ["e", "c", "a"]]  # b fills the first before a fills the second
    checks.equal(names(parameters, 16), expected, f"{name}; 16 at most")
    expected = [["e", "c"], ["d"], ["b"], ["a"]]
    assigned = names(parameters, 8)
    checks.equal(sorted(assigned), sorted(expected), f"{name}; 8 at most, in any order")
    # In the order of backward, e d c b a: d comes before c.
    checks.equal(assigned, [["d"], ["e", "c"], ["b"], ["a"]], f"{name}; 8 at most")


@pytest.mark.exercise("2.15")
@pytest.mark.parametrize("seed", range(4))
def test_laws(seed):
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.randint(1, 30, (40,), generator=generator).tolist()
    parameters = [parameter(size) for size in sizes]
    order = {id(p): i for i, p in enumerate(parameters)}
    found = buckets.assign_buckets(iter(parameters), 200)
    got = [[order.get(id(p)) for p in bucket] for bucket in found or []]
    backwards = list(range(39, -1, -1))
    checks.equal([i for bucket in got for i in bucket], backwards, "all buckets, end to end")
    held = [4 * sum(sizes[i] for i in bucket) for bucket in got]
    checks.at_most(max(held), 200, "bytes in the largest bucket")
    first = [4 * sizes[bucket[0]] for bucket in got[1:]]
    roomy = [i for i, more in enumerate(first) if held[i] + more <= 200]
    checks.equal(roomy, [], "buckets that had room for the parameter that opened the next")


def test_gradients_are_parts_of_the_buffer():
    a, b = parameter(2), parameter((2, 3))
    bucket = buckets.Bucket([a, b])
    a.grad, b.grad = torch.ones(2), torch.arange(6.0).view(2, 3)
    bucket.keep(a)
    bucket.keep(b)
    bucket.flat *= 10
    checks.equal(a.grad, torch.full((2,), 10.0), "gradient of a")
    checks.equal(b.grad, 10 * torch.arange(6.0).view(2, 3), "gradient of b")
    before = b.grad
    bucket.keep(b)
    checks.law(b.grad is before, "what lies there already stays")


def test_what_is_absent_travels_as_zeros():
    a, b = parameter(2), parameter(1)
    bucket = buckets.Bucket([a, b])
    for p in (a, b):
        p.grad = torch.ones_like(p)
        bucket.keep(p)
    b.grad = None  # an optimiser's zero_grad; the buffer still holds the old value
    a.grad = torch.ones(2)
    bucket.keep(a)
    bucket.missing.discard(a)
    bucket.fill()
    checks.equal(bucket.flat, torch.tensor([1.0, 1.0, 0.0, 1.0, 0.0]), "buffer, and who has any")
    bucket.settle()
    checks.equal(b.grad, None, "gradient of one that no rank has used")
    bucket.fill()
    bucket.flat += 1  # what another rank sent
    bucket.settle()
    checks.equal(b.grad, torch.ones(1), "gradient of one that another rank has used")


def test_limit_is_checked():
    checks.raises(lambda: buckets.assign_buckets([], 0), ValueError, "0 bytes", "positive")
