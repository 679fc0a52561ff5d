import pytest
import torch

from phase2_scaling.solution import collectives, cost_model
from phase2_scaling.solution.cost_model import Link
from phase2_scaling.tests.groups import watch_sends
from shared import checks, ranks

LINK = Link(alpha_s=1e-4, beta_s_per_byte=1e-9)


def test_four_ranks_and_a_megabyte():
    # Six steps of 250,000 bytes: 6 x (0.1 ms + 0.25 ms).
    checks.close(cost_model.ring_all_reduce_s(1e6, 4, LINK), 2.1e-3, "ring")
    # Two rounds there, two rounds back, of 1,000,000 bytes: 4 x (0.1 ms + 1 ms).
    checks.close(cost_model.tree_all_reduce_s(1e6, 4, LINK), 4.4e-3, "tree")


def test_one_rank_has_nothing_to_send():
    for name in ("broadcast_s", "reduce_s", "reduce_scatter_s", "all_gather_s"):
        checks.equal(getattr(cost_model, name)(1e6, 1, LINK), 0.0, name)


def test_a_ring_wins_with_bytes_and_a_tree_with_ranks():
    ring, tree = cost_model.ring_all_reduce_s, cost_model.tree_all_reduce_s
    checks.law(ring(1e8, 64, LINK) < tree(1e8, 64, LINK), "100 MB on 64 ranks: ring")
    checks.law(ring(1e2, 64, LINK) > tree(1e2, 64, LINK), "100 bytes on 64 ranks: tree")


def test_bytes_of_a_ring_hardly_grow():
    bytes_only = Link(0.0, 1.0)
    costs = [cost_model.ring_all_reduce_s(100.0, n, bytes_only) for n in (2, 4, 1000)]
    checks.close(costs, [100.0, 150.0, 199.8], "bytes that each rank sends for 100")


@pytest.mark.parametrize("n", [2, 5, 8])
def test_tree_rounds(n):
    known, rounds = 1, 0
    while known < n:
        known, rounds = 2 * known, rounds + 1
    checks.equal(cost_model.tree_rounds(n), rounds, f"rounds of {n} ranks")


def messages(n_numbers):
    sizes = watch_sends()
    collectives.ring_all_reduce(torch.zeros(n_numbers))
    return sizes


@pytest.mark.parametrize("n", [2, 3, 4])
def test_counts_the_messages_of_the_ring(n):
    sizes = ranks.run(n, messages, 1200)[0]
    counted = sum(LINK.message_s(size) for size in sizes)
    checks.close(cost_model.ring_all_reduce_s(4800, n, LINK), counted, f"on {n} ranks")


def test_fit_recovers_a_link():
    sizes = [8, 1000, 30_000, 1e6, 3e7]
    found = cost_model.fit(sizes, [LINK.message_s(size) for size in sizes])
    checks.close(found.alpha_s, LINK.alpha_s, "alpha", rtol=1e-9, atol=0)
    checks.close(found.beta_s_per_byte, LINK.beta_s_per_byte, "beta", rtol=1e-9, atol=0)


def test_fit_weighs_short_messages():
    sizes = [8, 80, 800, 1e8]
    times = [LINK.message_s(size) for size in sizes]
    times[-1] *= 1.1  # 10 ms of noise on the longest must not drown an alpha of 0.1 ms
    checks.close(cost_model.fit(sizes, times).alpha_s, LINK.alpha_s, "alpha", rtol=0.01)


def test_fit_needs_two_sizes():
    checks.raises(lambda: cost_model.fit([8, 8], [1.0, 1.0]), ValueError, "one size", "two")
