"""The best use of a budget against brute force on the law itself, and Chinchilla's own size."""

import numpy as np
import pytest

from phase2_scaling.solution import optimal
from phase2_scaling.solution.law import Law
from shared import checks

SIMPLE = Law(E=1.0, A=2.0, B=8.0, alpha=1.0, beta=1.0)
BESIROGLU = Law(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
STEEP = Law(E=1.1, A=30.0, B=9000.0, alpha=0.25, beta=0.5)
LAWS = {"Besiroglu's law": BESIROGLU, "a steep law": STEEP}


def brute_force(law, flops):
    """The lowest loss among many sizes, whatever the algebra says."""
    sizes = np.geomspace(1e4, 1e13, 200_001)
    best = sizes[law.loss(sizes, flops / (6 * sizes)).argmin()]
    return best, flops / (6 * best)


@pytest.mark.exercise("2.4")
def test_allocation_by_hand():
    # 1 + 2 / N + 8 / D with N D = 600 / 6 = 100: 2 / N + 8 N / 100 is lowest where N^2 = 25.
    actual = optimal.optimal_allocation(SIMPLE, 600.0)
    # A search finds a lowest point to half of a float's digits only: it is right, too.
    checks.close(actual, (5.0, 20.0), "N and D for 600 operations", rtol=1e-6)


@pytest.mark.exercise("2.4")
@pytest.mark.parametrize("name", LAWS)
def test_allocation_is_the_lowest_of_all(name):
    for flops in (1e17, 5.76e23):
        actual = optimal.optimal_allocation(LAWS[name], flops)
        # Neighbours of the brute force are 1e-4 apart.
        expected = brute_force(LAWS[name], flops)
        checks.close(actual, expected, f"N and D for {flops:g} operations, {name}", rtol=2e-4)


@pytest.mark.exercise("2.4")
def test_allocation_spends_the_budget():
    for law in LAWS.values():
        n_params, n_tokens = optimal.optimal_allocation(law, 3e21)
        checks.close(6.0 * n_params * n_tokens, 3e21, "6 N D", rtol=1e-9)


@pytest.mark.exercise("2.4")
def test_nothing_to_spend():
    spend = optimal.optimal_allocation
    checks.raises(lambda: spend(SIMPLE, 0.0), ValueError, "no operations", match="positive")


def test_chinchillas_budget():
    """Besiroglu et al. 2024, section 4: about 20 tokens a parameter, as Chinchilla was trained."""
    n_params, n_tokens = optimal.optimal_allocation(BESIROGLU, 5.76e23)
    checks.close(n_params, 70e9, "size at Chinchilla's budget", rtol=0.1)
    checks.close(n_tokens / n_params, 20.0, "tokens a parameter", rtol=0.15)


# -- a model of another size --------------------------------------------------------------------


@pytest.mark.exercise("2.4")
def test_tokens_by_hand():
    # 1 + 2 / 4 + 8 / D = 2.5, so D = 8.
    actual = optimal.tokens_to_reach(SIMPLE, 4.0, 2.5)
    checks.close(actual, 8.0, "tokens to a loss of 2.5", rtol=1e-9)


@pytest.mark.exercise("2.4")
@pytest.mark.parametrize("name", LAWS)
def test_tokens_are_the_law_backwards(name):
    for n_params, n_tokens in ((1e9, 3e11), (7e10, 1.4e12), (3e7, 1e9)):
        loss = LAWS[name].loss(n_params, n_tokens)
        actual = optimal.tokens_to_reach(LAWS[name], n_params, loss)
        # The loss has 16 digits, of which the last term's are the last 14 or so.
        checks.close(actual, n_tokens, f"tokens for N = {n_params:g}, {name}", rtol=1e-8)


@pytest.mark.exercise("2.4")
def test_a_loss_out_of_reach():
    reach = optimal.tokens_to_reach
    for loss in (1.5, 1.2, 0.5):
        name = f"a loss of {loss} with 4 parameters"
        checks.raises(lambda loss=loss: reach(SIMPLE, 4.0, loss), ValueError, name, match="cannot")


# -- a model that will be used ------------------------------------------------------------------


@pytest.mark.exercise("2.4")
def test_cheapest_by_hand():
    # To a loss of 2: N = 4 needs 8 / (1 - 1/2) = 16 tokens, N = 6 needs 12, N = 10 needs 10.
    # Training 6 N D: 384, 432, 600. With 20 tokens served, 2 N each: 160, 240, 400 more.
    sizes = [10.0, 4.0, 6.0]
    actual = optimal.cheapest_in_use(SIMPLE, 2.0, sizes, 20.0)
    checks.close(actual, (4.0, 16.0), "N and D, 20 tokens served", rtol=1e-9)
    # N = 3 needs 24 tokens: 432 to train, 6 a token; N = 4: 384 and 8. Even at 24 tokens served.
    for served, expected in ((23.0, (4.0, 16.0)), (25.0, (3.0, 24.0))):
        actual = optimal.cheapest_in_use(SIMPLE, 2.0, [3.0, 10.0, 4.0], served)
        checks.close(actual, expected, f"N and D, {served:g} tokens served", rtol=1e-9)


@pytest.mark.exercise("2.4")
def test_sizes_too_small_are_passed_over():
    # N = 2 comes no lower than a loss of 2, N = 1 than 3.
    actual = optimal.cheapest_in_use(SIMPLE, 2.0, [1.0, 2.0, 8.0], 1e6)
    told = "N and D, where the small ones never get there"
    checks.close(actual, (8.0, 8 / 0.75), told, rtol=1e-9)
    search = optimal.cheapest_in_use
    name = "sizes that never get there"
    checks.raises(lambda: search(SIMPLE, 2.0, [1.0, 2.0], 0.0), ValueError, name, match="none of")


@pytest.mark.exercise("2.4")
def test_cheapest_is_the_lowest_of_all():
    sizes = np.geomspace(1e9, 3e11, 400)
    loss = BESIROGLU.loss(*brute_force(BESIROGLU, 5.76e23))
    left = np.maximum(loss - BESIROGLU.limit(sizes), 1e-12)  # nothing left: endlessly many tokens
    for served in (0.0, 1e12, 5e13):
        tokens = (BESIROGLU.B / left) ** (1 / BESIROGLU.beta)
        best = (6 * sizes * tokens + 2 * sizes * served).argmin()
        actual = optimal.cheapest_in_use(BESIROGLU, loss, sizes.tolist(), served)
        expected = (sizes[best], tokens[best])
        checks.close(actual, expected, f"N and D, {served:g} tokens served", rtol=1e-7)


@pytest.mark.exercise("2.4")
def test_the_first_of_two_that_cost_the_same():
    # To a loss of 2.5, N = 2 needs 16 tokens and N = 4 needs 8: 192 operations, either of them.
    for sizes, expected in (([4.0, 2.0], (4.0, 8.0)), ([2.0, 4.0], (2.0, 16.0))):
        actual = optimal.cheapest_in_use(SIMPLE, 2.5, sizes, 0.0)
        told = f"N and D, where {sizes[0]:g} and {sizes[1]:g} cost the same and the first wins"
        checks.close(actual, expected, told, rtol=1e-9)


def test_without_use_the_cheapest_is_the_optimal():
    n_params, n_tokens = optimal.optimal_allocation(BESIROGLU, 1e22)
    loss = BESIROGLU.loss(n_params, n_tokens)
    sizes = np.geomspace(n_params / 4, n_params * 4, 1001)
    found, tokens = optimal.cheapest_in_use(BESIROGLU, loss, sizes.tolist(), 0.0)
    checks.close(found, n_params, "size", rtol=0.01)
    checks.close(tokens, n_tokens, "tokens", rtol=0.01)
