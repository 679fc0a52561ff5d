"""Ring attention against the attention of one process, its gradients, its memory and its work."""

import math

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F

from phase2_scaling.solution import ring_attention
from phase2_scaling.solution.tracker import MemoryTracker
from phase2_scaling.tests.groups import of_members
from phase2_scaling.tests.traffic import watch_collectives
from shared import checks, ranks

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def qkv(T, D=4, seed=3):
    """Draw q, k, v and a gradient of the result, (2, 3, T, D) each."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(2, 3, T, D, generator=generator, dtype=torch.float64) for _ in range(4)]


def whole(q, k, v, gradient):
    q, k, v = (x.clone().requires_grad_() for x in (q, k, v))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    (y * gradient).sum().backward()
    return [y.detach(), q.grad, k.grad, v.grad]


def run(tensors, layout, group=None):
    mine = layout[dist.get_rank(group)]
    q, k, v, gradient = (x[:, :, mine].clone() for x in tensors)
    for x in (q, k, v):
        x.requires_grad_()
    y = ring_attention.ring_attention(q, k, v, layout, group)
    (y * gradient).sum().backward()
    return [y.detach(), q.grad, k.grad, v.grad]


def compare(results, tensors, layout, told):
    expected = whole(*tensors)
    for rank, got in enumerate(results):
        want = [x[:, :, layout[rank]] for x in expected]
        checks.close(got, want, f"result, dq, dk, dv on rank {rank}, {told}", **EXACT)


@pytest.mark.parametrize("cut", [ring_attention.contiguous, ring_attention.zigzag])
@pytest.mark.parametrize(("n", "T"), [(1, 5), (2, 8), (3, 13), (4, 16), (4, 3)])
def test_result_and_gradients_are_the_wholes(n, T, cut):
    tensors, layout = qkv(T), cut(T, n)
    compare(ranks.run(n, run, tensors, layout), tensors, layout, f"{T} tokens, {cut.__name__}")


def test_any_layout_in_a_group():
    tensors, layout = qkv(9), [torch.tensor([0, 3, 4, 8]), torch.tensor([1, 2, 5, 6, 7])]
    results = of_members(5, lambda group: run(tensors, layout, group))
    compare(results, tensors, layout, "a group of 2 among 5")


def test_scores_of_any_size():
    q, k, v, gradient = qkv(8)
    tensors = [300 * q, k, v, gradient]
    layout = ring_attention.contiguous(8, 2)
    compare(ranks.run(2, run, tensors, layout), tensors, layout, "scores of some hundred")


def test_layouts_by_hand():
    as_lists = lambda layout: [positions.tolist() for positions in layout]  # noqa: E731
    assert as_lists(ring_attention.contiguous(5, 2)) == [[0, 1, 2], [3, 4]]
    assert as_lists(ring_attention.zigzag(8, 2)) == [[0, 1, 6, 7], [2, 3, 4, 5]]
    assert as_lists(ring_attention.zigzag(5, 2)) == [[0, 1, 4], [2, 3]]


def pairs_per_hop(T, n, cut):
    """Count the pairs that each rank scores at each hop, [rank][hop], by watching the products."""
    layout = cut(T, n)

    def count():
        found, scores = [], ring_attention._scores
        ring_attention._scores = lambda q, k, hidden: (
            found.append(hidden.numel()),
            scores(q, k, hidden),
        )[1]
        run(qkv(T), layout)
        return found

    return ranks.run(n, count)


def test_zigzag_evens_the_work():
    T, n = 64, 4
    contiguous = [sum(hops) for hops in pairs_per_hop(T, n, ring_attention.contiguous)]
    zigzag = [sum(hops) for hops in pairs_per_hop(T, n, ring_attention.zigzag)]
    block = 2 * (T // n) ** 2  # scored forward and backward
    assert contiguous == [block, 2 * block, 3 * block, 4 * block]
    assert zigzag == [block * 5 // 2] * n  # its own block, and half of each of three others


def peak_and_sent(tensors, layout):
    calls = watch_collectives()
    mine = layout[dist.get_rank()]
    q, k, v, gradient = (x[:, :, mine].clone() for x in tensors)
    with MemoryTracker() as memory:
        leaves = [x.requires_grad_() for x in (q, k, v)]
        (ring_attention.ring_attention(*leaves, layout) * gradient).sum().backward()
    return memory.peak, sum(size for name, size in calls if name == "send")


def test_what_a_rank_holds_and_sends_depends_on_its_own_tokens():
    own, peaks = 48, []
    with MemoryTracker():  # what it imports, the ranks need not
        torch.ones(1, requires_grad=True).sum().backward()
    for n in (3, 6):
        results = ranks.run(
            n, peak_and_sent, qkv(own * n, D=16), ring_attention.contiguous(own * n, n)
        )
        peaks.append(max(peak for peak, _ in results))
        kv = 2 * 2 * 3 * own * 16
        # K and V go n - 1 hops forward; n - 1 backward, and their gradients n.
        assert [sent for _, sent in results] == [kv * (3 * n - 2)] * n
    assert peaks[1] == pytest.approx(peaks[0], rel=0.02)  # twice the sequence, no more memory


def test_float32_and_bfloat16_keep_their_dtype():
    for dtype in (torch.float32, torch.bfloat16):
        tensors = [x.to(dtype) for x in qkv(6)]
        got = ranks.run(2, run, tensors, ring_attention.zigzag(6, 2))[0]
        assert {x.dtype for x in got} == {dtype}


def test_online_softmax_does_not_care_where_the_maximum_is():
    # One token's key answers every query far better than the others': first, in the middle, last.
    for position in (0, 4, 8):
        q, k, v, gradient = qkv(9)
        q, k = q.abs(), k.clone()
        k[:, :, position] = 30 / math.sqrt(4)
        tensors, layout = [q, k, v, gradient], ring_attention.contiguous(9, 3)
        compare(ranks.run(3, run, tensors, layout), tensors, layout, f"key {position} wins")


def test_tokens_that_are_not_the_layouts():
    layout = [torch.arange(3)]
    q = torch.zeros(1, 1, 4, 2)
    call = lambda: ranks.run(1, ring_attention.ring_attention, q, q, q, layout)  # noqa: E731
    checks.raises(call, ValueError, "4 tokens for 3 positions", "3 tokens for this rank")
